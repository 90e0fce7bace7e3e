/* money.c: tests of base/money.h. */
#include "base/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const money most = { INT64_MAX }, least = { INT64_MIN };

static void
sums_are_checked(void **state)
{
	money sum = { 42 };

	(void)state;
	assert_true(money_add((money){ 1 }, (money){ 2 }, &sum));
	assert_int_equal(sum.nano, 3);
	assert_false(money_add(most, (money){ 1 }, &sum));
	assert_false(money_add(least, (money){ -1 }, &sum));
	assert_int_equal(sum.nano, 3);
	assert_true(money_add(most, least, &sum));
	assert_int_equal(sum.nano, -1);
}

static void
differences_are_checked(void **state)
{
	money difference = { 42 };

	(void)state;
	assert_false(money_sub(least, (money){ 1 }, &difference));
	assert_false(money_sub(MONEY_ZERO, least, &difference));
	assert_int_equal(difference.nano, 42);
	assert_true(money_sub((money){ -1 }, least, &difference));
	assert_int_equal(difference.nano, INT64_MAX);
}

static void
sums_are_compared(void **state)
{
	(void)state;
	assert_true(money_compare(least, most) < 0);
	assert_true(money_compare(most, least) > 0);
	assert_int_equal(money_compare(most, most), 0);
	assert_int_equal(money_min(most, least).nano, INT64_MIN);
	assert_int_equal(money_min(MONEY_ZERO, MONEY_USD(1)).nano, 0);
	assert_int_equal(MONEY_USD(5).nano, 5000000000);
}

static void
good_sums_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t nano;
	} rows[] = {
		{ "0", 0 }, { "-0", 0 }, { "0.0", 0 }, { "007", 7000000000 },
		{ "5", 5000000000 }, { "0.5", 500000000 },
		{ "-0.25", -250000000 }, { "0.000000001", 1 },
		{ "1.123456789", 1123456789 }, { "1.100000000", 1100000000 },
		{ "9223372036.854775807", INT64_MAX },
		{ "-9223372036.854775808", INT64_MIN },
		{ "00000000000000000000000000000001", 1000000000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		money sum = { 42 };

		assert_true(money_parse(rows[i].text, &sum));
		assert_int_equal(sum.nano, rows[i].nano);
	}
}

static void
bad_sums_are_refused(void **state)
{
	static const char *const texts[] = {
		"", "-", "+1", "--1", ".", ".5", "-.5", "5.", "1..2", "1.2.3",
		"1e5", "1E5", "0x1", " 1", "1 ", "1,5", "1_000", "$1", "nan",
		"inf", "1.1234567891", "1.0000000000",
		"9223372036.854775808", "-9223372036.854775809", "9223372037",
		"10000000000", "99999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		money sum = { 42 };

		if (money_parse(texts[i], &sum))
			fail_msg("'%s' was taken for money", texts[i]);
		assert_int_equal(sum.nano, 42);
	}
}

static void
sums_are_written_exactly(void **state)
{
	static const struct {
		int64_t nano;
		const char *text;
	} rows[] = {
		{ 0, "0" }, { 1, "0.000000001" }, { -1, "-0.000000001" },
		{ 500000000, "0.5" }, { -250000000, "-0.25" },
		{ 12000000000, "12" }, { 10000000000, "10" },
		{ 100000000, "0.1" }, { INT64_MAX, "9223372036.854775807" },
		{ INT64_MIN, "-9223372036.854775808" },
	};
	char text[MONEY_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		money again = MONEY_ZERO;

		assert_string_equal(money_format((money){ rows[i].nano },
		    text), rows[i].text);
		assert_true(money_parse(text, &again));
		assert_int_equal(again.nano, rows[i].nano);
	}
}

static void
quota_is_rounded_towards_zero(void **state)
{
	(void)state;
	assert_int_equal(money_quota(MONEY_USD(1)), 500000);
	assert_int_equal(money_quota((money){ 1999 }), 0);
	assert_int_equal(money_quota((money){ 2000 }), 1);
	assert_int_equal(money_quota((money){ -1999 }), 0);
}

static void
prices_are_not_negative(void **state)
{
	price read = { 42 };
	char text[MONEY_TEXT_SIZE];

	(void)state;
	assert_false(price_parse("-0.000000001", &read));
	assert_false(price_parse("1e5", &read));
	assert_false(price_parse("", &read));
	assert_int_equal(read.nano_per_million, 42);
	assert_true(price_parse("0.27", &read));
	assert_int_equal(read.nano_per_million, 270000000);
	assert_string_equal(price_format(read, text), "0.27");
	assert_true(price_parse("0", &read));
	assert_int_equal(read.nano_per_million, 0);
}

static void
prices_of_one_are_read(void **state)
{
	price read = { 42 };
	char text[MONEY_TEXT_SIZE];

	(void)state;
	assert_false(price_parse_each("-0.000000001", &read));
	assert_false(price_parse_each("1e5", &read));
	/* A million of them would be more than there can be. */
	assert_false(price_parse_each("9223372036.854775807", &read));
	assert_true(price_parse_each("0", &read));
	assert_int_equal(read.nano_per_million, 0);
	assert_true(price_parse_each("0.04", &read));
	assert_int_equal(read.nano_per_million, INT64_C(40000000000000));
	assert_string_equal(price_format_each(read, text), "0.04");
	assert_true(price_parse_each("9223.372036854", &read));
	assert_false(price_parse_each("9223.372036855", &read));
}

static void
the_dearer_price_is_taken(void **state)
{
	(void)state;
	assert_int_equal(price_max((price){ 1 }, (price){ 2 })
	    .nano_per_million, 2);
	assert_int_equal(price_max((price){ 2 }, (price){ 1 })
	    .nano_per_million, 2);
}

static void
a_charge_rounds_up_once(void **state)
{
	/* A unit costs a millionth of a nano-USD. */
	static const price tiny = { 1 };
	struct charge charge = { 0, 0 };
	money total;

	(void)state;
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 0);
	assert_true(charge_add(&charge, tiny, 1));
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 1);
	assert_true(charge_add(&charge, tiny, 1));
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 1);
	assert_true(charge_add(&charge, tiny, 999998));
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 1);
	assert_int_equal(charge.millionths, 0);
	assert_true(charge_add(&charge, tiny, 1));
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 2);
}

static void
a_charge_is_exact(void **state)
{
	struct charge charge = { 0, 0 };
	price input, output;
	money total;

	(void)state;
	assert_true(price_parse("0.14", &input));
	assert_true(price_parse("2.5", &output));
	assert_true(charge_add(&charge, input, 20));
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 2800);
	assert_true(charge_add(&charge, output, 1234567));
	assert_true(charge_total(&charge, &total));
	assert_int_equal(total.nano, 2800 + 3086417500);
}

/* The same with 128 bits, for comparison. */
static bool
charge_wide(price rate, int64_t units, int64_t *nano, int64_t *millionths)
{
	__int128 product = (__int128)rate.nano_per_million * units;

	*millionths = (int64_t)(product % 1000000);
	*nano = (int64_t)(product / 1000000);
	return product / 1000000 <= INT64_MAX;
}

static void
a_charge_does_not_overflow_early(void **state)
{
	static const int64_t edges[] = { 0, 1, 999999, 1000000, 1000001,
		3037000499, 9223372036854, 9223372036855, 9223372036854775,
		INT64_MAX / 2, INT64_MAX - 1, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(edges) * COUNT(edges); i++) {
		price rate = { edges[i / COUNT(edges)] };
		int64_t units = edges[i % COUNT(edges)], nano, millionths;
		struct charge charge = { 0, 0 };
		bool fits = charge_wide(rate, units, &nano, &millionths);

		assert_int_equal(charge_add(&charge, rate, units), fits);
		assert_int_equal(charge.nano, fits ? nano : 0);
		assert_int_equal(charge.millionths, fits ? millionths : 0);
	}
}

static void
a_charge_that_fails_is_left_alone(void **state)
{
	struct charge charge = { INT64_MAX, 999999 };
	money total = { 42 };

	(void)state;
	assert_false(charge_add(&charge, (price){ 1 }, 1));
	assert_false(charge_add(&charge, (price){ 1 }, -1));
	assert_false(charge_add(&charge, (price){ -1 }, 1));
	assert_true(charge.nano == INT64_MAX && charge.millionths == 999999);
	assert_false(charge_total(&charge, &total));
	assert_int_equal(total.nano, 42);
}

/* Fewer tokens never cost more: the promise behind holds. */
static void
a_bill_never_passes_its_hold(void **state)
{
	static const price rates[] = { { 1 }, { 333333 }, { 270000001 } };
	money last = MONEY_ZERO, total;

	(void)state;
	for (size_t r = 0; r < COUNT(rates); r++) {
		last = MONEY_ZERO;
		for (int64_t units = 0; units < 3000; units++) {
			struct charge charge = { 0, 0 };

			assert_true(charge_add(&charge, rates[r], units));
			assert_true(charge_add(&charge, rates[0], units));
			assert_true(charge_total(&charge, &total));
			assert_true(money_compare(last, total) <= 0);
			last = total;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_checked),
		cmocka_unit_test(differences_are_checked),
		cmocka_unit_test(sums_are_compared),
		cmocka_unit_test(good_sums_are_read),
		cmocka_unit_test(bad_sums_are_refused),
		cmocka_unit_test(sums_are_written_exactly),
		cmocka_unit_test(quota_is_rounded_towards_zero),
		cmocka_unit_test(prices_are_not_negative),
		cmocka_unit_test(prices_of_one_are_read),
		cmocka_unit_test(the_dearer_price_is_taken),
		cmocka_unit_test(a_charge_rounds_up_once),
		cmocka_unit_test(a_charge_is_exact),
		cmocka_unit_test(a_charge_does_not_overflow_early),
		cmocka_unit_test(a_charge_that_fails_is_left_alone),
		cmocka_unit_test(a_bill_never_passes_its_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
