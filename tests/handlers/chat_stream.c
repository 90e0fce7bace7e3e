/* chat_stream.c: streamed answers: what each side sees, and what is charged. */
#include <stdio.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"
#include "tests/handlers/stream_words.h"

/*
 * What the provider sends, piece by piece, and how its answer ends; what the
 * client reads; what is in the usage record and in the ledger.
 */
struct row {
	const char *name;
	const char *pieces[PIECES_MAX];
	enum upstream_rc rc;
	int http;          /* that the client sees */
	const char *told;  /* NULL: an error of that status and code */
	const char *code;  /* in the usage record */
	int recorded_http;
	int64_t input, output;
	unsigned flags;
	bool free;         /* nothing is charged */
};

/* Told costs are those of 30 + 20 = 50 input tokens where estimated. */
static const struct row rows[] = {
	{ "good", { ROLE, SAYS("Hello"), FINISH, USAGE, DONE }, UPSTREAM_OK,
	    200, TOLD_ROLE TOLD("Hello") TOLD_FINISH COST("0.000033") DONE,
	    "", 200, 9, 12, STREAMED, false },
	{ "all in one piece", { ROLE SAYS("Hello") FINISH USAGE DONE },
	    UPSTREAM_OK, 200,
	    TOLD_ROLE TOLD("Hello") TOLD_FINISH COST("0.000033") DONE,
	    "", 200, 9, 12, STREAMED, false },
	{ "in odd pieces", { "da", "ta: {\"choices\":[{\"index\":0,\"delta\":"
	    "{\"content\":\"\xc5", "\xbe\"},\"finish_reason\":\"stop\"}]}\r",
	    "\n\r\n:x\ndata:" , "[DONE]\n\n" }, UPSTREAM_OK, 200,
	    "data: {\"model\":\"demo\",\"choices\":[{\"index\":0,\"delta\":"
	    "{\"content\":\"\xc5\xbe\"},\"finish_reason\":\"stop\"}]}\n\n"
	    COST("0.000052") DONE, "", 200, 50, 1, ESTIMATED, false },
	{ "no [DONE]", { SAYS("Hello"), FINISH USAGE }, UPSTREAM_OK, 200,
	    TOLD("Hello") TOLD_FINISH COST("0.000033") DONE, "", 200, 9, 12,
	    STREAMED, false },
	{ "a last event without its blank line", { SAYS("Hello"), FINISH,
	    "data: [DONE]" }, UPSTREAM_OK, 200,
	    TOLD("Hello") TOLD_FINISH COST("0.000052") DONE, "", 200, 50, 1,
	    ESTIMATED, false },
	{ "complete, then a break", { SAYS("Hello"), FINISH USAGE },
	    UPSTREAM_BROKEN, 200,
	    TOLD("Hello") TOLD_FINISH COST("0.000033") DONE, "", 200, 9, 12,
	    STREAMED, false },
	{ "no usage", { SAYS("Hello there"), FINISH, DONE }, UPSTREAM_OK, 200,
	    TOLD("Hello there") TOLD_FINISH COST("0.000056") DONE, "", 200,
	    50, 3, ESTIMATED, false },
	{ "usage of nothing for something", { SAYS("Hello there"), FINISH,
	    EVENT("{\"choices\":[],\"usage\":" USED("9", "0") "}"), DONE },
	    UPSTREAM_OK, 200,
	    TOLD("Hello there") TOLD_FINISH COST("0.000056") DONE, "", 200,
	    50, 3, ESTIMATED, false },
	{ "no more than was held", { SAYS("0123456789012345678901234567890123"
	    "0123456789012345678901234567890123456789"), FINISH, DONE },
	    UPSTREAM_OK, 200, TOLD("0123456789012345678901234567890123"
	    "0123456789012345678901234567890123456789") TOLD_FINISH
	    COST("0.00009") DONE, "", 200, 50, 20, ESTIMATED, false },
	{ "empty, but complete", { ROLE, FINISH, USAGE, DONE }, UPSTREAM_OK,
	    200, TOLD_ROLE TOLD_FINISH COST("0") DONE, "", 200, 9, 12,
	    STREAMED, true },
	{ "a break after events", { ROLE, SAYS("Hello there") },
	    UPSTREAM_BROKEN, 200,
	    TOLD_ROLE TOLD("Hello there") COST("0.000056") BROKE_OFF,
	    "upstream_error", 502, 50, 3, ESTIMATED, false },
	{ "a break with usage", { EVENT("{\"choices\":[{\"delta\":{\"content\":"
	    "\"Hello there\"}}],\"usage\":" USED("9", "2") "}"),
	    SAYS("abcdef") }, UPSTREAM_BROKEN, 200,
	    "data: {\"model\":\"demo\",\"choices\":[{\"delta\":{\"content\":"
	    "\"Hello there\"}}]}\n\n" TOLD("abcdef") COST("0.000017")
	    BROKE_OFF, "upstream_error", 502, 9, 4, ESTIMATED, false },
	{ "a break after a role", { ROLE }, UPSTREAM_BROKEN, 200,
	    TOLD_ROLE NO_ANSWER, "upstream_error", 502, 50, 0, ESTIMATED,
	    true },
	{ "a quiet end after events", { SAYS("Hello there") }, UPSTREAM_OK,
	    200, TOLD("Hello there") COST("0.000056") BROKE_OFF,
	    "upstream_error", 502, 50, 3, ESTIMATED, false },
	{ "[DONE] without a finish", { SAYS("Hello there"), DONE },
	    UPSTREAM_OK, 200, TOLD("Hello there") COST("0.000056") BROKE_OFF,
	    "upstream_error", 502, 50, 3, ESTIMATED, false },
	{ "a stall", { SAYS("Hello there") }, UPSTREAM_BODY_TIMEOUT, 200,
	    TOLD("Hello there") COST("0.000056")
	    ERROR("upstream_body_timeout", "server_error", "The provider's "
	    "answer stalled. What was delivered was charged; try again or "
	    "use another model."), "upstream_body_timeout", 504, 50, 3,
	    ESTIMATED, false },
	{ "too long", { SAYS("Hello there") }, UPSTREAM_TOTAL_TIMEOUT, 200,
	    TOLD("Hello there") COST("0.000056")
	    ERROR("upstream_request_timeout", "server_error", "The provider "
	    "did not finish in time. What was delivered was charged; ask for "
	    "fewer tokens or use another model."),
	    "upstream_request_timeout", 504, 50, 3, ESTIMATED, false },
	{ "garbage after events", { SAYS("Hello there"),
	    EVENT("{not json") SAYS("more") }, UPSTREAM_OK, 200,
	    TOLD("Hello there") COST("0.000056") BROKE_OFF,
	    "upstream_error", 502, 50, 3, ESTIMATED, false },
	{ "the provider's error event", { SAYS("Hello there"),
	    EVENT(PROVIDER_ERROR("\"server_error\"", "null")) }, UPSTREAM_OK,
	    200, TOLD("Hello there") COST("0.000056") BROKE_OFF,
	    "upstream_error", 502, 50, 3, ESTIMATED, false },
	{ "an error event about the request", { SAYS("Hello there"),
	    EVENT(PROVIDER_ERROR("\"invalid_request_error\"",
	    "\"content_filter\"")) }, UPSTREAM_OK, 200,
	    TOLD("Hello there") COST("0.000056")
	    ERROR("content_filter", "invalid_request_error",
	    "Provider's words."), "content_filter", 400, 50, 3, ESTIMATED,
	    false },
	{ "an error event about the operator", { SAYS("Hello there"),
	    EVENT(PROVIDER_ERROR("\"x\"", "\"insufficient_quota\"")) },
	    UPSTREAM_OK, 200, TOLD("Hello there") COST("0.000056")
	    ERROR("upstream_unavailable", "server_error", "The answer broke "
	    "off. What was delivered was charged; try again or use another "
	    "model."), "upstream_unavailable", 503, 50, 3, ESTIMATED, false },

	/* Before the first event an error has a status of its own. */
	{ "nothing", { "" }, UPSTREAM_OK, 502, NULL, "upstream_error", 502,
	    50, 0, ESTIMATED, true },
	{ "only comments", { ": a\n\n" }, UPSTREAM_OK, 502, NULL,
	    "upstream_error", 502, 50, 0, ESTIMATED, true },
	{ "only usage", { USAGE, DONE }, UPSTREAM_OK, 502, NULL,
	    "upstream_error", 502, 9, 12, STREAMED, true },
	{ "HTML", { "<html>\n\n" }, UPSTREAM_OK, 502, NULL, "upstream_error",
	    502, 50, 0, ESTIMATED, true },
	{ "garbage first", { EVENT("nonsense") }, UPSTREAM_OK, 502, NULL,
	    "upstream_error", 502, 50, 0, ESTIMATED, true },
	{ "a break before events", { NULL }, UPSTREAM_BROKEN, 502, NULL,
	    "upstream_error", 502, 50, 0, ESTIMATED, true },
	{ "unreachable", { NULL }, UPSTREAM_UNREACHABLE, 502, NULL,
	    "upstream_unreachable", 502, 50, 0, ESTIMATED, true },
	{ "no head", { NULL }, UPSTREAM_HEADERS_TIMEOUT, 504, NULL,
	    "upstream_headers_timeout", 504, 50, 0, ESTIMATED, true },
	{ "a stall before events", { NULL }, UPSTREAM_BODY_TIMEOUT, 504, NULL,
	    "upstream_body_timeout", 504, 50, 0, ESTIMATED, true },
	{ "an error event first", { EVENT(PROVIDER_ERROR("null", "null")) },
	    UPSTREAM_OK, 502, NULL, "upstream_error", 502, 50, 0, ESTIMATED,
	    true },
	{ "an error event about the request first", { EVENT(PROVIDER_ERROR(
	    "\"invalid_request_error\"", "\"context_length_exceeded\"")) },
	    UPSTREAM_OK, 400, NULL, "context_length_exceeded", 400, 50, 0,
	    ESTIMATED, true },
	{ "an error event with a status first", { EVENT(PROVIDER_ERROR("null",
	    "422")) }, UPSTREAM_OK, 422, NULL, "422", 422, 50, 0, ESTIMATED,
	    true },
	{ "an error event about the operator first", { EVENT(PROVIDER_ERROR(
	    "null", "429")) }, UPSTREAM_OK, 503, NULL,
	    "upstream_unavailable", 503, 50, 0, ESTIMATED, true },

	/* A provider that does not know streams. */
	{ "a whole answer", { "\n {\"id\":\"w\",\"object\":\"chat.completion\","
	    "\"model\":\"real-demo\",\"choices\":[{\"index\":0,\"message\":"
	    "{\"role\":\"assistant\",", "\"content\":\"Hi\"},"
	    "\"finish_reason\":\"length\"}],\"usage\":" USED("9", "12") "}" },
	    UPSTREAM_OK, 200, EVENT("{\"id\":\"w\",\"object\":"
	    "\"chat.completion.chunk\",\"model\":\"demo\",\"choices\":[{"
	    "\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":"
	    "\"assistant\",\"content\":\"Hi\"}}]}") EVENT("{\"id\":\"w\","
	    "\"object\":\"chat.completion.chunk\",\"model\":\"demo\","
	    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
	    "\"length\"}]}") COST("0.000033") DONE, "", 200, 9, 12, STREAMED,
	    false },
	{ "a whole answer, cut", { "{\"id\":" }, UPSTREAM_OK, 502, NULL,
	    "upstream_error", 502, 50, 0, ESTIMATED, true },
	{ "a whole error", { PROVIDER_ERROR("\"invalid_request_error\"",
	    "\"bad_tool\"") }, UPSTREAM_OK, 400, NULL, "bad_tool", 400, 50, 0,
	    ESTIMATED, true },
};

static void
assert_text(const char *name, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: expected:\n%s\ngot:\n%s", name, wanted, got);
}

static void
assert_number(const char *name, const char *what, int64_t got, int64_t wanted)
{
	if (got != wanted)
		fail_msg("%s: %s is %lld, not %lld", name, what,
		    (long long)got, (long long)wanted);
}

static void
assert_stream_head(const struct reply *reply)
{
	assert_string_equal(reply_header(reply, "Content-Type"),
	    "text/event-stream; charset=utf-8");
	assert_string_equal(reply_header(reply, "Cache-Control"),
	    "no-cache, no-store");
	assert_string_equal(reply_header(reply, "X-Accel-Buffering"), "no");
	assert_null(reply_header(reply, "Content-Length"));
	assert_null(reply_header(reply, "x-farebox-request-cost"));
	assert_non_null(reply_header(reply, "x-farebox-latency-ms"));
	assert_non_null(reply_header(reply, "Access-Control-Expose-Headers"));
}

static void
assert_record(struct gateway *g, const struct row *row, int64_t *spent)
{
	struct usage usage = gateway_last_usage(g);
	int64_t cost = row->free ? 0 : row->input * 1000 + row->output * 2000;

	assert_text(row->name, usage.code, row->code);
	assert_number(row->name, "http", usage.http, row->recorded_http);
	assert_number(row->name, "input", usage.input_tokens, row->input);
	assert_number(row->name, "output", usage.output_tokens, row->output);
	assert_number(row->name, "flags", usage.flags, row->flags);
	assert_number(row->name, "the cost", usage.cost.nano, cost);
	assert_number(row->name, "the hold", usage.hold.nano, HOLD);
	*spent += cost;
	assert_number(row->name, "spent", gateway_account(g).spent.nano,
	    *spent);
	assert_number(row->name, "the key's", gateway_key(g).spent.nano,
	    *spent);
}

static void
each_way_a_stream_can_go(void **state)
{
	struct gateway *g = *state;
	int64_t spent = 0;

	assert_int_equal(INPUT_ESTIMATE, 50);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const struct reply *reply;

		will_send(row->pieces, row->rc);
		reply = gateway_chat(g, stream_request);
		assert_number(row->name, "the status", reply->http,
		    row->http);
		if (row->told) {
			assert_text(row->name, reply->body, row->told);
			assert_stream_head(reply);
		} else {
			assert_error(reply, row->http, row->code, NULL);
		}
		assert_null(strstr(reply->log, "Provider's words"));
		assert_record(g, row, &spent);
	}
	gateway_check_ledger(g);
}

/* The status of an answer that is none, whether or not a stream was wanted. */
static void
a_refusal_keeps_its_status(void **state)
{
	struct gateway *g = *state;

	fake_upstream_reset("{\"error\":{\"message\":\"Too long.\","
	    "\"code\":\"context_length_exceeded\"}}");
	fake_upstream.http = 400;
	assert_error(gateway_chat(g, stream_request), 400,
	    "context_length_exceeded", NULL);
	fake_upstream.http = 429;
	assert_error(gateway_chat(g, stream_request), 503,
	    "upstream_unavailable", NULL);
	assert_non_null(reply_header(&g->reply, "retry-after"));
	fake_upstream.http = 500;
	assert_error(gateway_chat(g, stream_request), 502, "upstream_error",
	    NULL);
	assert_int_equal(gateway_account(g).spent.nano, 0);
	gateway_check_ledger(g);
}

static void
a_refused_request_asks_nobody(void **state)
{
	struct gateway *g = *state;

	gateway_set_balance(g, (money){ HOLD - 1 });
	assert_error(gateway_chat(g, stream_request), 402,
	    "insufficient_quota", NULL);
	assert_int_equal(fake_upstream.calls, 0);
}

/* Each piece that completed something is sent on at once, and only those. */
static void
nothing_waits(void **state)
{
	static const char *const pieces[PIECES_MAX] = { ROLE, SAYS("a")
	    SAYS("b"), SAYS("c") "data: {\"choi", "ces\":[{\"delta\":"
	    "{\"content\":\"d\"}}]}\n", "\n" FINISH, USAGE DONE };
	struct gateway *g = *state;

	will_send(pieces, UPSTREAM_OK);
	/* The four that hold chunks, and the end. */
	assert_int_equal(gateway_chat(g, stream_request)->flushes, 5);
	assert_non_null(strstr(g->reply.body, DONE));
}

/* A request's stream_options, and what the provider sees of them. */
static const struct {
	const char *sent, *seen, *without;
} options[] = {
	{ "", "\"stream_options\":{\"include_usage\":true},", "" },
	{ "\"stream_options\":null,",
	    "\"stream_options\":{\"include_usage\":true},", "" },
	{ "\"stream_options\":{},",
	    "\"stream_options\":{\"include_usage\":true},", "" },
	{ "\"stream_options\":{\"include_usage\":false},",
	    "\"stream_options\":{\"include_usage\":true},", "" },
	{ "\"stream_options\":{\"x\":[1.5,null],\"include_usage\":null},",
	    "\"stream_options\":{\"x\":[1.5,null],\"include_usage\":true},",
	    "" },
};

static void
assert_asks(struct gateway *g, const char *model, const char *real,
    const char *sent, const char *seen)
{
	char body[512], wanted[512];
	const char *first = strstr(sent, "stream_options") || !*seen ? "" :
	    seen;

	snprintf(body, sizeof(body), "{%s\"model\":\"%s\",\"messages\":"
	    "[{\"role\":\"user\"}],\"max_tokens\":5,\"stream\":true}", sent,
	    model);
	snprintf(wanted, sizeof(wanted), "{%s%s\"model\":\"%s\",\"messages\":"
	    "[{\"role\":\"user\"}],\"max_tokens\":5,\"stream\":true}", first,
	    *first ? "" : seen, real);
	assert_int_equal(gateway_chat(g, body)->http, 200);
	assert_string_equal(fake_upstream.asked, wanted);
}

static void
usage_is_always_asked_for(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("Hi") FINISH };
	struct gateway *g = *state;

	gateway_configure(g, "[provider old]\nbase_url = http://127.0.0.1:9/v1"
	    "\nstream_options = no\n[model old]\nroute = old\n"
	    "price_input = 1\nprice_output = 2\n");
	will_send(pieces, UPSTREAM_OK);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		assert_asks(g, "demo", "real-demo", options[i].sent,
		    options[i].seen);
		assert_asks(g, "old", "old", options[i].sent,
		    options[i].without);
	}
}

/* The reply's last event but [DONE], and the JSON in it. */
static json_t *
usage_chunk(const struct reply *reply)
{
	const char *at = reply->body, *next;
	json_t *chunk;

	while ((next = strstr(at + 1, "data: {")))
		at = next;
	chunk = json_loads(at + 6, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(chunk);
	assert_int_equal(json_array_size(json_object_get(chunk, "choices")),
	    0);
	assert_string_equal(json_string_value(json_object_get(chunk,
	    "model")), "demo");
	return chunk;
}

static void
usage_is_told_to_who_asked(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("Hello there"),
	    FINISH, EVENT("{\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":12,\"total_tokens\":21,\"cost\":99}}") };
	struct gateway *g = *state;
	const struct reply *reply;

	will_send(pieces, UPSTREAM_OK);
	reply = gateway_chat(g, usage_request);
	assert_non_null(strstr(reply->body, "\"usage\":null"));
	assert_non_null(strstr(reply->body, EVENT("{\"id\":\"c1\",\"object\":"
	    "\"chat.completion.chunk\",\"created\":1,\"model\":\"demo\","
	    "\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":12,\"total_tokens\":21,\"cost\":0.000033}}")
	    COST("0.000033") DONE));
	assert_int_equal(gateway_last_usage(g).flags, STREAMED);
}

static void
estimated_usage_is_told_as_it_is_billed(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("Hello there"),
	    FINISH };
	struct gateway *g = *state;
	const json_t *usage;
	json_t *chunk;

	will_send(pieces, UPSTREAM_OK);
	chunk = usage_chunk(gateway_chat(g, usage_request));
	usage = json_object_get(chunk, "usage");
	assert_int_equal(json_integer_value(json_object_get(usage,
	    "prompt_tokens")), gateway_last_usage(g).input_tokens);
	assert_int_equal(json_integer_value(json_object_get(usage,
	    "completion_tokens")), 3);
	assert_int_equal(json_integer_value(json_object_get(usage,
	    "total_tokens")), gateway_last_usage(g).input_tokens + 3);
	json_decref(chunk);
}

static void
stream_options_are_checked(void **state)
{
	struct gateway *g = *state;

	assert_error(gateway_chat(g, "{\"model\":\"demo\",\"messages\":"
	    "[{\"role\":\"user\"}],\"stream\":true,\"stream_options\":5}"),
	    400, "invalid_request", "stream_options");
	assert_error(gateway_chat(g, "{\"model\":\"demo\",\"messages\":"
	    "[{\"role\":\"user\"}],\"stream\":true,\"stream_options\":"
	    "{\"include_usage\":1}}"), 400, "invalid_request",
	    "stream_options.include_usage");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(each_way_a_stream_can_go),
		GATEWAY_TEST(a_refusal_keeps_its_status),
		GATEWAY_TEST(a_refused_request_asks_nobody),
		GATEWAY_TEST(nothing_waits),
		GATEWAY_TEST(usage_is_always_asked_for),
		GATEWAY_TEST(usage_is_told_to_who_asked),
		GATEWAY_TEST(estimated_usage_is_told_as_it_is_billed),
		GATEWAY_TEST(stream_options_are_checked),
	};

	return cmocka_run_group_tests_name("chat_stream", tests, NULL, NULL);
}
