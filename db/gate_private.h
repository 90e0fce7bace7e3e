/* gate_private.h: the table in shared memory, for gate.c and recovery.c. */
#ifndef DB_GATE_PRIVATE_H
#define DB_GATE_PRIVATE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "db/gate.h"
#include "db/process.h"

enum {
	GATE_MAGIC = 0x66627867, /* "fbxg" */
	GATE_VERSION = 2,
	GATE_LINES = 64,
};

/* A process of another boot: its holds are orphans, its pid means nothing. */
static const process_id owner_gone = UINT64_MAX;

struct gate_slot {
	_Atomic process_id owner;     /* 0: free */
	_Atomic uint32_t inside;
	_Atomic uint32_t pace;        /* enum gate_pace */
	_Atomic int64_t entered_us;   /* monotonic */
	char spare[40];               /* one slot, one cache line */
};

/* Accounts that share a line wait for each other for nothing. */
struct gate_line {
	_Atomic uint32_t word;        /* see gate_line.c */
	_Atomic process_id owner;     /* who was the last to be first */
	char spare[48];               /* one line, one cache line */
};

struct gate_table {
	uint32_t magic, version, n_slots;
	_Atomic uint32_t recovering;
	_Atomic uint32_t generation;
	_Atomic uint32_t wanted;      /* somebody asked for a recovery */
	_Atomic uint32_t flush_failed;
	_Atomic uint32_t n_dead;      /* died outside since the last recovery */
	_Atomic uint32_t n_used;      /* slots ever used: below this */
	_Atomic uint32_t strays;      /* free slots may hold something, too */
	_Atomic int64_t spawned_us;   /* when a recover_command was started */
	_Atomic int64_t chore_us[GATE_CHORE__COUNT];
	unsigned char stamp[32];      /* boot and libraries that it ran under */
	struct gate_line lines[GATE_LINES];
	struct gate_slot slots[GATE_SLOTS];
};

_Static_assert(sizeof(struct gate_slot) == 64, "a slot is a cache line");
_Static_assert(sizeof(struct gate_line) == 64, "and so is a line");
_Static_assert(__atomic_always_lock_free(sizeof(uint64_t), 0),
    "the gate needs lock-free 64-bit atomics");

struct gate {
	char *dir;
	int fd;
	struct gate_table *table;
	struct gate_slot *slot;       /* NULL until joined */
	struct gate_line *line;       /* that this process is first in */
	process_id self;
	uint32_t generation;          /* as seen when last inside */
	gate_repair repair;
	const char *const *recover_command;
	pid_t spawned;                /* a recover_command to be reaped, or 0 */
};

/* The bytes of the gate's file that fcntl locks stand for. */
enum gate_lock { LOCK_RECOVER, LOCK_REPAIR, LOCK_SWEEP, LOCK_LOGS, LOCK_OPEN };

/* False when another process has it; wait blocks until it has not. */
bool gate_lock(struct gate *gate, enum gate_lock lock, bool wait);
void gate_unlock(struct gate *gate, enum gate_lock lock);

/* What the environment's files depend on: boot, Berkeley DB, libc. */
void gate_stamp(unsigned char stamp[32]);

/* Takes over from a recoverer that died half-way, if it did. False when that
 * was tried and failed. */
bool gate_take_over(struct gate *gate);

/* Collects a recover_command that has ended. */
void gate_reap(struct gate *gate);

#endif
