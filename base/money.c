/* money.c: sums in nano-USD, prices, and the one place that rounds. */
#include "base/money.h"

#include <stdio.h>

enum { MILLION = 1000000, NANO_DIGITS = 9 };

static const int64_t nano_per_usd = 1000000000;

bool
money_add(money a, money b, money *sum)
{
	int64_t nano;

	if (__builtin_add_overflow(a.nano, b.nano, &nano))
		return false;
	sum->nano = nano;
	return true;
}

bool
money_sub(money a, money b, money *difference)
{
	int64_t nano;

	if (__builtin_sub_overflow(a.nano, b.nano, &nano))
		return false;
	difference->nano = nano;
	return true;
}

int
money_compare(money a, money b)
{
	return (a.nano > b.nano) - (a.nano < b.nano);
}

money
money_min(money a, money b)
{
	return a.nano < b.nano ? a : b;
}

/* Appends one decimal digit to a number that grows away from zero. */
static bool
append_digit(int64_t *number, int digit, int sign)
{
	return !__builtin_mul_overflow(*number, 10, number) &&
	       !__builtin_add_overflow(*number, sign * digit, number);
}

bool
money_parse(const char *text, money *sum)
{
	int64_t nano = 0;
	int sign = *text == '-' ? -1 : 1;
	int digits = 0, decimals = -1;

	if (sign < 0)
		text++;
	for (; *text; text++) {
		if (*text == '.' && decimals < 0 && digits > 0) {
			decimals = 0;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		if (decimals >= 0 && ++decimals > NANO_DIGITS)
			return false;
		digits++;
		if (!append_digit(&nano, *text - '0', sign))
			return false;
	}
	if (digits == 0 || decimals == 0)
		return false;
	for (decimals = decimals < 0 ? 0 : decimals; decimals < NANO_DIGITS;
	     decimals++)
		if (!append_digit(&nano, 0, sign))
			return false;
	sum->nano = nano;
	return true;
}

char *
money_format(money sum, char text[MONEY_TEXT_SIZE])
{
	/* Unsigned, because the smallest int64_t has no positive twin. */
	uint64_t nano = sum.nano < 0 ? -(uint64_t)sum.nano : (uint64_t)sum.nano;
	int len;

	len = snprintf(text, MONEY_TEXT_SIZE, "%s%llu.%09llu",
	    sum.nano < 0 ? "-" : "",
	    (unsigned long long)(nano / (uint64_t)nano_per_usd),
	    (unsigned long long)(nano % (uint64_t)nano_per_usd));
	while (text[len - 1] == '0')
		text[--len] = '\0';
	if (text[len - 1] == '.')
		text[--len] = '\0';
	return text;
}

int64_t
money_quota(money sum)
{
	return sum.nano / QUOTA_NANO;
}

bool
price_parse(const char *text, price *parsed)
{
	money per_million;

	if (!money_parse(text, &per_million) || per_million.nano < 0)
		return false;
	parsed->nano_per_million = per_million.nano;
	return true;
}

char *
price_format(price rate, char text[MONEY_TEXT_SIZE])
{
	return money_format((money){ rate.nano_per_million }, text);
}

bool
price_parse_each(const char *text, price *parsed)
{
	money each;

	return money_parse(text, &each) && each.nano >= 0 &&
	       !__builtin_mul_overflow(each.nano, MILLION,
	           &parsed->nano_per_million);
}

char *
price_format_each(price rate, char text[MONEY_TEXT_SIZE])
{
	return money_format((money){ rate.nano_per_million / MILLION }, text);
}

price
price_max(price a, price b)
{
	return a.nano_per_million > b.nano_per_million ? a : b;
}

bool
charge_add(struct charge *charge, price rate, int64_t units)
{
	struct charge sum = *charge;
	int64_t whole, rest, part;

	if (units < 0 || rate.nano_per_million < 0)
		return false;
	/*
	 * units x price may pass 64 bits where the bill does not: whole
	 * millions of units first, then the rest in two steps.
	 */
	if (__builtin_mul_overflow(units / MILLION, rate.nano_per_million,
	    &whole))
		return false;
	units %= MILLION;
	if (__builtin_mul_overflow(rate.nano_per_million / MILLION, units,
	    &part) || __builtin_add_overflow(whole, part, &whole))
		return false;
	rest = (rate.nano_per_million % MILLION) * units + sum.millionths;
	if (__builtin_add_overflow(whole, rest / MILLION, &whole) ||
	    __builtin_add_overflow(sum.nano, whole, &sum.nano))
		return false;
	sum.millionths = rest % MILLION;
	*charge = sum;
	return true;
}

bool
charge_total(const struct charge *charge, money *total)
{
	return money_add((money){ charge->nano },
	    (money){ charge->millionths > 0 }, total);
}
