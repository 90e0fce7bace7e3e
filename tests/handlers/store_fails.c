/* store_fails.c: nothing is served, and nothing acknowledged, when the store
 * does not do its part. */
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

/* What each call to the store gives in place of doing it; STORE_OK does it. */
static struct {
	enum store_rc authenticate, lists, hold, settle, release, append;
} instead;

/* The linker puts these before the real ones (--wrap). */
#define WRAP(name, member, parameters, arguments) \
	enum store_rc __real_##name parameters; \
	enum store_rc __wrap_##name parameters; \
	enum store_rc \
	__wrap_##name parameters \
	{ \
		if (instead.member != STORE_OK) \
			return instead.member; \
		return __real_##name arguments; \
	}

WRAP(key_authenticate, authenticate, (struct store *store,
    const char *secret, struct key *key, struct account *account),
    (store, secret, key, account))
WRAP(key_lists_model, lists, (struct store *store, uint32_t number,
    const char *model), (store, number, model))
WRAP(ledger_hold, hold, (struct store *store, const struct hold *hold),
    (store, hold))
WRAP(ledger_settle, settle, (struct store *store, const struct hold *hold,
    enum ledger_excess excess, struct usage *usage, struct answer *keep),
    (store, hold, excess, usage, keep))
WRAP(ledger_release, release, (struct store *store, const struct hold *hold,
    const struct usage *usage), (store, hold, usage))
WRAP(usage_append, append, (struct store *store, const struct usage *usage),
    (store, usage))

static int
setup(void **state)
{
	memset(&instead, 0, sizeof(instead));
	return gateway_setup(state);
}

static int
teardown(void **state)
{
	memset(&instead, 0, sizeof(instead));
	return gateway_teardown(state);
}

static void
a_key_that_cannot_be_looked_up(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	instead.authenticate = STORE_UNAVAILABLE;
	reply = gateway_chat(g, good_request);
	assert_error(reply, 503, "credit_check_failed", NULL);
	assert_non_null(reply_header(reply, "retry-after-ms"));
	assert_int_equal(fake_upstream.calls, 0);
}

static void
a_scope_that_cannot_be_looked_up(void **state)
{
	static const char *const listed[] = { "demo" };
	struct gateway *g = *state;

	gateway_use_key(g, (struct key_spec){ .scope = KEY_SCOPE_LIST,
	    .models = listed, .n_models = 1 });
	instead.lists = STORE_UNAVAILABLE;
	assert_error(gateway_chat(g, good_request), 503,
	    "credit_check_failed", NULL);
	assert_error(gateway_ask(g, (struct ask){ .uri = "/v1/models" }), 503,
	    "credit_check_failed", NULL);
	assert_error(gateway_ask(g, (struct ask){ .uri = "/v1/models/demo" }),
	    503, "credit_check_failed", NULL);
	assert_int_equal(fake_upstream.calls, 0);
}

static const struct {
	enum store_rc rc;
	int http;
	const char *code;
} holds[] = {
	{ STORE_NOT_FOUND, 503, "credit_check_failed" },
	{ STORE_EXISTS, 409, "idempotency_conflict" },
	{ STORE_NOT_ACTIVE, 401, "invalid_api_key" },
	{ STORE_NO_BALANCE, 402, "insufficient_quota" },
	{ STORE_NO_BUDGET, 402, "insufficient_quota" },
	{ STORE_OUT_OF_RANGE, 413, "request_too_large" },
	{ STORE_CORRUPT, 503, "credit_check_failed" },
	{ STORE_UNAVAILABLE, 503, "credit_check_failed" },
};

static void
each_end_of_a_hold(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		instead.hold = holds[i].rc;
		assert_error(gateway_chat(g, good_request), holds[i].http,
		    holds[i].code, NULL);
		assert_int_equal(g->reply.end, SERVE_DONE);
		assert_int_equal(gateway_last_usage(g).http, holds[i].http);
	}
	assert_int_equal(fake_upstream.calls, 0);
	gateway_check_ledger(g);
}

/* The answer is withheld, and the hold let go. */
static void
a_charge_that_is_not_recorded(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	instead.settle = STORE_UNAVAILABLE;
	reply = gateway_chat(g, good_request);
	assert_error(reply, 503, "credit_check_failed", NULL);
	assert_null(strstr(reply->body, "Hello there"));
	assert_null(reply_header(reply, "x-farebox-request-cost"));
	assert_non_null(strstr(reply->log, "level=error"));
	assert_int_equal(reply->end, SERVE_DONE);
	assert_int_equal(gateway_account(g).balance.nano,
	    MONEY_USD(5).nano);
	assert_int_equal(gateway_last_usage(g).http, 503);
	gateway_check_ledger(g);
}

/* The last words of a stream are an error in place of "[DONE]". */
static void
a_charge_of_a_stream_that_is_not_recorded(void **state)
{
	static const char said[] = "data: {\"model\":\"x\",\"choices\":[{"
	    "\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}"
	    "\n\ndata: [DONE]\n\n";
	struct gateway *g = *state;
	const struct reply *reply;

	fake_upstream_reset(said);
	instead.settle = STORE_UNAVAILABLE;
	reply = gateway_chat(g, "{\"model\":\"demo\",\"messages\":"
	    "[{\"role\":\"user\"}],\"stream\":true}");
	assert_int_equal(reply->http, 200);
	assert_non_null(strstr(reply->body, "Hello"));
	assert_non_null(strstr(reply->body, "\"credit_check_failed\""));
	assert_non_null(strstr(reply->body, "nothing was charged"));
	assert_null(strstr(reply->body, "[DONE]"));
	assert_null(strstr(reply->body, "request-cost"));
	assert_int_equal(gateway_account(g).balance.nano, MONEY_USD(5).nano);
	assert_int_equal(gateway_last_usage(g).http, 503);
	gateway_check_ledger(g);
}

static void
a_hold_that_cannot_be_ended(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	instead.settle = STORE_UNAVAILABLE;
	instead.release = STORE_UNAVAILABLE;
	reply = gateway_chat(g, good_request);
	assert_error(reply, 503, "credit_check_failed", NULL);
	assert_int_equal(reply->end, SERVE_RETIRE);
	assert_true(gateway_account(g).held.nano > 0);

	/* The store lets go of it before the next hold. */
	memset(&instead, 0, sizeof(instead));
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	gateway_check_ledger(g);
}

/* A failure is told as it is, whether or not its record could be written. */
static void
a_record_that_cannot_be_written(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	instead.append = STORE_UNAVAILABLE;
	reply = gateway_chat(g, "{}");
	assert_error(reply, 400, "invalid_request", "model");
	assert_non_null(strstr(reply->log, "no usage record"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_that_cannot_be_looked_up),
		TEST(a_scope_that_cannot_be_looked_up),
		TEST(each_end_of_a_hold),
		TEST(a_charge_that_is_not_recorded),
		TEST(a_charge_of_a_stream_that_is_not_recorded),
		TEST(a_hold_that_cannot_be_ended),
		TEST(a_record_that_cannot_be_written),
	};

	return cmocka_run_group_tests_name("store_fails", tests, NULL, NULL);
}
