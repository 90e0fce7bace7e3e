/* early.c: who shows a secret does not wait for those who charge its key, and
 * sums are told when they are committed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/record_private.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum {
	BALANCE = 1000,
	CHANGED = 400,
	PATIENCE_US = 15000000,
	LOOK_US = 1000,
};

static char dir[64];
static struct store *store;
static struct account account;
static struct key key;
static char secret[KEY_SECRET_SIZE];

static int
set_up(void **state)
{
	struct key_spec spec = { .brand = "test", .label = "k" };

	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	/* Who opens a store looks at the first account. */
	scratch_account(store, "first", MONEY_ZERO);
	account = scratch_account(store, "second", (money){ BALANCE });
	spec.account = account.number;
	return key_create(store, &spec, secret, &key) == STORE_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	return 0;
}

/* Another process, which looks while this one writes. */
static pid_t
start(bool (*look)(struct store *own))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(look(scratch_open(dir)) ? 0 : 1);
	return pid;
}

static int64_t
deadline_us(void)
{
	return clock_mono_us() + PATIENCE_US;
}

/* Whether it ended, and saw what it should. */
static bool
ends_well(pid_t pid)
{
	int64_t until_us = deadline_us();
	pid_t ended;
	int status;

	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 &&
	       clock_mono_us() < until_us)
		clock_sleep_us(LOOK_US);
	if (ended == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether somebody waits for a lock now. */
static bool
is_waited_for(uint64_t waits)
{
	int64_t until_us = deadline_us();

	while (scratch_locks(store).waits == waits) {
		if (clock_mono_us() > until_us)
			return false;
		clock_sleep_us(LOOK_US);
	}
	return true;
}

/* Writes both records, as a charge does; the caller commits, or does not. */
static void
change(struct store *own, DB_TXN *txn, money balance, bool replaces)
{
	struct account new_account;
	struct key new_key;
	struct key_record record;

	assert_int_equal(account_read(own, txn, account.number, &new_account,
	    DB_RMW), STORE_OK);
	assert_int_equal(key_read_record(own, txn, key.number, &record,
	    &new_key, DB_RMW), STORE_OK);
	new_account.balance = new_account.deposited = balance;
	new_key.last_used_ms = balance.nano;
	if (replaces)
		memset(record.hash, 'x', sizeof(record.hash));
	assert_int_equal(account_write(own, txn, &new_account), STORE_OK);
	assert_int_equal(key_write_record(own, txn, &new_key, &record),
	    STORE_OK);
}

static bool
is_known(struct store *own)
{
	struct account found;
	struct key of;

	return key_authenticate(own, secret, &of, &found) == STORE_OK &&
	       of.number == key.number && found.number == account.number;
}

static enum store_rc
who_shows_a_secret_body(struct store *own, DB_TXN *txn, void *context)
{
	(void)context;
	change(own, txn, (money){ CHANGED }, false);
	/* It ends before this transaction does. */
	return ends_well(start(is_known)) ? STORE_OK : STORE_NO_BALANCE;
}

static void
who_shows_a_secret_does_not_wait(void **state)
{
	uint64_t waits = scratch_locks(store).waits;

	(void)state;
	assert_int_equal(store_transact(store, STORE_WRITE,
	    who_shows_a_secret_body, NULL), STORE_OK);
	assert_int_equal(scratch_locks(store).waits, waits);
}

static bool
sums_are_as_before(struct store *own)
{
	struct account found;
	struct key of;

	return account_get(own, account.number, &found) == STORE_OK &&
	       found.balance.nano == BALANCE &&
	       key_get(own, key.number, &of) == STORE_OK &&
	       of.last_used_ms == key.last_used_ms;
}

static pid_t reader;

static enum store_rc
who_tells_sums_body(struct store *own, DB_TXN *txn, void *context)
{
	uint64_t waits = scratch_locks(own).waits;

	(void)context;
	change(own, txn, (money){ CHANGED }, false);
	reader = start(sums_are_as_before);
	return is_waited_for(waits) ? STORE_NO_BALANCE : STORE_OK;
}

static void
who_tells_sums_waits_for_the_commit(void **state)
{
	(void)state;
	assert_int_equal(store_transact(store, STORE_WRITE,
	    who_tells_sums_body, NULL), STORE_NO_BALANCE);
	assert_true(ends_well(reader));
}

/* The hash of another secret, to which nothing leads yet. */
static enum store_rc
who_replaces_body(struct store *own, DB_TXN *txn, void *context)
{
	uint64_t waits = scratch_locks(own).waits;

	(void)context;
	change(own, txn, (money){ BALANCE }, true);
	reader = start(is_known);
	return is_waited_for(waits) ? STORE_NO_BALANCE : STORE_OK;
}

static void
a_secret_that_is_being_replaced_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(store_transact(store, STORE_WRITE, who_replaces_body,
	    NULL), STORE_NO_BALANCE);
	assert_true(ends_well(reader));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(who_shows_a_secret_does_not_wait),
		TEST(who_tells_sums_waits_for_the_commit),
		TEST(a_secret_that_is_being_replaced_is_waited_for),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
