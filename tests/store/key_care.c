/* key_care.c: secrets are replaced, keys end and are bound to addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum { HOUR_MS = 3600000 };

static char dir[64];
static struct store *store;
static struct account owner;

static int
set_up(void **state)
{
	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	owner = scratch_account(store, "a", MONEY_USD(5));
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

static struct key
make(char secret[KEY_SECRET_SIZE])
{
	struct key_spec spec = {
		.account = owner.number,
		.brand = "test",
		.label = "k",
		.has_budget = true,
		.budget = MONEY_USD(2),
		.expires_ms = 253402300799000,
	};
	struct key key;

	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	return key;
}

static struct key
rotate(uint32_t number, int64_t grace_ms, char secret[KEY_SECRET_SIZE])
{
	struct key key;

	assert_int_equal(key_rotate(store, number, "test", grace_ms, secret,
	    &key), STORE_OK);
	return key;
}

static enum store_rc
show(const char *secret, struct key *key)
{
	struct account account;

	return key_authenticate(store, secret, key, &account);
}

static void
assert_unknown(const char *secret)
{
	struct key key;

	assert_int_equal(show(secret, &key), STORE_NOT_FOUND);
}

/* Leads to the key, and ends then; 0: it is the present secret. */
static void
assert_leads(const char *secret, uint32_t number, int64_t ends_ms)
{
	struct key key;

	assert_int_equal(show(secret, &key), STORE_OK);
	assert_int_equal(key.number, number);
	assert_int_equal(key.secret_expires_ms, ends_ms);
}

/* The time that a grace period is over is not far. */
static void
wait_until(int64_t wall_ms)
{
	assert_true(wall_ms < clock_wall_ms() + 1000);
	while (clock_wall_ms() < wall_ms)
		continue;
}

static size_t
old_secrets(uint32_t number, int64_t ends_ms[KEY_OLD_SECRETS_MAX])
{
	size_t n;

	assert_int_equal(key_old_secrets(store, number, ends_ms, &n),
	    STORE_OK);
	return n;
}

static void
a_new_secret_leads_to_the_same_key(void **state)
{
	char old[KEY_SECRET_SIZE], new[KEY_SECRET_SIZE];
	int64_t ends_ms[KEY_OLD_SECRETS_MAX];
	struct key before = make(old), after;

	(void)state;
	assert_int_equal(before.rotated_ms, 0);
	assert_int_equal(old_secrets(before.number, ends_ms), 0);
	after = rotate(before.number, HOUR_MS, new);
	assert_string_not_equal(old, new);
	assert_int_equal(strncmp(new, "sk-test-", 8), 0);
	assert_int_equal(strlen(new), 8 + SECRET_DIGITS);
	assert_int_equal(old_secrets(before.number, ends_ms), 1);
	assert_int_equal(ends_ms[0], after.rotated_ms + HOUR_MS);
	assert_leads(old, before.number, ends_ms[0]);
	assert_leads(new, before.number, 0);
	assert_int_equal(show(new, &after), STORE_OK);
	assert_string_equal(after.last4, new + strlen(new) - 4);
	/* All else is as it was. */
	memcpy(after.last4, before.last4, sizeof(after.last4));
	after.rotated_ms = 0;
	assert_memory_equal(&after, &before, sizeof(after));
}

static void
no_grace_ends_every_old_secret_at_once(void **state)
{
	char first[KEY_SECRET_SIZE], second[KEY_SECRET_SIZE];
	char third[KEY_SECRET_SIZE];
	int64_t ends_ms[KEY_OLD_SECRETS_MAX];
	struct key key = make(first);

	(void)state;
	rotate(key.number, HOUR_MS, second);
	rotate(key.number, 0, third);
	assert_unknown(first);
	assert_unknown(second);
	assert_leads(third, key.number, 0);
	assert_int_equal(old_secrets(key.number, ends_ms), 0);
}

static void
two_old_secrets_stay_at_most(void **state)
{
	char secrets[4][KEY_SECRET_SIZE], other[KEY_SECRET_SIZE];
	int64_t ends_ms[KEY_OLD_SECRETS_MAX], neighbour_ms[2];
	struct key key = make(secrets[0]), neighbour = make(other);

	(void)state;
	rotate(neighbour.number, HOUR_MS, other);
	for (int i = 1; i < 4; i++)
		key = rotate(key.number, i * HOUR_MS, secrets[i]);
	assert_int_equal(old_secrets(key.number, ends_ms), 2);
	assert_true(ends_ms[0] <= key.rotated_ms + 2 * HOUR_MS);
	assert_int_equal(ends_ms[1], key.rotated_ms + 3 * HOUR_MS);
	assert_unknown(secrets[0]);
	assert_leads(secrets[1], key.number, ends_ms[0]);
	assert_leads(secrets[2], key.number, ends_ms[1]);
	assert_leads(secrets[3], key.number, 0);
	/* The other key's are its own. */
	assert_int_equal(old_secrets(neighbour.number, neighbour_ms), 1);
}

static void
a_shorter_grace_is_for_all(void **state)
{
	char secrets[3][KEY_SECRET_SIZE];
	int64_t ends_ms[KEY_OLD_SECRETS_MAX];
	struct key key = make(secrets[0]);

	(void)state;
	rotate(key.number, 24 * HOUR_MS, secrets[1]);
	key = rotate(key.number, HOUR_MS, secrets[2]);
	assert_int_equal(old_secrets(key.number, ends_ms), 2);
	assert_int_equal(ends_ms[0], key.rotated_ms + HOUR_MS);
	assert_int_equal(ends_ms[1], key.rotated_ms + HOUR_MS);
	assert_leads(secrets[0], key.number, ends_ms[0]);
	assert_leads(secrets[1], key.number, ends_ms[0]);
}

static void
an_ended_secret_is_known_until_the_next(void **state)
{
	char first[KEY_SECRET_SIZE], second[KEY_SECRET_SIZE];
	char third[KEY_SECRET_SIZE];
	int64_t ends_ms[KEY_OLD_SECRETS_MAX];
	struct key key = make(first);

	(void)state;
	key = rotate(key.number, 1, second);
	wait_until(key.rotated_ms + 1);
	assert_leads(first, key.number, key.rotated_ms + 1);
	assert_int_equal(old_secrets(key.number, ends_ms), 0);
	rotate(key.number, HOUR_MS, third);
	assert_unknown(first);
	assert_int_equal(old_secrets(key.number, ends_ms), 1);
	assert_leads(second, key.number, ends_ms[0]);
}

static void
what_cannot_be_rotated_is_refused(void **state)
{
	char secret[KEY_SECRET_SIZE], other[KEY_SECRET_SIZE];
	struct key key = make(secret), same;
	struct address_range all = { .first.family = ADDRESS_V4 };

	(void)state;
	assert_int_equal(key_rotate(store, 99, "test", 0, other, &same),
	    STORE_NOT_FOUND);
	assert_int_equal(key_rotate(store, key.number, "", 0, other, &same),
	    STORE_OUT_OF_RANGE);
	assert_int_equal(key_rotate(store, key.number, "test", -1, other,
	    &same), STORE_OUT_OF_RANGE);
	assert_int_equal(key_rotate(store, key.number, "test",
	    KEY_GRACE_MS_MAX + 1, other, &same), STORE_OUT_OF_RANGE);
	assert_leads(secret, key.number, 0);
	assert_int_equal(key_set_state(store, key.number, KEY_DISABLED,
	    &same), STORE_OK);
	rotate(key.number, HOUR_MS, other);
	assert_int_equal(show(other, &same), STORE_OK);
	assert_int_equal(same.state, KEY_DISABLED);
	assert_int_equal(key_set_state(store, key.number, KEY_REVOKED, &same),
	    STORE_OK);
	assert_int_equal(key_rotate(store, key.number, "test", 0, secret,
	    &same), STORE_NOT_ACTIVE);
	assert_int_equal(key_set_expiry(store, key.number, 0, &same),
	    STORE_NOT_ACTIVE);
	assert_int_equal(key_bind(store, key.number, &all, 1, false, &same),
	    STORE_NOT_ACTIVE);
	assert_leads(other, key.number, 0);
}

static void
a_hold_outlives_its_secret(void **state)
{
	char secret[KEY_SECRET_SIZE];
	struct key key = make(secret);
	struct hold hold = scratch_hold(&key, (money){ 1000 });
	struct usage usage = scratch_usage(&hold, (money){ 700 });

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	key = rotate(key.number, 0, secret);
	assert_int_equal(key.held.nano, 1000);
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage,
	    NULL), STORE_OK);
	assert_int_equal(show(secret, &key), STORE_OK);
	assert_int_equal(key.spent.nano, 700);
	key = rotate(key.number, 0, secret);
	assert_int_equal(key.spent.nano, 700);
	assert_int_equal(key.held.nano, 0);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
an_expiry_acts_at_once(void **state)
{
	char secret[KEY_SECRET_SIZE];
	struct key key = make(secret);
	struct hold hold = scratch_hold(&key, (money){ 1 });

	(void)state;
	assert_int_equal(key_set_expiry(store, key.number, 1, &key),
	    STORE_OK);
	assert_int_equal(show(secret, &key), STORE_OK);
	assert_int_equal(key.expires_ms, 1);
	assert_int_equal(ledger_hold(store, &hold), STORE_NOT_ACTIVE);
	assert_int_equal(key_set_expiry(store, key.number, 0, &key),
	    STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(key_set_expiry(store, 99, 0, &key),
	    STORE_NOT_FOUND);
}

static struct address_range
range(const char *text)
{
	struct address_range parsed;

	assert_true(address_range_parse(text, strlen(text), &parsed));
	return parsed;
}

static bool
allows(uint32_t number, const char *text)
{
	struct address address;
	enum store_rc rc;

	assert_true(address_parse(text, strlen(text), &address));
	rc = key_allows(store, number, &address);
	assert_true(rc == STORE_OK || rc == STORE_NOT_FOUND);
	return rc == STORE_OK;
}

static void
a_key_is_bound_to_addresses(void **state)
{
	char secret[KEY_SECRET_SIZE];
	struct address_range first[] = { range("2001:db8::/32"),
		range("192.0.2.0/24") };
	struct address_range second[] = { range("198.51.100.7") };
	struct key key = make(secret), free_key = make(secret);

	(void)state;
	assert_false(key.has_addresses);
	assert_true(allows(key.number, "8.8.8.8"));
	assert_int_equal(key_allows(store, key.number, NULL), STORE_OK);
	assert_int_equal(key_bind(store, key.number, first, 2, false, &key),
	    STORE_OK);
	assert_true(key.has_addresses);
	assert_true(allows(key.number, "192.0.2.255"));
	assert_true(allows(key.number, "::ffff:192.0.2.1"));
	assert_true(allows(key.number, "2001:db8:ffff::"));
	assert_false(allows(key.number, "192.0.3.0"));
	assert_false(allows(key.number, "2001:db9::"));
	assert_int_equal(key_allows(store, key.number, NULL),
	    STORE_NOT_FOUND);
	assert_true(allows(free_key.number, "8.8.8.8"));
	/* Added, then replaced, then set free. */
	assert_int_equal(key_bind(store, key.number, second, 1, false, &key),
	    STORE_OK);
	assert_true(allows(key.number, "198.51.100.7"));
	assert_true(allows(key.number, "192.0.2.1"));
	assert_int_equal(key_bind(store, key.number, second, 1, true, &key),
	    STORE_OK);
	assert_true(allows(key.number, "198.51.100.7"));
	assert_false(allows(key.number, "192.0.2.1"));
	assert_int_equal(key_bind(store, key.number, NULL, 0, true, &key),
	    STORE_OK);
	assert_false(key.has_addresses);
	assert_true(allows(key.number, "192.0.2.1"));
	assert_int_equal(key_bind(store, 99, second, 1, true, &key),
	    STORE_NOT_FOUND);
}

static void
addresses_are_listed_in_order_and_bounded(void **state)
{
	char secret[KEY_SECRET_SIZE], text[ADDRESS_RANGE_TEXT_SIZE];
	struct address_range many[KEY_ADDRESSES_MAX], more = range("::/0");
	struct address_range got[KEY_ADDRESSES_MAX];
	struct key key = make(secret), other = make(secret);
	size_t n;

	(void)state;
	for (int i = 0; i < KEY_ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "10.%d.0.0/16",
		    KEY_ADDRESSES_MAX - 1 - i);
		many[i] = range(text);
	}
	assert_int_equal(key_bind(store, key.number, many,
	    KEY_ADDRESSES_MAX, false, &key), STORE_OK);
	assert_int_equal(key_bind(store, other.number, &more, 1, false,
	    &other), STORE_OK);
	/* The same again are no more; one more is one too many. */
	assert_int_equal(key_bind(store, key.number, many, 5, false, &key),
	    STORE_OK);
	assert_int_equal(key_bind(store, key.number, &more, 1, false, &key),
	    STORE_OUT_OF_RANGE);
	assert_int_equal(key_addresses(store, key.number, got, &n), STORE_OK);
	assert_int_equal(n, KEY_ADDRESSES_MAX);
	for (int i = 0; i < KEY_ADDRESSES_MAX; i++) {
		assert_int_equal(got[i].first.byte[1], i);
		assert_int_equal(got[i].bits, 16);
	}
	assert_true(allows(key.number, "10.63.1.1"));
	assert_false(allows(key.number, "10.64.1.1"));
	assert_false(allows(key.number, "::1"));
	assert_int_equal(key_addresses(store, other.number, got, &n),
	    STORE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(address_range_format(&got[0], text), "::/0");
}

static uint64_t
reads_of(const char *secret, enum store_rc expected)
{
	uint64_t before = store->reads;
	struct key key;

	assert_int_equal(show(secret, &key), expected);
	return store->reads - before;
}

/* Work is counted, because time cannot be tested. */
static void
assert_all_secrets_cost_the_same(uint64_t reads)
{
	char good[KEY_SECRET_SIZE], old[KEY_SECRET_SIZE];
	char ended[KEY_SECRET_SIZE], expired[KEY_SECRET_SIZE];
	char disabled[KEY_SECRET_SIZE], revoked[KEY_SECRET_SIZE];
	struct key key = make(old);

	rotate(key.number, HOUR_MS, good);
	key = make(ended);
	key = rotate(key.number, 1, expired);
	wait_until(key.rotated_ms + 1);
	assert_int_equal(key_set_expiry(store, key.number, 1, &key),
	    STORE_OK);
	key = make(disabled);
	assert_int_equal(key_set_state(store, key.number, KEY_DISABLED, &key),
	    STORE_OK);
	key = make(revoked);
	assert_int_equal(key_set_state(store, key.number, KEY_REVOKED, &key),
	    STORE_OK);
	assert_int_equal(reads_of("sk-test-unknown", STORE_NOT_FOUND), reads);
	assert_int_equal(reads_of("", STORE_NOT_FOUND), reads);
	assert_int_equal(reads_of(good, STORE_OK), reads);
	assert_int_equal(reads_of(old, STORE_OK), reads);
	assert_int_equal(reads_of(ended, STORE_OK), reads);
	assert_int_equal(reads_of(expired, STORE_OK), reads);
	assert_int_equal(reads_of(disabled, STORE_OK), reads);
	assert_int_equal(reads_of(revoked, STORE_OK), reads);
}

static void
an_unknown_secret_costs_what_a_known_one_does(void **state)
{
	uint32_t number;

	(void)state;
	/* A hash, a key, an account: also where there is none yet. */
	assert_int_equal(reads_of("sk-test-unknown", STORE_NOT_FOUND), 3);
	assert_all_secrets_cost_the_same(3);
	assert_int_equal(pepper_rotate(store, &number), STORE_OK);
	assert_all_secrets_cost_the_same(4);
}

/* How much has been written to the log, ever. */
static uint64_t
written(void)
{
	char byte = 'x';
	DBT data = { .data = &byte, .size = 1 };
	DB_LSN lsn;

	assert_int_equal(store->env->log_put(store->env, &lsn, &data, 0), 0);
	return (uint64_t)lsn.file << 32 | lsn.offset;
}

static void
authentication_writes_nothing(void **state)
{
	char secret[KEY_SECRET_SIZE], old[KEY_SECRET_SIZE];
	struct key key = make(old);
	uint64_t step, before;

	(void)state;
	rotate(key.number, HOUR_MS, secret);
	before = written();
	step = written() - before;
	before += step;
	assert_leads(secret, key.number, 0);
	assert_int_equal(show(old, &key), STORE_OK);
	assert_unknown("sk-test-unknown");
	assert_true(allows(key.number, "::1"));
	assert_int_equal(written() - before, step);
	assert_int_equal(key_get(store, key.number, &key), STORE_OK);
	assert_int_equal(key.last_used_ms, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_secret_leads_to_the_same_key),
		CASE(no_grace_ends_every_old_secret_at_once),
		CASE(two_old_secrets_stay_at_most),
		CASE(a_shorter_grace_is_for_all),
		CASE(an_ended_secret_is_known_until_the_next),
		CASE(what_cannot_be_rotated_is_refused),
		CASE(a_hold_outlives_its_secret),
		CASE(an_expiry_acts_at_once),
		CASE(a_key_is_bound_to_addresses),
		CASE(addresses_are_listed_in_order_and_bounded),
		CASE(an_unknown_secret_costs_what_a_known_one_does),
		CASE(authentication_writes_nothing),
	};

	return cmocka_run_group_tests_name("key_care", tests, NULL, NULL);
}
