/* key.h: what the subcommands of `farebox key` share. */
#ifndef ADMIN_KEY_H
#define ADMIN_KEY_H

#include "admin/admin.h"
#include "base/json.h"
#include "db/key.h"

/* Finds the key that an operand names: a number, or ACCOUNT/LABEL. A failure
 * is told. */
enum outcome key_find(struct session *s, const char *name, struct key *key);

/*
 * A key with its account's name, its models, its addresses, the ends of its
 * old secrets and its own limits. NULL on failure, with rc; or with STORE_OK,
 * without memory.
 */
json_t *key_describe(struct session *s, const struct key *key,
    enum store_rc *rc);

/* The secret alone on standard output, or as a member of the object. */
enum outcome key_print_secret(struct session *s, const struct key *key,
    const char *secret);

/* With --json, the key as it is now. */
enum outcome key_print_change(struct session *s, const struct key *key);

/* The store did not change the key. */
enum outcome key_fail_change(struct session *s, const struct key *key,
    enum store_rc rc);

#endif
