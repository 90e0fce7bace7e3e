/* gate.c: who is inside the store: taking a slot, entering, leaving. */
#include "db/gate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/gate_private.h"

enum {
	NAP_US = 1000,
	NAP_MAX_US = 32000, /* hundreds that wait must not keep others busy */
	TAKE_OVER_US = 20000,
	FAILURES_MAX = 4, /* of a sweep, which then leaves the rest for later */
};

/* A signal handler, and what Berkeley DB calls, have no other way to it. */
static struct gate *alarmed;

static char *
gate_path(const char *dir)
{
	char *path;

	return asprintf(&path, "%s/gate", dir) < 0 ? NULL : path;
}

bool
gate_create(const char *dir, char why[STORE_WHY_SIZE])
{
	struct gate_table head = {
		.magic = GATE_MAGIC,
		.version = GATE_VERSION,
		.n_slots = GATE_SLOTS,
		.generation = 1,
	};
	char *path = gate_path(dir);
	int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
	              : -1;
	bool made;

	free(path);
	/* With blocks: to touch one that a full disk lacks is fatal. */
	made = fd >= 0 &&
	       (errno = posix_fallocate(fd, 0, sizeof(head))) == 0 &&
	       pwrite(fd, &head, offsetof(struct gate_table, slots), 0) ==
	           (ssize_t)offsetof(struct gate_table, slots) &&
	       fsync(fd) == 0;
	if (!made)
		snprintf(why, STORE_WHY_SIZE, "cannot make %s/gate: %s", dir,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return made;
}

/* Maps the table and checks that it is one. */
static bool
map_table(struct gate *gate, char why[STORE_WHY_SIZE])
{
	char *path = gate_path(gate->dir);
	off_t size;
	void *map;

	gate->fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	free(path);
	if (gate->fd < 0) {
		snprintf(why, STORE_WHY_SIZE, "cannot open %s/gate: %s%s",
		    gate->dir, strerror(errno), errno == ENOENT ?
		    "; make a store with: farebox store init" : "");
		return false;
	}
	size = lseek(gate->fd, 0, SEEK_END);
	if (size != (off_t)sizeof(struct gate_table)) {
		snprintf(why, STORE_WHY_SIZE, "%s/gate is of another version "
		    "of Farebox; stop every process of it, remove the file, "
		    "and run: farebox store recover", gate->dir);
		return false;
	}
	map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    gate->fd, 0);
	if (map == MAP_FAILED) {
		snprintf(why, STORE_WHY_SIZE, "cannot map %s/gate: %s",
		    gate->dir, strerror(errno));
		return false;
	}
	gate->table = map;
	if (gate->table->magic == GATE_MAGIC &&
	    gate->table->version == GATE_VERSION &&
	    gate->table->n_slots == GATE_SLOTS)
		return true;
	snprintf(why, STORE_WHY_SIZE, "%s/gate is not a gate of this version",
	    gate->dir);
	return false;
}

struct gate *
gate_open(const char *dir, gate_repair repair,
    const char *const *recover_command, char why[STORE_WHY_SIZE])
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (!gate || !(gate->dir = strdup(dir))) {
		snprintf(why, STORE_WHY_SIZE, "out of memory");
		free(gate);
		return NULL;
	}
	gate->fd = -1;
	gate->repair = repair;
	gate->recover_command = recover_command;
	gate->self = process_self();
	if (map_table(gate, why))
		return gate;
	gate_close(gate);
	return NULL;
}

void
gate_close(struct gate *gate)
{
	if (!gate)
		return;
	if (gate->slot) {
		assert(!gate_is_inside(gate));
		atomic_store(&gate->slot->owner, 0);
	}
	if (alarmed == gate)
		alarmed = NULL;
	gate_reap(gate);
	if (gate->table)
		munmap(gate->table, sizeof(*gate->table));
	if (gate->fd >= 0)
		close(gate->fd);
	free(gate->dir);
	free(gate);
}

bool
gate_lock(struct gate *gate, enum gate_lock lock, bool wait)
{
	struct flock range = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = lock,
		.l_len = 1,
	};
	int rc;

	do
		rc = fcntl(gate->fd, wait ? F_SETLKW : F_SETLK, &range);
	while (rc != 0 && errno == EINTR);
	return rc == 0;
}

void
gate_unlock(struct gate *gate, enum gate_lock lock)
{
	struct flock range = {
		.l_type = F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = lock,
		.l_len = 1,
	};

	fcntl(gate->fd, F_SETLK, &range);
}

/* Keeps the watermark above every slot that was ever taken. */
static void
note_used(struct gate_table *table, uint32_t n)
{
	uint32_t used = atomic_load(&table->n_used);

	while (used < n &&
	       !atomic_compare_exchange_weak(&table->n_used, &used, n))
		continue;
}

static bool
claim_slot(struct gate *gate)
{
	for (uint32_t i = 0; i < GATE_SLOTS; i++) {
		struct gate_slot *slot = &gate->table->slots[i];
		process_id nobody = 0;

		if (atomic_load(&slot->owner) != 0)
			continue;
		/*
		 * The watermark first: were this process to die in between,
		 * the slot must already be within what others look at.
		 */
		note_used(gate->table, i + 1);
		if (!atomic_compare_exchange_strong(&slot->owner, &nobody,
		    gate->self))
			continue;
		gate->slot = slot;
		return true;
	}
	return false;
}

static void
on_alarm(int signal)
{
	int saved = errno;

	(void)signal;
	/* To look at all is work for one: where hundreds are inside, each of
	 * them doing it would keep them all from leaving. */
	if (alarmed && gate_is_inside(alarmed) && gate_chore_is_due(alarmed,
	    GATE_CHORE_WATCH, GATE_ALARM_MS / 2))
		gate_watch(alarmed);
	errno = saved;
}

bool
gate_join(struct gate *gate)
{
	struct sigaction action = {
		.sa_handler = on_alarm,
		.sa_flags = SA_RESTART,
	};

	if (!gate_recover(gate, false) || !claim_slot(gate))
		return false;
	gate->generation = atomic_load(&gate->table->generation);
	return sigaction(SIGALRM, &action, NULL) == 0;
}

uint32_t
gate_slot(const struct gate *gate)
{
	return (uint32_t)(gate->slot - gate->table->slots);
}

process_id
gate_process(const struct gate *gate)
{
	return gate->self;
}

/* Waits for a recovery to end; takes it over when its process died, and gives
 * up when that fails: another try in the same breath would, too. */
static bool
wait_until_open(struct gate *gate)
{
	int64_t start_us = clock_mono_us(), look_us = start_us + TAKE_OVER_US;
	int64_t nap_us = NAP_US;

	while (atomic_load(&gate->table->recovering)) {
		int64_t now_us = clock_mono_us();

		if (now_us - start_us > GATE_PATIENCE_MS * INT64_C(1000))
			return false;
		if (now_us > look_us) {
			look_us = now_us + TAKE_OVER_US;
			if (!gate_take_over(gate))
				return false;
		}
		clock_sleep_us(nap_us);
		if (nap_us < NAP_MAX_US)
			nap_us *= 2;
	}
	return true;
}

static void
set_alarm(int interval_ms)
{
	struct itimerval timer = {
		.it_value = { 0, interval_ms * 1000 },
		.it_interval = { 0, interval_ms * 1000 },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

bool
gate_enter(struct gate *gate, enum gate_pace pace, bool *moved)
{
	struct gate_table *table = gate->table;
	uint32_t generation;

	assert(gate->slot && !gate_is_inside(gate));
	for (;;) {
		if (!wait_until_open(gate))
			return false;
		atomic_store(&gate->slot->pace, pace);
		atomic_store(&gate->slot->entered_us, clock_mono_us());
		atomic_store(&gate->slot->inside, 1);
		/*
		 * Looked at again once others can see us: either we see that
		 * a recovery began, or its process sees that we are inside.
		 */
		if (!atomic_load(&table->recovering))
			break;
		atomic_store(&gate->slot->inside, 0);
	}
	alarmed = gate;
	generation = atomic_load(&table->generation);
	*moved = generation != gate->generation;
	gate->generation = generation;
	set_alarm(GATE_ALARM_MS);
	return true;
}

void
gate_leave(struct gate *gate)
{
	assert(gate_is_inside(gate));
	set_alarm(0);
	atomic_store(&gate->slot->inside, 0);
	if (gate->spawned)
		gate_reap(gate);
}

bool
gate_is_inside(const struct gate *gate)
{
	return gate->slot && atomic_load(&gate->slot->inside) != 0;
}

/* Whether a slot's process is dead; a free slot is taken when it is a stray. */
static bool
take_dead(struct gate_slot *slot, bool stray, process_id *owner)
{
	*owner = atomic_load(&slot->owner);
	if (*owner == 0) {
		if (!stray || !atomic_compare_exchange_strong(&slot->owner,
		    owner, owner_gone))
			return false;
		*owner = owner_gone;
	}
	if (atomic_load(&slot->inside))
		return false;
	return *owner == owner_gone || !process_is_alive(*owner);
}

bool
gate_sweep(struct gate *gate, bool (*settle)(uint32_t slot, void *context),
    void *context)
{
	struct gate_table *table = gate->table;
	bool strays, swept = false;
	uint32_t n_slots;
	int failures = 0;

	/* Under the lock no other can free a slot that is being settled. */
	if (!gate_lock(gate, LOCK_SWEEP, false))
		return false;
	strays = atomic_load(&table->strays);
	n_slots = strays ? GATE_SLOTS : atomic_load(&table->n_used);
	for (uint32_t i = 0; i < n_slots && failures < FAILURES_MAX; i++) {
		struct gate_slot *slot = &table->slots[i];
		process_id owner;

		if (!take_dead(slot, strays, &owner))
			continue;
		if (!settle(i, context)) {
			failures++;
			continue;
		}
		atomic_compare_exchange_strong(&slot->owner, &owner, 0);
		/* One of another boot left nothing in the environment. */
		if (owner != owner_gone)
			atomic_fetch_add(&table->n_dead, 1);
		swept = true;
	}
	if (strays && failures == 0)
		atomic_store(&table->strays, 0);
	gate_unlock(gate, LOCK_SWEEP);
	return swept;
}

bool
gate_chore_is_due(struct gate *gate, enum gate_chore chore,
    int64_t interval_ms)
{
	_Atomic int64_t *done_us = &gate->table->chore_us[chore];
	int64_t now_us = clock_mono_us(), last_us = atomic_load(done_us);

	/* A time ahead of now was written before the last boot. */
	if (last_us <= now_us && now_us - last_us < interval_ms * 1000)
		return false;
	return atomic_compare_exchange_strong(done_us, &last_us, now_us);
}

bool
gate_take_logs(struct gate *gate)
{
	return gate_lock(gate, LOCK_LOGS, false);
}

void
gate_give_logs(struct gate *gate)
{
	gate_unlock(gate, LOCK_LOGS);
}

void
gate_take_turn(struct gate *gate)
{
	gate_lock(gate, LOCK_OPEN, true);
}

void
gate_give_turn(struct gate *gate)
{
	gate_unlock(gate, LOCK_OPEN);
}

uint32_t
gate_generation(const struct gate *gate)
{
	return atomic_load(&gate->table->generation);
}

void
gate_set_flush_failed(struct gate *gate, bool failed)
{
	atomic_store(&gate->table->flush_failed, failed);
}

void
gate_note_flush_failed(void)
{
	if (alarmed && gate_is_inside(alarmed))
		gate_set_flush_failed(alarmed, true);
}

bool
gate_noted_flush_failed(void)
{
	return alarmed && gate_is_inside(alarmed) && gate_flush_failed(alarmed);
}

bool
gate_flush_failed(const struct gate *gate)
{
	return atomic_load(&gate->table->flush_failed) != 0;
}
