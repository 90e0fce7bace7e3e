/* export.c: the store is written as text. */
#include "db/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/copy_private.h"
#include "db/files.h"
#include "db/record_private.h"
#include "db/row_private.h"
#include "db/workdir.h"

struct export {
	struct store *copy;      /* that nobody else has open */
	const struct export_options *options;
	struct export_counts *counts;
	enum export_kind kind;   /* that is being written, to out */
	FILE *out;
	const char *fault;       /* NULL: none yet */
};

static bool
write_csv(FILE *out, const char *const *members, const json_t *row)
{
	for (size_t i = 0; members[i]; i++) {
		if (i > 0)
			fputc(',', out);
		if (row)
			row_write_csv(out, json_object_get(row, members[i]));
		else
			fputs(members[i], out);
	}
	return fputs("\r\n", out) != EOF;
}

/* Writes a row and frees it. False when that fails: then no more are due. */
static bool
write_row(struct export *export, json_t *row)
{
	bool written = false;

	if (!row)
		export->fault = "out of memory";
	else if (export->options->format == EXPORT_CSV)
		written = write_csv(export->out, row_members(export->kind),
		    row);
	else
		written = json_dumpf(row, export->out, JSON_COMPACT) == 0 &&
		    fputc('\n', export->out) != EOF;
	json_decref(row);
	if (!written && !export->fault)
		export->fault = strerror(errno);
	if (written)
		export->counts->rows[export->kind]++;
	return written;
}

static bool
add_model(const char *model, void *context)
{
	return json_array_append_new(context, row_text(model)) == 0;
}

/* A new array of a key's addresses, or NULL. */
static json_t *
addresses_of(struct store *copy, uint32_t number)
{
	struct address_range ranges[KEY_ADDRESSES_MAX];
	char text[ADDRESS_RANGE_TEXT_SIZE];
	json_t *array = json_array();
	size_t n = 0;

	if (key_addresses(copy, number, ranges, &n) != STORE_OK) {
		json_decref(array);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array,
		    json_string(address_range_format(&ranges[i], text)));
	return array;
}

static bool
write_account(const struct account *account, void *context)
{
	return write_row(context, row_of_account(account));
}

static bool
write_key(const struct key *key, void *context)
{
	struct export *export = context;
	json_t *models = json_array();
	json_t *addresses = addresses_of(export->copy, key->number);

	if (key_models(export->copy, key->number, add_model, models) !=
	    STORE_OK || !addresses)
		export->fault = "a key cannot be read";
	return write_row(export, row_of_key(key, models, addresses)) &&
	       !export->fault;
}

static json_t *
hash_row_of(const struct tree_walk *walk)
{
	struct key_hash_record record;
	struct hash_row hash;

	if (walk->key.size != sizeof(hash.hash) ||
	    walk->data.size != sizeof(record))
		return NULL;
	memcpy(&record, walk->data_bytes, sizeof(record));
	memcpy(hash.hash, walk->key_bytes, sizeof(hash.hash));
	hash.key = record.key;
	hash.pepper = record.pepper;
	hash.expires_ms = record.expires_ms;
	return record.version == RECORD_VERSION ? row_of_hash(&hash) : NULL;
}

static json_t *
entry_row_of(const struct tree_walk *walk)
{
	struct entry_key key;
	struct entry entry;

	memcpy(&key, walk->key_bytes, sizeof(key));
	if (walk->key.size != sizeof(key) || !entry_decode(&key,
	    walk->data_bytes, walk->data.size, &entry))
		return NULL;
	return row_of_entry(&entry);
}

static json_t *
usage_row_of(const struct tree_walk *walk)
{
	struct usage_key key;
	struct usage usage;

	memcpy(&key, walk->key_bytes, sizeof(key));
	if (walk->key.size != sizeof(key) || !usage_decode(&key,
	    walk->data_bytes, walk->data.size, &usage))
		return NULL;
	return row_of_usage(&usage);
}

/* The Btrees that are written record by record. */
static const struct {
	enum table table;
	json_t *(*row_of)(const struct tree_walk *walk);
} walks[EXPORT_KIND__COUNT] = {
	[EXPORT_HASH] = { TABLE_KEY_HASHES, hash_row_of },
	[EXPORT_ENTRY] = { TABLE_LEDGER, entry_row_of },
	[EXPORT_USAGE] = { TABLE_USAGE, usage_row_of },
};

/* As long as it takes: the copy has no gate at which others wait. */
static enum store_rc
walk_body(struct store *store, DB_TXN *txn, void *context)
{
	struct export *export = context;
	struct tree_walk walk;
	int rc;

	if (walk_open(store, txn, walks[export->kind].table, &walk))
		return store_broken(store, "cannot read a table");
	while ((rc = walk_step(store, &walk, DB_NEXT)) == 0) {
		json_t *row = walks[export->kind].row_of(&walk);

		if (!row)
			export->fault = "a record is damaged";
		if (!row || !write_row(export, row))
			break;
	}
	walk_close(&walk);
	return rc && rc != DB_NOTFOUND ?
	    store_broken(store, "cannot read a table") : STORE_OK;
}

static enum store_rc
write_rows(struct export *export)
{
	if (export->options->format == EXPORT_CSV)
		write_csv(export->out, row_members(export->kind), NULL);
	switch (export->kind) {
	case EXPORT_ACCOUNT:
		return account_list(export->copy, write_account, export);
	case EXPORT_KEY:
		return key_list(export->copy, 0, write_key, export);
	case EXPORT_HASH:
	case EXPORT_ENTRY:
	case EXPORT_USAGE:
		return store_transact(export->copy, STORE_READ, walk_body,
		    export);
	case EXPORT_KIND__COUNT:
		break;
	}
	return STORE_OK;
}

/* The file of a kind, or NULL. */
static FILE *
open_file(const struct export_options *options, enum export_kind kind)
{
	char name[32];
	FILE *file = NULL;
	int fd;

	snprintf(name, sizeof(name), "%s.%s", export_kind_name(kind),
	    export_format_name(options->format));
	fd = file_open(options->dir, name, O_WRONLY | O_CREAT | O_EXCL);
	if (fd >= 0 && !(file = fdopen(fd, "w")))
		close(fd);
	return file;
}

static enum store_rc
write_kind(struct export *export, enum export_kind kind)
{
	const struct export_options *options = export->options;
	enum store_rc rc;
	bool written;

	export->kind = kind;
	export->out = options->dir ? open_file(options, kind) : options->out;
	if (!export->out) {
		export->fault = strerror(errno);
		return STORE_UNAVAILABLE;
	}
	rc = write_rows(export);
	written = fflush(export->out) == 0;
	if (options->dir) {
		written = written && fsync(fileno(export->out)) == 0;
		if (fclose(export->out) != 0)
			written = false;
	}
	if (!written && !export->fault)
		export->fault = strerror(errno);
	return rc;
}

static enum store_rc
write_all(struct store *store, struct export *export)
{
	enum store_rc rc = STORE_OK;

	for (int kind = 0; kind < EXPORT_KIND__COUNT; kind++) {
		if (kind == EXPORT_HASH && !export->options->keep_hashes)
			continue;
		rc = write_kind(export, (enum export_kind)kind);
		if (rc != STORE_OK || export->fault)
			break;
	}
	if (rc == STORE_OK && !export->fault)
		return STORE_OK;
	snprintf(store->why, sizeof(store->why), "cannot export: %s",
	    export->fault ? export->fault : store_why(export->copy));
	return STORE_UNAVAILABLE;
}

static enum store_rc
export_by(struct store *store, const char *work,
    const struct export_options *options, struct export_counts *counts)
{
	const struct complaints nobody = { ignore_complaint, NULL };
	struct export export = { .options = options, .counts = counts };
	enum store_rc rc;

	if (!copy_has_room(store, work, store->why))
		return STORE_UNAVAILABLE;
	rc = copy_take(store, work, COPY_AS_READ, &nobody);
	if (rc == STORE_CORRUPT)
		snprintf(store->why, sizeof(store->why), "the store is "
		    "damaged; look at it with: farebox store check");
	if (rc != STORE_OK)
		return rc;
	export.copy = copy_open(work, DB_RECOVER_FATAL, store->why);
	if (!export.copy)
		return STORE_UNAVAILABLE;
	rc = write_all(store, &export);
	copy_close(export.copy);
	return rc;
}

enum store_rc
store_export(struct store *store, const struct export_options *options,
    struct export_counts *counts)
{
	struct workdir work;
	enum store_rc rc;

	*counts = (struct export_counts){ 0 };
	if (options->dir && !workdir_claim(options->dir, store->why))
		return STORE_UNAVAILABLE;
	if (!workdir_make(&work, options->work ? options->work : store->dir,
	    store->why))
		return STORE_UNAVAILABLE;
	rc = export_by(store, work.path, options, counts);
	workdir_remove(&work);
	if (rc != STORE_OK && options->dir) {
		workdir_empty(options->dir);
		rmdir(options->dir);
	}
	return rc;
}
