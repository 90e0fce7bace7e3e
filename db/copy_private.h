/* copy_private.h: a copy of the store, taken while it is in use. */
#ifndef DB_COPY_PRIVATE_H
#define DB_COPY_PRIVATE_H

#include "db/backup.h"
#include "db/store_private.h"

/*
 * How a copy is taken while others settle. First the log is marked with two
 * checkpoints, each a section of the gate of its own, and from then on no log
 * file is removed (gate_take_logs). Then, outside the gate, the tables' files
 * are read plainly, and at last the logs. A page that is read while it is
 * written fails its checksum and is read again. Pages are of different moments,
 * which does not matter: each change since the mark is in the logs that were
 * copied after it, and catastrophic recovery (DB_RECOVER_FATAL) brings all of
 * them to the moment at which the copying of the logs ended.
 *
 * So the gate is never held for as long as copying takes, and a recovery
 * of the store meanwhile does no harm. That a page's checksum is looked at here
 * is what DB_ENV->backup() does better, but only within one section.
 */
enum copy_source {
	COPY_AS_READ,   /* as this machine's other processes see the files */
	COPY_FROM_DISK, /* what the system has in memory is forgotten first */
};

/*
 * STORE_CORRUPT when pages stay wrong, after a complaint about each; else
 * STORE_OK, or STORE_UNAVAILABLE. dir is empty, and gets *.db and log.*.
 */
enum store_rc copy_take(struct store *store, const char *dir,
    enum copy_source source, const struct complaints *complaints);

/*
 * Recovers the copy in dir and opens it for this process alone: it has no
 * gate. flags is DB_RECOVER_FATAL the first time, else DB_RECOVER. NULL, and
 * why, when that fails.
 */
struct store *copy_open(const char *dir, uint32_t flags,
    char why[STORE_WHY_SIZE]);

/* Writes everything into its tables and closes it. False when it fails. */
bool copy_close(struct store *copy);

/* For complaints that nobody wants. */
void ignore_complaint(const char *sentence, void *context);

/* How many bytes the tables and logs in dir are. */
int64_t copy_size(const char *dir);

/* True when dir has room for a copy beside what store keeps free; why. */
bool copy_has_room(const struct store *store, const char *dir,
    char why[STORE_WHY_SIZE]);

/*
 * Recovers the copy in dir (flags as for copy_open()) and fills *proof: checks
 * the ledger and each table's structure. release: the holds in it are released
 * first. False, and why, when it cannot be recovered.
 */
bool copy_prove(const char *dir, uint32_t flags, bool release,
    const struct complaints *complaints, struct proof *proof,
    char why[STORE_WHY_SIZE]);

#endif
