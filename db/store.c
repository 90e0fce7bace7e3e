/* store.c: making, opening, recovering, keeping and closing the store. */
#include "db/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/place.h"
#include "db/space.h"
#include "db/store_private.h"

enum {
	CHECKPOINT_INTERVAL_MS = 1000,
	SWEEP_INTERVAL_MS = 500,
	BALLAST_INTERVAL_MS = 60000,
	EXPIRE_INTERVAL_MS = 10000,
};

static const char *const rc_texts[] = {
	[STORE_OK] = "ok",
	[STORE_NOT_FOUND] = "not found",
	[STORE_EXISTS] = "exists already",
	[STORE_NOT_ACTIVE] = "not active",
	[STORE_NO_BALANCE] = "the balance is too low",
	[STORE_NO_BUDGET] = "the key's budget is too low",
	[STORE_OUT_OF_RANGE] = "out of range",
	[STORE_CORRUPT] = "a record is damaged",
	[STORE_UNAVAILABLE] = "the store cannot be asked",
};

const char *
store_rc_text(enum store_rc rc)
{
	return rc_texts[rc];
}

/* What was made before the making of a store failed: nothing that counts. */
static void
undo_init(int dir)
{
	static const char *const names[] = {
		"gate", "pepper", "pepper.new", "log.0000000001", "__db.001",
		"__db.002", "__db.003",
	};

	for (int i = 0; i < TABLE__COUNT; i++)
		unlinkat(dir, environment_file((enum table)i), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlinkat(dir, names[i], 0);
}

static enum store_rc
init_locked(const char *dir, int fd, char why[STORE_WHY_SIZE])
{
	if (place_has(dir, "gate") || place_has(dir, "pepper") ||
	    place_has(dir, environment_file(TABLE_ACCOUNTS))) {
		snprintf(why, STORE_WHY_SIZE, "there is a store in %s already",
		    dir);
		return STORE_EXISTS;
	}
	if (!place_is_fit(dir, why))
		return STORE_UNAVAILABLE;
	/* The gate last: a store without one was not finished. */
	if (!environment_create(dir, why) || !pepper_create(dir, why) ||
	    !gate_create(dir, why)) {
		undo_init(fd);
		return STORE_UNAVAILABLE;
	}
	fsync(fd);
	ballast_make(dir, SPACE_FREE_BYTES_MIN);
	return STORE_OK;
}

enum store_rc
store_init(const char *dir, char why[STORE_WHY_SIZE])
{
	enum store_rc rc = STORE_UNAVAILABLE;
	int fd = -1;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* One at a time, or one would undo what the other makes. */
	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		snprintf(why, STORE_WHY_SIZE, "cannot make %s: %s", dir,
		    strerror(errno));
	else
		rc = init_locked(dir, fd, why);
	if (fd >= 0)
		close(fd);
	return rc;
}

enum store_rc
store_recover(const char *dir, bool force, char why[STORE_WHY_SIZE])
{
	struct gate *gate;
	bool sound;

	if (!place_is_fit(dir, why))
		return STORE_UNAVAILABLE;
	if (!place_has(dir, "gate") &&
	    place_has(dir, environment_file(TABLE_ACCOUNTS)) &&
	    !gate_create(dir, why))
		return STORE_UNAVAILABLE;
	gate = gate_open(dir, environment_repair, NULL, why);
	if (!gate)
		return STORE_UNAVAILABLE;
	sound = gate_recover(gate, force);
	if (!sound)
		snprintf(why, STORE_WHY_SIZE, "the store in %s cannot be "
		    "recovered; make room on its disk, or restore a backup",
		    dir);
	gate_close(gate);
	return sound ? STORE_OK : STORE_UNAVAILABLE;
}

/*
 * Proves that a table can be read, so that a bad store is refused early. One
 * whose books are wrong is not: it must be open to be checked.
 */
static enum store_rc
look(struct store *store, DB_TXN *txn, void *context)
{
	struct account account;
	enum store_rc rc = account_read(store, txn, 1, &account, 0);

	(void)context;
	return rc == STORE_UNAVAILABLE ? rc : STORE_OK;
}

static bool
open_store(struct store *store, const struct store_options *options,
    char why[STORE_WHY_SIZE])
{
	store->flush = options->flush;
	store->lean = options->lean;
	store->free_bytes_min = options->free_bytes_min;
	store->dir = strdup(options->dir);
	if (!store->dir) {
		snprintf(why, STORE_WHY_SIZE, "out of memory");
		return false;
	}
	if (!place_is_fit(store->dir, why) || !pepper_load(store, why))
		return false;
	store->gate = gate_open(store->dir, environment_repair,
	    options->recover_command, why);
	if (!store->gate)
		return false;
	if (!gate_join(store->gate)) {
		snprintf(why, STORE_WHY_SIZE, "the store in %s cannot be "
		    "recovered, or %d processes use it", store->dir,
		    GATE_SLOTS);
		return false;
	}
	/* What the slot's last process held was released before it was free;
	 * but after a power cut the gate may be older than the holds. */
	if (store_transact(store, STORE_READ, look, NULL) == STORE_OK &&
	    hold_release_orphan(gate_slot(store->gate), store))
		return true;
	snprintf(why, STORE_WHY_SIZE, "%s", store->why);
	return false;
}

enum store_rc
store_open(struct store **store, const struct store_options *options,
    char why[STORE_WHY_SIZE])
{
	*store = calloc(1, sizeof(**store));
	if (*store && open_store(*store, options, why))
		return STORE_OK;
	if (!*store)
		snprintf(why, STORE_WHY_SIZE, "out of memory");
	store_close(*store);
	*store = NULL;
	return STORE_UNAVAILABLE;
}

void
store_close(struct store *store)
{
	bool moved;

	if (!store)
		return;
	if (store->held)
		ledger_release(store, &store->hold, NULL);
	/* Closing touches shared memory: through the gate, like all else. */
	if (store->env && gate_enter(store->gate, GATE_QUICK, &moved)) {
		if (moved)
			environment_abandon(store);
		else
			environment_close(store);
		gate_leave(store->gate);
	}
	gate_close(store->gate);
	shared_close(store->limits);
	secret_wipe(store->peppers, sizeof(store->peppers));
	free(store->dir);
	free(store);
}

const char *
store_why(const struct store *store)
{
	return store->why;
}

static enum store_rc
checkpoint_body(struct store *store, DB_TXN *txn, void *context)
{
	int rc;

	(void)txn;
	(void)context;
	/*
	 * Part of the log may not be on the disk. Tables that are ahead of it
	 * could not be recovered after a power cut.
	 */
	if (gate_flush_failed(store->gate))
		return STORE_OK;
	rc = store_checkpoint(store, 0);
	if (rc)
		return store_failed(store, rc, "cannot checkpoint");
	/* Not while the store is being copied: a copy needs its old logs. */
	if (gate_take_logs(store->gate)) {
		rc = environment_prune(store);
		gate_give_logs(store->gate);
	}
	return rc ? store_failed(store, rc, "cannot remove old logs")
	          : STORE_OK;
}

void
store_maintain(struct store *store)
{
	/* A hold whose end could not be written when its request ended. */
	if (store->held)
		ledger_release(store, &store->hold, NULL);
	if (gate_chore_is_due(store->gate, GATE_CHORE_SWEEP,
	    SWEEP_INTERVAL_MS)) {
		gate_recover(store->gate, false);
		gate_sweep(store->gate, hold_release_orphan, store);
	}
	if (gate_chore_is_due(store->gate, GATE_CHORE_EXPIRE,
	    EXPIRE_INTERVAL_MS))
		while (answer_expire(store))
			continue;
	if (gate_chore_is_due(store->gate, GATE_CHORE_CHECKPOINT,
	    CHECKPOINT_INTERVAL_MS))
		store_transact(store, STORE_UPKEEP, checkpoint_body, NULL);
	if (gate_chore_is_due(store->gate, GATE_CHORE_BALLAST,
	    BALLAST_INTERVAL_MS))
		ballast_make(store->dir, store->free_bytes_min);
}

bool
store_wants_retirement(const struct store *store)
{
	return store->retire;
}

uint64_t
store_orphans_released(const struct store *store)
{
	return store->orphans_released;
}
