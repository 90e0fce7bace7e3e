/* key.c: accounts and keys: made once, found again, changed at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/record_private.h"
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

static void
accounts_have_names_and_numbers(void **state)
{
	struct account account, found;

	(void)state;
	assert_int_equal(account_create(store, "acme", &account), STORE_OK);
	assert_int_equal(account.number, 1);
	assert_int_equal(account_create(store, "acme", &found), STORE_EXISTS);
	assert_int_equal(account_create(store, "zebra", &found), STORE_OK);
	assert_int_equal(found.number, 2);
	assert_int_equal(account_find(store, "acme", &found), STORE_OK);
	assert_int_equal(found.number, 1);
	assert_string_equal(found.name, "acme");
	assert_int_equal(account_find(store, "2", &found), STORE_OK);
	assert_string_equal(found.name, "zebra");
	assert_int_equal(account_find(store, "3", &found), STORE_NOT_FOUND);
	assert_int_equal(account_find(store, "0", &found), STORE_NOT_FOUND);
	assert_int_equal(account_find(store, "99999999999999999999", &found),
	    STORE_NOT_FOUND);
	assert_int_equal(account_find(store, "", &found), STORE_NOT_FOUND);
}

static void
account_names_are_checked(void **state)
{
	char longest[ACCOUNT_NAME_SIZE + 1];
	struct account account;

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[ACCOUNT_NAME_SIZE] = '\0';
	assert_false(account_name_is_valid(longest));
	longest[ACCOUNT_NAME_SIZE - 1] = '\0';
	assert_true(account_name_is_valid(longest));
	assert_true(account_name_is_valid("a@b.example"));
	assert_true(account_name_is_valid("4th"));
	assert_false(account_name_is_valid("44"));
	assert_false(account_name_is_valid(""));
	assert_false(account_name_is_valid("-a"));
	assert_false(account_name_is_valid("a b"));
	assert_false(account_name_is_valid("a\n"));
	assert_false(account_name_is_valid("\xc3\xa4"));
	assert_int_equal(account_create(store, "a/b", &account),
	    STORE_OUT_OF_RANGE);
}

static void
a_secret_leads_to_its_key(void **state)
{
	struct account account = scratch_account(store, "a", MONEY_ZERO);
	struct key_spec spec = {
		.account = account.number,
		.brand = "acme-llm",
		.label = "first key",
		.expires_ms = 12345,
	};
	char secret[KEY_SECRET_SIZE], other[KEY_SECRET_SIZE];
	struct key made, found;

	(void)state;
	assert_int_equal(key_create(store, &spec, secret, &made), STORE_OK);
	assert_int_equal(strncmp(secret, "sk-acme-llm-", 12), 0);
	assert_int_equal(strlen(secret), 12 + SECRET_DIGITS);
	assert_string_equal(made.last4, secret + strlen(secret) - 4);
	assert_int_equal(key_authenticate(store, secret, &found, &account),
	    STORE_OK);
	assert_int_equal(found.number, made.number);
	assert_string_equal(found.label, "first key");
	assert_int_equal(found.expires_ms, 12345);
	assert_string_equal(account.name, "a");
	/* Any other secret does not, however near. */
	memcpy(other, secret, sizeof(other));
	other[strlen(other) - 1] ^= 1;
	assert_int_equal(key_authenticate(store, other, &found, &account),
	    STORE_NOT_FOUND);
	assert_int_equal(key_authenticate(store, "", &found, &account),
	    STORE_NOT_FOUND);
	assert_int_equal(key_create(store, &spec, other, &found), STORE_OK);
	assert_string_not_equal(other, secret);
	assert_int_equal(found.number, made.number + 1);
}

/* Whether a file of the store holds these bytes. */
static bool
store_holds(const char *bytes)
{
	static const char *const files[] = { "keys.db", "key_hashes.db",
		"key_models.db", "account_keys.db", "log.0000000001" };
	size_t len = strlen(bytes);
	bool found = false;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		static char content[1 << 22];
		char path[128];
		FILE *file;
		size_t n;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		file = fopen(path, "rb");
		assert_non_null(file);
		n = fread(content, 1, sizeof(content), file);
		fclose(file);
		found |= memmem(content, n, bytes, len) != NULL;
	}
	return found;
}

static void
secrets_are_not_stored(void **state)
{
	struct account account = scratch_account(store, "a", MONEY_ZERO);
	struct key_spec spec = {
		.account = account.number,
		.brand = "test",
		.label = "findme",
	};
	char secret[KEY_SECRET_SIZE];
	struct key key;

	(void)state;
	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	assert_true(store_holds("findme"));
	assert_false(store_holds(secret));
	assert_false(store_holds(secret + strlen("sk-test-")));
}

static bool
append_model(const char *model, void *context)
{
	char *list = context;

	strcat(list, model);
	strcat(list, " ");
	return true;
}

static void
a_key_lists_its_models(void **state)
{
	struct account account = scratch_account(store, "a", MONEY_ZERO);
	const char *const models[] = { "one/a", "two", "two-b" };
	struct key_spec spec = {
		.account = account.number,
		.brand = "test",
		.label = "k",
		.scope = KEY_SCOPE_LIST,
		.models = models,
		.n_models = 3,
	};
	char secret[KEY_SECRET_SIZE], list[256] = "";
	struct key key, next;

	(void)state;
	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	assert_int_equal(key_create(store, &spec, secret, &next), STORE_OK);
	assert_int_equal(key_models(store, key.number, append_model, list),
	    STORE_OK);
	assert_string_equal(list, "one/a two two-b ");
	assert_int_equal(key_lists_model(store, key.number, "two"), STORE_OK);
	assert_int_equal(key_lists_model(store, key.number, "tw"),
	    STORE_NOT_FOUND);
	assert_int_equal(key_lists_model(store, key.number, "two-"),
	    STORE_NOT_FOUND);
	assert_int_equal(key_lists_model(store, key.number + 9, "two"),
	    STORE_NOT_FOUND);
	spec.n_models = 0;
	assert_int_equal(key_create(store, &spec, secret, &key),
	    STORE_OUT_OF_RANGE);
}

static void
many_models_are_listed_across_pages(void **state)
{
	struct account account = scratch_account(store, "a", MONEY_ZERO);
	static char names[100][8];
	const char *models[100];
	struct key_spec spec = {
		.account = account.number,
		.brand = "test",
		.label = "k",
		.scope = KEY_SCOPE_LIST,
		.models = models,
		.n_models = 100,
	};
	char secret[KEY_SECRET_SIZE], list[1024] = "";
	struct key key;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "m%02d", i);
		models[i] = names[i];
	}
	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	assert_int_equal(key_models(store, key.number, append_model, list),
	    STORE_OK);
	assert_int_equal(strlen(list), 400);
	for (int i = 0; i < 100; i++)
		assert_memory_equal(list + 4 * i, names[i], 3);
}

static bool
count_key(const struct key *key, void *context)
{
	uint32_t *n = context;

	assert_int_equal(key->number % 2, 1);
	++*n;
	return true;
}

static void
keys_are_listed_by_account(void **state)
{
	struct account one = scratch_account(store, "one", MONEY_ZERO);
	struct account two = scratch_account(store, "two", MONEY_ZERO);
	uint32_t n = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		scratch_key(store, i % 2 ? two.number : one.number, "k");
	assert_int_equal(key_list(store, one.number, count_key, &n), STORE_OK);
	assert_int_equal(n, 100);
}

static void
accounts_have_plans(void **state)
{
	struct account account = scratch_account(store, "a", MONEY_USD(1));
	struct account other = scratch_account(store, "b", MONEY_ZERO);

	(void)state;
	assert_string_equal(account.plan, "");
	assert_int_equal(account_set_plan(store, account.number,
	    "a-plan.of_23-characters", &account), STORE_OK);
	assert_string_equal(account.plan, "a-plan.of_23-characters");
	assert_int_equal(account_set_plan(store, account.number, "free",
	    &account), STORE_OK);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_string_equal(account.plan, "free");
	assert_true(money_compare(account.balance, MONEY_USD(1)) == 0);
	assert_int_equal(account_get(store, other.number, &other), STORE_OK);
	assert_string_equal(other.plan, "");
	assert_int_equal(account_set_plan(store, account.number, "",
	    &account), STORE_OK);
	assert_string_equal(account.plan, "");
	assert_int_equal(account_set_plan(store, 99, "free", &account),
	    STORE_NOT_FOUND);
	assert_int_equal(account_create_on(store, "c", "tier", &other),
	    STORE_OK);
	assert_int_equal(account_find(store, "c", &account), STORE_OK);
	assert_string_equal(account.plan, "tier");
}

static void
plan_names_are_checked(void **state)
{
	static const char *const bad[] = {
		"a-plan-of-24-characters-", "two words", "a/b", "caf\xc3\xa9",
		"tab\t",
	};
	struct account account = scratch_account(store, "a", MONEY_ZERO);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(account_set_plan(store, account.number,
		    bad[i], &account), STORE_OUT_OF_RANGE);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_string_equal(account.plan, "");
	assert_int_equal(account_create_on(store, "b", "a b", &account),
	    STORE_OUT_OF_RANGE);
	assert_int_equal(account_find(store, "b", &account),
	    STORE_NOT_FOUND);
}

static void
assert_limits(uint32_t number, int64_t rpm, int64_t tpm, int64_t tps,
    int64_t concurrency)
{
	struct key key;

	assert_int_equal(key_get(store, number, &key), STORE_OK);
	assert_int_equal(key.limits.rpm, rpm);
	assert_int_equal(key.limits.tpm, tpm);
	assert_int_equal(key.limits.tps, tps);
	assert_int_equal(key.limits.concurrency, concurrency);
}

static void
keys_have_limits(void **state)
{
	struct account account = scratch_account(store, "a", MONEY_ZERO);
	struct key key = scratch_key(store, account.number, "k");
	struct key other = scratch_key(store, account.number, "o");
	struct key_limits most = { 1000000, 1000000000, 1000000, 4096 };
	struct key_limits some = { 0, KEY_LIMIT_PLAN, 7, 0 };

	(void)state;
	assert_int_equal(key.limits.rpm, KEY_LIMIT_PLAN);
	assert_limits(key.number, KEY_LIMIT_PLAN, KEY_LIMIT_PLAN,
	    KEY_LIMIT_PLAN, KEY_LIMIT_PLAN);
	assert_int_equal(key_set_limits(store, key.number, &most, &key),
	    STORE_OK);
	assert_int_equal(key.limits.tpm, 1000000000);
	assert_limits(key.number, 1000000, 1000000000, 1000000, 4096);
	assert_int_equal(key_set_limits(store, key.number, &some, &key),
	    STORE_OK);
	assert_limits(key.number, 0, KEY_LIMIT_PLAN, 7, 0);
	/* What else is changed leaves them, as it leaves the neighbour. */
	assert_int_equal(key_set_state(store, key.number, KEY_DISABLED, &key),
	    STORE_OK);
	assert_limits(key.number, 0, KEY_LIMIT_PLAN, 7, 0);
	assert_limits(other.number, KEY_LIMIT_PLAN, KEY_LIMIT_PLAN,
	    KEY_LIMIT_PLAN, KEY_LIMIT_PLAN);
}

static void
zero_bytes_leave_limits_to_the_plan(void **state)
{
	static const struct key_record zero;
	struct key_record record = { .version = RECORD_VERSION };
	struct key key;

	(void)state;
	assert_true(key_decode(&record, &key));
	assert_memory_equal(&key.limits, &key_limits_plan,
	    sizeof(key.limits));
	key_encode(&key, &record);
	record.version = 0;
	assert_memory_equal(&record, &zero, sizeof(record));
}

static void
limits_are_checked(void **state)
{
	static const struct key_limits bad[] = {
		{ 1000001, 0, 0, 0 }, { 0, 1000000001, 0, 0 },
		{ 0, 0, 1000001, 0 }, { 0, 0, 0, 4097 }, { -2, 0, 0, 0 },
		{ 0, 0, 0, INT64_MIN },
	};
	struct account account = scratch_account(store, "a", MONEY_ZERO);
	struct key key = scratch_key(store, account.number, "k"), same;
	struct key_limits none = { 0, 0, 0, 0 };
	struct key_spec spec = {
		.account = account.number,
		.brand = "test",
		.label = "k",
		.limits = &bad[0],
	};
	char secret[KEY_SECRET_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(key_set_limits(store, key.number, &bad[i],
		    &same), STORE_OUT_OF_RANGE);
	assert_int_equal(key_create(store, &spec, secret, &same),
	    STORE_OUT_OF_RANGE);
	spec.limits = &none;
	assert_int_equal(key_create(store, &spec, secret, &same), STORE_OK);
	assert_limits(same.number, 0, 0, 0, 0);
	assert_int_equal(key_set_limits(store, 99, &none, &same),
	    STORE_NOT_FOUND);
	assert_int_equal(key_set_state(store, key.number, KEY_REVOKED, &key),
	    STORE_OK);
	assert_int_equal(key_set_limits(store, key.number, &none, &same),
	    STORE_NOT_ACTIVE);
	assert_limits(key.number, KEY_LIMIT_PLAN, KEY_LIMIT_PLAN,
	    KEY_LIMIT_PLAN, KEY_LIMIT_PLAN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(accounts_have_names_and_numbers),
		CASE(account_names_are_checked),
		CASE(a_secret_leads_to_its_key),
		CASE(secrets_are_not_stored),
		CASE(a_key_lists_its_models),
		CASE(many_models_are_listed_across_pages),
		CASE(keys_are_listed_by_account),
		CASE(accounts_have_plans),
		CASE(plan_names_are_checked),
		CASE(keys_have_limits),
		CASE(zero_bytes_leave_limits_to_the_plan),
		CASE(limits_are_checked),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
