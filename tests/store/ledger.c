/* ledger.c: holds, settlements and deposits, one process at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/store/scratch.h"

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

static money
nano(int64_t n)
{
	return (money){ n };
}

static struct account
account_now(uint32_t number)
{
	struct account account;

	assert_int_equal(account_get(store, number, &account), STORE_OK);
	return account;
}

static struct key
key_now(uint32_t number)
{
	struct key key;

	assert_int_equal(key_get(store, number, &key), STORE_OK);
	return key;
}

static void
settle_charges_the_cost_and_frees_the_rest(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(600));
	struct usage usage = scratch_usage(&hold, nano(250)), found;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	account = account_now(account.number);
	assert_int_equal(account.held.nano, 600);
	assert_int_equal(account.balance.nano, 1000);
	assert_int_equal(account_available(&account).nano, 400);
	assert_int_equal(key_now(key.number).held.nano, 600);
	assert_int_equal(scratch_check(store, NULL), 0);

	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	account = account_now(account.number);
	assert_int_equal(account.held.nano, 0);
	assert_int_equal(account.balance.nano, 750);
	assert_int_equal(account.spent.nano, 250);
	key = key_now(key.number);
	assert_int_equal(key.spent.nano, 250);
	assert_int_equal(key.held.nano, 0);
	assert_true(key.last_used_ms > 0);
	assert_int_equal(usage.flags, 0);
	assert_int_equal(usage_get(store, account.number, &hold.id, &found),
	    STORE_OK);
	assert_int_equal(found.cost.nano, 250);
	assert_int_equal(found.hold.nano, 600);
	assert_string_equal(found.model, "test-model");
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
settling_or_releasing_again_changes_nothing(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(600));
	struct usage usage = scratch_usage(&hold, nano(250));

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(account_now(account.number).held.nano, 600);
	for (int i = 0; i < 3; i++) {
		usage.cost = nano(250 + i);
		assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP,
		    &usage, NULL), STORE_OK);
		assert_int_equal(usage.cost.nano, 250);
		assert_int_equal(ledger_release(store, &hold, NULL), STORE_OK);
	}
	assert_int_equal(account_now(account.number).balance.nano, 750);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
released_holds_cost_nothing_and_cannot_be_settled(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(1000));
	struct usage usage = scratch_usage(&hold, MONEY_ZERO);

	(void)state;
	usage.http = 502;
	strcpy(usage.code, "upstream_error");
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_release(store, &hold, &usage), STORE_OK);
	account = account_now(account.number);
	assert_int_equal(account.balance.nano, 1000);
	assert_int_equal(account.held.nano, 0);
	assert_int_equal(account.entries, 1);
	assert_int_equal(usage_get(store, account.number, &hold.id, &usage),
	    STORE_OK);
	assert_string_equal(usage.code, "upstream_error");
	assert_int_equal(usage.hold.nano, 1000);
}

static void
a_hold_is_whole_or_not_at_all(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold over = scratch_hold(&key, nano(1001));
	struct hold exact = scratch_hold(&key, nano(1000));
	struct usage usage = scratch_usage(&exact, nano(1000));

	(void)state;
	assert_int_equal(ledger_hold(store, &over), STORE_NO_BALANCE);
	assert_int_equal(account_now(account.number).held.nano, 0);
	assert_int_equal(ledger_hold(store, &exact), STORE_OK);
	assert_int_equal(ledger_settle(store, &exact, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	assert_int_equal(account_now(account.number).balance.nano, 0);
	over.amount = nano(1);
	assert_int_equal(ledger_hold(store, &over), STORE_NO_BALANCE);
	over.amount = nano(0);
	assert_int_equal(ledger_hold(store, &over), STORE_OK);
	over.amount = nano(-1);
	assert_int_equal(ledger_hold(store, &over), STORE_OUT_OF_RANGE);
}

static void
a_budget_binds_below_the_balance(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_budget_key(store, account.number, "k",
	    nano(300));
	struct hold hold = scratch_hold(&key, nano(301));
	struct usage usage;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_NO_BUDGET);
	hold = scratch_hold(&key, nano(300));
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	usage = scratch_usage(&hold, nano(200));
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	hold = scratch_hold(&key, nano(101));
	assert_int_equal(ledger_hold(store, &hold), STORE_NO_BUDGET);
	hold.amount = nano(100);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
a_cost_above_the_hold_is_capped(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(100));
	struct usage usage = scratch_usage(&hold, nano(101));

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL),
	    STORE_OK);
	assert_int_equal(usage.cost.nano, 100);
	assert_int_equal(usage.flags, USAGE_CAPPED);
	assert_int_equal(account_now(account.number).balance.nano, 900);
}

static bool
keep_entry(const struct entry *entry, void *context)
{
	*(struct entry *)context = *entry;
	return false;
}

static void
a_cost_above_an_estimate_is_taken_as_far_as_it_goes(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(100));
	struct usage usage = scratch_usage(&hold, nano(400));
	struct entry entry;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_EXTEND, &usage,
	    NULL), STORE_OK);
	assert_int_equal(usage.cost.nano, 400);
	assert_int_equal(usage.flags, 0);

	hold = scratch_hold(&key, nano(100));
	usage = scratch_usage(&hold, nano(700));
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_EXTEND, &usage,
	    NULL), STORE_OK);
	assert_int_equal(usage.cost.nano, 600);
	assert_int_equal(usage.flags, USAGE_SHORTFALL);
	assert_int_equal(account_now(account.number).balance.nano, 0);
	assert_int_equal(ledger_history(store, account.number, keep_entry,
	    &entry), STORE_OK);
	assert_int_equal(entry.shortfall.nano, 100);
	assert_int_equal(entry.amount.nano, -600);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
an_extension_stays_within_the_budget(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_budget_key(store, account.number, "k",
	    nano(150));
	struct hold hold = scratch_hold(&key, nano(100));
	struct usage usage = scratch_usage(&hold, nano(400));

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_EXTEND, &usage,
	    NULL), STORE_OK);
	assert_int_equal(usage.cost.nano, 150);
	assert_int_equal(usage.flags, USAGE_SHORTFALL);
}

static void
credit_moves_money_in_and_out(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(900));

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_credit(store, account.number,
	    ENTRY_ADJUSTMENT, nano(-101), NULL, &account), STORE_NO_BALANCE);
	assert_int_equal(ledger_credit(store, account.number,
	    ENTRY_ADJUSTMENT, nano(-100), "refund", &account), STORE_OK);
	assert_int_equal(account.balance.nano, 900);
	assert_int_equal(account.deposited.nano, 900);
	assert_int_equal(ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    nano(-1), NULL, &account), STORE_OUT_OF_RANGE);
	assert_int_equal(ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    nano(0), NULL, &account), STORE_OUT_OF_RANGE);
	assert_int_equal(ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    nano(INT64_MAX), NULL, &account), STORE_OUT_OF_RANGE);
	assert_int_equal(ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    nano(INT64_MAX - 900), NULL, &account), STORE_OK);
	assert_int_equal(ledger_credit(store, 99, ENTRY_DEPOSIT, nano(1),
	    NULL, &account), STORE_NOT_FOUND);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
only_the_active_may_hold(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(1));
	struct key_spec spec = {
		.account = account.number,
		.brand = "test",
		.label = "late",
		.expires_ms = 1,
	};
	char secret[KEY_SECRET_SIZE];

	(void)state;
	assert_int_equal(account_set_state(store, account.number,
	    ACCOUNT_SUSPENDED, &account), STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_NOT_ACTIVE);
	assert_int_equal(account_set_state(store, account.number,
	    ACCOUNT_ACTIVE, &account), STORE_OK);
	assert_int_equal(key_set_state(store, key.number, KEY_DISABLED, &key),
	    STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_NOT_ACTIVE);
	assert_int_equal(key_set_state(store, key.number, KEY_ACTIVE, &key),
	    STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_release(store, &hold, NULL), STORE_OK);
	assert_int_equal(key_set_state(store, key.number, KEY_REVOKED, &key),
	    STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_NOT_ACTIVE);
	assert_int_equal(key_set_state(store, key.number, KEY_ACTIVE, &key),
	    STORE_NOT_ACTIVE);
	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	hold = scratch_hold(&key, nano(1));
	assert_int_equal(ledger_hold(store, &hold), STORE_NOT_ACTIVE);
}

static bool
count_usage(const struct usage *usage, void *context)
{
	struct request_id *last = context;

	/* Newest first. */
	assert_true(memcmp(&usage->id, last, sizeof(*last)) < 0);
	*last = usage->id;
	return true;
}

static void
usage_is_listed_newest_first_and_by_account(void **state)
{
	struct account one = scratch_account(store, "one", nano(100000));
	struct account two = scratch_account(store, "two", nano(100000));
	struct key key_one = scratch_key(store, one.number, "k");
	struct key key_two = scratch_key(store, two.number, "k");
	struct request_id last;
	int n = 0;

	(void)state;
	for (int i = 0; i < 150; i++) {
		struct hold hold = scratch_hold(i % 3 ? &key_one : &key_two,
		    nano(1));
		struct usage usage = scratch_usage(&hold, MONEY_ZERO);

		/* A millisecond apart, so that their order is certain. */
		assert_true(request_id_make(&usage.id, 1000 + i));
		assert_int_equal(usage_append(store, &usage), STORE_OK);
	}
	for (uint32_t number = 1; number <= 2; number++) {
		memset(&last, 0xff, sizeof(last));
		assert_int_equal(usage_list(store, number, NULL, count_usage,
		    &last), STORE_OK);
		n += last.byte[5];
	}
	/* The oldest of each: 1001 and 1000, of which the low bytes. */
	assert_int_equal(n, (1001 & 255) + (1000 & 255));
}

static bool
count_entry(const struct entry *entry, void *context)
{
	uint64_t *next = context;

	assert_int_equal(entry->number, *next);
	--*next;
	return true;
}

static void
history_has_every_entry_without_a_gap(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	uint64_t next = 131;

	(void)state;
	for (int i = 0; i < 130; i++)
		assert_int_equal(ledger_credit(store, account.number,
		    ENTRY_DEPOSIT, nano(1), "more", &account), STORE_OK);
	assert_int_equal(ledger_history(store, account.number, count_entry,
	    &next), STORE_OK);
	assert_int_equal(next, 0);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
a_closed_store_holds_nothing(void **state)
{
	struct account account = scratch_account(store, "a", nano(1000));
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, nano(600));

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	store_close(store);
	store = scratch_open(dir);
	account = account_now(account.number);
	assert_int_equal(account.held.nano, 0);
	assert_int_equal(account.balance.nano, 1000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(settle_charges_the_cost_and_frees_the_rest),
		CASE(settling_or_releasing_again_changes_nothing),
		CASE(released_holds_cost_nothing_and_cannot_be_settled),
		CASE(a_hold_is_whole_or_not_at_all),
		CASE(a_budget_binds_below_the_balance),
		CASE(a_cost_above_the_hold_is_capped),
		CASE(a_cost_above_an_estimate_is_taken_as_far_as_it_goes),
		CASE(an_extension_stays_within_the_budget),
		CASE(credit_moves_money_in_and_out),
		CASE(only_the_active_may_hold),
		CASE(usage_is_listed_newest_first_and_by_account),
		CASE(history_has_every_entry_without_a_gap),
		CASE(a_closed_store_holds_nothing),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
