/* line.c: the line before the gate, in which writers of one account wait. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/gate_private.h"
#include "tests/store/scratch.h"

enum {
	CROWD = 6,
	ROUNDS = 2000,
	WORK_US = 50,
	SETTLEMENTS = 300,
	ACCOUNT = 7,
};

static char dir[64];
static struct gate *gate;
static struct key key;

/* What the crowd shares. */
static struct counts {
	_Atomic int at_work, passed, met;
} *counts;

static struct gate *
open_gate(void)
{
	char why[STORE_WHY_SIZE];
	struct gate *opened = gate_open(dir, NULL, NULL, why);

	if (!opened)
		print_error("%s\n", why);
	return opened;
}

static int
set_up(void **state)
{
	(void)state;
	scratch_init(dir);
	gate = open_gate();
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return gate && counts != MAP_FAILED ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	munmap(counts, sizeof(*counts));
	gate_close(gate);
	scratch_remove(dir);
	return 0;
}

static uint32_t
word_of(uint32_t account)
{
	return atomic_load(&gate->table->lines[account % GATE_LINES].word);
}

static void
expect_end(pid_t pid, bool well)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WIFEXITED(status) && WEXITSTATUS(status) == 0, well);
}

/* A process that is in the line, for ever. */
static pid_t
start_holder(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct gate *own = open_gate();

		if (!own)
			_exit(1);
		gate_line_up(own, ACCOUNT);
		for (;;)
			pause();
	}
	while (word_of(ACCOUNT) == 0)
		clock_sleep_us(100);
	return pid;
}

static void
an_empty_line_is_no_wait(void **state)
{
	(void)state;
	gate_line_up(gate, ACCOUNT);
	assert_int_equal(word_of(ACCOUNT), 1);
	gate_line_leave(gate);
	assert_int_equal(word_of(ACCOUNT), 0);
	gate_line_leave(gate);
	assert_int_equal(word_of(ACCOUNT), 0);
}

static void
other_accounts_do_not_wait(void **state)
{
	pid_t holder = start_holder();

	(void)state;
	gate_line_up(gate, ACCOUNT + 1);
	/* Nobody has noted that he waits for the other. */
	assert_int_equal(word_of(ACCOUNT), 1);
	assert_int_equal(word_of(ACCOUNT + 1), 1);
	gate_line_leave(gate);
	kill(holder, SIGKILL);
	expect_end(holder, false);
}

static void
who_stays_in_line_is_passed(void **state)
{
	pid_t holder = start_holder();

	(void)state;
	gate_line_up(gate, ACCOUNT);
	gate_line_leave(gate);
	kill(holder, SIGKILL);
	expect_end(holder, false);
}

static void
who_dies_in_line_is_forgotten(void **state)
{
	pid_t holder = start_holder();

	(void)state;
	kill(holder, SIGKILL);
	expect_end(holder, false);
	gate_line_up(gate, ACCOUNT);
	gate_line_leave(gate);
	assert_int_equal(word_of(ACCOUNT), 0);
}

static void
work(void)
{
	int64_t until_us = clock_mono_us() + WORK_US;

	if (atomic_fetch_add(&counts->at_work, 1) > 0)
		atomic_fetch_add(&counts->met, 1);
	while (clock_mono_us() < until_us)
		continue;
	atomic_fetch_sub(&counts->at_work, 1);
	atomic_fetch_add(&counts->passed, 1);
}

/* Forks a crowd, each of which does that and tells whether it went well. */
static void
let_crowd(bool (*do_it)(void))
{
	pid_t crowd[CROWD];

	for (int i = 0; i < CROWD; i++) {
		crowd[i] = fork();
		assert_true(crowd[i] >= 0);
		if (crowd[i] == 0)
			_exit(do_it() ? 0 : 1);
	}
	for (int i = 0; i < CROWD; i++)
		expect_end(crowd[i], true);
}

static bool
pass_often(void)
{
	gate = open_gate();
	for (int n = 0; gate && n < ROUNDS; n++) {
		gate_line_up(gate, ACCOUNT);
		work();
		gate_line_leave(gate);
	}
	return gate != NULL;
}

/* They meet only where one was kept from the processor for long. */
static void
a_crowd_passes_one_by_one(void **state)
{
	(void)state;
	let_crowd(pass_often);
	print_message("# of %d, %d met another\n",
	    atomic_load(&counts->passed), atomic_load(&counts->met));
	assert_int_equal(atomic_load(&counts->passed), CROWD * ROUNDS);
	assert_true(atomic_load(&counts->met) < CROWD * ROUNDS / 10);
	assert_int_equal(word_of(ACCOUNT), 0);
}

static bool
settle_often(void)
{
	struct store *store = scratch_open(dir);

	for (int n = 0; n < SETTLEMENTS; n++) {
		struct hold hold = scratch_hold(&key, (money){ 100 });
		struct usage usage = scratch_usage(&hold, (money){ 10 });

		if (ledger_hold(store, &hold) != STORE_OK ||
		    ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL) !=
		    STORE_OK)
			return false;
	}
	store_close(store);
	return true;
}

/* Inside, each wait has Berkeley DB look for deadlocks. */
static void
who_settles_waits_outside(void **state)
{
	struct store *store = scratch_open(dir);
	struct account account = scratch_account(store, "a",
	    (money){ 1000000000 });
	uint64_t before, waits;

	(void)state;
	key = scratch_key(store, account.number, "k");
	before = scratch_locks(store).waits;
	let_crowd(settle_often);
	waits = scratch_locks(store).waits - before;
	print_message("# %d transactions, %d waits for a lock\n",
	    2 * CROWD * SETTLEMENTS, (int)waits);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_int_equal(account.spent.nano, 10 * CROWD * SETTLEMENTS);
	assert_true(waits < CROWD * SETTLEMENTS / 10);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(an_empty_line_is_no_wait),
		TEST(other_accounts_do_not_wait),
		TEST(who_stays_in_line_is_passed),
		TEST(who_dies_in_line_is_forgotten),
		TEST(a_crowd_passes_one_by_one),
		TEST(who_settles_waits_outside),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
