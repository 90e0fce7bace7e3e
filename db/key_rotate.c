/* key_rotate.c: a new secret for a key, and the last days of the old one. */
#include <string.h>

#include "base/clock.h"
#include "db/key.h"
#include "db/record_private.h"
#include "db/store_private.h"

/* A secret that is or will be replaced. */
struct old_secret {
	unsigned char hash[HASH_BYTES];
	int64_t was_ms;   /* when it was to end; 0: it is the present one */
	int64_t ends_ms;  /* when it ends now; 0: at once */
};

struct rotate {
	uint32_t number;
	struct new_secret secret;
	int64_t now_ms, grace_ms;
	struct key *key;
};

static void
fill_row(struct old_secret_key *row, uint32_t number, int64_t ends_ms,
    const unsigned char hash[HASH_BYTES])
{
	put_be32(row->key, number);
	put_be64(row->expires_ms, (uint64_t)ends_ms);
	memcpy(row->hash, hash, sizeof(row->hash));
}

/* Reads the secrets that were replaced, the one that ends soonest first. */
static int
read_old(struct store *store, DB_TXN *txn, uint32_t number,
    struct old_secret old[KEY_OLD_SECRETS_MAX], size_t *n)
{
	struct old_secret_key row = { 0 };
	struct tree_walk walk;
	int rc;

	*n = 0;
	put_be32(row.key, number);
	rc = walk_open(store, txn, TABLE_OLD_SECRETS, &walk);
	if (rc)
		return rc;
	rc = walk_seek(store, &walk, &row, sizeof(row));
	while (rc == 0 && *n < KEY_OLD_SECRETS_MAX &&
	    memcmp(walk.key_bytes, row.key, sizeof(row.key)) == 0) {
		struct old_secret_key found;

		memcpy(&found, walk.key_bytes, sizeof(found));
		old[*n].was_ms = (int64_t)get_be64(found.expires_ms);
		memcpy(old[*n].hash, found.hash, HASH_BYTES);
		++*n;
		rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	return rc == DB_NOTFOUND ? 0 : rc;
}

/*
 * Who stays, and for how long: no secret for longer than the grace period that
 * was asked for last, so that no grace means that none is left.
 */
static void
plan(const struct rotate *rotate, struct old_secret *old, size_t n)
{
	int64_t ends_ms = rotate->now_ms + rotate->grace_ms;

	for (size_t i = 0; i < n; i++) {
		old[i].ends_ms = old[i].was_ms && old[i].was_ms < ends_ms ?
		    old[i].was_ms : ends_ms;
		if (old[i].ends_ms <= rotate->now_ms)
			old[i].ends_ms = 0;
	}
	/* The last is the present one. */
	if (n > KEY_OLD_SECRETS_MAX)
		old[0].ends_ms = 0;
}

static int
delete_if_there(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t len)
{
	int rc = tree_delete(store, txn, table, key, len);

	return rc == DB_NOTFOUND ? 0 : rc;
}

static int
write_row(struct store *store, DB_TXN *txn, uint32_t number,
    const struct old_secret *old)
{
	struct old_secret_key row;
	int rc = 0;

	if (old->was_ms) {
		fill_row(&row, number, old->was_ms, old->hash);
		rc = delete_if_there(store, txn, TABLE_OLD_SECRETS, &row,
		    sizeof(row));
	}
	if (rc == 0 && old->ends_ms) {
		fill_row(&row, number, old->ends_ms, old->hash);
		rc = tree_put(store, txn, TABLE_OLD_SECRETS, &row,
		    sizeof(row), "", 0, 0);
	}
	return rc;
}

static int
write_link(struct store *store, DB_TXN *txn, const struct old_secret *old)
{
	struct key_hash_record link;
	int rc;

	if (!old->ends_ms)
		return delete_if_there(store, txn, TABLE_KEY_HASHES,
		    old->hash, HASH_BYTES);
	rc = tree_get(store, txn, TABLE_KEY_HASHES, old->hash, HASH_BYTES,
	    &link, sizeof(link), NULL, DB_RMW);
	if (rc)
		return rc == DB_NOTFOUND ? 0 : rc;
	link.expires_ms = old->ends_ms;
	return tree_put(store, txn, TABLE_KEY_HASHES, old->hash, HASH_BYTES,
	    &link, sizeof(link), 0);
}

/* All rows before all links: the lock order. */
static enum store_rc
replace(struct store *store, DB_TXN *txn, const struct rotate *rotate,
    struct key_record *record)
{
	struct old_secret old[KEY_OLD_SECRETS_MAX + 1];
	const struct new_secret *secret = &rotate->secret;
	struct key_hash_record link = {
		.version = RECORD_VERSION,
		.key = rotate->number,
		.pepper = secret->pepper,
	};
	size_t n;
	int rc = read_old(store, txn, rotate->number, old, &n);

	/* An imported key has no present one. */
	if (record->pepper) {
		old[n].was_ms = 0;
		memcpy(old[n++].hash, record->hash, HASH_BYTES);
	}
	plan(rotate, old, n);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = write_row(store, txn, rotate->number, &old[i]);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = write_link(store, txn, &old[i]);
	if (rc == 0)
		rc = tree_put(store, txn, TABLE_KEY_HASHES, secret->hash,
		    HASH_BYTES, &link, sizeof(link), 0);
	memcpy(record->hash, secret->hash, HASH_BYTES);
	record->pepper = secret->pepper;
	if (rc == 0)
		rc = queue_put(store, txn, TABLE_KEYS, rotate->number, record,
		    sizeof(*record));
	return rc ? store_broken(store, "cannot replace a secret") : STORE_OK;
}

static enum store_rc
rotate_body(struct store *store, DB_TXN *txn, void *context)
{
	struct rotate *rotate = context;
	struct key_record record;
	struct key *key = rotate->key;
	enum store_rc rc = key_read_record(store, txn, rotate->number,
	    &record, key, DB_RMW);

	if (rc != STORE_OK)
		return rc;
	/* A try whose outcome was unknown did it. */
	if (digest_equal(record.hash, rotate->secret.hash, HASH_BYTES))
		return STORE_OK;
	if (key->state == KEY_REVOKED)
		return STORE_NOT_ACTIVE;
	key->rotated_ms = rotate->now_ms;
	memcpy(key->last4, rotate->secret.last4, sizeof(key->last4));
	key_encode(key, &record);
	return replace(store, txn, rotate, &record);
}

enum store_rc
key_rotate(struct store *store, uint32_t number, const char *brand,
    int64_t grace_ms, char secret[KEY_SECRET_SIZE], struct key *key)
{
	struct rotate rotate = {
		.number = number,
		.now_ms = clock_wall_ms(),
		.grace_ms = grace_ms,
		.key = key,
	};
	size_t brand_len = strlen(brand);

	if (brand_len == 0 || brand_len >= KEY_BRAND_SIZE || grace_ms < 0 ||
	    grace_ms > KEY_GRACE_MS_MAX)
		return STORE_OUT_OF_RANGE;
	if (!secret_make(store, brand, secret, &rotate.secret))
		return STORE_UNAVAILABLE;
	return store_transact(store, STORE_DURABLE, rotate_body, &rotate);
}

struct old_secrets {
	uint32_t number;
	struct old_secret old[KEY_OLD_SECRETS_MAX];
	size_t n;
};

static enum store_rc
old_secrets_body(struct store *store, DB_TXN *txn, void *context)
{
	struct old_secrets *list = context;

	if (read_old(store, txn, list->number, list->old, &list->n))
		return store_broken(store, "cannot read a key's secrets");
	return STORE_OK;
}

enum store_rc
key_old_secrets(struct store *store, uint32_t number,
    int64_t ends_ms[KEY_OLD_SECRETS_MAX], size_t *n)
{
	struct old_secrets list = { .number = number };
	enum store_rc rc = store_transact(store, STORE_READ, old_secrets_body,
	    &list);
	int64_t now_ms = clock_wall_ms();

	*n = 0;
	for (size_t i = 0; rc == STORE_OK && i < list.n; i++)
		if (list.old[i].was_ms > now_ms)
			ends_ms[(*n)++] = list.old[i].was_ms;
	return rc;
}
