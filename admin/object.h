/* object.h: what records look like in JSON, and so in tables too. */
#ifndef ADMIN_OBJECT_H
#define ADMIN_OBJECT_H

#include "base/json.h"
#include "db/account.h"
#include "db/key.h"
#include "db/ledger.h"
#include "db/usage.h"

/*
 * A new object, or NULL without memory. Sums are decimal strings in USD, times
 * are UTC, and what a record does not have is null.
 */
json_t *account_object(const struct account *account);

/* account and models may be NULL; takes over models. */
json_t *key_object(const struct key *key, const char *account,
    json_t *models);

json_t *entry_object(const struct entry *entry);
json_t *usage_object(const struct usage *usage);
json_t *totals_object(const struct ledger_totals *totals);

/* "active", "disabled", "expired" or "revoked", at this moment. */
const char *key_state_now(const struct key *key);

#endif
