/* key.h: what a client shows: a secret, what it may use and may spend. */
#ifndef DB_KEY_H
#define DB_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/digest.h"
#include "base/money.h"
#include "db/account.h"
#include "db/store.h"

enum {
	KEY_LABEL_SIZE = 48,
	KEY_LAST4_SIZE = 5,
	KEY_BRAND_SIZE = 33,
	KEY_MODEL_SIZE = 128, /* a model ID and its NUL */
	KEY_SECRET_SIZE = 3 + KEY_BRAND_SIZE + 1 + SECRET_DIGITS + 1,
	KEY_OLD_SECRETS_MAX = 2, /* that are valid beside the present one */
	KEY_ADDRESSES_MAX = 64,  /* ranges that a key is bound to */
};

/* The longest grace period of a secret that was replaced: 90 days. */
#define KEY_GRACE_MS_MAX (INT64_C(90) * 86400000)

/* What the operator set; that it has expired is told by expires_ms. */
enum key_state { KEY_ACTIVE, KEY_DISABLED, KEY_REVOKED, KEY_STATE__COUNT };

/* Which models a key may use. */
enum key_scope {
	KEY_SCOPE_ALL,
	KEY_SCOPE_CHAT,
	KEY_SCOPE_LIST,
	KEY_SCOPE__COUNT
};

/* In place of a number. */
enum { KEY_LIMIT_PLAN = -1 }; /* as the account's plan says */

/*
 * A key's own limits in place of its plan's: KEY_LIMIT_PLAN, 0 for no limit,
 * or a number. See struct plan for what they count.
 */
struct key_limits {
	int64_t rpm, tpm, tps, concurrency;
};

struct key {
	uint32_t number;
	uint32_t account;
	char label[KEY_LABEL_SIZE];
	char last4[KEY_LAST4_SIZE];
	enum key_state state;
	enum key_scope scope;
	bool has_budget;
	money budget;  /* with has_budget: the most it may ever spend */
	money spent;
	money held;
	int64_t created_ms;
	int64_t expires_ms;   /* 0: never */
	int64_t last_used_ms; /* 0: never settled anything */
	int64_t rotated_ms;   /* when its secret was replaced; 0: never */
	bool has_addresses;   /* it is bound to those of key_addresses() */
	struct key_limits limits;
	/* From key_authenticate(): when the secret that was shown ends or
	 * ended, because it was replaced; 0: it is the present one. */
	int64_t secret_expires_ms;
};

const char *key_state_name(enum key_state state);
const char *key_scope_name(enum key_scope scope);

/* Labels are 1 to 47 printable characters. */
bool key_label_is_valid(const char *label);

/* All as the plan says; and the largest, those that a plan may have. */
extern const struct key_limits key_limits_plan, key_limits_max;

/* A key to be. Everything belongs to the caller. */
struct key_spec {
	uint32_t account;
	const char *brand;
	const char *label;
	enum key_scope scope;
	const char *const *models; /* of KEY_SCOPE_LIST */
	size_t n_models;
	bool has_budget;
	money budget;
	int64_t expires_ms;
	const struct key_limits *limits; /* NULL: all as the plan says */
};

/*
 * Makes a key: `sk-<brand>-` and 256 random bits. The secret exists only in
 * secret[], and is not stored; the caller wipes it.
 */
enum store_rc key_create(struct store *store, const struct key_spec *spec,
    char secret[KEY_SECRET_SIZE], struct key *key);

/*
 * Whose secret it is. STORE_OK fills key and account whatever their state, and
 * also for a secret that has ended: the caller looks at key->state,
 * key->expires_ms, key->secret_expires_ms and account->state, and with
 * key->has_addresses asks key_allows(). STORE_NOT_FOUND costs as much as
 * STORE_OK. The comparison is constant-time. Writes nothing, except once per
 * key after a new pepper was made: the secret is then hashed with that.
 *
 * It does not wait for who writes to the account or key just then, and may see
 * what is written a moment before that is committed, or undone. So the sums are
 * for account_get() and key_get() to tell.
 */
enum store_rc key_authenticate(struct store *store, const char *secret,
    struct key *key, struct account *account);

enum store_rc key_get(struct store *store, uint32_t number, struct key *key);

/* STORE_NOT_ACTIVE when the key is revoked: that cannot be undone. */
enum store_rc key_set_state(struct store *store, uint32_t number,
    enum key_state state, struct key *key);

/*
 * Gives the key a new secret, in the form of key_create(). The old one stays
 * valid for grace_ms (0 .. KEY_GRACE_MS_MAX), and so does the one before it if
 * its own grace period is not over; neither for longer than that.
 * STORE_NOT_ACTIVE when the key is revoked.
 */
enum store_rc key_rotate(struct store *store, uint32_t number,
    const char *brand, int64_t grace_ms, char secret[KEY_SECRET_SIZE],
    struct key *key);

/* When the secrets that were replaced and are still valid end, soonest
 * first. */
enum store_rc key_old_secrets(struct store *store, uint32_t number,
    int64_t ends_ms[KEY_OLD_SECRETS_MAX], size_t *n);

/* 0: never. STORE_NOT_ACTIVE when the key is revoked. */
enum store_rc key_set_expiry(struct store *store, uint32_t number,
    int64_t expires_ms, struct key *key);

/*
 * Gives the key limits of its own, all four anew. STORE_OUT_OF_RANGE when
 * one is above key_limits_max, STORE_NOT_ACTIVE when the key is revoked.
 */
enum store_rc key_set_limits(struct store *store, uint32_t number,
    const struct key_limits *limits, struct key *key);

/*
 * Binds the key to ranges of addresses, besides those it is bound to already
 * or, with replace, in place of them; replace and no range sets it free.
 * STORE_OUT_OF_RANGE when they were more than KEY_ADDRESSES_MAX,
 * STORE_NOT_ACTIVE when the key is revoked.
 */
enum store_rc key_bind(struct store *store, uint32_t number,
    const struct address_range *ranges, size_t n, bool replace,
    struct key *key);

/* The ranges that a key is bound to; IPv4 first, then by number. */
enum store_rc key_addresses(struct store *store, uint32_t number,
    struct address_range ranges[KEY_ADDRESSES_MAX], size_t *n);

/* STORE_OK when the key may be used from there, or STORE_NOT_FOUND. NULL: from
 * an address that nobody knows. */
enum store_rc key_allows(struct store *store, uint32_t number,
    const struct address *address);

/* STORE_OK when a key of KEY_SCOPE_LIST lists the model, or STORE_NOT_FOUND. */
enum store_rc key_lists_model(struct store *store, uint32_t number,
    const char *model);

/* Calls visit for each model a key lists, until it returns false. */
enum store_rc key_models(struct store *store, uint32_t number,
    bool (*visit)(const char *model, void *context), void *context);

/* Each key of an account (0: of all), by number, until visit returns false. */
enum store_rc key_list(struct store *store, uint32_t account,
    bool (*visit)(const struct key *key, void *context), void *context);

#endif
