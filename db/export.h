/* export.h: the store as text, for other programs and other machines. */
#ifndef DB_EXPORT_H
#define DB_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "db/store.h"

/* What is exported, in this order; each in a file of its own. */
enum export_kind {
	EXPORT_ACCOUNT,
	EXPORT_KEY,
	EXPORT_HASH,
	EXPORT_ENTRY,
	EXPORT_USAGE,
	EXPORT_KIND__COUNT
};

/* "accounts", "keys", "hashes", "ledger", "usage" */
const char *export_kind_name(enum export_kind kind);

enum export_format { EXPORT_JSONL, EXPORT_CSV, EXPORT_FORMAT__COUNT };

/* "jsonl", "csv"; also how the files' names end. */
const char *export_format_name(enum export_format format);

struct export_options {
	const char *dir;   /* missing or empty; NULL: all goes to out */
	FILE *out;
	enum export_format format;
	bool keep_hashes;  /* of the keys' secrets */
	const char *work;  /* where the copy is made; NULL: beside the tables */
};

struct export_counts {
	uint64_t rows[EXPORT_KIND__COUNT];
	uint64_t keys_without_hash; /* of an import */
};

/*
 * Writes everything but holds and kept answers, as of one moment: a copy of
 * the store is made for it, because that which is read of a store in use is of
 * many. Sums are decimal USD, times milliseconds since 1970.
 */
enum store_rc store_export(struct store *store,
    const struct export_options *options, struct export_counts *counts);

/*
 * Fills an empty store with JSON Lines of store_export(), from the files in
 * dir, or in when dir is NULL. Numbers and IDs stay; balances come from
 * replaying the entries. A key whose hash is not there gets one that belongs
 * to no secret. STORE_EXISTS when the store is not empty, STORE_OUT_OF_RANGE
 * when what is read is not right; store_why() names the line. What was read
 * before stays in the store, which then is good for nothing.
 */
enum store_rc store_import(struct store *store, const char *dir, FILE *in,
    struct export_counts *counts);

#endif
