/* import.c: an empty store is filled with what was exported. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "db/export.h"
#include "db/files.h"
#include "db/import_private.h"
#include "db/row_private.h"

/*
 * Rows are applied in batches, a transaction each. A counter in TABLE_META
 * tells which batch was the last, so that none is applied twice when the
 * outcome of its commit was unknown; it is there while an import is unfinished.
 */
enum { BATCH_ROWS = 256 };

static const char counter[] = "import";

struct expected {
	uint32_t account;
	uint64_t entries;
};

struct import {
	struct store *store;
	struct export_counts *counts;
	const char *file;           /* that is read, and the line in it */
	unsigned long long line;
	uint32_t serial;            /* of the next batch */
	struct import_row rows[BATCH_ROWS];
	size_t n;
	struct expected *expected;  /* how many entries each account has */
	size_t n_expected, expected_size;
};

static enum store_rc refuse(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is read is not right. */
static enum store_rc
refuse(struct import *import, const char *format, ...)
{
	struct store *store = import->store;
	int len = snprintf(store->why, sizeof(store->why), "%s:%llu: ",
	    import->file, import->line);
	va_list args;

	va_start(args, format);
	vsnprintf(store->why + len, sizeof(store->why) - (size_t)len, format,
	    args);
	va_end(args);
	return STORE_OUT_OF_RANGE;
}

static enum store_rc
set_counter(struct store *store, DB_TXN *txn, uint32_t serial)
{
	int rc = serial ? tree_put(store, txn, TABLE_META, counter,
	    strlen(counter), &serial, sizeof(serial), 0) :
	    tree_delete(store, txn, TABLE_META, counter, strlen(counter));

	/* Deleted by an earlier try. */
	return rc && rc != DB_NOTFOUND ?
	    store_broken(store, "cannot note how far the import is") :
	    STORE_OK;
}

/* The first batch: nothing may be there. */
static enum store_rc
begin_body(struct store *store, DB_TXN *txn, void *context)
{
	uint32_t accounts, keys, serial;

	(void)context;
	if (counter_last(store, txn, counter, &serial, DB_RMW) ||
	    counter_last(store, txn, "accounts", &accounts, 0) ||
	    counter_last(store, txn, "keys", &keys, 0))
		return store_broken(store, "cannot look at the store");
	if (serial > 1 || accounts || keys) {
		snprintf(store->why, sizeof(store->why), serial > 1 ?
		    "an import into this store was begun and never finished" :
		    "the store is not empty");
		return STORE_EXISTS;
	}
	return set_counter(store, txn, 1);
}

static enum store_rc
batch_body(struct store *store, DB_TXN *txn, void *context)
{
	struct import *import = context;
	enum store_rc rc = STORE_OK;
	struct import_state *state;
	uint32_t serial;

	if (counter_last(store, txn, counter, &serial, DB_RMW))
		return store_broken(store, "cannot look at the store");
	if (serial == import->serial)
		return STORE_OK;
	state = calloc(1, sizeof(*state));
	if (!state) {
		snprintf(store->why, sizeof(store->why), "out of memory");
		return STORE_UNAVAILABLE;
	}
	for (size_t i = 0; rc == STORE_OK && i < import->n; i++) {
		import->line = import->rows[i].line;
		rc = import_apply(store, txn, &import->rows[i], state);
	}
	if (rc == STORE_OK)
		rc = import_finish(store, txn, state);
	free(state);
	return rc == STORE_OK ? set_counter(store, txn, import->serial) : rc;
}

static enum store_rc
end_body(struct store *store, DB_TXN *txn, void *context)
{
	(void)context;
	return set_counter(store, txn, 0);
}

static void
drop_rows(struct import *import)
{
	for (size_t i = 0; i < import->n; i++)
		json_decref(import->rows[i].object);
	import->n = 0;
}

static void
count_rows(struct import *import)
{
	struct export_counts *counts = import->counts;

	for (size_t i = 0; i < import->n; i++) {
		const struct import_row *row = &import->rows[i];

		counts->rows[row->kind]++;
		counts->keys_without_hash += row->kind == EXPORT_KEY;
		counts->keys_without_hash -= row->kind == EXPORT_HASH &&
		                             row->is.hash.expires_ms == 0;
	}
}

/* Applies the rows that were read. */
static enum store_rc
apply(struct import *import)
{
	struct store *store = import->store;
	char why[STORE_WHY_SIZE];
	enum store_rc rc;

	import->serial++;
	rc = store_transact(store, STORE_WRITE, batch_body, import);
	if (rc == STORE_OK)
		count_rows(import);
	drop_rows(import);
	store_maintain(store);
	if (rc != STORE_OUT_OF_RANGE)
		return rc;
	memcpy(why, store->why, sizeof(why));
	return refuse(import, "%s", why);
}

static bool
expect(struct import *import, const struct account *account)
{
	struct expected *longer;
	size_t size;

	if (import->n_expected == import->expected_size) {
		size = import->expected_size ? import->expected_size * 2 : 64;
		longer = reallocarray(import->expected, size,
		    sizeof(*longer));
		if (!longer)
			return false;
		import->expected = longer;
		import->expected_size = size;
	}
	import->expected[import->n_expected++] = (struct expected){
		.account = account->number,
		.entries = account->entries,
	};
	return true;
}

/* Fills the row of its kind. NULL, or what is wrong with it. */
static const char *
read_row(struct import *import, struct import_row *row)
{
	const char *fault = NULL;

	switch (row->kind) {
	case EXPORT_ACCOUNT:
		fault = row_read_account(row->object, &row->is.account);
		if (!fault && !expect(import, &row->is.account))
			fault = "(no memory)";
		break;
	case EXPORT_KEY:
		fault = row_read_key(row->object, &row->is.key);
		/* Of no secret, until the key's own is read. */
		if (!fault && !random_bytes(row->hash, sizeof(row->hash)))
			fault = "(no random bytes)";
		break;
	case EXPORT_HASH:
		fault = row_read_hash(row->object, &row->is.hash);
		break;
	case EXPORT_ENTRY:
		fault = row_read_entry(row->object, &row->is.entry);
		break;
	case EXPORT_USAGE:
		fault = row_read_usage(row->object, &row->is.usage);
		break;
	case EXPORT_KIND__COUNT:
		fault = "record";
		break;
	}
	return fault;
}

static enum store_rc
take_line(struct import *import, const char *text, size_t len)
{
	struct import_row *row = &import->rows[import->n];
	json_error_t error;
	const char *fault;

	*row = (struct import_row){ .line = import->line };
	row->object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!row->object)
		return refuse(import, "this is not JSON: %s", error.text);
	row->kind = row_kind(row->object);
	fault = read_row(import, row);
	if (fault) {
		json_decref(row->object);
		return refuse(import, "the member '%s' is missing or wrong",
		    fault);
	}
	if (row->kind != EXPORT_KEY) {
		json_decref(row->object);
		row->object = NULL;
	}
	if (++import->n < BATCH_ROWS)
		return STORE_OK;
	return apply(import);
}

static enum store_rc
take_stream(struct import *import, FILE *in, const char *name)
{
	enum store_rc rc = STORE_OK;
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	import->file = name;
	import->line = 0;
	while (rc == STORE_OK && (len = getline(&text, &size, in)) > 0) {
		import->line++;
		if (len > 1)
			rc = take_line(import, text, (size_t)len);
	}
	free(text);
	if (rc == STORE_OK && ferror(in))
		rc = refuse(import, "cannot be read: %s", strerror(errno));
	/* The next file has lines of its own to be named. */
	return rc == STORE_OK && import->n > 0 ? apply(import) : rc;
}

/* Of the files only that of hashes may be missing. */
static enum store_rc
take_file(struct import *import, const char *dir, enum export_kind kind)
{
	char name[32];
	enum store_rc rc;
	FILE *in;
	int fd;

	snprintf(name, sizeof(name), "%s.%s", export_kind_name(kind),
	    export_format_name(EXPORT_JSONL));
	fd = file_open(dir, name, O_RDONLY);
	if (fd < 0 && errno == ENOENT && kind == EXPORT_HASH)
		return STORE_OK;
	in = fd < 0 ? NULL : fdopen(fd, "r");
	if (!in) {
		snprintf(import->store->why, STORE_WHY_SIZE,
		    "cannot read %s/%s: %s", dir, name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return STORE_OUT_OF_RANGE;
	}
	rc = take_stream(import, in, name);
	fclose(in);
	return rc;
}

static enum store_rc
take_all(struct import *import, const char *dir, FILE *in)
{
	enum store_rc rc = STORE_OK;

	if (!dir)
		return take_stream(import, in, "standard input");
	for (int kind = 0; rc == STORE_OK && kind < EXPORT_KIND__COUNT; kind++)
		rc = take_file(import, dir, (enum export_kind)kind);
	return rc;
}

/* A ledger that was cut short replays to another balance. */
static enum store_rc
compare(struct import *import)
{
	struct store *store = import->store;
	struct account account;

	for (size_t i = 0; i < import->n_expected; i++) {
		const struct expected *expected = &import->expected[i];
		enum store_rc rc = account_get(store, expected->account,
		    &account);

		if (rc != STORE_OK)
			return rc;
		if (account.entries == expected->entries)
			continue;
		snprintf(store->why, sizeof(store->why), "account %u should "
		    "have %llu ledger entries, and %llu were read",
		    expected->account, (unsigned long long)expected->entries,
		    (unsigned long long)account.entries);
		return STORE_OUT_OF_RANGE;
	}
	return STORE_OK;
}

enum store_rc
store_import(struct store *store, const char *dir, FILE *in,
    struct export_counts *counts)
{
	struct import *import = calloc(1, sizeof(*import));
	enum store_rc rc;

	*counts = (struct export_counts){ 0 };
	if (!import) {
		snprintf(store->why, sizeof(store->why), "out of memory");
		return STORE_UNAVAILABLE;
	}
	import->store = store;
	import->counts = counts;
	import->serial = 1;
	rc = store_transact(store, STORE_WRITE, begin_body, NULL);
	if (rc == STORE_OK)
		rc = take_all(import, dir, in);
	if (rc == STORE_OK)
		rc = compare(import);
	if (rc == STORE_OK)
		rc = store_transact(store, STORE_DURABLE, end_body, NULL);
	drop_rows(import);
	free(import->expected);
	free(import);
	return rc;
}
