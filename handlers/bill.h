/* bill.h: from amounts to money. */
#ifndef HANDLERS_BILL_H
#define HANDLERS_BILL_H

#include "base/conf.h"
#include "base/money.h"
#include "handlers/exchange.h"

/*
 * What amounts cost at a model's prices, rounded up once to a nano-USD. False
 * when the sum does not fit: then the request is too large to be sold.
 */
bool bill_price(const struct model *model, const struct amounts *amounts,
    money *cost);

#endif
