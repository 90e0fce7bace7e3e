/* backup.h: the store as a whole: proved right, copied away, put back. */
#ifndef DB_BACKUP_H
#define DB_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "db/ledger.h"
#include "db/store.h"

/* Who is told what is wrong, a sentence each. */
struct complaints {
	void (*complain)(const char *sentence, void *context);
	void *context;
};

/* What was found. All is well when damaged and totals.wrong are zero. */
struct proof {
	struct ledger_totals totals;
	unsigned damaged;      /* tables whose structure has faults */
	int64_t bytes;         /* of tables and logs */
	bool has_pepper;       /* of a backup: keys will be recognised */
	uint64_t released;     /* by store_restore(): holds of that time */
	bool flush_cleared;    /* by store_check(): holds are taken again */
};

bool proof_is_good(const struct proof *proof);

/*
 * Takes a copy of the store, which stays in use, into work (NULL: the store's
 * own directory), reading the files from the disk; recovers the copy, checks
 * the structure of each table and the ledger, and removes it. When a flush had
 * failed and all is well now, holds are taken again. STORE_OK also when what
 * was found is wrong; STORE_UNAVAILABLE when it could not be looked at.
 */
enum store_rc store_check(struct store *store, const char *work,
    const struct complaints *complaints, struct proof *proof);

/*
 * Makes a backup in dir, which is missing or empty: the tables and the log as
 * of one moment, proved as by store_check(), and a manifest with the SHA-256
 * of each file. The pepper is left out unless asked for: who has both can guess
 * at keys, and who has only the backup cannot recognise any. STORE_OK also when
 * what was found is wrong: then it is kept for an inquiry. STORE_CORRUPT, and
 * no backup, when a page of the store itself is damaged.
 */
enum store_rc store_backup(struct store *store, const char *dir,
    bool with_pepper, const struct complaints *complaints,
    struct proof *proof);

/*
 * Makes a store in dir, which is missing or empty, of a backup; compares the
 * files with the manifest first, and proves the store before it is there. The
 * holds of then are released. Without a pepper in the backup the store cannot
 * be opened until the old one is put into dir.
 */
enum store_rc store_restore(const char *backup, const char *dir,
    const struct complaints *complaints, struct proof *proof,
    char why[STORE_WHY_SIZE]);

#endif
