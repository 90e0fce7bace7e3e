/* amounts.h: what a request may use, or used. */
#ifndef BASE_AMOUNTS_H
#define BASE_AMOUNTS_H

#include <stdint.h>

#include "base/money.h"

/* What is counted, as amount.def lists it; none is negative. */
struct amounts {
#define AMOUNT(name, doc) int64_t name;
#include "base/amount.def"
#undef AMOUNT
	/* What each of the images costs, which depends on what they are. */
	price image_price;
};

enum {
	AMOUNTS = 0
#define AMOUNT(name, doc) + 1
#include "base/amount.def"
#undef AMOUNT
};

#endif
