/* scope.h: which models a key may use. */
#ifndef HANDLERS_SCOPE_H
#define HANDLERS_SCOPE_H

#include "handlers/exchange.h"

/*
 * STORE_OK when the authenticated key may use the model, STORE_NOT_FOUND when
 * it may not, anything else when the store did not tell.
 */
enum store_rc scope_allows(struct exchange *x, const struct model *model);

/*
 * Finds a model that the key may use; NULL with MODEL_NOT_FOUND noted, or
 * CREDIT_CHECK_FAILED when the store did not tell. A client learns no
 * difference between a model that is not there and one it may not use.
 */
const struct model *scope_model(struct exchange *x, const char *id,
    size_t id_len, const char *param);

#endif
