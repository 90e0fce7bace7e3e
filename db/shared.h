/* shared.h: a small file that every process maps, with one lock. */
#ifndef DB_SHARED_H
#define DB_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For what all processes must know at once and nobody is charged by: counts of
 * requests, the health of providers. It lies in the store's directory and
 * outlives every process, but not a reboot. Berkeley DB and the gate have no
 * part in it. Must not cross a fork.
 */
struct shared;

/* What a file holds. Must outlive those who have it open. */
struct shared_kind {
	const char *name;     /* of the file */
	uint32_t version;     /* a file of another version is begun anew */
	size_t bytes;         /* of the data at first */
	size_t bytes_max;     /* what shared_grow() may make of it */
	/* Makes an empty table of data that is zero. */
	void (*clear)(void *data, size_t bytes);
	/*
	 * Makes the data sound again after a process died while it had the
	 * lock: any of its writes may be missing, in the order of the program
	 * where that keeps to it (atomic_signal_fence). False when it cannot
	 * be mended: it is then cleared. NULL: it is always cleared.
	 */
	bool (*mend)(void *data, size_t bytes);
};

/*
 * Opens the file, or makes it; its blocks are on the disk, because to touch one
 * that a full disk lacks is fatal. NULL, and errno, when that cannot be.
 */
struct shared *shared_open(const char *dir, const struct shared_kind *kind);
void shared_close(struct shared *shared); /* NULL is allowed */

/*
 * The data, for this process alone until shared_unlock(): some microseconds,
 * please. The lock of a process that died is taken over, and the data mended.
 * NULL when another kept it for longer than SHARED_PATIENCE_MS: it was stopped,
 * most likely. No system call where nobody has it.
 */
void *shared_lock(struct shared *shared);
void shared_unlock(struct shared *shared);

/* Between lock and unlock: how large the data is; and makes it larger, with
 * zeros, without moving it. False beyond bytes_max, or on a full disk. */
size_t shared_bytes(const struct shared *shared);
bool shared_grow(struct shared *shared, size_t bytes);

/*
 * The data without the lock, for a look that may be wrong by what others write
 * at the same time.
 */
const void *shared_glance(const struct shared *shared);

enum { SHARED_PATIENCE_MS = 2000 };

#endif
