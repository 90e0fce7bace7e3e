/* export.c: what is exported can be imported, and is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/export.h"
#include "tests/store/scratch.h"

enum { PATH_SIZE = 256, TEXT_MAX = 1 << 20, SETTLEMENTS = 300 };

#define HOUR_MS INT64_C(3600000)

static char dir[64], other_dir[64], top[64];
static struct store *store, *other;
static char present[KEY_SECRET_SIZE], replaced[KEY_SECRET_SIZE];

/* Nothing here is about what survives a power cut. */
static struct store *
open_quick(const char *where)
{
	struct store_options options = { .dir = where };
	char why[STORE_WHY_SIZE];
	struct store *opened;

	if (store_open(&opened, &options, why) != STORE_OK)
		fail_msg("%s", why);
	return opened;
}

static int
set_up(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	scratch_init(dir);
	scratch_init(other_dir);
	snprintf(top, sizeof(top), "%s/farebox-export-XXXXXX",
	    base ? base : "/tmp");
	assert_non_null(mkdtemp(top));
	store = open_quick(dir);
	other = open_quick(other_dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	store_close(other);
	scratch_remove(dir);
	scratch_remove(other_dir);
	scratch_remove(top);
	return 0;
}

static char *
path_in(const char *parent, const char *name, char path[PATH_SIZE])
{
	assert_in_range(snprintf(path, PATH_SIZE, "%s/%s", parent, name), 1,
	    PATH_SIZE - 1);
	return path;
}

/* The text of a file, to be freed. */
static char *
text_of(const char *parent, const char *name)
{
	char path[PATH_SIZE], *text = malloc(TEXT_MAX);
	FILE *file = fopen(path_in(parent, name, path), "r");
	size_t len;

	assert_non_null(text);
	assert_non_null(file);
	len = fread(text, 1, TEXT_MAX - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void
write_text(const char *parent, const char *name, const char *text)
{
	char path[PATH_SIZE];
	FILE *file = fopen(path_in(parent, name, path), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Replaces the first `from` in a file. */
static void
edit(const char *parent, const char *name, const char *from, const char *to)
{
	char *text = text_of(parent, name), *at = strstr(text, from);
	char *edited = malloc(TEXT_MAX);

	assert_non_null(at);
	assert_non_null(edited);
	snprintf(edited, TEXT_MAX, "%.*s%s%s", (int)(at - text), text, to,
	    at + strlen(from));
	write_text(parent, name, edited);
	free(edited);
	free(text);
}

static void
export_to(struct store *from, const char *to, bool keep_hashes,
    struct export_counts *counts)
{
	struct export_options options = {
		.dir = to,
		.keep_hashes = keep_hashes,
	};

	if (store_export(from, &options, counts) != STORE_OK)
		fail_msg("%s", store_why(from));
}

static void
import_from(const char *from, struct export_counts *counts)
{
	if (store_import(other, from, NULL, counts) != STORE_OK)
		fail_msg("%s", store_why(other));
	assert_int_equal(scratch_check(other, NULL), 0);
}

static void
settle(const struct key *key, int64_t cost, const char *code)
{
	struct hold hold = scratch_hold(key, (money){ cost + 1 });
	struct usage usage = scratch_usage(&hold, (money){ cost });

	snprintf(usage.code, sizeof(usage.code), "%s", code);
	if (cost % 2) {
		snprintf(usage.attempts, sizeof(usage.attempts),
		    "a:503:12,b:ok:340");
		usage.has_upstream_cost = true;
		usage.upstream_cost = (money){ cost / 2 };
	}
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	if (*code)
		assert_int_equal(ledger_release(store, &hold, &usage),
		    STORE_OK);
	else
		assert_int_equal(ledger_settle(store, &hold, LEDGER_EXTEND,
		    &usage, NULL), STORE_OK);
}

/* Keys of every sort, one of them with labels that are no UTF-8. */
static void
make_keys(uint32_t account)
{
	const char *models[] = { "demo-chat", "vendor/large" };
	struct key_spec spec = {
		.account = account,
		.brand = "test",
		.label = "says \"hello, w\xc3\xb6rld\"",
		.scope = KEY_SCOPE_LIST,
		.models = models,
		.n_models = 2,
		.has_budget = true,
		.budget = MONEY_USD(2),
		.expires_ms = 253402300799000,
	};
	struct key_limits limits = { 60, KEY_LIMIT_PLAN, 0, 7 };
	struct address_range ranges[2];
	struct key key;

	assert_true(address_range_parse("192.0.2.0/24", 12, &ranges[0]));
	assert_true(address_range_parse("2001:db8::/32", 13, &ranges[1]));
	assert_int_equal(key_create(store, &spec, replaced, &key), STORE_OK);
	assert_int_equal(key_bind(store, key.number, ranges, 2, false, &key),
	    STORE_OK);
	assert_int_equal(key_set_limits(store, key.number, &limits, &key),
	    STORE_OK);
	assert_int_equal(key_rotate(store, key.number, "test", HOUR_MS,
	    present, &key), STORE_OK);
	key = scratch_key(store, account, "\xff\xfe not UTF-8");
	assert_int_equal(key_set_state(store, key.number, KEY_DISABLED, &key),
	    STORE_OK);
	key = scratch_key(store, account, "gone");
	assert_int_equal(key_set_state(store, key.number, KEY_REVOKED, &key),
	    STORE_OK);
}

/* More than a batch of entries and of records, on two accounts. */
static void
make_books(void)
{
	struct account first = scratch_account(store, "first", MONEY_USD(9));
	struct account second = scratch_account(store, "second",
	    MONEY_USD(1));
	struct key one, two;

	assert_int_equal(account_set_plan(store, first.number, "tier-1",
	    &first), STORE_OK);
	make_keys(first.number);
	one = scratch_key(store, first.number, "one");
	two = scratch_key(store, second.number, "two");
	for (int i = 0; i < SETTLEMENTS; i++)
		settle(i % 2 ? &one : &two, 1000 + i, "");
	settle(&one, 5, "upstream_error");
	assert_int_equal(ledger_credit(store, first.number,
	    ENTRY_ADJUSTMENT, (money){ -250000000 }, "a \"note\", and more",
	    &first), STORE_OK);
	/* All that is left, and more: a shortfall. */
	settle(&two, INT64_C(990000000), "");
	settle(&two, INT64_C(5000000), "");
	assert_int_equal(account_set_state(store, second.number,
	    ACCOUNT_SUSPENDED, &second), STORE_OK);
}

static void
assert_same_files(const char *one, const char *two)
{
	static const char *const names[] = {
		"accounts.jsonl", "keys.jsonl", "hashes.jsonl",
		"ledger.jsonl", "usage.jsonl",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *a = text_of(one, names[i]), *b = text_of(two, names[i]);

		assert_string_equal(a, b);
		free(a);
		free(b);
	}
}

static void
what_comes_back_is_what_went_out(void **state)
{
	char one[PATH_SIZE], two[PATH_SIZE];
	struct export_counts out, in, again;

	(void)state;
	make_books();
	export_to(store, path_in(top, "one", one), true, &out);
	assert_int_equal(out.rows[EXPORT_ACCOUNT], 2);
	assert_int_equal(out.rows[EXPORT_KEY], 5);
	assert_int_equal(out.rows[EXPORT_HASH], 6);
	assert_int_equal(out.rows[EXPORT_ENTRY], SETTLEMENTS + 5);
	assert_int_equal(out.rows[EXPORT_USAGE], SETTLEMENTS + 3);
	import_from(one, &in);
	assert_memory_equal(in.rows, out.rows, sizeof(in.rows));
	assert_int_equal(in.keys_without_hash, 0);
	export_to(other, path_in(top, "two", two), true, &again);
	assert_same_files(one, two);
}

/* Has the other store know secrets as the first one does. */
static void
carry_pepper(void)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	assert_int_equal(rename(path_in(dir, "pepper", from),
	    path_in(other_dir, "pepper", to)), 0);
}

static void
with_hashes_and_the_pepper_keys_work(void **state)
{
	char one[PATH_SIZE];
	struct export_counts counts;
	struct account account;
	struct address address;
	struct key key;

	(void)state;
	make_books();
	export_to(store, path_in(top, "one", one), true, &counts);
	import_from(one, &counts);
	assert_int_equal(key_authenticate(other, present, &key, &account),
	    STORE_NOT_FOUND);
	carry_pepper();
	assert_int_equal(key_authenticate(other, present, &key, &account),
	    STORE_OK);
	assert_string_equal(account.name, "first");
	assert_string_equal(account.plan, "tier-1");
	assert_int_equal(key.secret_expires_ms, 0);
	assert_int_equal(key.limits.rpm, 60);
	assert_int_equal(key.limits.tpm, KEY_LIMIT_PLAN);
	assert_int_equal(key.limits.tps, 0);
	assert_int_equal(key.limits.concurrency, 7);
	assert_int_equal(key_lists_model(other, key.number, "vendor/large"),
	    STORE_OK);
	assert_true(key.has_addresses);
	assert_true(address_parse("192.0.2.77", 10, &address));
	assert_int_equal(key_allows(other, key.number, &address), STORE_OK);
	assert_true(address_parse("192.0.3.77", 10, &address));
	assert_int_equal(key_allows(other, key.number, &address),
	    STORE_NOT_FOUND);
	assert_int_equal(key_authenticate(other, replaced, &key, &account),
	    STORE_OK);
	assert_true(key.secret_expires_ms > clock_wall_ms());
}

static void
without_hashes_keys_need_new_secrets(void **state)
{
	char one[PATH_SIZE], path[PATH_SIZE], secret[KEY_SECRET_SIZE];
	struct export_counts counts;
	struct account account;
	struct key key;

	(void)state;
	make_books();
	export_to(store, path_in(top, "one", one), false, &counts);
	assert_int_equal(counts.rows[EXPORT_HASH], 0);
	assert_int_not_equal(access(path_in(one, "hashes.jsonl", path), F_OK),
	    0);
	import_from(one, &counts);
	assert_int_equal(counts.keys_without_hash, 5);
	carry_pepper();
	assert_int_equal(key_authenticate(other, present, &key, &account),
	    STORE_NOT_FOUND);
	assert_int_equal(key_rotate(other, 1, "test", 0, secret, &key),
	    STORE_OK);
	assert_int_equal(key_authenticate(other, secret, &key, &account),
	    STORE_OK);
	assert_int_equal(key.number, 1);
	assert_int_equal(key_rotate(other, 1, "test", HOUR_MS, secret, &key),
	    STORE_OK);
	/* Numbers go on after the last. */
	key = scratch_key(other, 1, "next");
	assert_int_equal(key.number, 6);
	assert_int_equal(scratch_account(other, "third", MONEY_ZERO).number,
	    3);
}

static void
secrets_and_holds_stay_at_home(void **state)
{
	char one[PATH_SIZE], *text;
	struct export_counts counts;
	struct account account;
	struct hold hold;
	struct key key;

	(void)state;
	make_books();
	assert_int_equal(account_set_state(store, 2, ACCOUNT_ACTIVE,
	    &account), STORE_OK);
	assert_int_equal(key_get(store, 4, &key), STORE_OK);
	hold = scratch_hold(&key, MONEY_USD(1));
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	export_to(store, path_in(top, "one", one), false, &counts);
	text = text_of(one, "keys.jsonl");
	assert_null(strstr(text, present));
	assert_null(strstr(text, "held"));
	free(text);
	import_from(one, &counts);
	assert_int_equal(account_get(other, key.account, &account), STORE_OK);
	assert_int_equal(account.held.nano, 0);
}

static void
one_stream_does_as_well(void **state)
{
	char one[PATH_SIZE], two[PATH_SIZE], path[PATH_SIZE];
	FILE *stream = fopen(path_in(top, "all", path), "w+");
	struct export_options options = { .out = stream, .keep_hashes = true };
	struct export_counts counts;

	(void)state;
	make_books();
	assert_int_equal(store_export(store, &options, &counts), STORE_OK);
	rewind(stream);
	assert_int_equal(store_import(other, NULL, stream, &counts),
	    STORE_OK);
	fclose(stream);
	export_to(store, path_in(top, "one", one), true, &counts);
	export_to(other, path_in(top, "two", two), true, &counts);
	assert_same_files(one, two);
}

static void
csv_is_quoted(void **state)
{
	char one[PATH_SIZE], *text;
	struct export_options options = { .format = EXPORT_CSV };
	struct export_counts counts;

	(void)state;
	make_books();
	options.dir = path_in(top, "one", one);
	assert_int_equal(store_export(store, &options, &counts), STORE_OK);
	text = text_of(one, "accounts.csv");
	assert_int_equal(strncmp(text, "number,name,state,plan,", 23), 0);
	assert_non_null(strstr(text, "\r\n1,first,active,tier-1,"));
	assert_non_null(strstr(text, "\r\n2,second,suspended,,"));
	free(text);
	text = text_of(one, "keys.csv");
	assert_non_null(strstr(text, "\r\n1,1,\"says \"\"hello, w\xc3\xb6rld"
	    "\"\"\","));
	assert_non_null(strstr(text, ",list,demo-chat vendor/large,"
	    "192.0.2.0/24 2001:db8::/32,2,60,,0,7,"));
	free(text);
	text = text_of(one, "ledger.csv");
	assert_non_null(strstr(text, ",adjustment,-0.25,"));
	assert_non_null(strstr(text, ",\"a \"\"note\"\", and more\"\r\n"));
	free(text);
}

/* The import stops, and says where and why. */
static void
assert_refused(const char *from, const char *words)
{
	struct export_counts counts;

	assert_int_equal(store_import(other, from, NULL, &counts),
	    STORE_OUT_OF_RANGE);
	if (!strstr(store_why(other), words))
		fail_msg("'%s' is not in: %s", words, store_why(other));
	/* What got in adds up all the same. */
	assert_int_equal(scratch_check(other, NULL), 0);
	assert_int_not_equal(store_import(other, from, NULL, &counts),
	    STORE_OK);
}

static void
what_was_changed_is_refused(void **state)
{
	static const struct {
		const char *file, *from, *to, *words;
	} changes[] = {
		{ "accounts.jsonl", "\"first\"", "\"fir st\"",
			"accounts.jsonl:1: the member 'name'" },
		{ "accounts.jsonl", "\"tier-1\"", "\"tier 1\"",
			"accounts.jsonl:1: the member 'plan'" },
		{ "accounts.jsonl", "\"second\"", "\"first\"",
			"accounts.jsonl:2: two accounts are called first" },
		{ "accounts.jsonl", "\"number\":2", "\"number\":1",
			"accounts.jsonl:2: accounts must come by number" },
		{ "accounts.jsonl", "\"entries\":152", "\"entries\":153",
			"should have 153 ledger entries, and 152 were read" },
		{ "keys.jsonl", "\"account\":1", "\"account\":7",
			"keys.jsonl:1: there is no account 7" },
		{ "keys.jsonl", "\"concurrency\":7", "\"concurrency\":4097",
			"keys.jsonl:1: the member 'concurrency'" },
		{ "keys.jsonl", "\"rpm\":60", "\"rpm\":-1",
			"keys.jsonl:1: the member 'rpm'" },
		{ "keys.jsonl", "{", "[", "keys.jsonl:1: this is not JSON" },
		{ "keys.jsonl", "\"key\"", "\"kay\"",
			"keys.jsonl:1: the member 'record'" },
		{ "ledger.jsonl", "\"number\":5,", "\"number\":6,",
			"ledger.jsonl:5: entry 5 is missing" },
		{ "ledger.jsonl", "\"amount\":\"9\"", "\"amount\":\"8\"",
			"ledger.jsonl:1: the balance is another" },
		{ "ledger.jsonl", "\"key\":4", "\"key\":5",
			"ledger.jsonl:2: account 1 has no key 5" },
		{ "ledger.jsonl", "\"deposit\"", "\"settlement\"",
			"ledger.jsonl:1: account 1 has no key 0" },
		{ "usage.jsonl", "\"cost\":\"", "\"cost\":\"x",
			"usage.jsonl:1: the member 'cost'" },
		{ "usage.jsonl", "\"account\":1", "\"account\":9",
			"usage.jsonl:1: there is no account 9" },
	};
	char one[PATH_SIZE];
	struct export_counts counts;

	(void)state;
	make_books();
	export_to(store, path_in(top, "one", one), true, &counts);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *text = text_of(one, changes[i].file);

		edit(one, changes[i].file, changes[i].from, changes[i].to);
		assert_refused(one, changes[i].words);
		write_text(one, changes[i].file, text);
		free(text);
		store_close(other);
		scratch_remove(other_dir);
		scratch_init(other_dir);
		other = open_quick(other_dir);
	}
	import_from(one, &counts);
}

static void
only_an_empty_store_is_filled(void **state)
{
	char one[PATH_SIZE];
	struct export_counts counts;
	struct export_options options;

	(void)state;
	make_books();
	export_to(store, path_in(top, "one", one), true, &counts);
	scratch_account(other, "mine", MONEY_ZERO);
	assert_int_equal(store_import(other, one, NULL, &counts),
	    STORE_EXISTS);
	assert_non_null(strstr(store_why(other), "not empty"));
	/* Nor is an export written over another. */
	options = (struct export_options){ .dir = one };
	assert_int_equal(store_export(store, &options, &counts),
	    STORE_UNAVAILABLE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_comes_back_is_what_went_out),
		TEST(with_hashes_and_the_pepper_keys_work),
		TEST(without_hashes_keys_need_new_secrets),
		TEST(secrets_and_holds_stay_at_home),
		TEST(one_stream_does_as_well),
		TEST(csv_is_quoted),
		TEST(what_was_changed_is_refused),
		TEST(only_an_empty_store_is_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
