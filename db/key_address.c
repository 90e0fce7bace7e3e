/* key_address.c: the addresses that a key is bound to. */
#include <string.h>

#include "db/key.h"
#include "db/record_private.h"
#include "db/store_private.h"

static void
fill_row(struct key_address_key *row, uint32_t number,
    const struct address_range *range)
{
	put_be32(row->key, number);
	row->family = range->first.family;
	memcpy(row->first, range->first.byte, sizeof(row->first));
	row->bits = range->bits;
}

/* False for what is no range. */
static bool
row_decode(const struct tree_walk *walk, struct address_range *range)
{
	struct key_address_key row;

	if (walk->key.size != sizeof(row))
		return false;
	memcpy(&row, walk->key_bytes, sizeof(row));
	*range = (struct address_range){
		.first.family = row.family,
		.bits = row.bits,
	};
	memcpy(range->first.byte, row.first, sizeof(row.first));
	return (row.family == ADDRESS_V4 && row.bits <= 32) ||
	       (row.family == ADDRESS_V6 && row.bits <= 128);
}

struct ranges {
	uint32_t number;
	struct address_range range[KEY_ADDRESSES_MAX + 1];
	size_t n;
};

static enum store_rc
read_ranges(struct store *store, DB_TXN *txn, struct ranges *ranges)
{
	struct tree_walk walk;
	uint8_t from[4];
	bool is_sound = true;
	int rc;

	ranges->n = 0;
	put_be32(from, ranges->number);
	if (walk_open(store, txn, TABLE_KEY_ADDRESSES, &walk))
		return store_broken(store, "cannot read a key's addresses");
	rc = walk_seek(store, &walk, from, sizeof(from));
	while (rc == 0 && is_sound && ranges->n <= KEY_ADDRESSES_MAX &&
	    memcmp(walk.key_bytes, from, sizeof(from)) == 0) {
		is_sound = row_decode(&walk, &ranges->range[ranges->n++]);
		rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot read a key's addresses");
	if (!is_sound)
		return store_corrupt(store, "an address of key %u is damaged",
		    ranges->number);
	return STORE_OK;
}

struct bind {
	uint32_t number;
	const struct address_range *ranges;
	size_t n;
	bool replace;
	struct key *key;
};

static int
drop_all(struct store *store, DB_TXN *txn, const struct ranges *ranges)
{
	int rc = 0;

	for (size_t i = 0; i < ranges->n && rc == 0; i++) {
		struct key_address_key row;

		fill_row(&row, ranges->number, &ranges->range[i]);
		rc = tree_delete(store, txn, TABLE_KEY_ADDRESSES, &row,
		    sizeof(row));
	}
	return rc;
}

static int
add_all(struct store *store, DB_TXN *txn, const struct bind *bind)
{
	int rc = 0;

	for (size_t i = 0; i < bind->n && rc == 0; i++) {
		struct key_address_key row;

		fill_row(&row, bind->number, &bind->ranges[i]);
		rc = tree_put(store, txn, TABLE_KEY_ADDRESSES, &row,
		    sizeof(row), "", 0, 0);
	}
	return rc;
}

static enum store_rc
bind_body(struct store *store, DB_TXN *txn, void *context)
{
	struct bind *bind = context;
	struct ranges ranges = { .number = bind->number };
	enum store_rc rc = key_read(store, txn, bind->number, bind->key,
	    DB_RMW);

	if (rc != STORE_OK)
		return rc;
	if (bind->key->state == KEY_REVOKED)
		return STORE_NOT_ACTIVE;
	rc = read_ranges(store, txn, &ranges);
	if (rc != STORE_OK)
		return rc;
	if ((bind->replace && drop_all(store, txn, &ranges)) ||
	    add_all(store, txn, bind))
		return store_broken(store, "cannot write a key's addresses");
	rc = read_ranges(store, txn, &ranges);
	if (rc != STORE_OK)
		return rc;
	if (ranges.n > KEY_ADDRESSES_MAX)
		return STORE_OUT_OF_RANGE;
	bind->key->has_addresses = ranges.n > 0;
	return key_write(store, txn, bind->key);
}

enum store_rc
key_bind(struct store *store, uint32_t number,
    const struct address_range *ranges, size_t n, bool replace,
    struct key *key)
{
	struct bind bind = { number, ranges, n, replace, key };

	return store_transact(store, STORE_DURABLE, bind_body, &bind);
}

static enum store_rc
addresses_body(struct store *store, DB_TXN *txn, void *context)
{
	return read_ranges(store, txn, context);
}

enum store_rc
key_addresses(struct store *store, uint32_t number,
    struct address_range list[KEY_ADDRESSES_MAX], size_t *n)
{
	struct ranges ranges = { .number = number };
	enum store_rc rc = store_transact(store, STORE_READ, addresses_body,
	    &ranges);

	*n = rc == STORE_OK ? ranges.n : 0;
	if (*n > KEY_ADDRESSES_MAX)
		*n = KEY_ADDRESSES_MAX;
	memcpy(list, ranges.range, *n * sizeof(*list));
	return rc;
}

struct allows {
	struct ranges ranges;
	const struct address *address;
};

static enum store_rc
allows_body(struct store *store, DB_TXN *txn, void *context)
{
	struct allows *allows = context;
	struct ranges *ranges = &allows->ranges;
	struct key key;
	/* Locked until the end: whoever changes the list waits. */
	enum store_rc rc = key_read(store, txn, ranges->number, &key, 0);

	if (rc != STORE_OK || !key.has_addresses)
		return rc;
	rc = read_ranges(store, txn, ranges);
	for (size_t i = 0; rc == STORE_OK && allows->address && i < ranges->n;
	     i++)
		if (address_range_holds(&ranges->range[i], allows->address))
			return STORE_OK;
	return rc == STORE_OK ? STORE_NOT_FOUND : rc;
}

enum store_rc
key_allows(struct store *store, uint32_t number,
    const struct address *address)
{
	struct allows allows = {
		.ranges.number = number,
		.address = address,
	};

	return store_transact(store, STORE_SNAPSHOT, allows_body, &allows);
}
