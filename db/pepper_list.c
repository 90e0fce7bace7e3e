/* pepper_list.c: which pepper hashes how many secrets. */
#include <string.h>

#include "base/clock.h"
#include "db/key.h"
#include "db/pepper.h"
#include "db/record_private.h"
#include "db/store_private.h"

/* A page at a time: a section of the gate must be short. */
enum { PAGE_SECRETS = 128 };

struct page {
	unsigned char last[HASH_BYTES]; /* the end of the last page */
	bool is_first;
	struct key_hash_record links[PAGE_SECRETS];
	bool is_usable[PAGE_SECRETS];
	int n;
	int64_t now_ms;
};

/* A link of another version reads as one of no pepper. */
static void
take_link(struct page *page, const struct tree_walk *walk)
{
	struct key_hash_record *link = &page->links[page->n++];

	*link = (struct key_hash_record){ 0 };
	if (walk->data.size == sizeof(*link))
		memcpy(link, walk->data_bytes, sizeof(*link));
	if (link->version != RECORD_VERSION)
		link->pepper = 0;
	memcpy(page->last, walk->key_bytes, HASH_BYTES);
}

static enum store_rc
read_links(struct store *store, DB_TXN *txn, struct page *page)
{
	struct tree_walk walk;
	unsigned char from[HASH_BYTES];
	int rc;

	memcpy(from, page->last, HASH_BYTES);
	page->n = 0;
	if (walk_open(store, txn, TABLE_KEY_HASHES, &walk))
		return store_broken(store, "cannot list the secrets");
	rc = walk_seek(store, &walk, from, HASH_BYTES);
	if (rc == 0 && !page->is_first &&
	    memcmp(walk.key_bytes, from, HASH_BYTES) == 0)
		rc = walk_step(store, &walk, DB_NEXT);
	while (rc == 0 && page->n < PAGE_SECRETS) {
		take_link(page, &walk);
		rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot list the secrets");
	return STORE_OK;
}

static bool
has_ended(int64_t ends_ms, int64_t now_ms)
{
	return ends_ms != 0 && ends_ms <= now_ms;
}

static enum store_rc
page_body(struct store *store, DB_TXN *txn, void *context)
{
	/* Run again, it must begin where it began. */
	struct page *page = context, next = *page;
	enum store_rc rc = read_links(store, txn, &next);

	for (int i = 0; rc == STORE_OK && i < next.n; i++) {
		struct key key;

		rc = key_read(store, txn, next.links[i].key, &key, 0);
		next.is_usable[i] = rc == STORE_OK &&
		    key.state != KEY_REVOKED &&
		    !has_ended(key.expires_ms, next.now_ms) &&
		    !has_ended(next.links[i].expires_ms, next.now_ms);
		if (rc == STORE_NOT_FOUND)
			rc = STORE_OK;
	}
	if (rc == STORE_OK)
		*page = next;
	return rc;
}

static void
count(const struct page *page, struct pepper_use *uses, size_t n)
{
	for (int i = 0; i < page->n; i++)
		for (size_t use = 0; use < n; use++) {
			if (uses[use].number != page->links[i].pepper)
				continue;
			uses[use].secrets++;
			uses[use].usable += page->is_usable[i];
		}
}

enum store_rc
pepper_list(struct store *store, struct pepper_use uses[PEPPERS_MAX],
    size_t *n)
{
	struct page page = { .is_first = true, .now_ms = clock_wall_ms() };
	enum store_rc rc;

	pepper_refresh(store);
	*n = store->n_peppers;
	for (size_t i = 0; i < *n; i++)
		uses[i] = (struct pepper_use){ store->peppers[i].number, 0,
			0 };
	do {
		rc = store_transact(store, STORE_READ, page_body, &page);
		if (rc == STORE_OK)
			count(&page, uses, *n);
		page.is_first = false;
	} while (rc == STORE_OK && page.n == PAGE_SECRETS);
	return rc;
}
