/* store.h: the environment that holds the books; this room is the home of
 * Berkeley DB. */
#ifndef DB_STORE_H
#define DB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A process's way into the store. Single-threaded, must not cross a fork.
 * Every call passes the gate (gate.h), so it survives the death of any other
 * process and, up to a few seconds, a recovery.
 */
struct store;

enum store_rc {
	STORE_OK,
	STORE_NOT_FOUND,
	STORE_EXISTS,
	STORE_NOT_ACTIVE,        /* the key or account may not spend now */
	STORE_NO_BALANCE,        /* the account's balance cannot carry it */
	STORE_NO_BUDGET,         /* the key's own budget cannot carry it */
	STORE_OUT_OF_RANGE,      /* a value that does not fit, or may not be */
	STORE_CORRUPT,           /* a record breaks an invariant; nothing is
	                          * written */
	STORE_UNAVAILABLE,       /* the store cannot be asked */
};

/* "ok", "not found" ... for logs and for people. */
const char *store_rc_text(enum store_rc rc);

struct store_options {
	const char *dir;
	/* Settlements and deposits reach the disk before they return. */
	bool flush;
	/*
	 * Tables that not every charge needs are opened when they are used,
	 * and their damage shows only then. Each open table is a locker, and
	 * Berkeley DB, where one waits for another, takes a bit for each pair
	 * of lockers: it is for processes of which there are many.
	 */
	bool lean;
	/* With less room than this on its disk, holds are refused; 0: never. */
	int64_t free_bytes_min;
	/*
	 * A command line that recovers the store, run when this process finds
	 * itself stuck behind a dead one: absolute program path, arguments,
	 * NULL. It must end in gate_recover(). Must outlive the store.
	 */
	const char *const *recover_command;
};

enum { STORE_WHY_SIZE = 512 };

/*
 * Makes a new store in dir (created with mode 0700 when missing): the pepper
 * that keys are hashed with, the gate, and empty tables. Result: STORE_OK,
 * STORE_EXISTS when there is one already, or STORE_UNAVAILABLE with a sentence
 * in why.
 */
enum store_rc store_init(const char *dir, char why[STORE_WHY_SIZE]);

/*
 * Opens a store that store_init() made; recovers it first when nobody alive
 * has vouched for it. On failure *store is NULL and why says what to do.
 */
enum store_rc store_open(struct store **store,
    const struct store_options *options, char why[STORE_WHY_SIZE]);

/*
 * Recovers the store in dir if somebody died or hangs inside it, or force is
 * set; what a recover_command ends in. A gate that was removed is made again,
 * which is safe when no process is left that knew it. STORE_OK also when there
 * was nothing to do, or when somebody else just did it.
 */
enum store_rc store_recover(const char *dir, bool force,
    char why[STORE_WHY_SIZE]);

/* Releases an outstanding hold and leaves the gate. NULL is allowed. */
void store_close(struct store *store);

/* For the log: what the last STORE_UNAVAILABLE or STORE_CORRUPT was about. */
const char *store_why(const struct store *store);

/*
 * Housekeeping that is due: checkpoint, dead processes' holds, and a hold of
 * this process that could not be ended. Cheap when nothing is. Call it between
 * requests, a little after an answer has been sent.
 */
void store_maintain(struct store *store);

/*
 * True when the store was recovered under this process: it works on, but holds
 * what cannot be given back, and should retire when it has answered.
 */
bool store_wants_retirement(const struct store *store);

/* How many holds of dead processes this process has released. */
uint64_t store_orphans_released(const struct store *store);

#endif
