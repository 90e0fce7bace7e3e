/* money.h: sums in nano-USD, prices, and the one place that rounds. */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A sum of money in nano-USD (1e-9 USD). A type of its own, so that a number
 * of tokens cannot be passed for one. All arithmetic is checked: a function
 * that returns false has left its result alone.
 */
typedef struct money {
	int64_t nano;
} money;

/*
 * A price in nano-USD per million units (tokens, characters), or per unit
 * times a million. `5` USD per 1M tokens is 5000000000.
 */
typedef struct price {
	int64_t nano_per_million;
} price;

/*
 * A bill that is still being added up: exact to a millionth of a nano-USD, so
 * that rounding happens once per request, in charge_total().
 */
struct charge {
	int64_t nano;
	int64_t millionths; /* 0 .. 999999 */
};

enum {
	MONEY_TEXT_SIZE = 24, /* "-9223372036.854775807" and its NUL */
	QUOTA_NANO = 2000,    /* 1 USD = 500000 quota [000] */
};

#define MONEY_ZERO ((money){ 0 })
#define MONEY_USD(dollars) ((money){ (int64_t)(dollars) * 1000000000 })

bool money_add(money a, money b, money *sum);
bool money_sub(money a, money b, money *difference);

/* Negative, zero or positive, as a is less than, equal to or above b. */
int money_compare(money a, money b);
money money_min(money a, money b);

/*
 * Reads decimal USD: an optional '-', digits, and at most nine decimals.
 * False for anything else, and for what does not fit.
 */
bool money_parse(const char *text, money *sum);

/* Writes exact decimal USD without trailing zeros ("0.5", "12", "-0.25"). */
char *money_format(money sum, char text[MONEY_TEXT_SIZE]);

/* Quota for display: whole quota, rounded towards zero. */
int64_t money_quota(money sum);

/* Reads decimal USD per 1M units: not negative, at most nine decimals. */
bool price_parse(const char *text, price *parsed);
char *price_format(price rate, char text[MONEY_TEXT_SIZE]);

/* The same in decimal USD per unit: per image, second or request. */
bool price_parse_each(const char *text, price *parsed);
char *price_format_each(price rate, char text[MONEY_TEXT_SIZE]);

/* The dearer of both. */
price price_max(price a, price b);

/* Adds units x rate, exactly. False when it does not fit or units < 0. */
bool charge_add(struct charge *charge, price rate, int64_t units);

/*
 * The sum, a part of a nano-USD rounded up: what is held and what is settled
 * round the same way, so the bill of fewer tokens is never above the hold.
 */
bool charge_total(const struct charge *charge, money *total);

#endif
