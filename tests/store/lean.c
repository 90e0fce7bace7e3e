/* lean.c: a worker opens the tables that it uses, and those that a charge
 * needs before it takes a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/store_private.h"
#include "tests/store/scratch.h"

static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	scratch_init(dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static enum store_rc
open_lean(bool lean, struct store **store)
{
	struct store_options options = { .dir = dir, .lean = lean };
	char why[STORE_WHY_SIZE];

	return store_open(store, &options, why);
}

static int
count_open(const struct store *store)
{
	int n = 0;

	for (int i = 0; i < TABLE__COUNT; i++)
		n += store->tables[i] != NULL;
	return n;
}

static void
remove_table(enum table table)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, environment_file(table));
	assert_int_equal(unlink(path), 0);
}

static void
a_charge_opens_no_more(void **state)
{
	struct store *all, *lean;
	struct account account;
	struct key key;
	struct hold hold;
	struct usage usage;
	unsigned lockers;
	int n;

	(void)state;
	assert_int_equal(open_lean(false, &all), STORE_OK);
	assert_int_equal(count_open(all), TABLE__COUNT);
	account = scratch_account(all, "a", (money){ 1000 });
	key = scratch_key(all, account.number, "k");
	lockers = scratch_locks(all).lockers;
	assert_int_equal(open_lean(true, &lean), STORE_OK);
	n = count_open(lean);
	assert_true(n < TABLE__COUNT / 2);
	hold = scratch_hold(&key, (money){ 10 });
	usage = scratch_usage(&hold, (money){ 5 });
	assert_int_equal(ledger_hold(lean, &hold), STORE_OK);
	assert_int_equal(ledger_settle(lean, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	assert_int_equal(count_open(lean), n);
	assert_in_range(scratch_locks(lean).lockers - lockers, n, n + 1);
	store_close(lean);
	store_close(all);
}

static void
what_is_used_is_opened(void **state)
{
	struct store *lean;
	struct account account;
	int n;

	(void)state;
	assert_int_equal(open_lean(true, &lean), STORE_OK);
	n = count_open(lean);
	scratch_account(lean, "a", (money){ 7 });
	assert_int_equal(account_find(lean, "a", &account), STORE_OK);
	assert_int_equal(account.deposited.nano, 7);
	assert_true(count_open(lean) > n);
	assert_int_equal(scratch_check(lean, NULL), 0);
	store_close(lean);
}

/* A worker of a store that cannot charge must not serve. */
static void
what_charges_must_be_there(void **state)
{
	struct store *store;

	(void)state;
	remove_table(TABLE_LEDGER);
	assert_int_equal(open_lean(true, &store), STORE_UNAVAILABLE);
}

static void
what_is_missing_is_told_when_used(void **state)
{
	struct store *store;
	struct account account;

	(void)state;
	remove_table(TABLE_ACCOUNT_NAMES);
	assert_int_equal(open_lean(false, &store), STORE_UNAVAILABLE);
	assert_int_equal(open_lean(true, &store), STORE_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(account_find(store, "a", &account),
		    STORE_UNAVAILABLE);
		assert_non_null(strstr(store_why(store), "No such file"));
	}
	store_close(store);
}

/* Or nobody could find out what else is. */
static void
a_damaged_account_does_not_keep_it_shut(void **state)
{
	db_recno_t number = 1;
	DBT key = { .data = &number, .size = sizeof(number) };
	char zero = 0;
	DBT nothing = { .data = &zero, .size = sizeof(zero) };
	struct store *store;
	struct account account;
	DB *accounts;

	(void)state;
	assert_int_equal(open_lean(true, &store), STORE_OK);
	scratch_account(store, "a", MONEY_ZERO);
	accounts = store->tables[TABLE_ACCOUNTS];
	assert_int_equal(accounts->put(accounts, NULL, &key, &nothing, 0), 0);
	store_close(store);
	assert_int_equal(open_lean(true, &store), STORE_OK);
	assert_int_equal(account_get(store, number, &account), STORE_CORRUPT);
	store_close(store);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_charge_opens_no_more),
		TEST(what_is_used_is_opened),
		TEST(what_charges_must_be_there),
		TEST(what_is_missing_is_told_when_used),
		TEST(a_damaged_account_does_not_keep_it_shut),
	};
#undef TEST

	return cmocka_run_group_tests_name("lean", tests, NULL, NULL);
}
