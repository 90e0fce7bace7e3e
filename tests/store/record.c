/* record.c: usage records, which are kept for ever, are small and read back as
 * they were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/record_private.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum { USUAL = 300 };

static struct usage
usual_usage(uint32_t account)
{
	struct usage usage = {
		.account = account,
		.key = 7,
		.http = 200,
		.input_tokens = 12345,
		.output_tokens = 678,
		.cost = { 1234567 },
		.hold = { 7654321 },
		.latency_ms = 4321,
		.upstream_ms = 4300,
		.flags = USAGE_STREAMED,
		.model = "deepseek-reasoner",
		.attempts = "deepseek:ok:4300",
		.has_upstream_cost = true,
		.upstream_cost = { 1000000 },
	};

	assert_true(request_id_make(&usage.id, 1700000000000));
	return usage;
}

static struct usage_key
key_of(const struct usage *usage)
{
	struct usage_key key = { .id = usage->id };

	put_be32(key.account, usage->account);
	return key;
}

static void
reads_back(const struct usage *usage)
{
	unsigned char data[USAGE_BYTES_MAX];
	struct usage_key key = key_of(usage);
	size_t len = usage_encode(usage, data);
	struct usage found;

	assert_true(len <= sizeof(data));
	assert_true(usage_decode(&key, data, len, &found));
#define AMOUNT(name, doc) assert_int_equal(found.name, usage->name);
#include "base/amount.def"
#undef AMOUNT
	assert_memory_equal(&found.id, &usage->id, sizeof(found.id));
	assert_int_equal(found.account, usage->account);
	assert_int_equal(found.key, usage->key);
	assert_int_equal(found.http, usage->http);
	assert_int_equal(found.flags, usage->flags);
	assert_int_equal(found.latency_ms, usage->latency_ms);
	assert_int_equal(found.upstream_ms, usage->upstream_ms);
	assert_int_equal(found.cost.nano, usage->cost.nano);
	assert_int_equal(found.hold.nano, usage->hold.nano);
	assert_string_equal(found.code, usage->code);
	assert_string_equal(found.model, usage->model);
	assert_string_equal(found.attempts, usage->attempts);
	assert_int_equal(found.has_upstream_cost, usage->has_upstream_cost);
	assert_int_equal(found.upstream_cost.nano, usage->upstream_cost.nano);
}

/* Each set of amounts, small and large. */
static void
all_amounts_read_back(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 1U << USAGE_AMOUNT__COUNT; set++) {
		struct usage usage = usual_usage(3);

#define AMOUNT(name, doc) \
		usage.name = set >> USAGE_AMOUNT_##name & 1 ? \
		    INT64_MAX - USAGE_AMOUNT_##name : 0;
#include "base/amount.def"
#undef AMOUNT
		usage.has_upstream_cost = set % 3 == 0;
		usage.upstream_cost.nano = set % 3 == 0 ? set : 0;
		reads_back(&usage);
	}
}

static void
the_longest_reads_back(void **state)
{
	struct usage usage = usual_usage(3);

	(void)state;
	memset(usage.code, 'c', sizeof(usage.code) - 1);
	memset(usage.model, 'm', sizeof(usage.model) - 1);
	memset(usage.attempts, 'a', sizeof(usage.attempts) - 1);
#define AMOUNT(name, doc) usage.name = INT64_MAX;
#include "base/amount.def"
#undef AMOUNT
	reads_back(&usage);
}

/* What is cut, longer, of another version or of amounts that nobody knows. */
static void
the_damaged_is_refused(void **state)
{
	unsigned char data[USAGE_BYTES_MAX + 16] = { 0 };
	struct usage usage = usual_usage(3), found;
	struct usage_key key = key_of(&usage);
	size_t len;
	uint32_t amounts;

	(void)state;
	usage.has_upstream_cost = false;
	len = usage_encode(&usage, data);
	for (size_t cut = 0; cut < len + 16; cut++)
		assert_int_equal(usage_decode(&key, data, cut, &found),
		    cut == len || cut == len + sizeof(int64_t));
	memcpy(&amounts, data + offsetof(struct usage_record, amounts),
	    sizeof(amounts));
	amounts |= UINT32_C(1) << USAGE_AMOUNT__COUNT;
	memcpy(data + offsetof(struct usage_record, amounts), &amounts,
	    sizeof(amounts));
	assert_false(usage_decode(&key, data, len + 8, &found));
	assert_false(usage_decode(&key, data, len + 16, &found));
	len = usage_encode(&usage, data);
	data[0] = USAGE_RECORD_VERSION + 1;
	assert_false(usage_decode(&key, data, len, &found));
}

/* As it was written before amounts of zero were left out. */
static void
the_old_reads_back(void **state)
{
	static const char texts[] = "c1modelp:ok";
	const struct usage_record head = {
		.version = 1, .code_len = 2, .model_len = 5, .attempts_len = 4,
		.http = 402, .flags = USAGE_STREAMED, .key = 7,
		.latency_ms = 11, .upstream_ms = 10, .cost = 1234,
		.hold = 5678,
	};
	const int64_t amounts[9] = { 1, 0, 3, 4, 5, 6, 0, 8, 9 }, paid = 77;
	struct usage usage = usual_usage(3), found;
	struct usage_key key = key_of(&usage);
	unsigned char data[256], *at = data;

	(void)state;
	at = mempcpy(at, &head, sizeof(head));
	at = mempcpy(at, amounts, sizeof(amounts));
	at = mempcpy(at, texts, sizeof(texts) - 1);
	at = mempcpy(at, &paid, sizeof(paid));
	assert_true(usage_decode(&key, data, (size_t)(at - data), &found));
	assert_int_equal(found.input_tokens, 1);
	assert_int_equal(found.output_tokens, 0);
	assert_int_equal(found.cached_tokens, 3);
	assert_int_equal(found.images, 0);
	assert_int_equal(found.audio_ms, 9);
	assert_int_equal(found.cost.nano, 1234);
	assert_int_equal(found.hold.nano, 5678);
	assert_string_equal(found.code, "c1");
	assert_string_equal(found.model, "model");
	assert_string_equal(found.attempts, "p:ok");
	assert_int_equal(found.upstream_cost.nano, 77);
	assert_false(usage_decode(&key, data, (size_t)(at - data) - 1,
	    &found));
}

/* Else each takes a page for itself. */
static void
the_usual_lie_side_by_side(void **state)
{
	char dir[64];
	struct store *store;
	struct account account;
	DB_BTREE_STAT *found;

	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	account = scratch_account(store, "a", (money){ 1000 });
	for (int i = 0; i < USUAL; i++) {
		struct usage usage = usual_usage(account.number);

		assert_int_equal(usage_append(store, &usage), STORE_OK);
	}
	assert_int_equal(store->tables[TABLE_USAGE]->stat(
	    store->tables[TABLE_USAGE], NULL, &found, 0), 0);
	print_message("# %d records: %u leaves, %u pages of their own\n",
	    USUAL, found->bt_leaf_pg, found->bt_over_pg);
	assert_int_equal(found->bt_ndata, USUAL);
	assert_int_equal(found->bt_over_pg, 0);
	assert_true(found->bt_leaf_pg <= USUAL * 2 / 3);
	free(found);
	store_close(store);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_amounts_read_back),
		cmocka_unit_test(the_longest_reads_back),
		cmocka_unit_test(the_damaged_is_refused),
		cmocka_unit_test(the_old_reads_back),
		cmocka_unit_test(the_usual_lie_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
