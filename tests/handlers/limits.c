/* limits.c: requests and tokens in any minute, and what refusals tell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

enum { MINUTE_MS = 60000, LATE_MS = 500 };

static const char limited[] = "address_rpm = 3\n"
    "[plan default]\nrpm = 3\ntpm = 0\n"
    "[plan tokens]\nrpm = 0\ntpm = 400\n"
    "[plan slow]\nrpm = 0\ntpm = 0\ntps = 1\n"
    "[plan models]\nrpm = 2\ntpm = 0\nper_model = yes\n";

/* The time of the limits, and how wrong the clock on the wall is. */
static int64_t now_us = 1000000, wall_step_ms;

int64_t __wrap_clock_boot_us(void);
int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

int64_t
__wrap_clock_boot_us(void)
{
	return now_us;
}

int64_t
__wrap_clock_wall_ms(void)
{
	return __real_clock_wall_ms() + wall_step_ms;
}

static int
number_in(const struct reply *reply, const char *name)
{
	const char *value = reply_header(reply, name);

	if (!value)
		fail_msg("no %s in %s", name, reply->head);
	return atoi(value);
}

static void
pass_ms(int64_t ms)
{
	now_us += ms * 1000;
}

/* The minute of those before is over. */
static void
pass_minute(void)
{
	pass_ms(MINUTE_MS + LATE_MS);
}

static void
ask_times(struct gateway *g, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(gateway_chat(g, good_request)->http, 200);
}

static void
use_plan(struct gateway *g, const char *plan)
{
	assert_int_equal(account_set_plan(g->store, g->account.number, plan,
	    &g->account), STORE_OK);
}

static void
a_full_minute_refuses(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	unsigned calls;

	gateway_configure(g, limited);
	for (int left = 2; left >= 0; left--) {
		reply = gateway_chat(g, good_request);
		assert_int_equal(reply->http, 200);
		assert_int_equal(number_in(reply, "x-ratelimit-limit"), 3);
		assert_int_equal(number_in(reply, "x-ratelimit-remaining"),
		    left);
		assert_int_equal(number_in(reply,
		    "x-ratelimit-limit-requests"), 3);
		assert_int_equal(number_in(reply,
		    "x-ratelimit-remaining-requests"), left);
		assert_string_equal(reply_header(reply,
		    "x-ratelimit-reset-requests"), "1m0.5s");
		assert_null(reply_header(reply, "x-ratelimit-limit-tokens"));
		pass_ms(1000);
	}
	calls = fake_upstream.calls;
	reply = gateway_chat(g, good_request);
	assert_error(reply, 429, "rate_limit_exceeded", NULL);
	assert_string_equal(reply_error(reply, "message"), "This key may make "
	    "3 requests in any minute, and has. Try again in 57.0 s.");
	assert_int_equal(number_in(reply, "Retry-After"), 57);
	assert_int_equal(number_in(reply, "Retry-After-Ms"), 57000);
	assert_int_equal(number_in(reply, "x-ratelimit-remaining"), 0);
	assert_int_equal(fake_upstream.calls, calls);
	/* Reading what there is costs nothing, and tells the same. */
	reply = gateway_ask(g, (struct ask){ .uri = "/v1/models" });
	assert_int_equal(reply->http, 200);
	assert_int_equal(number_in(reply, "x-ratelimit-remaining"), 0);
	pass_ms(56999);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	pass_ms(1);
	ask_times(g, 1);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	gateway_check_ledger(g);
}

static void
who_waits_as_told_is_let_in(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_configure(g, limited);
	for (int refused = 0; refused < 1000;) {
		reply = gateway_chat(g, good_request);
		if (reply->http == 200) {
			pass_ms(rand() % 9000);
			continue;
		}
		assert_int_equal(reply->http, 429);
		refused++;
		assert_int_equal(number_in(reply, "Retry-After"),
		    (number_in(reply, "Retry-After-Ms") + 999) / 1000);
		pass_ms(number_in(reply, "Retry-After-Ms"));
		ask_times(g, 1);
		if (refused % 200 == 0)
			gateway_set_balance(g, (money){ 5000000000 });
	}
	gateway_check_ledger(g);
}

/* An estimate of the prompt and all that is asked for, until the usage is
 * known: 21 tokens. */
static void
tokens_are_estimated_and_corrected(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char body[512];
	int estimate;

	gateway_configure(g, limited);
	use_plan(g, "tokens");
	reply = gateway_chat(g, good_request);
	assert_int_equal(reply->http, 200);
	assert_int_equal(number_in(reply, "x-ratelimit-limit-tokens"), 400);
	estimate = 400 - number_in(reply, "x-ratelimit-remaining-tokens");
	assert_in_range(estimate, 21, 85);
	assert_null(reply_header(reply, "x-ratelimit-limit-requests"));
	reply = gateway_ask(g, (struct ask){ .uri = "/v1/balance" });
	assert_int_equal(number_in(reply, "x-ratelimit-remaining-tokens"),
	    400 - 21);
	ask_times(g, 14); /* 15 times 21 are 315 */
	snprintf(body, sizeof(body), "{\"model\":\"org/pro\",\"messages\":"
	    "[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":300}");
	reply = gateway_chat(g, body);
	assert_error(reply, 429, "token_rate_limit_exceeded", NULL);
	assert_int_equal(number_in(reply, "Retry-After-Ms"), MINUTE_MS);
	pass_minute();
	assert_int_equal(gateway_chat(g, body)->http, 200);
	gateway_check_ledger(g);
}

static void
what_no_minute_can_hold_is_too_large(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_configure(g, limited);
	use_plan(g, "tokens");
	reply = gateway_chat(g, "{\"model\":\"org/pro\",\"messages\":"
	    "[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":500}");
	assert_error(reply, 413, "request_too_large", NULL);
	assert_non_null(strstr(reply_error(reply, "message"),
	    "500 of output), and this key may use 400 in any minute"));
	assert_string_equal(reply_header(reply, "x-should-retry"), "false");
	assert_int_equal(fake_upstream.calls, 0);
}

/* 12 tokens of output each; 60 in a minute. */
static void
output_of_whole_answers_is_counted(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_configure(g, limited);
	use_plan(g, "slow");
	ask_times(g, 5);
	reply = gateway_chat(g, good_request);
	assert_error(reply, 429, "token_rate_limit_exceeded", NULL);
	assert_non_null(strstr(reply_error(reply, "message"),
	    "1 tokens of output per second"));
	pass_minute();
	ask_times(g, 5);
}

static void
a_wrong_request_counts_too(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, limited);
	for (int i = 0; i < 3; i++)
		assert_int_equal(gateway_chat(g, "{}")->http, 400);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	assert_int_equal(gateway_chat(g, "{}")->http, 429);
}

static void
each_model_may_count_by_itself(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, limited);
	use_plan(g, "models");
	ask_times(g, 2);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	assert_int_equal(gateway_chat(g, "{\"model\":\"free\",\"messages\":"
	    "[{\"role\":\"user\",\"content\":\"Hi\"}]}")->http, 200);
}

static void
changes_act_at_once(void **state)
{
	struct gateway *g = *state;
	struct key_limits limits = { 5, KEY_LIMIT_PLAN, KEY_LIMIT_PLAN,
		KEY_LIMIT_PLAN };

	gateway_configure(g, limited);
	ask_times(g, 3);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	assert_int_equal(key_set_limits(g->store, g->key.number, &limits,
	    &g->key), STORE_OK);
	ask_times(g, 2);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	limits.rpm = 0;
	assert_int_equal(key_set_limits(g->store, g->key.number, &limits,
	    &g->key), STORE_OK);
	ask_times(g, 20);
	limits.rpm = KEY_LIMIT_PLAN;
	assert_int_equal(key_set_limits(g->store, g->key.number, &limits,
	    &g->key), STORE_OK);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
	gateway_configure(g, "[plan default]\nrpm = 30\n");
	ask_times(g, 1);
}

static void
no_clock_on_the_wall_matters(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, limited);
	ask_times(g, 3);
	for (int hours = -1; hours <= 1; hours++) {
		wall_step_ms = hours * INT64_C(3600000);
		assert_int_equal(gateway_chat(g, good_request)->http, 429);
	}
	wall_step_ms = -INT64_C(3600000);
	pass_minute();
	ask_times(g, 3);
	wall_step_ms = 0;
}

static void
a_restart_forgets_nothing(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, limited);
	ask_times(g, 3);
	store_close(g->store);
	assert_int_equal(store_open(&g->store, &(struct store_options){
	    .dir = g->conf->store }, (char[STORE_WHY_SIZE]){ 0 }), STORE_OK);
	assert_int_equal(gateway_chat(g, good_request)->http, 429);
}

static const struct reply *
guess_from(struct gateway *g, const char *address)
{
	return gateway_ask(g, (struct ask){ .authorization = "Bearer sk-guess",
	    .body = good_request, .variables = { "REMOTE_ADDR", address } });
}

static void
guessing_keys_is_limited(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_configure(g, limited);
	for (int i = 0; i < 3; i++) {
		reply = guess_from(g, "192.0.2.1");
		assert_error(reply, 401, "invalid_api_key", NULL);
		assert_int_equal(number_in(reply, "x-ratelimit-remaining"),
		    2 - i);
	}
	reply = guess_from(g, "192.0.2.1");
	assert_error(reply, 429, "rate_limit_exceeded", NULL);
	assert_int_equal(number_in(reply, "Retry-After-Ms"), MINUTE_MS);
	assert_int_equal(guess_from(g, "192.0.2.2")->http, 401);
	/* All of a /64 is one customer's. */
	assert_int_equal(guess_from(g, "2001:db8::1")->http, 401);
	assert_int_equal(guess_from(g, "2001:db8::2")->http, 401);
	assert_int_equal(guess_from(g, "2001:db8::3")->http, 401);
	assert_int_equal(guess_from(g, "2001:db8::4")->http, 429);
	assert_int_equal(guess_from(g, "2001:db8:0:1::4")->http, 401);
	/* A good key is good from there as well. */
	assert_int_equal(gateway_ask(g, (struct ask){ .body = good_request,
	    .variables = { "REMOTE_ADDR", "192.0.2.1" } })->http, 200);
	pass_minute();
	assert_int_equal(guess_from(g, "192.0.2.1")->http, 401);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(a_full_minute_refuses),
		GATEWAY_TEST(who_waits_as_told_is_let_in),
		GATEWAY_TEST(tokens_are_estimated_and_corrected),
		GATEWAY_TEST(what_no_minute_can_hold_is_too_large),
		GATEWAY_TEST(output_of_whole_answers_is_counted),
		GATEWAY_TEST(a_wrong_request_counts_too),
		GATEWAY_TEST(each_model_may_count_by_itself),
		GATEWAY_TEST(changes_act_at_once),
		GATEWAY_TEST(no_clock_on_the_wall_matters),
		GATEWAY_TEST(a_restart_forgets_nothing),
		GATEWAY_TEST(guessing_keys_is_limited),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
