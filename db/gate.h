/* gate.h: who is inside the store, and what happens when one dies there. */
#ifndef DB_GATE_H
#define DB_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/process.h"
#include "db/store.h"

/*
 * Berkeley DB's mutexes are not robust: a process that dies inside the library
 * leaves the others waiting for ever. So every process enters the store
 * through this gate, a small table in shared memory with a slot per process
 * that says whether it is inside. Whoever finds that one died inside shuts the
 * gate, ends those who are stuck behind it, recovers the store in a child
 * process and opens the gate again under a new generation. Those who were
 * outside, waiting for a provider for instance, notice the new generation when
 * they enter and reopen.
 *
 * One section, from gate_enter() to gate_leave(), is one transaction with its
 * flush. It never spans a call to a provider.
 */
struct gate;

enum {
	GATE_SLOTS = 4096,          /* processes at once */
	GATE_STUCK_MS = 5000,       /* inside for longer while nobody there is
	                             * at work: taken for stuck */
	GATE_SLOW_MS = 120000,      /* the same for GATE_SLOW sections; and for
	                             * all, whoever works */
	GATE_ALARM_MS = 50,         /* how often one inside looks around */
	GATE_EVICT_MS = 100,        /* how long others may take to leave */
	GATE_PATIENCE_MS = 8000,    /* how long one waits to enter */
	GATE_DEAD_MAX = 50,         /* deaths outside before a recycle */
};

/* Makes the gate's file in dir. */
bool gate_create(const char *dir, char why[STORE_WHY_SIZE]);

/*
 * Recovers the store in dir; doubtful says that a flush has failed. It runs in
 * a child process of its own, and leaves EIO in errno when a flush failed, even
 * if it went well at last.
 */
typedef bool (*gate_repair)(const char *dir, bool doubtful);

/*
 * Maps the gate of the store in dir, without taking a slot. repair and
 * recover_command, which is as in struct store_options, may be NULL. NULL, and
 * a sentence in why, when there is no gate or it is not ours.
 */
struct gate *gate_open(const char *dir, gate_repair repair,
    const char *const *recover_command, char why[STORE_WHY_SIZE]);

/* Gives the slot back, if one was taken. NULL is allowed. */
void gate_close(struct gate *gate);

/*
 * Takes a slot, and recovers first when that is due. False when all slots are
 * taken or the store cannot be recovered.
 */
bool gate_join(struct gate *gate);

/* The number of the slot, 0 .. GATE_SLOTS-1, of a process that has joined. */
uint32_t gate_slot(const struct gate *gate);

/* This process, as it was when the gate was opened; no system call. */
process_id gate_process(const struct gate *gate);

enum gate_pace { GATE_QUICK, GATE_SLOW };

/*
 * Enters, waiting for a recovery in progress. *moved tells that the store was
 * recovered since this process was last inside: its handles are void. False
 * when the gate stays shut.
 */
bool gate_enter(struct gate *gate, enum gate_pace pace, bool *moved);
void gate_leave(struct gate *gate);

/*
 * Waits, outside, until no other process is about to write to this account.
 * A courtesy, no lock: who has waited for 2 s goes on all the same. Without
 * it those who want the same record wait for each other inside, where Berkeley
 * DB looks for deadlocks each time: with 16 processes on one account that took
 * a quarter of all processor time.
 */
void gate_line_up(struct gate *gate, uint32_t account);

/* Lets the next one in; nothing for who is not first in a line. */
void gate_line_leave(struct gate *gate);

/* True between gate_enter() and gate_leave(). */
bool gate_is_inside(const struct gate *gate);

/*
 * Recovers the store if somebody died or hangs inside, if somebody asked for
 * it, if it was last used under another boot or library, or if force is set.
 * One process at a time does it; the others wait. The caller is outside. False
 * when the store could not be recovered.
 */
bool gate_recover(struct gate *gate, bool force);

/* Asks for a recovery: what this process saw cannot be trusted (a panic). */
void gate_request_recovery(struct gate *gate);

/*
 * Starts recover_command when somebody died or hangs inside. For supervisors,
 * and for processes that find themselves stuck. Async-signal-safe.
 */
void gate_watch(struct gate *gate);

/*
 * Calls settle for each slot whose process died outside, and frees the slot
 * when settle says that nothing is left of it; after a recovery under another
 * boot, once for every free slot as well. One process at a time: false
 * when another is at it, or nothing was to do.
 */
bool gate_sweep(struct gate *gate, bool (*settle)(uint32_t slot, void *context),
    void *context);

/* Things that one process should do now and then, for all. */
enum gate_chore {
	GATE_CHORE_CHECKPOINT,
	GATE_CHORE_SWEEP,
	GATE_CHORE_EXPIRE,
	GATE_CHORE_BALLAST,
	GATE_CHORE_WATCH, /* of those who are inside, by their alarm */
	GATE_CHORE__COUNT
};

/* True for one process per interval, which then does it. */
bool gate_chore_is_due(struct gate *gate, enum gate_chore chore,
    int64_t interval_ms);

/*
 * The right to remove log files, and so also to keep them from being removed
 * while the store is copied. False when another process has it; a process that
 * dies gives it back.
 */
bool gate_take_logs(struct gate *gate);
void gate_give_logs(struct gate *gate);

/*
 * One process at a time opens the environment: waits for its turn, outside.
 * Opened by hundreds at once it would take each of them longer than one may be
 * inside. A process that dies gives its turn up.
 */
void gate_take_turn(struct gate *gate);
void gate_give_turn(struct gate *gate);

/* How often the store was recovered since the gate was made. */
uint32_t gate_generation(const struct gate *gate);

/*
 * A flag for all processes, kept across restarts: a flush failed, so what is
 * acknowledged may not be on disk.
 */
void gate_set_flush_failed(struct gate *gate, bool failed);
bool gate_flush_failed(const struct gate *gate);

/* The same, for the gate that this process is inside of, if it is. */
void gate_note_flush_failed(void);
bool gate_noted_flush_failed(void);

#endif
