/* region.c: a store whose shared memory is gone is recovered, not opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/region.h"
#include "tests/store/scratch.h"

enum { BALANCE = 1000 };

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

/* No checkpoint has brought it into the tables yet. */
static void
what_is_in_the_log_alone_is_there(void **state)
{
	struct store *store = scratch_open(dir);
	struct account account = scratch_account(store, "a",
	    (money){ BALANCE });

	(void)state;
	store_close(store);
	assert_true(region_remove(dir));
	store = scratch_open(dir);
	assert_int_equal(account_find(store, "a", &account), STORE_OK);
	assert_int_equal(account.balance.nano, BALANCE);
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
}

/* Who comes along lets go of what Berkeley DB had, see backup.c. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:__os_malloc\nleak:__os_realloc\n";
}

/* Whoever comes next recovers; who has it open goes on in what is gone, until
 * he notices that the store was recovered. */
static void
who_has_it_open_comes_along(void **state)
{
	struct store *store = scratch_open(dir), *next;
	struct account account = scratch_account(store, "a",
	    (money){ BALANCE });

	(void)state;
	assert_true(region_remove(dir));
	next = scratch_open(dir);
	assert_int_equal(ledger_credit(next, account.number, ENTRY_DEPOSIT,
	    (money){ BALANCE }, "more", &account), STORE_OK);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_int_equal(account.balance.nano, 2 * BALANCE);
	store_close(next);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(what_is_in_the_log_alone_is_there),
		TEST(who_has_it_open_comes_along),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
