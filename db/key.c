/* key.c: what a client shows: a secret, what it may use and may spend. */
#include "db/key.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/record_private.h"
#include "db/store_private.h"

const struct key_limits key_limits_plan = {
	KEY_LIMIT_PLAN, KEY_LIMIT_PLAN, KEY_LIMIT_PLAN, KEY_LIMIT_PLAN,
};

enum {
#define OPTION_PLAN(kind, name, value, min, max, unit, doc) name##_max = max,
#include "base/option.def"
};

const struct key_limits key_limits_max = {
	rpm_max, tpm_max, tps_max, concurrency_max,
};

static const char *const state_names[KEY_STATE__COUNT] = {
	[KEY_ACTIVE] = "active",
	[KEY_DISABLED] = "disabled",
	[KEY_REVOKED] = "revoked",
};

static const char *const scope_names[KEY_SCOPE__COUNT] = {
	[KEY_SCOPE_ALL] = "all",
	[KEY_SCOPE_CHAT] = "chat",
	[KEY_SCOPE_LIST] = "list",
};

const char *
key_state_name(enum key_state state)
{
	return state_names[state];
}

const char *
key_scope_name(enum key_scope scope)
{
	return scope_names[scope];
}

bool
key_label_is_valid(const char *label)
{
	size_t len = strlen(label);

	if (len == 0 || len >= KEY_LABEL_SIZE)
		return false;
	for (; *label; label++)
		if ((unsigned char)*label < ' ' || *label == 0x7f)
			return false;
	return true;
}

static bool
limit_is_valid(int64_t limit, int64_t max)
{
	return limit >= KEY_LIMIT_PLAN && limit <= max;
}

static bool
limits_are_valid(const struct key_limits *limits)
{
	const struct key_limits *max = &key_limits_max;

	return limit_is_valid(limits->rpm, max->rpm) &&
	       limit_is_valid(limits->tpm, max->tpm) &&
	       limit_is_valid(limits->tps, max->tps) &&
	       limit_is_valid(limits->concurrency, max->concurrency);
}

enum store_rc
key_read_record(struct store *store, DB_TXN *txn, uint32_t number,
    struct key_record *record, struct key *key, uint32_t flags)
{
	int rc = queue_get(store, txn, TABLE_KEYS, number, record,
	    sizeof(*record), flags);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	if (rc)
		return store_broken(store, "cannot read a key");
	if (!key_decode(record, key) || key->number != number)
		return store_corrupt(store, "key %u is damaged", number);
	return STORE_OK;
}

enum store_rc
key_write_record(struct store *store, DB_TXN *txn, const struct key *key,
    struct key_record *record)
{
	key_encode(key, record);
	if (queue_put(store, txn, TABLE_KEYS, key->number, record,
	    sizeof(*record)))
		return store_broken(store, "cannot write a key");
	return STORE_OK;
}

enum store_rc
key_read(struct store *store, DB_TXN *txn, uint32_t number, struct key *key,
    uint32_t flags)
{
	struct key_record record;

	return key_read_record(store, txn, number, &record, key, flags);
}

enum store_rc
key_write(struct store *store, DB_TXN *txn, const struct key *key)
{
	struct key_record record;

	if (queue_get(store, txn, TABLE_KEYS, key->number, &record,
	    sizeof(record), DB_RMW))
		return store_broken(store, "cannot read a key");
	return key_write_record(store, txn, key, &record);
}

struct create {
	const struct key_spec *spec;
	struct new_secret secret;
	struct key *key;
};

static bool
put_models(struct store *store, DB_TXN *txn, const struct create *create)
{
	const struct key_spec *spec = create->spec;
	struct key_model_key model_key;

	put_be32(model_key.key, create->key->number);
	for (size_t i = 0; i < spec->n_models; i++) {
		size_t len = strlen(spec->models[i]);

		memcpy(model_key.model, spec->models[i], len);
		if (tree_put(store, txn, TABLE_KEY_MODELS, &model_key,
		    sizeof(model_key.key) + len, "", 0, 0))
			return false;
	}
	return true;
}

static bool
put_key(struct store *store, DB_TXN *txn, const struct create *create)
{
	const struct new_secret *secret = &create->secret;
	struct key_record record = { .pepper = secret->pepper };
	struct key_hash_record to = {
		.version = RECORD_VERSION,
		.key = create->key->number,
		.pepper = secret->pepper,
	};
	struct account_key_key owner;

	memcpy(record.hash, secret->hash, sizeof(record.hash));
	key_encode(create->key, &record);
	put_be32(owner.account, create->key->account);
	put_be32(owner.key, create->key->number);
	return queue_put(store, txn, TABLE_KEYS, create->key->number, &record,
	           sizeof(record)) == 0 &&
	       tree_put(store, txn, TABLE_KEY_HASHES, secret->hash,
	           sizeof(secret->hash), &to, sizeof(to), 0) == 0 &&
	       put_models(store, txn, create) &&
	       tree_put(store, txn, TABLE_ACCOUNT_KEYS, &owner, sizeof(owner),
	           "", 0, 0) == 0;
}

static enum store_rc
create_body(struct store *store, DB_TXN *txn, void *context)
{
	struct create *create = context;
	struct key_hash_record found;
	struct account account;
	enum store_rc rc;
	int got;

	/* 256 random bits that are there already are our own first try. */
	got = tree_get(store, txn, TABLE_KEY_HASHES, create->secret.hash,
	    sizeof(create->secret.hash), &found, sizeof(found), NULL, 0);
	if (got == 0)
		return STORE_OK;
	if (got != DB_NOTFOUND)
		return store_broken(store, "cannot read the keys");
	if (counter_next(store, txn, "keys", &create->key->number))
		return store_broken(store, "cannot number a key");
	rc = account_read(store, txn, create->spec->account, &account, 0);
	if (rc != STORE_OK)
		return rc;
	if (!put_key(store, txn, create))
		return store_broken(store, "cannot write a key");
	return STORE_OK;
}

bool
secret_make(struct store *store, const char *brand,
    char secret[KEY_SECRET_SIZE], struct new_secret *made)
{
	char digits[SECRET_DIGITS + 1];
	size_t len;

	/* A pepper that another process has made since is the one to use. */
	pepper_refresh(store);
	if (!random_secret(digits))
		return false;
	len = (size_t)snprintf(secret, KEY_SECRET_SIZE, "sk-%s-%s", brand,
	    digits);
	secret_wipe(digits, sizeof(digits));
	*made = (struct new_secret){ .pepper = store->peppers[0].number };
	memcpy(made->last4, secret + len - 4, 4);
	return digest_hmac(store->peppers[0].secret, PEPPER_BYTES, secret,
	    len, made->hash);
}

static bool
spec_is_valid(const struct key_spec *spec)
{
	size_t brand_len = strlen(spec->brand);

	if (brand_len == 0 || brand_len >= KEY_BRAND_SIZE ||
	    !key_label_is_valid(spec->label) ||
	    (spec->has_budget && spec->budget.nano < 0) ||
	    (spec->limits && !limits_are_valid(spec->limits)))
		return false;
	for (size_t i = 0; i < spec->n_models; i++)
		if (*spec->models[i] == '\0' ||
		    strlen(spec->models[i]) >= KEY_MODEL_SIZE)
			return false;
	return (spec->scope == KEY_SCOPE_LIST) == (spec->n_models > 0);
}

enum store_rc
key_create(struct store *store, const struct key_spec *spec,
    char secret[KEY_SECRET_SIZE], struct key *key)
{
	struct create create = { .spec = spec, .key = key };

	if (!spec_is_valid(spec))
		return STORE_OUT_OF_RANGE;
	*key = (struct key){
		.account = spec->account,
		.scope = spec->scope,
		.has_budget = spec->has_budget,
		.budget = spec->has_budget ? spec->budget : MONEY_ZERO,
		.created_ms = clock_wall_ms(),
		.expires_ms = spec->expires_ms,
		.limits = spec->limits ? *spec->limits : key_limits_plan,
	};
	memcpy(key->label, spec->label, strlen(spec->label));
	if (!secret_make(store, spec->brand, secret, &create.secret))
		return STORE_UNAVAILABLE;
	memcpy(key->last4, create.secret.last4, sizeof(key->last4));
	return store_transact(store, STORE_DURABLE, create_body, &create);
}

struct get {
	uint32_t number;
	struct key *key;
};

static enum store_rc
get_body(struct store *store, DB_TXN *txn, void *context)
{
	struct get *get = context;

	return key_read(store, txn, get->number, get->key, 0);
}

enum store_rc
key_get(struct store *store, uint32_t number, struct key *key)
{
	struct get get = { number, key };

	return store_transact(store, STORE_READ, get_body, &get);
}

struct change {
	uint32_t number;
	enum key_state state;
	int64_t expires_ms;
	const struct key_limits *limits;
	struct key *key;
};

static enum store_rc
change_state_body(struct store *store, DB_TXN *txn, void *context)
{
	struct change *change = context;
	enum store_rc rc = key_read(store, txn, change->number, change->key,
	    DB_RMW);

	if (rc != STORE_OK)
		return rc;
	if (change->key->state == KEY_REVOKED && change->state != KEY_REVOKED)
		return STORE_NOT_ACTIVE;
	change->key->state = change->state;
	return key_write(store, txn, change->key);
}

enum store_rc
key_set_state(struct store *store, uint32_t number, enum key_state state,
    struct key *key)
{
	struct change change = {
		.number = number,
		.state = state,
		.key = key,
	};

	return store_transact(store, STORE_DURABLE, change_state_body,
	    &change);
}

static enum store_rc
change_expiry_body(struct store *store, DB_TXN *txn, void *context)
{
	struct change *change = context;
	enum store_rc rc = key_read(store, txn, change->number, change->key,
	    DB_RMW);

	if (rc != STORE_OK)
		return rc;
	if (change->key->state == KEY_REVOKED)
		return STORE_NOT_ACTIVE;
	change->key->expires_ms = change->expires_ms;
	return key_write(store, txn, change->key);
}

enum store_rc
key_set_expiry(struct store *store, uint32_t number, int64_t expires_ms,
    struct key *key)
{
	struct change change = {
		.number = number,
		.expires_ms = expires_ms,
		.key = key,
	};

	return store_transact(store, STORE_DURABLE, change_expiry_body,
	    &change);
}

static enum store_rc
change_limits_body(struct store *store, DB_TXN *txn, void *context)
{
	struct change *change = context;
	enum store_rc rc = key_read(store, txn, change->number, change->key,
	    DB_RMW);

	if (rc != STORE_OK)
		return rc;
	if (change->key->state == KEY_REVOKED)
		return STORE_NOT_ACTIVE;
	change->key->limits = *change->limits;
	return key_write(store, txn, change->key);
}

enum store_rc
key_set_limits(struct store *store, uint32_t number,
    const struct key_limits *limits, struct key *key)
{
	struct change change = {
		.number = number,
		.limits = limits,
		.key = key,
	};

	if (!limits_are_valid(limits))
		return STORE_OUT_OF_RANGE;
	return store_transact(store, STORE_DURABLE, change_limits_body,
	    &change);
}
