/* import_private.h: one row of an export, and how it comes into a store. */
#ifndef DB_IMPORT_PRIVATE_H
#define DB_IMPORT_PRIVATE_H

#include "db/record_private.h"
#include "db/row_private.h"
#include "db/store_private.h"

struct import_row {
	enum export_kind kind;
	unsigned long long line;      /* where it was read */
	json_t *object;               /* of a key; else NULL */
	unsigned char hash[HASH_BYTES]; /* of a key, to begin with */
	union {
		struct account account;
		struct key key;
		struct hash_row hash;
		struct entry entry;
		struct usage usage;
	} is;
};

enum { IMPORT_KEYS = 64 };

/* What a batch has changed and not written yet: rows of one account come one
 * after the other. */
struct import_state {
	struct account account;       /* number 0: none */
	struct key keys[IMPORT_KEYS]; /* of that account */
	size_t n_keys;
};

/* Applies one row. STORE_OUT_OF_RANGE, and why, when it does not fit what is
 * there. */
enum store_rc import_apply(struct store *store, DB_TXN *txn,
    const struct import_row *row, struct import_state *state);

/* Writes what import_apply() has left to be written. */
enum store_rc import_finish(struct store *store, DB_TXN *txn,
    struct import_state *state);

#endif
