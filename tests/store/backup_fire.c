/* backup_fire.c: backups while others settle, and die of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/backup.h"
#include "tests/store/scratch.h"

enum {
	WORKERS = 4,
	BACKUPS = 4,
	KILL_US = 40000,     /* and as many settlements as fire->calm */
	CALM = 8,            /* settlements between two deaths, at first */
	TRIES = 20,
	WARM_UP = 200,       /* settlements before each backup */
	WAIT_US = 120000000, /* for one of them */
	PATH_SIZE = 256,
};

static char dir[64], top[64];
static struct store *store;

static void
print_complaint(const char *sentence, void *context)
{
	(void)context;
	print_message("# %s\n", sentence);
}

static const struct complaints listener = { print_complaint, NULL };

static int
set_up(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	scratch_init(dir);
	snprintf(top, sizeof(top), "%s/farebox-backup-XXXXXX",
	    base ? base : "/tmp");
	return mkdtemp(top) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	scratch_remove(top);
	return 0;
}

/* What the processes under fire share. */
struct fire {
	_Atomic bool stop;
	_Atomic int64_t settled[WORKERS]; /* acknowledged */
	_Atomic int64_t calm;             /* settlements between two deaths */
	_Atomic int64_t started;          /* workers, in all */
};

static void
work(struct fire *fire, int worker, const struct key *keys)
{
	struct store_options options = { .dir = dir, .flush = true };
	char why[STORE_WHY_SIZE];

	if (store_open(&store, &options, why) != STORE_OK)
		_exit(1);
	for (int i = 0; !atomic_load(&fire->stop); i++) {
		struct hold hold = scratch_hold(&keys[i % 2], (money){ 10 });
		struct usage usage = scratch_usage(&hold, (money){ 1 });

		if (ledger_hold(store, &hold) == STORE_OK &&
		    ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL) ==
		    STORE_OK)
			atomic_fetch_add(&fire->settled[worker], 1);
		store_maintain(store);
		if (store_wants_retirement(store))
			break;
	}
	store_close(store);
	_exit(0);
}

static pid_t
start_worker(struct fire *fire, int worker, const struct key *keys)
{
	pid_t pid = fork();

	if (pid == 0)
		work(fire, worker, keys);
	atomic_fetch_add(&fire->started, pid > 0);
	return pid;
}

static int64_t
settled(const struct fire *fire)
{
	int64_t sum = 0;

	for (int i = 0; i < WORKERS; i++)
		sum += atomic_load(&fire->settled[i]);
	return sum;
}

/* The last that was killed may have died inside, where the others are stuck
 * then, until somebody comes and recovers. */
static void
wait_for_worker(struct fire *fire, int worker, const struct key *keys,
    pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
		pid_t newcomer = start_worker(fire, worker, keys);

		if (newcomer > 0)
			waitpid(newcomer, NULL, 0);
		clock_sleep_us(5000);
	}
}

/* Keeps workers at work, and kills one now and then; on a busy machine not more
 * of them than there is work done. */
static void
burn(struct fire *fire, const struct key *keys)
{
	pid_t pids[WORKERS] = { 0 }, victim;
	int64_t next_us = clock_mono_us() + KILL_US, seen = 0;

	srandom(1);
	while (!atomic_load(&fire->stop)) {
		for (int i = 0; i < WORKERS; i++)
			if (pids[i] <= 0 || waitpid(pids[i], NULL, WNOHANG) ==
			    pids[i])
				pids[i] = start_worker(fire, i, keys);
		clock_sleep_us(5000);
		if (clock_mono_us() < next_us ||
		    settled(fire) - seen < atomic_load(&fire->calm))
			continue;
		seen = settled(fire);
		next_us = clock_mono_us() + KILL_US;
		/* A process that could not be made has no number; -1 is all. */
		victim = pids[random() % WORKERS];
		if (victim > 0)
			kill(victim, SIGKILL);
	}
	for (int i = 0; i < WORKERS; i++)
		wait_for_worker(fire, i, keys, pids[i]);
	_exit(0);
}

/* How a process that makes a backup ends. */
enum { BACKED_UP, NOT_GOOD, NOT_MADE };

static int
try_backup(const char *to)
{
	struct store_options options = { .dir = dir };
	struct proof proof;
	char why[STORE_WHY_SIZE];

	if (store_open(&store, &options, why) != STORE_OK) {
		print_message("# %s\n", why);
		return NOT_MADE;
	}
	if (store_backup(store, to, false, &listener, &proof) != STORE_OK) {
		print_message("# %s\n", store_why(store));
		return NOT_MADE;
	}
	return proof_is_good(&proof) ? BACKED_UP : NOT_GOOD;
}

/*
 * In a process of its own, because whoever is inside the store when another
 * dies there may be ended; then it is tried again, as an operator would, where
 * fewer die: on a slow machine one could be ended each time.
 */
static void
backup_under_fire(struct fire *fire, const char *to)
{
	int status = -1;

	atomic_store(&fire->calm, CALM);
	for (int i = 0; i < TRIES; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			int rc = try_backup(to);

			fflush(stdout);
			_exit(rc);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL :
		    WEXITSTATUS(status) != NOT_MADE)
			break;
		scratch_remove(to);
		atomic_store(&fire->calm, 2 * atomic_load(&fire->calm));
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), BACKED_UP);
}

static void
wait_for_settlements(const struct fire *fire, int64_t wanted)
{
	int64_t end_us = clock_mono_us() + WAIT_US, seen = 0, now;

	while ((now = settled(fire)) < wanted) {
		if (now > seen)
			end_us = clock_mono_us() + WAIT_US;
		seen = now;
		assert_true(clock_mono_us() < end_us);
		clock_sleep_us(1000);
	}
}

/* What a backup promises: all that was acknowledged before it was begun. */
static void
audit(const char *backup, int64_t before, int64_t after, int64_t workers)
{
	char to[PATH_SIZE], why[STORE_WHY_SIZE];
	struct proof proof;
	int64_t spent;

	assert_in_range(snprintf(to, sizeof(to), "%s-restored", backup), 1,
	    sizeof(to) - 1);
	if (store_restore(backup, to, &listener, &proof, why) != STORE_OK)
		fail_msg("%s", why);
	assert_true(proof_is_good(&proof));
	spent = proof.totals.spent.nano;
	print_message("# spent %lld, of %lld to %lld acknowledged\n",
	    (long long)spent, (long long)before, (long long)after);
	assert_true(spent >= before);
	/* One of each worker may be written and not acknowledged yet; so may
	 * the last one of each that was killed. */
	assert_true(spent <= after + workers);
	assert_int_equal(proof.totals.held.nano, 0);
	assert_int_equal(proof.totals.holds, 0);
}

/* Of one account that all settle on, and of another. */
static void
make_keys(struct key keys[2])
{
	struct account hot, other;

	store = scratch_open(dir);
	hot = scratch_account(store, "hot", MONEY_USD(1));
	other = scratch_account(store, "other", MONEY_USD(1));
	keys[0] = scratch_key(store, hot.number, "h");
	keys[1] = scratch_key(store, other.number, "o");
	store_close(store);
	store = NULL;
}

static void
backups_under_fire_are_whole(void **state)
{
	struct fire *fire = mmap(NULL, sizeof(*fire), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct key keys[2];
	int64_t before[BACKUPS], after[BACKUPS];
	char to[BACKUPS][PATH_SIZE];
	pid_t pid;

	(void)state;
	assert_true(fire != MAP_FAILED);
	make_keys(keys);
	atomic_store(&fire->calm, CALM);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		burn(fire, keys);
	for (int i = 0; i < BACKUPS; i++) {
		wait_for_settlements(fire, (i + 1) * WARM_UP);
		snprintf(to[i], sizeof(to[i]), "%s/backup%d", top, i);
		before[i] = settled(fire);
		backup_under_fire(fire, to[i]);
		after[i] = settled(fire);
	}
	atomic_store(&fire->stop, true);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < BACKUPS; i++)
		audit(to[i], before[i], after[i],
		    atomic_load(&fire->started));
	store = scratch_open(dir);
	store_maintain(store);
	assert_int_equal(scratch_check(store, NULL), 0);
	munmap(fire, sizeof(*fire));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(backups_under_fire_are_whole,
		    set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
