/* stuck.c: who is inside the store for long, and who is stuck there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum {
	LONGER_US = (GATE_STUCK_MS + 1500) * 1000,
	PATIENCE_US = 30 * 1000000,
	NAP_US = 20000,
};

static char dir[64];
static struct store *store;

static int
set_up(void **state)
{
	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	return 0;
}

/* Works inside for longer than anybody may be there idle. */
static enum store_rc
work(struct store *of, DB_TXN *txn, void *context)
{
	int64_t until_us = clock_mono_us() + LONGER_US;

	(void)of;
	(void)txn;
	(void)context;
	while (clock_mono_us() < until_us)
		continue;
	return STORE_OK;
}

static enum store_rc
stop(struct store *of, DB_TXN *txn, void *context)
{
	(void)of;
	(void)txn;
	(void)context;
	raise(SIGSTOP);
	return STORE_OK;
}

/* A process of its own, inside the store. */
static pid_t
start(store_body body)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *own = scratch_open(dir);

		_exit(store_transact(own, STORE_READ, body, NULL) ==
		    STORE_OK ? 0 : 1);
	}
	return pid;
}

/* Keeps the store, as every worker does, until the process has ended. */
static int
end_of(pid_t pid)
{
	int64_t until_us = clock_mono_us() + PATIENCE_US;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		assert_true(clock_mono_us() < until_us);
		store_maintain(store);
		clock_sleep_us(NAP_US);
	}
	return status;
}

static void
who_works_is_left_alone(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	uint32_t generation = gate_generation(store->gate);

	(void)state;
	assert_int_equal(end_of(start(work)), 0);
	assert_int_equal(gate_generation(store->gate), generation);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
}

static void
who_was_stopped_is_stuck(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	uint32_t generation = gate_generation(store->gate);
	int status = end_of(start(stop));

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_true(gate_generation(store->gate) > generation);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_int_equal(account.balance.nano, 1000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_works_is_left_alone),
		TEST(who_was_stopped_is_stuck),
	};

	return cmocka_run_group_tests_name("stuck", tests, NULL, NULL);
}
