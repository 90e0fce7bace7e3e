/* chat_check.c: what of a chat request is refused, and which field is named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define DEMO "\"model\":\"demo\""

/* A request whose fields are these, besides model and messages. */
static const struct {
	const char *fields;
	const char *param; /* NULL: it is answered */
} fields[] = {
	{ "\"max_tokens\":1", NULL },
	{ "\"max_tokens\":100", NULL },
	{ "\"max_tokens\":5.0", NULL },
	{ "\"max_tokens\":null", NULL },
	{ "\"max_tokens\":0", "max_tokens" },
	{ "\"max_tokens\":-1", "max_tokens" },
	{ "\"max_tokens\":1.5", "max_tokens" },
	{ "\"max_tokens\":101", "max_tokens" },
	{ "\"max_tokens\":9223372036854775807", "max_tokens" },
	{ "\"max_tokens\":1e300", "max_tokens" },
	{ "\"max_tokens\":\"5\"", "max_tokens" },
	{ "\"max_tokens\":true", "max_tokens" },
	{ "\"max_completion_tokens\":100", NULL },
	{ "\"max_completion_tokens\":101", "max_completion_tokens" },
	{ "\"max_completion_tokens\":[]", "max_completion_tokens" },
	{ "\"temperature\":0", NULL },
	{ "\"temperature\":2", NULL },
	{ "\"temperature\":2.0001", "temperature" },
	{ "\"temperature\":-0.1", "temperature" },
	{ "\"temperature\":\"1\"", "temperature" },
	{ "\"temperature\":null", NULL },
	{ "\"top_p\":0", NULL },
	{ "\"top_p\":1", NULL },
	{ "\"top_p\":1.01", "top_p" },
	{ "\"top_p\":-1", "top_p" },
	{ "\"frequency_penalty\":-2", NULL },
	{ "\"frequency_penalty\":2.5", "frequency_penalty" },
	{ "\"presence_penalty\":2", NULL },
	{ "\"presence_penalty\":-2.5", "presence_penalty" },
	{ "\"n\":1", NULL },
	{ "\"n\":128", NULL },
	{ "\"n\":2.0", NULL },
	{ "\"n\":null", NULL },
	{ "\"n\":0", "n" },
	{ "\"n\":129", "n" },
	{ "\"n\":\"2\"", "n" },
	{ "\"stream\":false", NULL },
	{ "\"stream\":null", NULL },
	{ "\"stream\":true", NULL },
	{ "\"stream_options\":null", NULL },
	{ "\"stream_options\":{\"include_usage\":true}", NULL },
	{ "\"stream_options\":true", "stream_options" },
	{ "\"stream\":1", "stream" },
	{ "\"stop\":[\"a\"],\"store\":false,\"metadata\":{\"a\":1}", NULL },
	{ "\"tools\":[],\"reasoning_effort\":null,\"vendor\":[1,{}]", NULL },
};

/* A whole body. */
static const struct {
	const char *body;
	int http;
	const char *code, *param;
} bodies[] = {
	{ "", 400, "invalid_request", NULL },
	{ " \n", 400, "invalid_request", NULL },
	{ "[]", 400, "invalid_request", NULL },
	{ "null", 400, "invalid_request", NULL },
	{ "\"text\"", 400, "invalid_request", NULL },
	{ "{", 400, "invalid_request", NULL },
	{ "{} {}", 400, "invalid_request", NULL },
	{ "{" DEMO "," DEMO "," HI "}", 400, "invalid_request", NULL },
	{ "{" DEMO ",\"user\":\"\xff\"," HI "}", 400, "invalid_request",
	    NULL },
	{ "{" DEMO ",\"seed\":99999999999999999999," HI "}", 400,
	    "invalid_request", NULL },
	{ "{" DEMO ",\"seed\":1e999," HI "}", 400, "invalid_request", NULL },
	{ "{}", 400, "invalid_request", "model" },
	{ "{\"model\":null," HI "}", 400, "invalid_request", "model" },
	{ "{\"model\":7," HI "}", 400, "invalid_request", "model" },
	{ "{\"model\":\"\"," HI "}", 400, "invalid_request", "model" },
	{ "{\"model\":\"none\"," HI "}", 404, "model_not_found", "model" },
	{ "{\"model\":\"demo\\u0000\"," HI "}", 404, "model_not_found",
	    "model" },
	/* The model comes first, then the messages, then the ranges. */
	{ "{\"model\":\"none\",\"messages\":[],\"n\":0}", 404,
	    "model_not_found", "model" },
	{ "{" DEMO ",\"messages\":[],\"n\":0}", 400, "invalid_request",
	    "messages" },
	{ "{" DEMO "}", 400, "invalid_request", "messages" },
	{ "{" DEMO ",\"messages\":null}", 400, "invalid_request", "messages" },
	{ "{" DEMO ",\"messages\":{}}", 400, "invalid_request", "messages" },
	{ "{" DEMO ",\"messages\":\"Hi\"}", 400, "invalid_request",
	    "messages" },
	{ "{" DEMO ",\"messages\":[\"Hi\"]}", 400, "invalid_request",
	    "messages[0]" },
	{ "{" DEMO ",\"messages\":[{}]}", 400, "invalid_request",
	    "messages[0].role" },
	{ "{" DEMO ",\"messages\":[{\"role\":\"user\"},{\"role\":3}]}", 400,
	    "invalid_request", "messages[1].role" },
	{ "{" DEMO ",\"messages\":[{\"role\":\"user\"},null]}", 400,
	    "invalid_request", "messages[1]" },
	/* Any role and any content is the provider's business. */
	{ "{" DEMO ",\"messages\":[{\"role\":\"developer\",\"content\":null},"
	    "{\"role\":\"tool\",\"content\":[{\"type\":\"text\"}],"
	    "\"tool_call_id\":\"x\"}]}", 200, NULL, NULL },
	{ "{" DEMO ",\"user\":\"a\\u0000b\"," HI "}", 200, NULL, NULL },
	{ "\t{" DEMO "," HI "}\n", 200, NULL, NULL },
};

static void
each_field(void **state)
{
	struct gateway *g = *state;
	char body[512];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct reply *reply;

		snprintf(body, sizeof(body), "{" DEMO "," HI ",%s}",
		    fields[i].fields);
		reply = gateway_chat(g, body);
		if (fields[i].param)
			assert_error(reply, 400, "invalid_request",
			    fields[i].param);
		else if (reply->http != 200)
			fail_msg("%s: %s", fields[i].fields, reply->body);
	}
	gateway_check_ledger(g);
}

static void
each_body(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct reply *reply = gateway_chat(g, bodies[i].body);

		if (bodies[i].code)
			assert_error(reply, bodies[i].http, bodies[i].code,
			    bodies[i].param);
		else if (reply->http != 200)
			fail_msg("%s: %s", bodies[i].body, reply->body);
	}
	gateway_check_ledger(g);
}

static void
a_refused_request_costs_nothing(void **state)
{
	struct gateway *g = *state;
	struct usage usage;

	assert_error(gateway_chat(g, "{" DEMO "," HI ",\"n\":0}"), 400,
	    "invalid_request", "n");
	assert_int_equal(fake_upstream.calls, 0);
	assert_int_equal(gateway_account(g).balance.nano,
	    MONEY_USD(5).nano);
	usage = gateway_last_usage(g);
	assert_int_equal(usage.http, 400);
	assert_string_equal(usage.code, "invalid_request");
	assert_string_equal(usage.model, "demo");
	assert_int_equal(usage.cost.nano, 0);
	assert_int_equal(usage.key, g->key.number);
}

static void
raw_nul_bytes_are_refused(void **state)
{
	static const char body[] = "{" DEMO "," HI ",\"user\":\"a\0b\"}";
	struct gateway *g = *state;

	assert_error(gateway_ask(g, (struct ask){ .body = body,
	    .body_len = sizeof(body) - 1 }), 400, "invalid_request", NULL);
}

static void
deep_nesting_is_refused(void **state)
{
	enum { DEPTH = 100000 };
	struct gateway *g = *state;
	char *body = malloc(DEPTH + 32);
	int len = snprintf(body, 32, "{\"messages\":");

	memset(body + len, '[', DEPTH);
	body[len + DEPTH] = '\0';
	assert_error(gateway_chat(g, body), 400, "invalid_request", NULL);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(each_field),
		GATEWAY_TEST(each_body),
		GATEWAY_TEST(a_refused_request_costs_nothing),
		GATEWAY_TEST(raw_nul_bytes_are_refused),
		GATEWAY_TEST(deep_nesting_is_refused),
	};

	return cmocka_run_group_tests_name("chat_check", tests, NULL, NULL);
}
