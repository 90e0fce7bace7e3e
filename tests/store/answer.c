/* answer.c: a named request runs once, and its answer is kept for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/answer.h"
#include "tests/store/scratch.h"

static char dir[64];
static struct store *store;
static struct key key;

static int
set_up(void **state)
{
	struct account account;

	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	account = scratch_account(store, "a", MONEY_USD(1));
	key = scratch_key(store, account.number, "k");
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

static struct answer_claim
claim_of(const char *name, const char *body, int64_t ms)
{
	struct answer_claim claim = {
		.name.key = key.number,
		.expires_ms = clock_wall_ms() + ms,
	};

	assert_true(digest_sha256(name, strlen(name), claim.name.digest));
	assert_true(digest_sha256(body, strlen(body), claim.body));
	return claim;
}

static struct hold
hold_of(const struct answer_claim *claim)
{
	struct hold hold = scratch_hold(&key, (money){ 100 });

	memcpy(hold.body, claim->body, sizeof(hold.body));
	hold.claim = claim;
	return hold;
}

static void
settle(const struct hold *hold, const char *body, size_t len)
{
	struct usage usage = scratch_usage(hold, (money){ 30 });
	struct answer answer = {
		.http = 200,
		.id = hold->id,
		.content_type = "application/json",
		.body = (char *)(uintptr_t)body,
		.body_len = len,
	};

	assert_int_equal(ledger_settle(store, hold, LEDGER_CAP, &usage,
	    &answer), STORE_OK);
	assert_int_equal(answer.cost.nano, 30);
}

static void
a_named_request_is_answered_again_and_charged_once(void **state)
{
	struct answer_claim claim = claim_of("name", "body", 60000);
	struct answer_claim other = claim_of("name", "another body", 60000);
	struct hold hold = hold_of(&claim), again = hold_of(&claim);
	struct answer answer;
	struct account account;

	(void)state;
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_NONE);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_RUNNING);
	assert_int_equal(answer_find(store, &other, &answer), ANSWER_OTHER);
	assert_int_equal(answer_twin(store, key.number, claim.body),
	    ANSWER_RUNNING);
	settle(&hold, "{\"a\":1}", 7);
	assert_int_equal(answer_twin(store, key.number, claim.body),
	    ANSWER_NONE);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_KEPT);
	assert_string_equal(answer.body, "{\"a\":1}");
	assert_int_equal(answer.body_len, 7);
	assert_int_equal(answer.http, 200);
	assert_int_equal(answer.cost.nano, 30);
	assert_string_equal(answer.content_type, "application/json");
	assert_memory_equal(&answer.id, &hold.id, sizeof(hold.id));
	free(answer.body);
	assert_int_equal(answer_find(store, &other, &answer), ANSWER_OTHER);
	/* Who comes too late for the look-up is refused by the hold. */
	assert_int_equal(ledger_hold(store, &again), STORE_EXISTS);
	assert_int_equal(account_get(store, 1, &account), STORE_OK);
	assert_int_equal(account.held.nano, 0);
	assert_int_equal(account.spent.nano, 30);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
another_key_has_names_of_its_own(void **state)
{
	struct answer_claim claim = claim_of("name", "body", 60000), other;
	struct hold hold = hold_of(&claim);
	struct answer answer;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	settle(&hold, "x", 1);
	other = claim;
	other.name.key++;
	assert_int_equal(answer_find(store, &other, &answer), ANSWER_NONE);
}

static void
a_failed_request_may_be_tried_again(void **state)
{
	struct answer_claim claim = claim_of("name", "body", 60000);
	struct hold hold = hold_of(&claim), again = hold_of(&claim);
	struct answer answer;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_release(store, &hold, NULL), STORE_OK);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_NONE);
	assert_int_equal(ledger_hold(store, &again), STORE_OK);
	settle(&again, "x", 1);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_KEPT);
	free(answer.body);
}

static void
kept_answers_expire(void **state)
{
	struct answer_claim claim = claim_of("name", "body", -1);
	struct hold hold = hold_of(&claim), again;
	struct answer answer;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	settle(&hold, "x", 1);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_NONE);
	claim = claim_of("name", "another body", 60000);
	again = hold_of(&claim);
	assert_int_equal(ledger_hold(store, &again), STORE_OK);
	settle(&again, "y", 1);
	assert_false(answer_expire(store));
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_KEPT);
	assert_string_equal(answer.body, "y");
	free(answer.body);
}

static void
many_expired_answers_are_forgotten(void **state)
{
	char body[] = "x";
	struct answer answer = { .http = 200, .body = body, .body_len = 1 };
	struct answer_claim claim;
	int rounds = 0;

	(void)state;
	for (int i = 0; i < 120; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%02d", i);
		claim = claim_of(name, "body", -1000 + i);
		assert_int_equal(answer_keep(store, &claim, &answer),
		    STORE_OK);
	}
	while (answer_expire(store))
		rounds++;
	assert_int_equal(rounds, 2);
	claim = claim_of("n00", "body", 60000);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_NONE);
}

static void
large_answers_come_back_whole(void **state)
{
	struct answer_claim claim = claim_of("name", "body", 60000);
	struct hold hold = hold_of(&claim);
	size_t len = 300000;
	char *body = malloc(len);
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i * 7 % 251);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	settle(&hold, body, len);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_KEPT);
	assert_int_equal(answer.body_len, len);
	assert_memory_equal(answer.body, body, len);
	free(answer.body);
	free(body);
}

static void
an_answer_too_large_to_keep_is_known_all_the_same(void **state)
{
	struct answer_claim claim = claim_of("name", "body", 60000);
	struct hold hold = hold_of(&claim);
	struct answer answer;

	(void)state;
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	settle(&hold, NULL, 0);
	assert_int_equal(answer_find(store, &claim, &answer), ANSWER_KEPT);
	assert_null(answer.body);
}

/* A process that holds under a claim and dies. */
static void
die_holding(const struct answer_claim *claim)
{
	pid_t child = fork();

	if (child == 0) {
		struct store *own = scratch_open(dir);
		struct hold hold = hold_of(claim);

		_exit(ledger_hold(own, &hold) == STORE_OK ? 0 : 1);
	}
	waitpid(child, NULL, 0);
}

static void
a_name_is_free_again_when_its_process_died(void **state)
{
	struct answer_claim claim = claim_of("name", "body", 60000);
	struct hold hold = hold_of(&claim);
	struct answer answer;
	int64_t end_us = clock_mono_us() + 60000000;

	(void)state;
	store_close(store);
	die_holding(&claim);
	store = scratch_open(dir);
	while (answer_find(store, &claim, &answer) == ANSWER_RUNNING &&
	    clock_mono_us() < end_us)
		store_maintain(store);
	assert_int_equal(store_orphans_released(store), 1);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	settle(&hold, "x", 1);
	assert_int_equal(scratch_check(store, NULL), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_named_request_is_answered_again_and_charged_once),
		CASE(another_key_has_names_of_its_own),
		CASE(a_failed_request_may_be_tried_again),
		CASE(kept_answers_expire),
		CASE(many_expired_answers_are_forgotten),
		CASE(large_answers_come_back_whole),
		CASE(an_answer_too_large_to_keep_is_known_all_the_same),
		CASE(a_name_is_free_again_when_its_process_died),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
