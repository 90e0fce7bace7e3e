/* import_apply.c: one row of an export comes into the store. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "db/import_private.h"

static enum store_rc wrong(struct store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum store_rc
wrong(struct store *store, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(store->why, sizeof(store->why), format, args);
	va_end(args);
	return STORE_OUT_OF_RANGE;
}

/* Numbers rise, and the counter is the last: none is given out again. */
static enum store_rc
take_number(struct store *store, DB_TXN *txn, const char *counter,
    uint32_t number)
{
	uint32_t last;

	if (counter_last(store, txn, counter, &last, DB_RMW))
		return store_broken(store, "cannot read a counter");
	if (number <= last)
		return wrong(store, "%s must come by number, each once",
		    counter);
	if (tree_put(store, txn, TABLE_META, counter, strlen(counter),
	    &number, sizeof(number), 0))
		return store_broken(store, "cannot write a counter");
	return STORE_OK;
}

/* Without its money: that is what its entries bring. */
static enum store_rc
apply_account(struct store *store, DB_TXN *txn, const struct account *row)
{
	struct account account = *row;
	enum store_rc rc = take_number(store, txn, "accounts", row->number);
	int put;

	if (rc != STORE_OK)
		return rc;
	account.balance = account.held = MONEY_ZERO;
	account.spent = account.deposited = MONEY_ZERO;
	account.entries = 0;
	put = tree_put(store, txn, TABLE_ACCOUNT_NAMES, account.name,
	    strlen(account.name), &account.number, sizeof(account.number),
	    DB_NOOVERWRITE);
	if (put == DB_KEYEXIST)
		return wrong(store, "two accounts are called %s",
		    account.name);
	if (put)
		return store_broken(store, "cannot name an account");
	return account_write(store, txn, &account);
}

static enum store_rc
put_models(struct store *store, DB_TXN *txn, const struct import_row *row)
{
	size_t n = json_array_size(json_object_get(row->object, "models"));
	struct key_model_key to;
	char model[KEY_MODEL_SIZE];

	put_be32(to.key, row->is.key.number);
	for (size_t i = 0; i < n; i++) {
		if (!row_key_model(row->object, i, model))
			return wrong(store, "a model ID is wrong");
		memcpy(to.model, model, strlen(model));
		if (tree_put(store, txn, TABLE_KEY_MODELS, &to,
		    sizeof(to.key) + strlen(model), "", 0, 0))
			return store_broken(store, "cannot write a key");
	}
	return STORE_OK;
}

static enum store_rc
put_addresses(struct store *store, DB_TXN *txn, const struct import_row *row)
{
	size_t n = json_array_size(json_object_get(row->object, "addresses"));
	struct address_range range;
	struct key_address_key to;

	put_be32(to.key, row->is.key.number);
	for (size_t i = 0; i < n; i++) {
		if (!row_key_address(row->object, i, &range))
			return wrong(store, "an address is wrong");
		to.family = range.first.family;
		memcpy(to.first, range.first.byte, sizeof(to.first));
		to.bits = range.bits;
		if (tree_put(store, txn, TABLE_KEY_ADDRESSES, &to, sizeof(to),
		    "", 0, 0))
			return store_broken(store, "cannot write a key");
	}
	return STORE_OK;
}

/* Makes hash the one that leads to the key, in place of another (or NULL). */
static bool
put_hash(struct store *store, DB_TXN *txn, const struct hash_row *hash,
    const unsigned char *other)
{
	struct key_hash_record link = {
		.version = RECORD_VERSION,
		.key = hash->key,
		.pepper = hash->pepper,
		.expires_ms = hash->expires_ms,
	};

	return (!other || tree_delete(store, txn, TABLE_KEY_HASHES, other,
	           HASH_BYTES) == 0) &&
	       tree_put(store, txn, TABLE_KEY_HASHES, hash->hash,
	           HASH_BYTES, &link, sizeof(link), 0) == 0;
}

static enum store_rc
apply_key(struct store *store, DB_TXN *txn, const struct import_row *row)
{
	struct key key = row->is.key;
	struct key_record record = { .pepper = store->peppers[0].number };
	struct hash_row nobodys = {
		.key = key.number,
		.pepper = store->peppers[0].number,
	};
	struct account_key_key owner;
	struct account account;
	enum store_rc rc = take_number(store, txn, "keys", key.number);

	if (rc == STORE_OK)
		rc = account_read(store, txn, key.account, &account, 0);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? wrong(store,
		    "there is no account %u", key.account) : rc;
	key.spent = key.held = MONEY_ZERO;
	memcpy(nobodys.hash, row->hash, HASH_BYTES);
	memcpy(record.hash, row->hash, HASH_BYTES);
	key_encode(&key, &record);
	put_be32(owner.account, key.account);
	put_be32(owner.key, key.number);
	if (queue_put(store, txn, TABLE_KEYS, key.number, &record,
	    sizeof(record)) || tree_put(store, txn, TABLE_ACCOUNT_KEYS,
	    &owner, sizeof(owner), "", 0, 0) ||
	    !put_hash(store, txn, &nobodys, NULL))
		return store_broken(store, "cannot write a key");
	rc = put_models(store, txn, row);
	return rc == STORE_OK ? put_addresses(store, txn, row) : rc;
}

static enum store_rc
apply_hash(struct store *store, DB_TXN *txn, const struct hash_row *hash)
{
	struct key_record record;
	struct old_secret_key old;
	int rc = queue_get(store, txn, TABLE_KEYS, hash->key, &record,
	    sizeof(record), DB_RMW);

	if (rc == DB_NOTFOUND)
		return wrong(store, "there is no key %u", hash->key);
	if (rc)
		return store_broken(store, "cannot read a key");
	/* One that ends was replaced; the other is the present one. */
	if (hash->expires_ms) {
		put_be32(old.key, hash->key);
		put_be64(old.expires_ms, (uint64_t)hash->expires_ms);
		memcpy(old.hash, hash->hash, HASH_BYTES);
		rc = tree_put(store, txn, TABLE_OLD_SECRETS, &old,
		    sizeof(old), "", 0, 0);
		return rc == 0 && put_hash(store, txn, hash, NULL) ?
		    STORE_OK : store_broken(store, "cannot write a hash");
	}
	if (!put_hash(store, txn, hash, record.hash))
		return store_broken(store, "cannot write a hash");
	memcpy(record.hash, hash->hash, HASH_BYTES);
	record.pepper = hash->pepper;
	if (queue_put(store, txn, TABLE_KEYS, hash->key, &record,
	    sizeof(record)))
		return store_broken(store, "cannot write a key");
	return STORE_OK;
}

enum store_rc
import_finish(struct store *store, DB_TXN *txn, struct import_state *state)
{
	enum store_rc rc = STORE_OK;

	if (state->account.number)
		rc = account_write(store, txn, &state->account);
	for (size_t i = 0; rc == STORE_OK && i < state->n_keys; i++)
		rc = key_write(store, txn, &state->keys[i]);
	state->account.number = 0;
	state->n_keys = 0;
	return rc;
}

/* Has the account at hand; what was changed of another is written first. */
static enum store_rc
turn_to_account(struct store *store, DB_TXN *txn, uint32_t number,
    struct import_state *state)
{
	enum store_rc rc;

	if (state->account.number == number)
		return STORE_OK;
	rc = import_finish(store, txn, state);
	if (rc == STORE_OK)
		rc = account_read(store, txn, number, &state->account, DB_RMW);
	if (rc == STORE_NOT_FOUND)
		return wrong(store, "there is no account %u", number);
	return rc;
}

/* The key, which must be the account's; NULL, and rc. */
static struct key *
turn_to_key(struct store *store, DB_TXN *txn, uint32_t number,
    struct import_state *state, enum store_rc *rc)
{
	struct account account = state->account;
	struct key *key;

	*rc = STORE_OK;
	for (size_t i = 0; i < state->n_keys; i++)
		if (state->keys[i].number == number)
			return &state->keys[i];
	if (state->n_keys == IMPORT_KEYS) {
		*rc = import_finish(store, txn, state);
		state->account = account;
	}
	key = &state->keys[state->n_keys];
	if (*rc == STORE_OK)
		*rc = key_read(store, txn, number, key, DB_RMW);
	if (*rc == STORE_NOT_FOUND ||
	    (*rc == STORE_OK && key->account != account.number))
		*rc = wrong(store, "account %u has no key %u",
		    account.number, number);
	if (*rc != STORE_OK)
		return NULL;
	state->n_keys++;
	return key;
}

/* Moves what an entry says that was moved. False when a sum does not fit. */
static bool
move(struct account *account, struct key *key, const struct entry *entry)
{
	money paid = { -entry->amount.nano };

	if (!money_add(account->balance, entry->amount, &account->balance))
		return false;
	if (!key)
		return money_add(account->deposited, entry->amount,
		    &account->deposited);
	return money_add(account->spent, paid, &account->spent) &&
	       money_add(key->spent, paid, &key->spent);
}

static enum store_rc
apply_entry(struct store *store, DB_TXN *txn, const struct entry *entry,
    struct import_state *state)
{
	bool is_settlement = entry->kind == ENTRY_SETTLEMENT;
	struct account *account = &state->account;
	struct key *key = NULL;
	enum store_rc rc = turn_to_account(store, txn, entry->account, state);

	if (rc == STORE_OK && is_settlement)
		key = turn_to_key(store, txn, entry->key, state, &rc);
	if (rc != STORE_OK)
		return rc;
	if (entry->number != account->entries + 1)
		return wrong(store, "entry %llu is missing",
		    (unsigned long long)account->entries + 1);
	if ((is_settlement && entry->amount.nano > 0) ||
	    (entry->kind == ENTRY_DEPOSIT && entry->amount.nano <= 0) ||
	    entry->amount.nano == INT64_MIN)
		return wrong(store, "the amount does not fit the kind");
	if (!move(account, key, entry) ||
	    money_compare(account->balance, entry->balance) != 0)
		return wrong(store, "the balance is another than the entries "
		    "before it make");
	account->entries++;
	return entry_write(store, txn, entry);
}

static enum store_rc
apply_usage(struct store *store, DB_TXN *txn, const struct usage *usage,
    struct import_state *state)
{
	enum store_rc rc = turn_to_account(store, txn, usage->account, state);

	return rc == STORE_OK ? usage_write(store, txn, usage) : rc;
}

enum store_rc
import_apply(struct store *store, DB_TXN *txn, const struct import_row *row,
    struct import_state *state)
{
	switch (row->kind) {
	case EXPORT_ACCOUNT:
		return apply_account(store, txn, &row->is.account);
	case EXPORT_KEY:
		return apply_key(store, txn, row);
	case EXPORT_HASH:
		return apply_hash(store, txn, &row->is.hash);
	case EXPORT_ENTRY:
		return apply_entry(store, txn, &row->is.entry, state);
	case EXPORT_USAGE:
		return apply_usage(store, txn, &row->is.usage, state);
	case EXPORT_KIND__COUNT:
		break;
	}
	return STORE_OUT_OF_RANGE;
}
