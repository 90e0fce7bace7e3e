/* unknown.c: when a process cannot know whether something was done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/store_private.h"
#include "tests/store/scratch.h"

/* What the next transaction that writes meets. */
enum luck {
	LUCK_GOOD,
	LUCK_NOT_DONE, /* it is not done, and nobody knows */
	LUCK_DONE,     /* it is done, and nobody knows */
};

static enum luck next;
static char dir[64];
static struct store *store;
static struct account account;
static struct key key;

enum store_rc __real_store_transact_on(struct store *of, enum store_write write,
    uint32_t whose, store_body body, void *context);
enum store_rc __wrap_store_transact_on(struct store *of, enum store_write write,
    uint32_t whose, store_body body, void *context);

enum store_rc
__wrap_store_transact_on(struct store *of, enum store_write write,
    uint32_t whose, store_body body, void *context)
{
	enum luck luck = next;

	if (write != STORE_WRITE && write != STORE_DURABLE)
		luck = LUCK_GOOD;
	else
		next = LUCK_GOOD;
	if (luck == LUCK_NOT_DONE)
		return STORE_UNAVAILABLE;
	if (luck == LUCK_GOOD)
		return __real_store_transact_on(of, write, whose, body,
		    context);
	assert_int_equal(__real_store_transact_on(of, write, whose, body,
	    context), STORE_OK);
	return STORE_UNAVAILABLE;
}

static int
set_up_new(void **state)
{
	(void)state;
	next = LUCK_GOOD;
	scratch_init(dir);
	store = scratch_open(dir);
	account = scratch_account(store, "a", (money){ 1000 });
	key = scratch_key(store, account.number, "k");
	return 0;
}

/* A process that has held already: then a hold is one transaction. */
static int
set_up(void **state)
{
	struct hold hold;

	set_up_new(state);
	hold = scratch_hold(&key, (money){ 600 });
	if (ledger_hold(store, &hold) != STORE_OK)
		return -1;
	return ledger_release(store, &hold, NULL) == STORE_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	return 0;
}

static void
expect_account(int64_t balance, int64_t held)
{
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_int_equal(account.balance.nano, balance);
	assert_int_equal(account.held.nano, held);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
a_hold_that_may_have_been_taken_is_given_back(void **state)
{
	struct hold hold = scratch_hold(&key, (money){ 600 });

	(void)state;
	next = LUCK_DONE;
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	expect_account(1000, 600);
	store_maintain(store);
	expect_account(1000, 0);

	hold = scratch_hold(&key, (money){ 600 });
	next = LUCK_NOT_DONE;
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	store_maintain(store);
	expect_account(1000, 0);
}

static void
a_record_that_may_have_been_made_is_made_once(void **state)
{
	struct hold hold = scratch_hold(&key, (money){ 600 });

	(void)state;
	next = LUCK_NOT_DONE;
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	next = LUCK_DONE;
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	expect_account(1000, 0);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	expect_account(1000, 600);
}

static void
the_next_hold_gives_back_the_last(void **state)
{
	struct hold hold = scratch_hold(&key, (money){ 600 });

	(void)state;
	next = LUCK_DONE;
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	hold = scratch_hold(&key, (money){ 700 });
	next = LUCK_NOT_DONE;
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	expect_account(1000, 600);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	expect_account(1000, 700);
}

static void
a_hold_that_was_not_settled_is_released(void **state)
{
	struct hold hold = scratch_hold(&key, (money){ 600 });
	struct usage usage = scratch_usage(&hold, (money){ 50 });

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	next = LUCK_NOT_DONE;
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_UNAVAILABLE);
	expect_account(1000, 600);
	store_maintain(store);
	expect_account(1000, 0);
}

static void
what_was_settled_is_charged_once(void **state)
{
	struct hold hold = scratch_hold(&key, (money){ 600 });
	struct usage usage = scratch_usage(&hold, (money){ 50 });

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	next = LUCK_DONE;
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_UNAVAILABLE);
	expect_account(950, 0);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	assert_int_equal(usage.cost.nano, 50);
	store_maintain(store);
	expect_account(950, 0);
}

static void
a_hold_that_was_not_released_is_released_later(void **state)
{
	struct hold hold = scratch_hold(&key, (money){ 600 });

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	next = LUCK_NOT_DONE;
	assert_int_equal(ledger_release(store, &hold, NULL),
	    STORE_UNAVAILABLE);
	expect_account(1000, 600);
	store_maintain(store);
	expect_account(1000, 0);
}

static void
a_deposit_that_may_have_been_made_is_made_once(void **state)
{
	struct account after;

	(void)state;
	next = LUCK_DONE;
	assert_int_equal(ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    (money){ 5 }, "n", &after), STORE_UNAVAILABLE);
	expect_account(1005, 0);
	next = LUCK_NOT_DONE;
	assert_int_equal(ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    (money){ 5 }, "n", &after), STORE_UNAVAILABLE);
	expect_account(1005, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_hold_that_may_have_been_taken_is_given_back),
		cmocka_unit_test_setup_teardown(
		    a_record_that_may_have_been_made_is_made_once, set_up_new,
		    tear_down),
		CASE(the_next_hold_gives_back_the_last),
		CASE(a_hold_that_was_not_settled_is_released),
		CASE(what_was_settled_is_charged_once),
		CASE(a_hold_that_was_not_released_is_released_later),
		CASE(a_deposit_that_may_have_been_made_is_made_once),
	};

	return cmocka_run_group_tests_name("unknown", tests, NULL, NULL);
}
