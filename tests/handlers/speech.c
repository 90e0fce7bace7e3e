/* speech.c: POST /v1/audio/speech: bytes that are told as they come. */
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"
#include "tests/handlers/stream_words.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char lines[] =
    "[model voice]\n"
    "kind = speech\n"
    "route = main real-voice\n"
    "price_characters = 15\n";

/* 8 characters, of which two have more than one byte, and one is NUL. */
static const char request[] = "{\"model\":\"voice\",\"voice\":\"alloy\","
    "\"input\":\"Hei\xc3\x9f \xf0\x9f\x98\x80\\u0000!\"}";

enum { CHARACTERS = 8, COST = CHARACTERS * 15000 };

static int
setup(void **state)
{
	int rc = gateway_setup(state);

	gateway_configure(*state, lines);
	return rc;
}

static const struct reply *
speak(struct gateway *g, const char *body)
{
	return gateway_ask(g, (struct ask){
	    .uri = "/v1/audio/speech", .body = body });
}

static void
sound_is_relayed(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = { "ID3", "", "\xff\xfb\x90", "end" };
	const struct reply *reply;
	struct usage usage;

	will_send(pieces, UPSTREAM_OK);
	fake_upstream.length = 9;
	fake_upstream.type = "audio/mpeg";
	reply = speak(g, request);
	assert_int_equal(reply->http, 200);
	assert_int_equal(reply->body_len, 9);
	assert_memory_equal(reply->body, "ID3\xff\xfb\x90" "end", 9);
	assert_string_equal(reply_header(reply, "Content-Type"),
	    "audio/mpeg");
	assert_string_equal(reply_header(reply, "Content-Length"), "9");
	assert_string_equal(fake_upstream.url,
	    "http://127.0.0.1:9/v1/audio/speech");
	assert_non_null(strstr(fake_upstream.asked,
	    "\"model\":\"real-voice\""));
	usage = gateway_last_usage(g);
	assert_int_equal(usage.characters, CHARACTERS);
	assert_int_equal(usage.cost.nano, COST);
	assert_int_equal(usage.hold.nano, COST);
	assert_int_equal(usage.flags, STREAMED);
	gateway_check_ledger(g);
}

static void
what_has_no_type_is_bytes(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = { "x" };

	will_send(pieces, UPSTREAM_OK);
	assert_string_equal(speak(g, request)->body, "x");
	assert_string_equal(reply_header(&g->reply, "Content-Type"),
	    "application/octet-stream");
	assert_null(reply_header(&g->reply, "Content-Length"));
}

/* It just ends, a byte before what was delivered, and is billed. */
static void
one_that_breaks_off_is_billed(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = { "ID3", "more" };

	will_send(pieces, UPSTREAM_BROKEN);
	assert_string_equal(speak(g, request)->body, "ID3mor");
	assert_int_equal(g->reply.http, 200);
	assert_int_equal(gateway_last_usage(g).http, 502);
	assert_string_equal(gateway_last_usage(g).code, "upstream_error");
	assert_int_equal(gateway_last_usage(g).cost.nano, COST);
	gateway_check_ledger(g);
}

static void
a_client_that_leaves_pays(void **state)
{
	struct gateway *g = *state;
	const char *pieces[PIECES_MAX] = { "ID3", "more", "and more" };

	will_send(pieces, UPSTREAM_OK);
	gateway_ask(g, (struct ask){ .uri = "/v1/audio/speech",
	    .body = request, .flushes_max = 1 });
	assert_int_equal(fake_upstream.steps_taken, 2);
	assert_int_equal(gateway_last_usage(g).http, 499);
	assert_int_equal(gateway_last_usage(g).flags,
	    STREAMED | USAGE_CLIENT_LEFT);
	assert_int_equal(gateway_last_usage(g).cost.nano, COST);
	gateway_check_ledger(g);
}

/* Before any sound the client gets an error like any other, for nothing. */
static void
failures_before_the_first_byte_cost_nothing(void **state)
{
	struct gateway *g = *state;
	const char *none[PIECES_MAX] = { NULL };
	const char *json[PIECES_MAX] = { "{\"error\":{}}" };

	will_send(none, UPSTREAM_OK);
	assert_error(speak(g, request), 502, "upstream_error", NULL);
	will_send(none, UPSTREAM_HEADERS_TIMEOUT);
	assert_error(speak(g, request), 504, "upstream_headers_timeout",
	    NULL);
	will_send(json, UPSTREAM_OK);
	fake_upstream.type = "application/json";
	assert_error(speak(g, request), 502, "upstream_error", NULL);
	fake_upstream_reset("{\"error\":{\"message\":\"Unknown voice.\","
	    "\"type\":\"invalid_request_error\",\"param\":\"voice\","
	    "\"code\":\"bad_voice\"}}");
	fake_upstream.http = 400;
	assert_error(speak(g, request), 400, "bad_voice", "voice");
	assert_int_equal(gateway_last_usage(g).cost.nano, 0);
	assert_int_equal(gateway_account(g).spent.nano, 0);
	gateway_check_ledger(g);
}

static struct fake_provider pair[2];

/* Another provider is asked until there is sound, and not behind that. */
static void
another_provider_speaks(void **state)
{
	static const struct fake_step some[] = { { .piece = "some" } };
	static const char body[] = "{\"model\":\"pair\",\"input\":\"Hi\"}";
	struct gateway *g = *state;

	gateway_configure(g,
	    "[provider aaa]\nbase_url = http://aaa.example/v1\n"
	    "[provider bbb]\nbase_url = http://bbb.example/v1\n"
	    "[model pair]\nkind = speech\nprice_characters = 15\n"
	    "route = aaa\nroute = bbb\n");
	gateway_watch(g);
	fake_upstream_reset(NULL);
	pair[0] = (struct fake_provider){ .host = "aaa",
		.rc = UPSTREAM_BROKEN };
	pair[1] = (struct fake_provider){ .host = "bbb", .body = "sound" };
	fake_upstream.providers = pair;
	fake_upstream.n_providers = 2;
	assert_string_equal(speak(g, body)->body, "sound");
	assert_string_equal(fake_upstream.order, "aaa bbb");
	assert_int_equal(gateway_last_usage(g).cost.nano, 2 * 15000);
	pair[0].steps = some;
	pair[0].n_steps = 1;
	fake_upstream.order[0] = '\0';
	assert_string_equal(speak(g, body)->body, "som");
	assert_string_equal(fake_upstream.order, "aaa");
	assert_int_equal(gateway_last_usage(g).cost.nano, 2 * 15000);
	gateway_check_ledger(g);
}

static const struct {
	const char *body, *param;
} wrong[] = {
	{ "{\"model\":\"voice\"}", "input" },
	{ "{\"model\":\"voice\",\"input\":\"\"}", "input" },
	{ "{\"model\":\"voice\",\"input\":[\"a\"]}", "input" },
	{ "{\"model\":\"voice\",\"input\":\"a\",\"speed\":5}", "speed" },
	{ "{\"model\":\"voice\",\"input\":\"a\",\"response_format\":1}",
	    "response_format" },
	{ "{\"model\":\"demo\",\"input\":\"a\"}", "model" },
};

static void
wrong_fields_are_refused(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_error(speak(g, wrong[i].body), 400, "invalid_request",
		    wrong[i].param);
	assert_int_equal(fake_upstream.calls, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, gateway_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sound_is_relayed),
		TEST(what_has_no_type_is_bytes),
		TEST(one_that_breaks_off_is_billed),
		TEST(a_client_that_leaves_pays),
		TEST(failures_before_the_first_byte_cost_nothing),
		TEST(another_provider_speaks),
		TEST(wrong_fields_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
