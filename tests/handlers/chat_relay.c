/* chat_relay.c: what a provider is sent, and what its answers become. */
#include <stdio.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"

/* A request, and what of it the provider sees. */
static const struct {
	const char *sent, *seen;
} requests[] = {
	{ "{\"model\":\"demo\", " HI ",\"max_tokens\":7,\"x\":[1.50,null]}",
	    "{\"model\":\"real-demo\", " HI
	    ",\"max_tokens\":7,\"x\":[1.50,null]}" },
	/* The bound that is held is sent where the client names none. */
	{ "{\"model\":\"demo\"," HI "}",
	    "{\"max_tokens\":100,\"model\":\"real-demo\"," HI "}" },
	{ "{\"model\":\"demo\"," HI ",\"max_tokens\":null}",
	    "{\"model\":\"real-demo\"," HI ",\"max_tokens\":100}" },
	{ "{\"model\":\"demo\"," HI ",\"max_completion_tokens\":5}",
	    "{\"model\":\"real-demo\"," HI ",\"max_completion_tokens\":5}" },
	{ "{\"model\":\"demo\"," HI
	    ",\"max_completion_tokens\":5,\"max_tokens\":6}",
	    "{\"model\":\"real-demo\"," HI
	    ",\"max_completion_tokens\":5,\"max_tokens\":6}" },
	/* An integral real is an integer to every provider. */
	{ "{\"model\":\"demo\"," HI ",\"max_tokens\":7.0,\"n\":2e0}",
	    "{\"model\":\"real-demo\"," HI ",\"max_tokens\":7,\"n\":2}" },
	/* However the name is spelt. */
	{ "{\"mod\\u0065l\":\"demo\"," HI ",\"max_tokens\":7}",
	    "{\"mod\\u0065l\":\"real-demo\"," HI ",\"max_tokens\":7}" },
	{ "{\"model\":\"org/pro\"," HI ",\"max_tokens\":7}",
	    "{\"model\":\"pro\"," HI ",\"max_tokens\":7}" },
};

/* How a call ends, and what the client reads. */
static const struct {
	enum upstream_rc rc;
	int http;
	const char *code;
} ends[] = {
	{ UPSTREAM_UNREACHABLE, 502, "upstream_unreachable" },
	{ UPSTREAM_BROKEN, 502, "upstream_error" },
	{ UPSTREAM_TOO_LARGE, 502, "upstream_error" },
	{ UPSTREAM_HEADERS_TIMEOUT, 504, "upstream_headers_timeout" },
	{ UPSTREAM_BODY_TIMEOUT, 504, "upstream_body_timeout" },
	{ UPSTREAM_TOTAL_TIMEOUT, 504, "upstream_request_timeout" },
	{ UPSTREAM_STOPPED, 503, "gateway_busy" },
	{ UPSTREAM_NO_MEMORY, 500, "gateway_error" },
};

#define SAYS(code) "{\"error\":{\"message\":\"Too long.\",\"type\":" \
	"\"odd_error\",\"param\":\"messages\",\"code\":" code "}}"

/* A provider's status and body, and what the client reads. */
static const struct {
	int http;
	const char *body;
	int client_http;
	const char *code, *param, *type, *message;
} statuses[] = {
	{ 400, SAYS("\"context_length_exceeded\""), 400,
	    "context_length_exceeded", "messages", "odd_error", "Too long." },
	{ 413, SAYS("null"), 413, "invalid_request", "messages", "odd_error",
	    "Too long." },
	{ 422, SAYS("422"), 422, "invalid_request", "messages", "odd_error",
	    "Too long." },
	{ 415, SAYS("\"not\\na word\""), 415, "invalid_request", "messages",
	    "odd_error", "Too long." },
	{ 400, "{\"error\":\"plain words\"}", 400, "invalid_request", NULL,
	    "invalid_request_error", "plain words" },
	{ 400, "{\"object\":\"error\",\"message\":\"bare\",\"type\":"
	    "\"BadRequestError\",\"code\":400}", 400, "invalid_request", NULL,
	    "BadRequestError", "bare" },
	{ 400, "<html>", 400, "invalid_request", NULL,
	    "invalid_request_error", NULL },
	{ 400, NULL, 400, "invalid_request", NULL, "invalid_request_error",
	    NULL },
	{ 400, "{\"error\":{\"message\":\"your key sk-of-the-provider\"}}",
	    400, "invalid_request", NULL, "invalid_request_error", NULL },
	/* The operator's trouble does not reach the client as such. */
	{ 400, SAYS("\"invalid_api_key\""), 503, "upstream_unavailable", NULL,
	    "server_error", NULL },
	{ 401, SAYS("\"invalid_api_key\""), 503, "upstream_unavailable", NULL,
	    "server_error", NULL },
	{ 402, SAYS("null"), 503, "upstream_unavailable", NULL,
	    "server_error", NULL },
	{ 403, SAYS("null"), 503, "upstream_unavailable", NULL,
	    "server_error", NULL },
	{ 404, SAYS("null"), 503, "upstream_unavailable", NULL,
	    "server_error", NULL },
	{ 429, SAYS("null"), 503, "upstream_unavailable", NULL,
	    "server_error", NULL },
	{ 302, "", 502, "upstream_error", NULL, "server_error", NULL },
	{ 408, SAYS("null"), 502, "upstream_error", NULL, "server_error",
	    NULL },
	{ 500, SAYS("null"), 502, "upstream_error", NULL, "server_error",
	    NULL },
	{ 503, "<html>", 502, "upstream_error", NULL, "server_error", NULL },
	/* A success that is none. */
	{ 200, "", 502, "upstream_error", NULL, "server_error", NULL },
	{ 200, NULL, 502, "upstream_error", NULL, "server_error", NULL },
	{ 200, "{", 502, "upstream_error", NULL, "server_error", NULL },
	{ 200, "[]", 502, "upstream_error", NULL, "server_error", NULL },
	{ 200, "{\"choices\":[]}", 502, "upstream_error", NULL,
	    "server_error", NULL },
	{ 200, "{\"choices\":{}}", 502, "upstream_error", NULL,
	    "server_error", NULL },
	{ 200, SAYS("null"), 502, "upstream_error", NULL, "server_error",
	    NULL },
	{ 204, NULL, 502, "upstream_error", NULL, "server_error", NULL },
};

/* An answer, and what the client reads. */
static const struct {
	const char *said, *read;
} answers[] = {
	{ "{ \"choices\" : [ {} ],\t\"model\":\"real-demo\",\"x\":1.50}\n",
	    "{ \"choices\" : [ {} ],\t\"model\":\"demo\",\"x\":1.50}\n" },
	{ "{\"choices\":[{\"model\":\"inner\"}]}",
	    "{\"model\":\"demo\",\"choices\":[{\"model\":\"inner\"}]}" },
	{ "{\"choices\":[1],\"model\":null}",
	    "{\"choices\":[1],\"model\":\"demo\"}" },
};

static void
what_the_provider_sees(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_int_equal(gateway_chat(g, requests[i].sent)->http,
		    200);
		assert_string_equal(fake_upstream.asked, requests[i].seen);
	}
	assert_string_equal(fake_upstream.url,
	    "http://127.0.0.1:9/v1/chat/completions");
	assert_string_equal(fake_upstream.key, "sk-of-the-provider");
}

static void
what_the_client_reads(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		fake_upstream_reset(answers[i].said);
		reply = gateway_chat(g, good_request);
		assert_int_equal(reply->http, 200);
		assert_string_equal(reply->body, answers[i].read);
		assert_int_equal(reply->body_len, strlen(answers[i].read));
	}
}

static void
assert_nothing_charged(struct gateway *g, const struct reply *reply)
{
	struct usage usage = gateway_last_usage(g);

	assert_null(reply_header(reply, "x-farebox-request-cost"));
	assert_int_equal(gateway_account(g).balance.nano, MONEY_USD(5).nano);
	assert_int_equal(usage.http, reply->http);
	assert_string_equal(usage.code, reply_error(reply, "code"));
	assert_int_equal(usage.cost.nano, 0);
	assert_true(usage.hold.nano > 0);
}

static void
each_end_of_a_call(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		fake_upstream_reset(NULL);
		fake_upstream.rc = ends[i].rc;
		reply = gateway_chat(g, good_request);
		assert_error(reply, ends[i].http, ends[i].code, NULL);
		assert_null(strstr(reply->body, "as told"));
		assert_non_null(strstr(reply->log, "as told"));
		assert_nothing_charged(g, reply);
	}
	gateway_check_ledger(g);
}

static void
each_status(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		fake_upstream_reset(statuses[i].body);
		fake_upstream.http = statuses[i].http;
		reply = gateway_chat(g, good_request);
		assert_error(reply, statuses[i].client_http, statuses[i].code,
		    statuses[i].param);
		assert_string_equal(reply_error(reply, "type"),
		    statuses[i].type);
		if (statuses[i].message)
			assert_string_equal(reply_error(reply, "message"),
			    statuses[i].message);
		else
			assert_null(strstr(reply->body, "Too long."));
		assert_null(strstr(reply->body, "sk-of-the-provider"));
		assert_null(strstr(reply->log, "sk-of-the-provider"));
		assert_nothing_charged(g, reply);
	}
	gateway_check_ledger(g);
}

static void
a_wait_that_a_provider_asks_for_is_bounded(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	fake_upstream_reset(NULL);
	fake_upstream.http = 429;
	reply = gateway_chat(g, good_request);
	assert_string_equal(reply_header(reply, "retry-after"), "1");
	assert_string_equal(reply_header(reply, "retry-after-ms"), "1000");
	fake_upstream.retry_after_ms = 2500;
	reply = gateway_chat(g, good_request);
	assert_string_equal(reply_header(reply, "retry-after"), "3");
	assert_string_equal(reply_header(reply, "retry-after-ms"), "2500");
	fake_upstream.retry_after_ms = 86400000;
	reply = gateway_chat(g, good_request);
	assert_string_equal(reply_header(reply, "retry-after"), "30");
}

static void
a_long_complaint_is_cut_between_characters(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char body[8192] = "{\"error\":{\"message\":\"x";
	size_t len;

	for (int i = 0; i < 2000; i++)
		strcat(body, "\xe2\x82\xac");
	strcat(body, "\"}}");
	fake_upstream_reset(body);
	fake_upstream.http = 400;
	reply = gateway_chat(g, good_request);
	assert_error(reply, 400, "invalid_request", NULL);
	len = strlen(reply_error(reply, "message"));
	assert_in_range(len, 1990, 2000);
	assert_int_equal(len % 3, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(what_the_provider_sees),
		GATEWAY_TEST(what_the_client_reads),
		GATEWAY_TEST(each_end_of_a_call),
		GATEWAY_TEST(each_status),
		GATEWAY_TEST(a_wait_that_a_provider_asks_for_is_bounded),
		GATEWAY_TEST(a_long_complaint_is_cut_between_characters),
	};

	return cmocka_run_group_tests_name("chat_relay", tests, NULL, NULL);
}
