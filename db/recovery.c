/* recovery.c: what happens when a process dies, or hangs, inside the store. */
#include "db/gate_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include <db.h>

#include "base/clock.h"
#include "base/digest.h"

enum {
	NAP_US = 1000,
	NAP_MAX_US = 32000,
	KILL_WAIT_MS = 2000,      /* for the killed to be gone */
	REPAIR_MS = 120000,       /* for one try to recover */
	REPAIR_TRIES = 3,
	SPAWN_INTERVAL_US = 100000,
	DESCRIPTORS_MAX = 1024,   /* that a recover_command must not inherit */
	FOLLOW_MS = 30000,        /* how long to wait for another's recovery */
};

void
gate_stamp(unsigned char stamp[32])
{
	char boot[BOOT_ID_SIZE], text[512];
	const char *libc = "";

#ifdef __GLIBC__
	libc = gnu_get_libc_version();
#endif
	process_boot_id(boot);
	snprintf(text, sizeof(text), "%s|%s|%s|%zu", boot,
	    db_version(NULL, NULL, NULL), libc, sizeof(void *));
	if (!digest_sha256(text, strlen(text), stamp))
		memset(stamp, 0, 32);
}

/* How somebody inside is doing. */
enum doing {
	DOING_WELL, /* or not inside */
	DOING_LONG, /* alive, and inside for longer than it should */
	DOING_TOO_LONG,
	DOING_DEAD,
};

static enum doing
slot_doing(const struct gate_slot *slot, int64_t now_us)
{
	process_id owner = atomic_load(&slot->owner);
	int64_t limit_ms = atomic_load(&slot->pace) == GATE_SLOW ?
	    GATE_SLOW_MS : GATE_STUCK_MS;
	int64_t inside_us;

	if (owner == 0 || !atomic_load(&slot->inside))
		return DOING_WELL;
	if (owner == owner_gone || !process_is_alive(owner))
		return DOING_DEAD;
	inside_us = now_us - atomic_load(&slot->entered_us);
	if (inside_us > GATE_SLOW_MS * 1000)
		return DOING_TOO_LONG;
	return inside_us > limit_ms * 1000 ? DOING_LONG : DOING_WELL;
}

/* Whether anybody else inside is at work, for whom the others may wait. */
static bool
somebody_works(const struct gate_table *table)
{
	uint32_t n_used = atomic_load(&table->n_used);

	for (uint32_t i = 0; i < n_used; i++) {
		const struct gate_slot *slot = &table->slots[i];
		process_id owner = atomic_load(&slot->owner);

		if (owner != 0 && owner != owner_gone &&
		    process_pid(owner) != getpid() &&
		    atomic_load(&slot->inside) && process_is_at_work(owner))
			return true;
	}
	return false;
}

/*
 * On a machine that is short of processors, or whose disk takes its time, many
 * can be inside for long without being stuck: one of them is at work then.
 */
static bool
somebody_is_stuck(const struct gate_table *table)
{
	uint32_t n_used = atomic_load(&table->n_used);
	int64_t now_us = clock_mono_us();
	bool long_inside = false;

	for (uint32_t i = 0; i < n_used; i++)
		switch (slot_doing(&table->slots[i], now_us)) {
		case DOING_WELL:
			break;
		case DOING_LONG:
			long_inside = true;
			break;
		case DOING_TOO_LONG:
		case DOING_DEAD:
			return true;
		}
	return long_inside && !somebody_works(table);
}

static bool
nobody_is_alive(const struct gate_table *table)
{
	uint32_t n_used = atomic_load(&table->n_used);

	for (uint32_t i = 0; i < n_used; i++) {
		process_id owner = atomic_load(&table->slots[i].owner);

		if (owner != 0 && owner != owner_gone &&
		    process_is_alive(owner))
			return false;
	}
	return true;
}

static bool
recovery_is_due(const struct gate_table *table, bool force)
{
	unsigned char stamp[32];
	char boot[BOOT_ID_SIZE];

	if (force || atomic_load(&table->recovering) ||
	    atomic_load(&table->wanted) || somebody_is_stuck(table))
		return true;
	gate_stamp(stamp);
	if (memcmp(stamp, table->stamp, sizeof(stamp)) != 0)
		return true;
	/* Each death leaks lockers and file names out of a fixed region. */
	if (atomic_load(&table->n_dead) > GATE_DEAD_MAX)
		return true;
	/* A system that does not tell one boot from another. */
	process_boot_id(boot);
	return boot[0] == '\0' && nobody_is_alive(table);
}

/* Waits for everyone else to be outside; false when the time is up. */
static bool
wait_for_leaving(struct gate *gate, int64_t patience_ms, int signal)
{
	struct gate_table *table = gate->table;
	uint32_t n_used = atomic_load(&table->n_used);
	int64_t end_us = clock_mono_us() + patience_ms * 1000;

	for (;;) {
		bool anybody = false;

		for (uint32_t i = 0; i < n_used; i++) {
			struct gate_slot *slot = &table->slots[i];
			process_id owner = atomic_load(&slot->owner);

			if (owner == 0 || slot == gate->slot ||
			    !atomic_load(&slot->inside) ||
			    owner == owner_gone || !process_is_alive(owner))
				continue;
			anybody = true;
			if (signal)
				kill(process_pid(owner), signal);
		}
		if (!anybody)
			return true;
		if (clock_mono_us() > end_us)
			return false;
		clock_sleep_us(NAP_US);
	}
}

/* Runs repair in a child, so that its death or hanging is survived. */
static bool
repair_once(struct gate *gate)
{
	int64_t end_us = clock_mono_us() + REPAIR_MS * INT64_C(1000);
	pid_t child = fork();
	bool sound;
	int status;

	if (child < 0)
		return false;
	if (child == 0) {
		/*
		 * A child of a recoverer that was killed may be at it still:
		 * two recoveries at once would ruin the store.
		 */
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_IGN);
		if (!gate_lock(gate, LOCK_REPAIR, true))
			_exit(1);
		sound = gate->repair(gate->dir, gate_flush_failed(gate));
		/* Tried again it works, and what was not flushed is lost. */
		if (errno == EIO)
			gate_set_flush_failed(gate, true);
		_exit(sound ? 0 : 1);
	}
	for (;;) {
		pid_t done = waitpid(child, &status, WNOHANG);

		if (done == child)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (done < 0 && errno != EINTR)
			return false;
		if (clock_mono_us() > end_us)
			kill(child, SIGKILL);
		clock_sleep_us(NAP_US);
	}
}

static bool
repair(struct gate *gate)
{
	for (int try = 0; try < REPAIR_TRIES; try++)
		if (repair_once(gate))
			return true;
	return false;
}

/*
 * The store is sound again: nobody is inside any more. Processes of another
 * boot are marked, because their pids may by now be somebody else's. And after
 * a power cut, or beside a store that was restored, the table may be older than
 * the holds: then free slots are looked at as well.
 */
static void
start_generation(struct gate *gate)
{
	struct gate_table *table = gate->table;
	unsigned char stamp[32];
	bool rebooted;

	gate_stamp(stamp);
	rebooted = memcmp(stamp, table->stamp, sizeof(stamp)) != 0;
	for (uint32_t i = 0; i < GATE_SLOTS; i++) {
		struct gate_slot *slot = &table->slots[i];
		process_id owner = atomic_load(&slot->owner);

		if (slot == gate->slot || (owner != 0 && owner != owner_gone &&
		    process_is_alive(owner)))
			continue;
		atomic_store(&slot->inside, 0);
		if (rebooted && owner != 0)
			atomic_store(&slot->owner, owner_gone);
	}
	if (rebooted)
		atomic_store(&table->strays, 1);
	memcpy(table->stamp, stamp, sizeof(stamp));
	atomic_store(&table->n_dead, 0);
	atomic_store(&table->wanted, 0);
	atomic_fetch_add(&table->generation, 1);
}

/*
 * Recovers, with LOCK_RECOVER taken. When it fails the gate stays shut, and
 * whoever wants to enter next tries again.
 */
static bool
recover_locked(struct gate *gate)
{
	atomic_store(&gate->table->recovering, 1);
	if (!wait_for_leaving(gate, GATE_EVICT_MS, 0) &&
	    !wait_for_leaving(gate, KILL_WAIT_MS, SIGKILL))
		return false;
	if (!repair(gate))
		return false;
	start_generation(gate);
	atomic_store(&gate->table->recovering, 0);
	return true;
}

/* Another process has the lock: waits until the gate is open again. */
static bool
follow(struct gate *gate)
{
	int64_t end_us = clock_mono_us() + FOLLOW_MS * INT64_C(1000);
	int64_t nap_us = NAP_US;

	while (!gate_lock(gate, LOCK_RECOVER, false)) {
		if (clock_mono_us() > end_us)
			return false;
		clock_sleep_us(nap_us);
		if (nap_us < NAP_MAX_US)
			nap_us *= 2;
	}
	return true;
}

bool
gate_recover(struct gate *gate, bool force)
{
	uint32_t generation = atomic_load(&gate->table->generation);
	bool sound = true;

	if (!recovery_is_due(gate->table, force))
		return true;
	if (!follow(gate))
		return false;
	/* Whoever had the lock before may have done it. */
	if (force)
		force = generation == atomic_load(&gate->table->generation);
	if (recovery_is_due(gate->table, force))
		sound = recover_locked(gate);
	gate_unlock(gate, LOCK_RECOVER);
	return sound;
}

bool
gate_take_over(struct gate *gate)
{
	bool sound = true;

	if (!gate_lock(gate, LOCK_RECOVER, false))
		return true;
	if (atomic_load(&gate->table->recovering))
		sound = recover_locked(gate);
	gate_unlock(gate, LOCK_RECOVER);
	return sound;
}

void
gate_request_recovery(struct gate *gate)
{
	atomic_store(&gate->table->wanted, 1);
}

void
gate_reap(struct gate *gate)
{
	if (gate->spawned > 0 && waitpid(gate->spawned, NULL, WNOHANG) != 0)
		gate->spawned = 0;
}

void
gate_watch(struct gate *gate)
{
	struct gate_table *table = gate->table;
	int64_t now_us = clock_mono_us();
	int64_t last_us = atomic_load(&table->spawned_us);
	const char *const *command = gate->recover_command;
	pid_t child;

	if (!command || (!atomic_load(&table->recovering) &&
	    !somebody_is_stuck(table)))
		return;
	/* One at a time, for all: those who are stuck notice together. */
	if ((last_us <= now_us && now_us - last_us < SPAWN_INTERVAL_US) ||
	    !atomic_compare_exchange_strong(&table->spawned_us, &last_us,
	    now_us))
		return;
	gate_reap(gate);
	if (gate->spawned)
		return;
	/* vfork, because in a signal handler nothing else is safe. */
	child = vfork();
	if (child == 0) {
		for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS_MAX; fd++)
			close(fd);
		execv(command[0], (char *const *)(uintptr_t)command);
		_exit(127);
	}
	if (child > 0)
		gate->spawned = child;
}
