/* bill.h: from amounts to money. */
#ifndef HANDLERS_BILL_H
#define HANDLERS_BILL_H

#include "base/amounts.h"
#include "base/conf.h"
#include "base/money.h"

/*
 * What amounts cost at a model's prices, rounded up once to a nano-USD, and
 * price_min at least. Parts of the tokens that have prices of their own are
 * brought into range, so that no token is paid twice. False when the sum does
 * not fit: then the request is too large to be sold.
 */
bool bill_price(const struct model *model, const struct amounts *amounts,
    money *cost);

/*
 * The most that a request can cost of which these are the largest amounts:
 * every token is taken for one of the dearest sort. Nobody knows before the
 * call how many of its tokens are in a cache or will be thoughts; a price of
 * sound counts only where worst has tokens of sound.
 */
bool bill_worst(const struct model *model, const struct amounts *worst,
    money *cost);

/*
 * What the operator pays for tokens at a route's costs. False when the route
 * does not tell them, something else was used, or the sum does not fit.
 */
bool bill_cost(const struct route *route, const struct amounts *amounts,
    money *cost);

#endif
