/* transcription.c: POST /v1/audio/transcriptions: forms with a recording. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define FORM_TYPE "multipart/form-data; charset=x; boundary=xY"
#define FIELD(name, value) "--xY\r\nContent-Disposition: form-data; " \
	"name=\"" name "\"\r\n\r\n" value "\r\n"
#define SOUND(bytes) "--xY\r\nContent-Disposition: form-data; " \
	"name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg" \
	"\r\n\r\n" bytes "\r\n"
#define END "--xY--\r\n"
#define HEARD "{\"text\": \"Hello\",\"usage\":{\"type\":\"duration\"," \
	"\"seconds\":4}}"

static const char lines[] =
    "spool_dir = .\n"
    "upload_bytes_max = 20000\n"
    "[model ear]\n"
    "kind = transcription\n"
    "route = main real-ear-of-another-length\n"
    "price_second = 0.0001\n"
    "audio_bytes_per_second_min = 1000\n"
    "audio_seconds_max = 10\n"
    "[model token-ear]\n"
    "kind = transcription\n"
    "route = main\n"
    "price_input = 1\n"
    "price_output = 2\n"
    "price_audio_input = 3\n"
    "context = 1000\n"
    "output_tokens_max = 100\n";

static int
setup(void **state)
{
	int rc = gateway_setup(state);

	gateway_configure(*state, lines);
	fake_upstream_reset(HEARD);
	fake_upstream.type = "application/json";
	return rc;
}

static const struct reply *
hear(struct gateway *g, const char *body)
{
	return gateway_ask(g, (struct ask){ .uri = "/v1/audio/transcriptions",
	    .type = FORM_TYPE, .body = body });
}

static const char *const orders[] = {
	FIELD("model", "ear") FIELD("language", "en") SOUND("ID3 \r\n--x"),
	SOUND("ID3 \r\n--x") FIELD("language", "en") FIELD("model", "ear"),
	FIELD("language", "en") SOUND("ID3 \r\n--x") FIELD("model", "ear"),
};

/* The provider gets the same bytes in the same order, but for the model. */
static void
fields_may_be_in_any_order(void **state)
{
	struct gateway *g = *state;
	char body[1024], wanted[1024];

	for (size_t i = 0; i < COUNT(orders); i++) {
		const char *ear = strstr(orders[i], "\r\n\r\near\r\n") + 4;

		snprintf(body, sizeof(body), "%s%s", orders[i], END);
		snprintf(wanted, sizeof(wanted),
		    "%.*sreal-ear-of-another-length%s%s",
		    (int)(ear - orders[i]), orders[i], ear + 3, END);
		for (size_t piece = 1; piece < 80; piece += 13) {
			const struct reply *reply = gateway_ask(g,
			    (struct ask){ .uri = "/v1/audio/transcriptions",
			    .type = FORM_TYPE, .body = body,
			    .length = piece % 2 ? "" : NULL,
			    .piece = piece });

			assert_int_equal(reply->http, 200);
			assert_string_equal(reply->body, HEARD);
			assert_int_equal(fake_upstream.asked_len,
			    strlen(wanted));
			assert_string_equal(fake_upstream.asked, wanted);
		}
	}
	/* What is behind the end is nobody's business. */
	snprintf(body, sizeof(body), "%s%s%s", orders[0], END, orders[1]);
	assert_int_equal(hear(g, body)->http, 200);
	assert_string_equal(strstr(fake_upstream.asked, "--xY--"), END);
	assert_string_equal(fake_upstream.asked_type,
	    "multipart/form-data; boundary=\"xY\"");
	assert_string_equal(fake_upstream.url,
	    "http://127.0.0.1:9/v1/audio/transcriptions");
	gateway_check_ledger(g);
}

#define ASK_EAR FIELD("model", "ear") SOUND("0123456789") END
#define ASK_TOKENS FIELD("model", "token-ear") SOUND("0123456789") END

/*
 * What the provider answers, and what is counted then. Ten bytes are 10 ms at
 * most, and are taken for 1 ms.
 */
static const struct {
	const char *body, *answer, *type;
	int64_t audio_ms, input, sound, output;
	int64_t cost;
	bool estimated;
} counts[] = {
	{ ASK_EAR, "{\"text\":\"a\",\"usage\":{\"seconds\":0.007}}",
	    "application/json", 7, 0, 0, 0, 700, false },
	{ ASK_EAR, "{\"duration\":0.005,\"text\":\"\"}", "application/json",
	    5, 0, 0, 0, 500, false },
	{ ASK_EAR, "{\"text\":\"a\"}", "application/json; charset=utf-8", 1,
	    0, 0, 0, 100, true },
	{ ASK_EAR, "Hello\n", "text/plain; charset=utf-8", 1, 0, 0, 0, 100,
	    true },
	{ ASK_EAR, "Hello\n", "application/json", 1, 0, 0, 0, 100, true },
	{ ASK_EAR, "WEBVTT\n\n00:00.000", NULL, 1, 0, 0, 0, 100, true },
	{ ASK_TOKENS, "{\"text\":\"a\",\"usage\":{\"type\":\"tokens\","
	    "\"input_tokens\":14,\"input_token_details\":{\"audio_tokens\":"
	    "10},\"output_tokens\":5,\"total_tokens\":19}}",
	    "application/json", 0, 14, 10, 5, 10 * 3000 + 4 * 1000 + 5 * 2000,
	    false },
};

static void
what_was_heard_is_billed(void **state)
{
	struct gateway *g = *state;
	struct usage usage;

	for (size_t i = 0; i < COUNT(counts); i++) {
		fake_upstream_reset(counts[i].answer);
		fake_upstream.type = counts[i].type;
		assert_int_equal(hear(g, counts[i].body)->http, 200);
		assert_string_equal(g->reply.body, counts[i].answer);
		assert_string_equal(reply_header(&g->reply, "Content-Type"),
		    counts[i].type ? counts[i].type :
		    "text/plain; charset=utf-8");
		usage = gateway_last_usage(g);
		assert_int_equal(usage.audio_ms, counts[i].audio_ms);
		assert_int_equal(usage.input_tokens, counts[i].input);
		assert_int_equal(usage.audio_input_tokens, counts[i].sound);
		assert_int_equal(usage.output_tokens, counts[i].output);
		assert_int_equal(usage.cost.nano, counts[i].cost);
		assert_int_equal(usage.flags, counts[i].estimated ?
		    USAGE_ESTIMATED : 0);
	}
	gateway_check_ledger(g);
}

/* A WAV file of 20 bytes of sound, of 8000 in a second: 2.5 ms. */
static void
a_recording_tells_its_length(void **state)
{
	static const char body[] = FIELD("model", "ear")
	    SOUND("RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\100\37\0\0"
	    "\100\37\0\0\1\0\10\0data\24\0\0\0" "01234567890123456789")
	    END;
	struct gateway *g = *state;

	fake_upstream_reset("Hello");
	fake_upstream.type = "text/plain";
	assert_int_equal(gateway_ask(g, (struct ask){ .type = FORM_TYPE,
	    .uri = "/v1/audio/transcriptions", .body = body,
	    .body_len = sizeof(body) - 1 })->http, 200);
	assert_int_equal(gateway_last_usage(g).audio_ms, 3);
	assert_int_equal(gateway_last_usage(g).flags, USAGE_ESTIMATED);
}

static void
tokens_are_estimated(void **state)
{
	struct gateway *g = *state;
	struct usage usage;

	fake_upstream_reset("{\"text\":\"Hello there\"}");
	fake_upstream.type = "application/json";
	assert_int_equal(hear(g, ASK_TOKENS)->http, 200);
	usage = gateway_last_usage(g);
	assert_int_equal(usage.output_tokens, 3);
	assert_true(usage.input_tokens > 0);
	assert_int_equal(usage.flags, USAGE_ESTIMATED);
	assert_true(money_compare(usage.cost, usage.hold) <= 0);
}

/* A form with a file of so many bytes; the caller frees it. */
static char *
form_of(const char *model, size_t bytes)
{
	char *form = malloc(bytes + 1024);
	int len;

	assert_non_null(form);
	len = sprintf(form, FIELD("model", "%s") "--xY\r\n"
	    "Content-Disposition: form-data; name=file; filename=a\r\n\r\n",
	    model);
	memset(form + len, 'x', bytes);
	strcpy(form + len + bytes, "\r\n" END);
	return form;
}

static void
the_worst_is_held(void **state)
{
	static const struct {
		size_t bytes;
		int64_t ms;
	} rows[] = {
		{ 1, 1 }, { 1000, 1000 }, { 1001, 1001 }, { 9999, 9999 },
		{ 10001, 10000 }, { 15000, 10000 },
	};
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *form = form_of("ear", rows[i].bytes);

		assert_int_equal(hear(g, form)->http, 200);
		assert_int_equal(gateway_last_usage(g).hold.nano,
		    rows[i].ms * 100);
		free(form);
		form = form_of("token-ear", rows[i].bytes);
		assert_int_equal(hear(g, form)->http, 200);
		assert_int_equal(gateway_last_usage(g).hold.nano,
		    (strlen(form) < 1000 ? (int64_t)strlen(form) : 1000) *
		    3000 + 100 * 2000);
		free(form);
	}
	gateway_check_ledger(g);
}

static const struct {
	const char *body;
	int http;
	const char *code, *param, *words;
} wrong[] = {
	{ SOUND("a") END, 400, "invalid_request", "model", "missing" },
	{ FIELD("model", "") SOUND("a") END, 400, "invalid_request", "model",
	    "missing" },
	{ FIELD("model", "nobody") SOUND("a") END, 404, "model_not_found",
	    "model", "no model 'nobody'" },
	{ FIELD("model", "demo") SOUND("a") END, 400, "invalid_request",
	    "model", "/v1/chat/completions" },
	{ FIELD("model", "ear") FIELD("model", "ear") SOUND("a") END, 400,
	    "invalid_request", "model", "2 times" },
	{ FIELD("model", "ear") END, 400, "invalid_request", "file",
	    "missing" },
	{ FIELD("model", "ear") FIELD("file", "a") END, 400,
	    "invalid_request", "file", "filename" },
	{ FIELD("model", "ear") SOUND("") END, 400, "invalid_request",
	    "file", "empty" },
	{ FIELD("model", "ear") SOUND("a") SOUND("a") END, 400,
	    "invalid_request", "file", "2 times" },
	{ FIELD("model", "ear") FIELD("stream", "true") SOUND("a") END, 400,
	    "invalid_request", "stream", "leave stream out" },
	{ FIELD("model", "ear") SOUND("a"), 400, "invalid_request", NULL,
	    "last boundary" },
	{ "", 400, "invalid_request", NULL, "last boundary" },
	{ "--xY\r\n\r\n", 400, "invalid_request", NULL, "not well-formed: a "
	    "part has no Content-Disposition" },
};

static void
wrong_forms_are_refused(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_error(gateway_ask(g, (struct ask){ .method = "POST",
		    .uri = "/v1/audio/transcriptions", .type = FORM_TYPE,
		    .body = wrong[i].body }), wrong[i].http, wrong[i].code,
		    wrong[i].param);
		if (!strstr(g->reply.body, wrong[i].words))
			fail_msg("%s", g->reply.body);
	}
	assert_int_equal(fake_upstream.calls, 0);
	gateway_check_ledger(g);
}

static void
other_types_are_refused(void **state)
{
	static const char *const types[] = { "", "application/json",
		"multipart/form-data", "multipart/form-data; boundary=\"\"" };
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(types); i++)
		assert_error(gateway_ask(g, (struct ask){ .type = types[i],
		    .uri = "/v1/audio/transcriptions", .body = ASK_EAR }),
		    415, "unsupported_media_type", NULL);
}

static void
enormous_forms_are_refused(void **state)
{
	struct gateway *g = *state;
	char *form = form_of("ear", 20001);
	char *field = malloc(70000);
	size_t len;

	assert_error(hear(g, form), 413, "request_too_large", NULL);
	assert_error(gateway_ask(g, (struct ask){ .type = FORM_TYPE,
	    .uri = "/v1/audio/transcriptions", .body = form, .length = "" }),
	    413, "request_too_large", NULL);
	free(form);
	/* More fields than there can be, and one that is too long. */
	assert_non_null(field);
	for (int i = 0, at = 0; i < 65; i++)
		at += sprintf(field + at, FIELD("a", ""));
	assert_error(hear(g, field), 400, "invalid_request", NULL);
	gateway_configure(g, "spool_dir = .\n");
	len = (size_t)sprintf(field, "%.*s", (int)strlen(FIELD("prompt", "")) -
	    2, FIELD("prompt", ""));
	memset(field + len, 'x', 65537);
	strcpy(field + len + 65537, "\r\n" END);
	assert_error(hear(g, field), 400, "invalid_request", "prompt");
	free(field);
	assert_int_equal(fake_upstream.calls, 0);
	gateway_check_ledger(g);
}

static void
a_body_that_stalls_is_told(void **state)
{
	struct gateway *g = *state;

	assert_error(gateway_ask(g, (struct ask){ .type = FORM_TYPE,
	    .uri = "/v1/audio/transcriptions", .body = ASK_EAR,
	    .length = "1000" }), 400, "invalid_request", NULL);
	assert_error(gateway_ask(g, (struct ask){ .type = FORM_TYPE,
	    .uri = "/v1/audio/transcriptions", .body = ASK_EAR,
	    .length = "1000", .breaks = true }), 408, "request_timeout",
	    NULL);
}

static void
a_directory_that_is_not_there_is_our_fault(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "spool_dir = nowhere\n");
	assert_error(hear(g, ASK_EAR), 500, "gateway_error", NULL);
	assert_non_null(strstr(g->reply.log, "nowhere: No such file"));
}

static void
answers_of_nothing_are_not_billed(void **state)
{
	static const struct {
		const char *body, *type;
	} rows[] = {
		{ "", "application/json" },
		{ "{}", "application/json" },
		{ "{\"text\":1}", "application/json" },
		{ "{\"text\"", "application/json" },
		{ "<html>", "text/html; charset=utf-8" },
		{ "", "text/plain" },
	};
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		fake_upstream_reset(rows[i].body);
		fake_upstream.type = rows[i].type;
		assert_error(hear(g, ASK_EAR), 502, "upstream_error", NULL);
		assert_int_equal(gateway_last_usage(g).cost.nano, 0);
	}
	gateway_check_ledger(g);
}

/* A retry has another boundary; another file is another request. */
static void
a_retry_is_known(void **state)
{
	struct gateway *g = *state;
	static const char again[] = "--zZ\r\nContent-Disposition: form-data;"
	    "name=model\r\n\r\near\r\n--zZ\r\nContent-Disposition: form-data;"
	    "name=file; filename=a.mp3\r\n\r\n0123456789\r\n--zZ--\r\n";
	struct ask ask = { .uri = "/v1/audio/transcriptions",
		.type = FORM_TYPE, .body = ASK_EAR,
		.variables = { "HTTP_IDEMPOTENCY_KEY", "one" } };

	assert_int_equal(gateway_ask(g, ask)->http, 200);
	ask.type = "multipart/form-data; boundary=zZ";
	ask.body = again;
	assert_int_equal(gateway_ask(g, ask)->http, 200);
	assert_string_equal(reply_header(&g->reply, "idempotent-replayed"),
	    "true");
	assert_string_equal(g->reply.body, HEARD);
	assert_int_equal(fake_upstream.calls, 1);
	ask.type = FORM_TYPE;
	ask.body = FIELD("model", "ear") SOUND("0123456780") END;
	assert_error(gateway_ask(g, ask), 409, "idempotency_conflict", NULL);
	gateway_check_ledger(g);
}

static struct fake_provider pair[2];

/* The first provider fails when it has seen all of it; so does the second. */
static void
another_provider_gets_all_of_it(void **state)
{
	static const char form[] = FIELD("model", "pair") SOUND("0123456789")
	    END;
	static const char wanted[] = FIELD("model", "second-ear")
	    SOUND("0123456789") END;
	struct gateway *g = *state;

	gateway_configure(g, "spool_dir = .\n"
	    "[provider aaa]\nbase_url = http://aaa.example/v1\n"
	    "[provider bbb]\nbase_url = http://bbb.example/v1\n"
	    "[model pair]\nkind = transcription\nprice_second = 0.0001\n"
	    "audio_bytes_per_second_min = 1\n"
	    "route = aaa first\nroute = bbb second-ear\n");
	gateway_watch(g);
	fake_upstream_reset(HEARD);
	fake_upstream.type = "application/json";
	pair[0] = (struct fake_provider){ .host = "aaa", .http = 503 };
	pair[1] = (struct fake_provider){ .host = "bbb", .body = HEARD };
	fake_upstream.providers = pair;
	fake_upstream.n_providers = 2;
	assert_int_equal(hear(g, form)->http, 200);
	assert_string_equal(fake_upstream.order, "aaa bbb");
	assert_string_equal(fake_upstream.asked, wanted);
	assert_int_equal(gateway_last_usage(g).cost.nano, 4000 * 100);
	pair[1].rc = UPSTREAM_BROKEN;
	assert_error(hear(g, form), 502, "upstream_error", NULL);
	assert_int_equal(gateway_last_usage(g).cost.nano, 0);
	gateway_check_ledger(g);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, gateway_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fields_may_be_in_any_order),
		TEST(what_was_heard_is_billed),
		TEST(a_recording_tells_its_length),
		TEST(tokens_are_estimated),
		TEST(the_worst_is_held),
		TEST(wrong_forms_are_refused),
		TEST(other_types_are_refused),
		TEST(enormous_forms_are_refused),
		TEST(a_body_that_stalls_is_told),
		TEST(a_directory_that_is_not_there_is_our_fault),
		TEST(answers_of_nothing_are_not_billed),
		TEST(a_retry_is_known),
		TEST(another_provider_gets_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
