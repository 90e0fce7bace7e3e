/* credit.c: what is held, what is charged, and that nothing else is. */
#include <stdio.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

#define ANSWER(message, usage) "{\"model\":\"real-demo\",\"choices\":" \
	"[{\"index\":0,\"message\":" message "}]" usage "}"
#define HELLO "{\"role\":\"assistant\",\"content\":\"Hello there\"}"
#define USED(input, output) ",\"usage\":{\"prompt_tokens\":" input \
	",\"completion_tokens\":" output "}"

/*
 * good_request is one message and no tool: at most its bytes and 64 + 16
 * tokens at 1 USD per 1M, and 20 tokens out at 2.
 */
enum {
	GOOD_INPUT_BOUND = sizeof(good_request) - 1 + 64 + 16,
	GOOD_INPUT_ESTIMATE = (sizeof(good_request) - 1) / 3 + (64 + 16) / 4,
	GOOD_HOLD = GOOD_INPUT_BOUND * 1000 + 20 * 2000,
};

static const int64_t usd_5 = 5000000000;

/* A provider's answer to good_request, and what it costs. */
static const struct {
	const char *answer;
	int64_t cost, input, output;
	unsigned flags;
} bills[] = {
	{ ANSWER(HELLO, USED("9", "12")), 9 * 1000 + 12 * 2000, 9, 12, 0 },
	{ ANSWER(HELLO, USED("9.0", "12.0")), 9 * 1000 + 12 * 2000, 9, 12,
	    0 },
	{ ANSWER(HELLO, USED("0", "1")), 2000, 0, 1, 0 },
	/* Usage above the hold is capped. */
	{ ANSWER(HELLO, USED("9", "1000000")), GOOD_HOLD, 9, 1000000,
	    USAGE_CAPPED },
	/* Missing or nonsense: the documented estimate. "Hello there" is 11
	 * bytes, so 3 tokens. */
	{ ANSWER(HELLO, ""), GOOD_INPUT_ESTIMATE * 1000 + 3 * 2000,
	    GOOD_INPUT_ESTIMATE, 3, USAGE_ESTIMATED },
	{ ANSWER(HELLO, ",\"usage\":null"),
	    GOOD_INPUT_ESTIMATE * 1000 + 3 * 2000, GOOD_INPUT_ESTIMATE, 3,
	    USAGE_ESTIMATED },
	{ ANSWER(HELLO, USED("-9", "12")),
	    GOOD_INPUT_ESTIMATE * 1000 + 3 * 2000, GOOD_INPUT_ESTIMATE, 3,
	    USAGE_ESTIMATED },
	{ ANSWER(HELLO, USED("\"9\"", "12")),
	    GOOD_INPUT_ESTIMATE * 1000 + 3 * 2000, GOOD_INPUT_ESTIMATE, 3,
	    USAGE_ESTIMATED },
	{ ANSWER(HELLO, USED("9", "9223372036854775807")),
	    GOOD_INPUT_ESTIMATE * 1000 + 3 * 2000, GOOD_INPUT_ESTIMATE, 3,
	    USAGE_ESTIMATED },
	{ ANSWER("{\"content\":null,\"tool_calls\":[{\"function\":{\"name\":"
	    "\"abc\",\"arguments\":\"{}x\"}}]}", ""),
	    GOOD_INPUT_ESTIMATE * 1000 + 2 * 2000, GOOD_INPUT_ESTIMATE, 2,
	    USAGE_ESTIMATED },
	/* Something other than text was produced. */
	{ ANSWER("{\"content\":\"\",\"refusal\":\"No.\"}", USED("9", "2")),
	    13000, 9, 2, 0 },
	{ ANSWER("{\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}",
	    USED("9", "2")), 13000, 9, 2, 0 },
	{ ANSWER("{\"content\":null,\"audio\":{\"data\":\"\"}}",
	    USED("9", "2")), 13000, 9, 2, 0 },
	{ ANSWER("{\"content\":\"\",\"reasoning_content\":\"Hm\"}",
	    USED("9", "2")), 13000, 9, 2, 0 },
	{ ANSWER("{\"content\":\"\"}", ",\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":2,\"completion_tokens_details\":"
	    "{\"reasoning_tokens\":2}}"), 13000, 9, 2, 0 },
	/* An empty answer costs nothing. */
	{ ANSWER("{\"content\":\"\"}", USED("9", "2")), 0, 9, 2, 0 },
	{ ANSWER("{\"content\":null,\"tool_calls\":[]}", USED("9", "2")), 0,
	    9, 2, 0 },
	{ ANSWER("{\"content\":\"\"}", USED("9", "0")), 0, 9, 0, 0 },
	{ ANSWER("{\"content\":[]}", ""), 0, GOOD_INPUT_ESTIMATE, 0,
	    USAGE_ESTIMATED },
};

static void
each_bill(void **state)
{
	struct gateway *g = *state;
	money spent = MONEY_ZERO;
	char cost[MONEY_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(bills) / sizeof(bills[0]); i++) {
		const struct reply *reply;
		struct usage usage;

		fake_upstream_reset(bills[i].answer);
		reply = gateway_chat(g, good_request);
		if (reply->http != 200)
			fail_msg("%zu: %s", i, reply->body);
		usage = gateway_last_usage(g);
		if (usage.cost.nano != bills[i].cost)
			fail_msg("%zu: %lld, not %lld", i,
			    (long long)usage.cost.nano,
			    (long long)bills[i].cost);
		assert_int_equal(usage.input_tokens, bills[i].input);
		assert_int_equal(usage.output_tokens, bills[i].output);
		assert_int_equal(usage.flags, bills[i].flags);
		assert_int_equal(usage.http, 200);
		assert_string_equal(usage.code, "");
		assert_int_equal(usage.hold.nano, GOOD_HOLD);
		assert_string_equal(
		    reply_header(reply, "x-farebox-request-cost"),
		    money_format(usage.cost, cost));
		spent.nano += bills[i].cost;
		assert_int_equal(gateway_account(g).spent.nano, spent.nano);
		assert_int_equal(gateway_key(g).spent.nano, spent.nano);
	}
	gateway_check_ledger(g);
}

static void
a_capped_bill_is_logged_as_a_warning(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	fake_upstream_reset(ANSWER(HELLO, USED("9", "1000000")));
	reply = gateway_chat(g, good_request);
	assert_non_null(strstr(reply->log, "level=warning"));
	assert_non_null(strstr(reply->log, " flags=2 "));
}

/* A balance a nano-USD short of the hold, then exactly the hold. */
static void
the_hold_is_exact(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char need[64];

	gateway_set_balance(g, (money){ GOOD_HOLD - 1 });
	reply = gateway_chat(g, good_request);
	assert_error(reply, 402, "insufficient_quota", NULL);
	snprintf(need, sizeof(need), "up to 0.%09d USD", GOOD_HOLD);
	need[strlen(need) - strlen("000 USD")] = '\0';
	assert_non_null(strstr(reply->body, need));
	assert_null(reply_header(reply, "retry-after"));
	assert_int_equal(fake_upstream.calls, 0);
	assert_int_equal(gateway_account(g).held.nano, 0);
	assert_int_equal(gateway_account(g).balance.nano, GOOD_HOLD - 1);
	assert_int_equal(gateway_last_usage(g).http, 402);

	gateway_set_balance(g, (money){ GOOD_HOLD });
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	assert_int_equal(fake_upstream.calls, 1);
	gateway_check_ledger(g);
}

static void
look_at_hold(void *context)
{
	struct gateway *g = context;

	assert_int_equal(gateway_account(g).held.nano, GOOD_HOLD);
	assert_int_equal(gateway_key(g).held.nano, GOOD_HOLD);
}

static void
it_is_held_while_the_provider_works(void **state)
{
	struct gateway *g = *state;

	fake_upstream.during = look_at_hold;
	fake_upstream.context = g;
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	assert_int_equal(fake_upstream.calls, 1);
	assert_int_equal(gateway_account(g).held.nano, 0);
}

/* What requests hold: context caps the input, n multiplies the output. */
static void
what_is_held(void **state)
{
	static const char both[] = "{\"model\":\"demo\",\"messages\":"
	    "[{\"role\":\"user\"}],\"n\":3,\"max_tokens\":10,"
	    "\"max_completion_tokens\":20}";
	static const char neither[] = "{\"model\":\"demo\",\"messages\":"
	    "[{\"role\":\"user\"}],\"n\":3}";
	struct gateway *g = *state;
	char body[16384];

	gateway_chat(g, both);
	assert_int_equal(gateway_last_usage(g).hold.nano,
	    (strlen(both) + 64 + 16) * 1000 + 3 * 20 * 2000);
	gateway_chat(g, neither);
	assert_int_equal(gateway_last_usage(g).hold.nano,
	    (strlen(neither) + 64 + 16) * 1000 + 3 * 100 * 2000);

	snprintf(body, sizeof(body), "{\"model\":\"demo\",\"messages\":"
	    "[{\"role\":\"user\",\"content\":\"%12000s\"}]}", "x");
	gateway_chat(g, body);
	assert_int_equal(gateway_last_usage(g).hold.nano,
	    10000 * 1000 + 100 * 2000);
}

static void
a_budget_is_as_hard_as_a_balance(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_use_key(g, (struct key_spec){ .has_budget = true,
	    .budget = { GOOD_HOLD + 32999 } });
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	reply = gateway_chat(g, good_request);
	assert_error(reply, 402, "insufficient_quota", NULL);
	assert_non_null(strstr(reply->body, "the key's budget"));
	assert_int_equal(gateway_account(g).balance.nano, usd_5 - 33000);
	gateway_check_ledger(g);
}

static void
a_free_model_needs_no_money(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_set_balance(g, MONEY_ZERO);
	reply = gateway_chat(g, "{\"model\":\"free\",\"messages\":"
	    "[{\"role\":\"user\"}]}");
	assert_int_equal(reply->http, 200);
	assert_string_equal(reply_header(reply, "x-farebox-request-cost"),
	    "0");
	assert_int_equal(gateway_last_usage(g).output_tokens, 12);
	/* Unless the operator said so, one who could pay may use it. */
	gateway_configure(g, "[model nothing]\nroute = main\n"
	    "price_input = 0\nprice_output = 0\n");
	reply = gateway_chat(g, "{\"model\":\"nothing\",\"messages\":"
	    "[{\"role\":\"user\"}]}");
	assert_error(reply, 402, "insufficient_quota", NULL);
	gateway_set_balance(g, (money){ 1 });
	assert_int_equal(gateway_chat(g, "{\"model\":\"nothing\","
	    "\"messages\":[{\"role\":\"user\"}]}")->http, 200);
}

/* 9 x 0.14 + 12 x 0.28 per million: 4.62 nano-USD are not rounded away. */
static void
a_part_of_a_nano_dollar_is_rounded_up(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	reply = gateway_chat(g, "{\"model\":\"org/pro\",\"messages\":"
	    "[{\"role\":\"user\"}]}");
	assert_string_equal(reply_header(reply, "x-farebox-request-cost"),
	    "0.00000462");
	fake_upstream_reset(ANSWER(HELLO, USED("1", "1")));
	gateway_configure(g, "[model tiny]\nroute = main\n"
	    "price_input = 0.0001\nprice_output = 0.0000001\n");
	reply = gateway_chat(g, "{\"model\":\"tiny\",\"messages\":"
	    "[{\"role\":\"user\"}]}");
	assert_string_equal(reply_header(reply, "x-farebox-request-cost"),
	    "0.000000001");
}

/* With estimates held, more than the hold is taken as far as there is some. */
static void
an_estimate_may_fall_short(void **state)
{
	enum { HOLD = GOOD_INPUT_ESTIMATE * 1000 + 20 * 2000 };
	struct gateway *g = *state;
	struct usage usage;

	gateway_configure(g, "hold_input = estimate\n");
	fake_upstream_reset(ANSWER(HELLO, USED("100", "20")));
	gateway_set_balance(g, (money){ 150000 });
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	usage = gateway_last_usage(g);
	assert_int_equal(usage.hold.nano, HOLD);
	assert_int_equal(usage.cost.nano, 140000);
	assert_int_equal(usage.flags, 0);

	gateway_set_balance(g, (money){ HOLD + 1 });
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	usage = gateway_last_usage(g);
	assert_int_equal(usage.cost.nano, HOLD + 1);
	assert_int_equal(usage.flags, USAGE_SHORTFALL);
	assert_int_equal(gateway_account(g).balance.nano, 0);
	gateway_check_ledger(g);
}

static void
suspend(void *context)
{
	struct gateway *g = context;

	assert_int_equal(account_set_state(g->store, g->account.number,
	    ACCOUNT_SUSPENDED, &g->account), STORE_OK);
}

/* What was agreed to before is paid for; the next request is refused. */
static void
a_suspension_acts_on_the_next_request(void **state)
{
	struct gateway *g = *state;

	fake_upstream.during = suspend;
	fake_upstream.context = g;
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	assert_int_equal(gateway_account(g).spent.nano, 33000);
	assert_error(gateway_chat(g, good_request), 401, "invalid_api_key",
	    NULL);
	gateway_check_ledger(g);
}

static void
the_other_dialect_has_its_own_code(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "dialect = nemorouter\nbrand = nemo\n");
	gateway_set_balance(g, MONEY_ZERO);
	assert_error(gateway_chat(g, good_request), 402,
	    "insufficient_credits", NULL);
	assert_string_equal(gateway_last_usage(g).code,
	    "insufficient_credits");
	assert_non_null(reply_header(&g->reply, "x-nemo-request-id"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(each_bill),
		GATEWAY_TEST(a_capped_bill_is_logged_as_a_warning),
		GATEWAY_TEST(the_hold_is_exact),
		GATEWAY_TEST(it_is_held_while_the_provider_works),
		GATEWAY_TEST(what_is_held),
		GATEWAY_TEST(a_budget_is_as_hard_as_a_balance),
		GATEWAY_TEST(a_free_model_needs_no_money),
		GATEWAY_TEST(a_part_of_a_nano_dollar_is_rounded_up),
		GATEWAY_TEST(an_estimate_may_fall_short),
		GATEWAY_TEST(a_suspension_acts_on_the_next_request),
		GATEWAY_TEST(the_other_dialect_has_its_own_code),
	};

	return cmocka_run_group_tests_name("credit", tests, NULL, NULL);
}
