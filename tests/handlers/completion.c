/* completion.c: POST /v1/completions, whole and as a stream. */
#include <stdio.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"
#include "tests/handlers/stream_words.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEXT(text, finish) "\"choices\":[{\"index\":0,\"text\":\"" text \
	"\",\"logprobs\":null,\"finish_reason\":" finish "}]"
#define HEAD(model) "{\"id\":\"cmpl-1\",\"object\":\"text_completion\"," \
	"\"created\":1, \"model\":\"" model "\","

static const char lines[] =
    "[model text]\n"
    "kind = completion\n"
    "route = main real-text\n"
    "price_input = 1\n"
    "price_output = 2\n"
    "price_cached_input = 0.5\n"
    "context = 1000\n"
    "output_tokens_max = 100\n"
    "[model vectors]\n"
    "kind = embedding\n"
    "route = main\n"
    "price_input = 1\n";

static const char answer[] = HEAD("real-text") TEXT("Hello there",
    "\"stop\"") ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
    "\"total_tokens\":21,\"prompt_tokens_details\":{\"cached_tokens\":4}}}";

static int
setup(void **state)
{
	int rc = gateway_setup(state);

	gateway_configure(*state, lines);
	fake_upstream_reset(answer);
	return rc;
}

static const struct reply *
complete(struct gateway *g, const char *body)
{
	return gateway_ask(g, (struct ask){
	    .uri = "/v1/completions", .body = body });
}

static void
a_text_is_completed(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply = complete(g,
	    "{\"model\":\"text\", \"prompt\":\"Say\",\"max_tokens\":20.0}");
	struct usage usage;

	assert_int_equal(reply->http, 200);
	assert_string_equal(reply->body, HEAD("text") TEXT("Hello there",
	    "\"stop\"") ",\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":12,\"total_tokens\":21,"
	    "\"prompt_tokens_details\":{\"cached_tokens\":4}}}");
	assert_string_equal(fake_upstream.url,
	    "http://127.0.0.1:9/v1/completions");
	assert_string_equal(fake_upstream.asked,
	    "{\"model\":\"real-text\", \"prompt\":\"Say\",\"max_tokens\":20}");
	/* 5 + 4 / 2 + 12 x 2 */
	assert_string_equal(reply_header(reply, "x-farebox-request-cost"),
	    "0.000031");
	usage = gateway_last_usage(g);
	assert_int_equal(usage.input_tokens, 9);
	assert_int_equal(usage.cached_tokens, 4);
	assert_int_equal(usage.output_tokens, 12);
	assert_int_equal(usage.flags, 0);
	gateway_check_ledger(g);
}

/* What is held, by what is asked for; a bound on the input is 64 per request
 * and 16 per prompt above its bytes. */
static const struct {
	const char *rest;
	int64_t prompts, output;
} holds[] = {
	{ "\"prompt\":\"Say\"", 1, 16 },
	{ "\"prompt\":\"Say\",\"max_tokens\":7", 1, 7 },
	{ "\"prompt\":\"Say\",\"max_tokens\":7,\"n\":3", 1, 21 },
	{ "\"prompt\":\"Say\",\"max_tokens\":7,\"n\":3,\"best_of\":5", 1,
	    35 },
	{ "\"prompt\":[\"Say\",\"more\"],\"max_tokens\":7,\"n\":3", 2, 42 },
	{ "\"prompt\":[1,2,3],\"max_tokens\":7", 1, 7 },
	{ "\"prompt\":[[1,2,3],[4]],\"max_tokens\":7", 2, 14 },
	{ "\"prompt\":[\"Say\",[4]],\"max_tokens\":7,\"suffix\":null", 2,
	    14 },
};

static void
the_worst_is_held(void **state)
{
	struct gateway *g = *state;
	char body[256];

	for (size_t i = 0; i < COUNT(holds); i++) {
		int64_t bytes = snprintf(body, sizeof(body),
		    "{\"model\":\"text\",%s}", holds[i].rest);

		assert_int_equal(complete(g, body)->http, 200);
		assert_int_equal(gateway_last_usage(g).hold.nano,
		    (bytes + 64 + 16 * holds[i].prompts) * 1000 +
		    holds[i].output * 2000);
	}
	assert_non_null(strstr(fake_upstream.asked, "\"max_tokens\":7"));
	complete(g, "{\"model\":\"text\",\"prompt\":\"Say\"}");
	assert_non_null(strstr(fake_upstream.asked, "\"max_tokens\":16"));
}

static const struct {
	const char *body, *param;
} wrong[] = {
	{ "{\"prompt\":\"a\"}", "model" },
	{ "{\"model\":\"text\"}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":null}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":\"\"}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":[]}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":[\"a\",\"\"]}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":[[]]}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":[1,-2]}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":[1,\"a\"]}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":{}}", "prompt" },
	{ "{\"model\":\"text\",\"prompt\":\"a\",\"max_tokens\":101}",
	    "max_tokens" },
	{ "{\"model\":\"text\",\"prompt\":\"a\",\"n\":3,\"best_of\":2}",
	    "best_of" },
	{ "{\"model\":\"text\",\"prompt\":\"a\",\"best_of\":0}", "best_of" },
	{ "{\"model\":\"text\",\"prompt\":\"a\",\"temperature\":3}",
	    "temperature" },
	{ "{\"model\":\"text\",\"prompt\":\"a\",\"stream\":1}", "stream" },
	{ "{\"model\":\"demo\",\"prompt\":\"a\"}", "model" },
	{ "{\"model\":\"vectors\",\"prompt\":\"a\"}", "model" },
};

static void
wrong_fields_are_refused(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_error(complete(g, wrong[i].body), 400,
		    "invalid_request", wrong[i].param);
	assert_int_equal(fake_upstream.calls, 0);
	assert_string_equal(reply_error(&g->reply, "message"),
	    "Model 'vectors' makes embeddings: use it at POST "
	    "/v1/embeddings. This endpoint takes models that do something "
	    "else.");
	gateway_check_ledger(g);
}

static const char stream[] = "{\"model\":\"text\",\"prompt\":\"Say\","
    "\"stream\":true,\"stream_options\":{\"include_usage\":true}}";

static void
a_stream_is_relayed(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = {
	    EVENT(HEAD("real-text") TEXT("Hel", "null") "}"),
	    EVENT(HEAD("real-text") TEXT("lo", "\"stop\"") "}"),
	    EVENT("{\"choices\":[],\"usage\":" USED("9", "12") "}"), DONE };

	will_send(pieces, UPSTREAM_OK);
	assert_int_equal(complete(g, stream)->http, 200);
	assert_non_null(strstr(g->reply.body, "\"text\":\"Hel\""));
	assert_non_null(strstr(g->reply.body, "\"cost\":"));
	assert_non_null(strstr(g->reply.body, DONE));
	assert_null(strstr(g->reply.body, "real-text"));
	assert_int_equal(gateway_last_usage(g).cost.nano, 33000);
	gateway_check_ledger(g);
}

/* A provider that does not know streams answers a whole document. */
static void
a_whole_answer_is_told_as_a_stream(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = { answer };

	will_send(pieces, UPSTREAM_OK);
	assert_int_equal(complete(g, stream)->http, 200);
	assert_non_null(strstr(g->reply.body,
	    "\"object\":\"text_completion\""));
	assert_non_null(strstr(g->reply.body, "\"text\":\"Hello there\""));
	assert_non_null(strstr(g->reply.body, "\"text\":\"\","
	    "\"finish_reason\":\"stop\""));
	assert_null(strstr(g->reply.body, "delta"));
	assert_non_null(strstr(g->reply.body, DONE));
	assert_int_equal(gateway_last_usage(g).cost.nano, 31000);
}

static void
what_was_delivered_is_billed(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = {
	    EVENT(HEAD("real-text") TEXT("Hello there", "null") "}") };

	will_send(pieces, UPSTREAM_BROKEN);
	assert_int_equal(complete(g, stream)->http, 200);
	assert_non_null(strstr(g->reply.body, BROKE_OFF));
	/* "Say" is a token, and 11 bytes are 3. */
	assert_int_equal(gateway_last_usage(g).cost.nano, 1000 + 3 * 2000);
	assert_int_equal(gateway_last_usage(g).flags, ESTIMATED);
	gateway_check_ledger(g);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, gateway_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_text_is_completed),
		TEST(the_worst_is_held),
		TEST(wrong_fields_are_refused),
		TEST(a_stream_is_relayed),
		TEST(a_whole_answer_is_told_as_a_stream),
		TEST(what_was_delivered_is_billed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
