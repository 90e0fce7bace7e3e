/* first_holds.c: processes of a new store hold for the first time, all at once
 * and each on an account of its own, and every hold is found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "db/gate.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum {
	ROUNDS = 3,
	PROCESSES = 16,
	LOOK_US = 1000,
	LOOKS_ASLEEP = 50,    /* in a row; nobody sleeps so long but waits */
	WAIT_US = 3000000,    /* before the gate takes anybody for dead */
	BALANCE = 1000,
	COST = 7,
};

static char dir[64];
static struct key keys[PROCESSES];
static pid_t pids[PROCESSES];
static pthread_barrier_t *all_hold;

static pthread_barrier_t *
make_barrier(void)
{
	pthread_barrier_t *barrier = mmap(NULL, sizeof(*barrier),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;

	assert_ptr_not_equal(barrier, MAP_FAILED);
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	assert_int_equal(pthread_barrier_init(barrier, &shared, PROCESSES), 0);
	pthread_barrierattr_destroy(&shared);
	return barrier;
}

static void
remove_barrier(pthread_barrier_t *barrier)
{
	pthread_barrier_destroy(barrier);
	munmap(barrier, sizeof(*barrier));
}

/* Holds and settles twice; the first time all hold before anybody settles. */
static bool
hold_and_settle(struct store *store, const struct key *key)
{
	for (int i = 0; i < 2; i++) {
		struct hold hold = scratch_hold(key, (money){ COST });
		struct usage usage = scratch_usage(&hold, (money){ COST });
		enum store_rc rc = ledger_hold(store, &hold);

		if (i == 0)
			pthread_barrier_wait(all_hold);
		if (rc == STORE_OK)
			rc = ledger_settle(store, &hold, LEDGER_CAP, &usage,
			    NULL);
		if (rc != STORE_OK) {
			printf("# slot %u, %s: %s: %s\n",
			    gate_slot(store->gate), i == 0 ? "first" : "second",
			    store_rc_text(rc), store_why(store));
			return false;
		}
	}
	return true;
}

static void
serve(const struct key *key)
{
	struct store *store;
	bool good;

	store = scratch_open(dir);
	good = hold_and_settle(store, key);
	fflush(stdout);
	store_close(store);
	_exit(good ? 0 : 1);
}

static void
start_all(void)
{
	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			serve(&keys[i]);
	}
}

static unsigned
count_failed(void)
{
	unsigned failed = 0;
	int status;

	for (int i = 0; i < PROCESSES; i++)
		failed += waitpid(pids[i], &status, 0) != pids[i] ||
		    status != 0;
	return failed;
}

static bool
sleeps(pid_t pid)
{
	char path[64], text[256];
	bool found;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	in = fopen(path, "r");
	if (!in)
		return false;
	found = fgets(text, sizeof(text), in) && strstr(text, ") S ");
	fclose(in);
	return found;
}

static void
wait_until_all_sleep(void)
{
	int64_t until_us = clock_mono_us() + WAIT_US;
	int asleep = 0;

	while (asleep < LOOKS_ASLEEP && clock_mono_us() < until_us) {
		bool all = true;

		for (int i = 0; i < PROCESSES && all; i++)
			all = sleeps(pids[i]);
		asleep = all ? asleep + 1 : 0;
		clock_sleep_us(LOOK_US);
	}
}

/*
 * Lets them run as far as they come while somebody reads the page that says
 * where the holds end: until they would write to it.
 */
static enum store_rc
start_all_body(struct store *store, DB_TXN *txn, void *context)
{
	DB *holds = store->tables[TABLE_HOLDS];
	DB_MPOOLFILE *file = holds->get_mpf(holds);
	db_pgno_t first = 0;
	void *page;

	(void)txn;
	(void)context;
	assert_int_equal(file->get(file, &first, NULL, 0, &page), 0);
	start_all();
	wait_until_all_sleep();
	assert_int_equal(file->put(file, page, DB_PRIORITY_UNCHANGED, 0), 0);
	return STORE_OK;
}

static void
play(void)
{
	struct store *store;
	struct account account;

	all_hold = make_barrier();
	scratch_init(dir);
	store = scratch_open(dir);
	for (int i = 0; i < PROCESSES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "a%d", i);
		keys[i] = scratch_key(store, scratch_account(store, name,
		    (money){ BALANCE }).number, "k");
	}
	assert_int_equal(store_transact(store, STORE_READ, start_all_body,
	    NULL), STORE_OK);
	assert_int_equal(count_failed(), 0);
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(account_get(store, keys[i].account, &account),
		    STORE_OK);
		assert_int_equal(account.held.nano, 0);
		assert_int_equal(account.spent.nano, 2 * COST);
	}
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
	scratch_remove(dir);
	remove_barrier(all_hold);
}

static void
every_first_hold_is_settled(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		play();
}

/* Its own record, as if it lay behind the end. */
static void
a_record_that_is_gone_is_no_free_slot(void **state)
{
	struct store *store;
	struct account account;
	struct key key;
	struct hold hold;
	struct usage usage;
	db_recno_t number;
	DBT record = { .data = &number, .size = sizeof(number) };
	DB *holds;

	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	holds = store->tables[TABLE_HOLDS];
	account = scratch_account(store, "a", (money){ BALANCE });
	key = scratch_key(store, account.number, "k");
	hold = scratch_hold(&key, (money){ COST });
	usage = scratch_usage(&hold, (money){ COST });
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	number = gate_slot(store->gate) + 1;
	assert_int_equal(holds->del(holds, NULL, &record, 0), 0);
	hold = scratch_hold(&key, (money){ COST });
	assert_int_equal(ledger_hold(store, &hold), STORE_CORRUPT);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_int_equal(account.held.nano, 0);
	store_close(store);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_first_hold_is_settled),
		cmocka_unit_test(a_record_that_is_gone_is_no_free_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
