/* bill.c: tests of handlers/bill.h: what amounts cost, and cost at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/bill.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Prices in nano-USD per unit. */
#define PRICE(nano) { (int64_t)(nano) * 1000000 }

static const struct model chat = {
	.price_input = PRICE(10),
	.price_cached_input = PRICE(1),
	.price_audio_input = PRICE(100),
	.price_output = PRICE(20),
	.price_reasoning = PRICE(30),
	.price_audio_output = PRICE(200),
};

static const struct {
	struct amounts used;
	int64_t nano;
} bills[] = {
	{ { .input_tokens = 7, .output_tokens = 3 }, 70 + 60 },
	{ { .input_tokens = 7, .cached_tokens = 7 }, 7 },
	{ { .input_tokens = 7, .cached_tokens = 9 }, 7 },
	{ { .input_tokens = 7, .cached_tokens = -1 }, 70 },
	{ { .input_tokens = 7, .cached_tokens = 5, .audio_input_tokens = 3 },
	    300 + 4 },
	{ { .input_tokens = 7, .audio_input_tokens = 8 }, 700 },
	{ { .output_tokens = 9, .reasoning_tokens = 4 }, 100 + 120 },
	{ { .output_tokens = 9, .reasoning_tokens = 4,
	    .audio_output_tokens = 2 }, 400 + 120 + 60 },
};

static void
parts_have_their_prices(void **state)
{
	money cost;

	(void)state;
	for (size_t i = 0; i < COUNT(bills); i++) {
		assert_true(bill_price(&chat, &bills[i].used, &cost));
		assert_int_equal(cost.nano, bills[i].nano);
	}
}

/* Whatever parts a bill has, it stays below that of the whole. */
static void
the_worst_is_never_passed(void **state)
{
	struct amounts worst = { .input_tokens = 6, .output_tokens = 6 };
	money hold, cost;

	(void)state;
	assert_true(bill_worst(&chat, &worst, &hold));
	assert_int_equal(hold.nano, 60 + 180);
	for (int64_t cached = 0; cached <= 6; cached++)
		for (int64_t thoughts = 0; thoughts <= 6; thoughts++) {
			struct amounts used = worst;

			used.cached_tokens = cached;
			used.reasoning_tokens = thoughts;
			assert_true(bill_price(&chat, &used, &cost));
			assert_true(money_compare(cost, hold) <= 0);
		}
	worst.audio_input_tokens = worst.audio_output_tokens = 1;
	assert_true(bill_worst(&chat, &worst, &hold));
	assert_int_equal(hold.nano, 600 + 1200);
}

static void
other_units_have_prices(void **state)
{
	const struct model speech = { .price_characters = { 15000000000 } };
	/* 0.0001 USD per second are 100 nano-USD per millisecond. */
	const struct model words = { .price_second = { 100000000000 } };
	struct amounts image = { .images = 3, .image_price = PRICE(40000000) };
	money cost;

	(void)state;
	assert_true(bill_price(&speech, &(struct amounts){
	    .characters = 7 }, &cost));
	assert_int_equal(cost.nano, 105000);
	assert_true(bill_price(&words, &(struct amounts){
	    .audio_ms = 3500 }, &cost));
	assert_int_equal(cost.nano, 350000);
	assert_true(bill_price(&(struct model){ 0 }, &image, &cost));
	assert_int_equal(cost.nano, 120000000);
	assert_true(bill_worst(&(struct model){ 0 }, &image, &cost));
	assert_int_equal(cost.nano, 120000000);
}

static void
there_is_a_least_bill(void **state)
{
	const struct model model = { .price_input = PRICE(10),
		.price_min = PRICE(500) };
	money cost;

	(void)state;
	assert_true(bill_price(&model, &(struct amounts){
	    .input_tokens = 1 }, &cost));
	assert_int_equal(cost.nano, 500);
	assert_true(bill_price(&model, &(struct amounts){
	    .input_tokens = 51 }, &cost));
	assert_int_equal(cost.nano, 510);
	assert_true(bill_worst(&model, &(struct amounts){ 0 }, &cost));
	assert_int_equal(cost.nano, 500);
}

/* Fractions of a nano-USD are added before they are rounded up. */
static void
it_is_rounded_once(void **state)
{
	const struct model model = { .price_input = { 1 },
		.price_output = { 1 }, .price_characters = { 999998 } };
	money cost;

	(void)state;
	assert_true(bill_price(&model, &(struct amounts){ .input_tokens = 1,
	    .output_tokens = 1, .characters = 1 }, &cost));
	assert_int_equal(cost.nano, 1);
}

static void
what_does_not_fit_is_told(void **state)
{
	const struct model model = { .price_input = PRICE(10) };
	struct amounts all = { .input_tokens = INT64_MAX };
	struct amounts images = { .images = INT64_MAX,
		.image_price = PRICE(40000000) };
	money cost = { 5 };

	(void)state;
	assert_false(bill_price(&model, &all, &cost));
	assert_false(bill_worst(&model, &all, &cost));
	assert_false(bill_price(&model, &images, &cost));
	assert_int_equal(cost.nano, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_have_their_prices),
		cmocka_unit_test(the_worst_is_never_passed),
		cmocka_unit_test(other_units_have_prices),
		cmocka_unit_test(there_is_a_least_bill),
		cmocka_unit_test(it_is_rounded_once),
		cmocka_unit_test(what_does_not_fit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
