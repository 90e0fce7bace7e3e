/* key_authenticate.c: whose secret it is, at the same cost for any secret. */
#include <string.h>

#include "db/key.h"
#include "db/record_private.h"
#include "db/store_private.h"

enum { LOOKS_MAX = 3 };

struct authenticate {
	unsigned char hash[PEPPERS_MAX][HASH_BYTES]; /* by each pepper */
	size_t n;
	size_t found;  /* the one that is known; n: none */
	struct key *key;
	struct account *account;
};

static bool
hash_secret(const struct store *store, const char *secret,
    struct authenticate *who)
{
	size_t len = strlen(secret);

	who->n = store->n_peppers;
	for (size_t i = 0; i < who->n; i++)
		if (!digest_hmac(store->peppers[i].secret, PEPPER_BYTES,
		    secret, len, who->hash[i]))
			return false;
	return true;
}

/*
 * Looks for every hash, whether or not one is found; the oldest first, because
 * a secret may move to a newer pepper meanwhile. 0 or an error.
 */
static int
find_hash(struct store *store, DB_TXN *txn, struct authenticate *who,
    struct key_hash_record *found)
{
	who->found = who->n;
	for (size_t i = who->n; i-- > 0;) {
		struct key_hash_record record;
		int rc = tree_get(store, txn, TABLE_KEY_HASHES, who->hash[i],
		    HASH_BYTES, &record, sizeof(record), NULL, 0);

		if (rc && rc != DB_NOTFOUND)
			return rc;
		if (rc || record.version != RECORD_VERSION)
			continue;
		who->found = i;
		*found = record;
	}
	return 0;
}

enum look { LOOK_UNKNOWN, LOOK_KNOWN, LOOK_AGAIN, LOOK_BROKEN };

/*
 * The same reads are made for an unknown secret, of records that there always
 * are or never are.
 */
static enum look
look(struct store *store, DB_TXN *txn, struct authenticate *who,
    struct key_record *key, struct account_record *account,
    int64_t *expires_ms, uint32_t flags)
{
	struct key_hash_record found = { .key = 1 };
	const unsigned char *hash;
	bool is_present;
	int rc;

	if (find_hash(store, txn, who, &found))
		return LOOK_BROKEN;
	rc = queue_get(store, txn, TABLE_KEYS, found.key, key, sizeof(*key),
	    flags);
	if (rc && rc != DB_NOTFOUND)
		return LOOK_BROKEN;
	rc = queue_get(store, txn, TABLE_ACCOUNTS, key->account ?
	    key->account : 1, account, sizeof(*account), flags);
	if (rc && rc != DB_NOTFOUND)
		return LOOK_BROKEN;
	hash = who->hash[who->found < who->n ? who->found : 0];
	is_present = digest_equal(hash, key->hash, HASH_BYTES);
	if (who->found == who->n)
		return LOOK_UNKNOWN;
	*expires_ms = found.expires_ms;
	/* Else the secret was replaced, or moved, between two reads. */
	return is_present || found.expires_ms ? LOOK_KNOWN : LOOK_AGAIN;
}

static enum store_rc
authenticate_body(struct store *store, DB_TXN *txn, void *context)
{
	struct authenticate *who = context;
	struct key_record key = { 0 };
	struct account_record account = { 0 };
	int64_t expires_ms = 0;
	enum look seen = look(store, txn, who, &key, &account, &expires_ms,
	    DB_READ_UNCOMMITTED);

	/* Waits then for who replaces the secret. */
	for (int i = 0; i < LOOKS_MAX && seen == LOOK_AGAIN; i++)
		seen = look(store, txn, who, &key, &account, &expires_ms, 0);
	if (seen == LOOK_UNKNOWN)
		return STORE_NOT_FOUND;
	if (seen == LOOK_BROKEN)
		return store_broken(store, "cannot look up a key");
	if (seen == LOOK_AGAIN || !key_decode(&key, who->key) ||
	    !account_decode(&account, who->account))
		return store_corrupt(store, "key %u or its account is damaged",
		    key.number);
	who->key->secret_expires_ms = expires_ms;
	return STORE_OK;
}

struct move {
	uint32_t key, pepper;
	const unsigned char *from, *to; /* hashes */
};

static enum store_rc
move_body(struct store *store, DB_TXN *txn, void *context)
{
	const struct move *move = context;
	struct key_hash_record link = {
		.version = RECORD_VERSION,
		.key = move->key,
		.pepper = move->pepper,
	};
	struct key_record record;
	int rc = queue_get(store, txn, TABLE_KEYS, move->key, &record,
	    sizeof(record), DB_RMW);

	if (rc)
		return store_broken(store, "cannot read a key");
	/* Another process moved it, or it was replaced. */
	if (!digest_equal(record.hash, move->from, HASH_BYTES))
		return STORE_OK;
	memcpy(record.hash, move->to, HASH_BYTES);
	record.pepper = move->pepper;
	if (queue_put(store, txn, TABLE_KEYS, move->key, &record,
	        sizeof(record)) ||
	    tree_delete(store, txn, TABLE_KEY_HASHES, move->from,
	        HASH_BYTES) ||
	    tree_put(store, txn, TABLE_KEY_HASHES, move->to, HASH_BYTES,
	        &link, sizeof(link), 0))
		return store_broken(store, "cannot move a key");
	return STORE_OK;
}

/*
 * A secret can be hashed with a new pepper only when it is shown. When that
 * fails it is tried again when it is shown the next time. A secret that was
 * replaced is left alone: it will end by itself.
 */
static void
move_to_newest(struct store *store, const struct authenticate *who)
{
	struct move move = {
		.key = who->key->number,
		.pepper = store->peppers[0].number,
		.from = who->hash[who->found],
		.to = who->hash[0],
	};

	if (who->found == 0 || who->key->secret_expires_ms ||
	    who->key->state == KEY_REVOKED ||
	    gate_flush_failed(store->gate))
		return;
	store_transact(store, STORE_DURABLE, move_body, &move);
}

enum store_rc
key_authenticate(struct store *store, const char *secret, struct key *key,
    struct account *account)
{
	struct authenticate who = { .key = key, .account = account };
	enum store_rc rc;

	/* Peppers that have changed by now may change the answer. */
	do {
		if (!hash_secret(store, secret, &who))
			return STORE_UNAVAILABLE;
		rc = store_transact(store, STORE_READ, authenticate_body,
		    &who);
	} while (pepper_refresh(store));
	if (rc == STORE_OK)
		move_to_newest(store, &who);
	return rc;
}
