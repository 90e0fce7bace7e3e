/* key_list.c: which keys there are, and which models a key lists. */
#include "db/key.h"

#include <string.h>

#include "db/record_private.h"
#include "db/store_private.h"

/* Lists are read a page at a time: a section of the gate must be short. */
enum { PAGE_KEYS = 64, PAGE_MODELS = 32 };

struct lists_model {
	struct key_model_key key;
	size_t len;
};

static enum store_rc
lists_model_body(struct store *store, DB_TXN *txn, void *context)
{
	struct lists_model *lists = context;
	char nothing[1];
	int rc = tree_get(store, txn, TABLE_KEY_MODELS, &lists->key,
	    lists->len, nothing, sizeof(nothing), NULL, 0);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	return rc ? store_broken(store, "cannot read a key's models")
	          : STORE_OK;
}

enum store_rc
key_lists_model(struct store *store, uint32_t number, const char *model)
{
	struct lists_model lists;
	size_t len = strlen(model);

	if (len >= KEY_MODEL_SIZE)
		return STORE_NOT_FOUND;
	put_be32(lists.key.key, number);
	memcpy(lists.key.model, model, len);
	lists.len = sizeof(lists.key.key) + len;
	return store_transact(store, STORE_READ, lists_model_body, &lists);
}

struct models_page {
	struct key_model_key from; /* where to begin */
	size_t from_len;
	bool skip_first;           /* it was the end of the last page */
	char models[PAGE_MODELS][KEY_MODEL_SIZE];
	int n;
};

static enum store_rc
models_body(struct store *store, DB_TXN *txn, void *context)
{
	struct models_page *page = context;
	struct tree_walk walk;
	int rc;

	page->n = 0;
	if (walk_open(store, txn, TABLE_KEY_MODELS, &walk))
		return store_broken(store, "cannot list a key's models");
	rc = walk_seek(store, &walk, &page->from, page->from_len);
	if (rc == 0 && page->skip_first &&
	    walk.key.size == page->from_len &&
	    memcmp(walk.key_bytes, &page->from, page->from_len) == 0)
		rc = walk_step(store, &walk, DB_NEXT);
	while (rc == 0 && page->n < PAGE_MODELS &&
	    memcmp(walk.key_bytes, page->from.key, 4) == 0) {
		size_t len = walk.key.size - 4;
		char *model = page->models[page->n++];

		memcpy(model, walk.key_bytes + 4, len);
		model[len] = '\0';
		rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot list a key's models");
	return STORE_OK;
}

enum store_rc
key_models(struct store *store, uint32_t number,
    bool (*visit)(const char *model, void *context), void *context)
{
	struct models_page page = { .from_len = 4 };
	enum store_rc rc;

	put_be32(page.from.key, number);
	do {
		rc = store_transact(store, STORE_READ, models_body, &page);
		for (int i = 0; rc == STORE_OK && i < page.n; i++)
			if (!visit(page.models[i], context))
				return STORE_OK;
		if (page.n > 0) {
			const char *last = page.models[page.n - 1];

			memcpy(page.from.model, last, strlen(last));
			page.from_len = 4 + strlen(last);
			page.skip_first = true;
		}
	} while (rc == STORE_OK && page.n == PAGE_MODELS);
	return rc;
}

struct keys_page {
	uint32_t account;
	uint32_t after;            /* key number */
	uint32_t numbers[PAGE_KEYS];
	int n;
};

static enum store_rc
keys_body(struct store *store, DB_TXN *txn, void *context)
{
	struct keys_page *page = context;
	struct account_key_key from;
	struct tree_walk walk;
	int rc;

	page->n = 0;
	put_be32(from.account, page->account);
	put_be32(from.key, page->after + 1);
	if (walk_open(store, txn, TABLE_ACCOUNT_KEYS, &walk))
		return store_broken(store, "cannot list the keys");
	rc = walk_seek(store, &walk, &from, sizeof(from));
	while (rc == 0 && page->n < PAGE_KEYS &&
	    memcmp(walk.key_bytes, from.account, 4) == 0) {
		page->numbers[page->n++] = get_be32(walk.key_bytes + 4);
		rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot list the keys");
	return STORE_OK;
}

static enum store_rc
list_of_account(struct store *store, uint32_t account,
    bool (*visit)(const struct key *key, void *context), void *context)
{
	struct keys_page page = { .account = account };
	enum store_rc rc;

	do {
		rc = store_transact(store, STORE_READ, keys_body, &page);
		for (int i = 0; rc == STORE_OK && i < page.n; i++) {
			struct key key;

			page.after = page.numbers[i];
			rc = key_get(store, page.numbers[i], &key);
			if (rc == STORE_OK && !visit(&key, context))
				return STORE_OK;
		}
	} while (rc == STORE_OK && page.n == PAGE_KEYS);
	return rc;
}

static enum store_rc
last_body(struct store *store, DB_TXN *txn, void *context)
{
	if (counter_last(store, txn, "keys", context, 0))
		return store_broken(store, "cannot count the keys");
	return STORE_OK;
}

enum store_rc
key_list(struct store *store, uint32_t account,
    bool (*visit)(const struct key *key, void *context), void *context)
{
	uint32_t last;
	enum store_rc rc;

	if (account)
		return list_of_account(store, account, visit, context);
	rc = store_transact(store, STORE_READ, last_body, &last);
	for (uint32_t n = 1; rc == STORE_OK && n <= last; n++) {
		struct key key;

		rc = key_get(store, n, &key);
		if (rc == STORE_OK && !visit(&key, context))
			break;
		if (rc == STORE_NOT_FOUND)
			rc = STORE_OK;
	}
	return rc;
}
