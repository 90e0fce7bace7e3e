/* usage.c: one record per metered request, also of those that failed. */
#include "db/usage.h"

#include <string.h>

#include "db/record_private.h"
#include "db/store_private.h"

enum { PAGE_RECORDS = 64 };

static struct usage_key
key_of(uint32_t account, const struct request_id *id)
{
	struct usage_key key = { .id = *id };

	put_be32(key.account, account);
	return key;
}

enum store_rc
usage_write(struct store *store, DB_TXN *txn, const struct usage *usage)
{
	struct usage_key key = key_of(usage->account, &usage->id);
	unsigned char data[USAGE_BYTES_MAX];
	size_t len = usage_encode(usage, data);

	if (tree_put(store, txn, TABLE_USAGE, &key, sizeof(key), data, len, 0))
		return store_broken(store, "cannot write a usage record");
	return STORE_OK;
}

static enum store_rc
append_body(struct store *store, DB_TXN *txn, void *context)
{
	return usage_write(store, txn, context);
}

enum store_rc
usage_append(struct store *store, const struct usage *usage)
{
	return store_transact_on(store, STORE_WRITE, usage->account,
	    append_body, (void *)(uintptr_t)usage);
}

enum store_rc
usage_read(struct store *store, DB_TXN *txn, uint32_t account,
    const struct request_id *id, struct usage *usage)
{
	struct usage_key key = key_of(account, id);
	unsigned char data[USAGE_BYTES_MAX];
	size_t len;
	int rc = tree_get(store, txn, TABLE_USAGE, &key, sizeof(key), data,
	    sizeof(data), &len, 0);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	if (rc)
		return store_broken(store, "cannot read a usage record");
	if (!usage_decode(&key, data, len, usage))
		return store_corrupt(store, "a usage record of account %u "
		    "is damaged", account);
	return STORE_OK;
}

struct get {
	uint32_t account;
	const struct request_id *id;
	struct usage *usage;
};

static enum store_rc
get_body(struct store *store, DB_TXN *txn, void *context)
{
	struct get *get = context;

	return usage_read(store, txn, get->account, get->id, get->usage);
}

enum store_rc
usage_get(struct store *store, uint32_t account, const struct request_id *id,
    struct usage *usage)
{
	struct get get = { account, id, usage };

	return store_transact(store, STORE_READ, get_body, &get);
}

struct page {
	uint32_t account;
	struct usage_key before;
	struct usage records[PAGE_RECORDS];
	int n;
};

/* To the newest record that is older than `before`. */
static int
seek_older(struct store *store, struct tree_walk *walk,
    const struct usage_key *before)
{
	int rc = walk_seek(store, walk, before, sizeof(*before));

	/* The walk stands on the first that is not older, or past the end. */
	return walk_step(store, walk, rc == DB_NOTFOUND ? DB_LAST : DB_PREV);
}

static enum store_rc
page_body(struct store *store, DB_TXN *txn, void *context)
{
	struct page *page = context;
	struct tree_walk walk;
	bool sound = true;
	int rc;

	page->n = 0;
	if (walk_open(store, txn, TABLE_USAGE, &walk))
		return store_broken(store, "cannot list the usage");
	rc = seek_older(store, &walk, &page->before);
	while (rc == 0 && sound && page->n < PAGE_RECORDS) {
		struct usage_key key;

		memcpy(&key, walk.key_bytes, sizeof(key));
		if (get_be32(key.account) != page->account)
			break;
		sound = usage_decode(&key, walk.data_bytes, walk.data.size,
		    &page->records[page->n++]);
		rc = walk_step(store, &walk, DB_PREV);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot list the usage");
	if (!sound)
		return store_corrupt(store, "a usage record of account %u "
		    "is damaged", page->account);
	return STORE_OK;
}

enum store_rc
usage_list(struct store *store, uint32_t account,
    const struct request_id *before,
    bool (*visit)(const struct usage *usage, void *context), void *context)
{
	struct request_id last;
	struct page page = { .account = account };
	enum store_rc rc;

	memset(&last, 0xff, sizeof(last));
	page.before = key_of(account, before ? before : &last);
	do {
		rc = store_transact(store, STORE_READ, page_body, &page);
		for (int i = 0; rc == STORE_OK && i < page.n; i++)
			if (!visit(&page.records[i], context))
				return STORE_OK;
		if (page.n > 0)
			page.before = key_of(account,
			    &page.records[page.n - 1].id);
	} while (rc == STORE_OK && page.n == PAGE_RECORDS);
	return rc;
}
