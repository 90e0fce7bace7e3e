/* routes.c: a model with several routes: which are tried, and who pays what. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/bill.h"
#include "tests/handlers/gateway.h"
#include "tests/handlers/stream_words.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Three providers, and models that use them. */
#define PROVIDER(name, more) "[provider " name "]\nbase_url = http://" name \
	".example/v1\n" more
#define PRICES "price_input = 1\nprice_output = 2\noutput_tokens_max = 100\n"
#define CONFIGURED(options) options \
	PROVIDER("aaa", "") PROVIDER("bbb", "") PROVIDER("ccc", "") \
	"[model three]\nroute = aaa real-demo cost_input=0.5 cost_output=1\n" \
	"route = bbb real-demo cost_input=0.25 cost_output=0.5\n" \
	"route = ccc real-demo\n" PRICES

static const char ask_three[] = "{\"model\":\"three\"," HI
    ",\"max_tokens\":20}";
static const char stream_three[] = "{\"model\":\"three\"," HI
    ",\"max_tokens\":20,\"stream\":true}";

static struct fake_provider providers[3];

/* All three answer well until told otherwise. */
static void
providers_reset(void)
{
	static const char *const hosts[] = { "aaa", "bbb", "ccc" };

	fake_upstream_reset(good_answer);
	for (size_t i = 0; i < 3; i++)
		providers[i] = (struct fake_provider){
			.host = hosts[i],
			.body = good_answer,
		};
	fake_upstream.providers = providers;
	fake_upstream.n_providers = 3;
}

static void
begin(struct gateway *g, const char *lines)
{
	gateway_configure(g, lines);
	gateway_watch(g);
	providers_reset();
}

static const char *
order(void)
{
	static char text[FAKE_ORDER_SIZE];

	snprintf(text, sizeof(text), "%s", fake_upstream.order);
	fake_upstream.order[0] = '\0';
	return text;
}

/* Fails unless the last request's attempts were these, however long they took:
 * "aaa:500,bbb:ok". */
static void
assert_attempts(struct gateway *g, const char *wanted)
{
	struct usage usage = gateway_last_usage(g);
	char got[USAGE_ATTEMPTS_SIZE] = "";
	const char *rest = usage.attempts;

	while (*rest) {
		size_t len = strcspn(rest, ","), kept = len;

		while (kept > 0 && rest[kept] != ':')
			kept--;
		assert_true(kept > 0 && kept + 1 < len);
		strncat(got, rest, kept);
		rest += len;
		strncat(got, rest, *rest == ',');
		rest += *rest == ',';
	}
	assert_string_equal(got, wanted);
}

/* What a first provider may do that another one makes good. */
static const struct {
	enum upstream_rc rc;
	int http;
	const char *body, *outcome;
} faults[] = {
	{ UPSTREAM_UNREACHABLE, 0, NULL, "rc 1" },
	{ UPSTREAM_BROKEN, 0, NULL, "rc 2" },
	{ UPSTREAM_TOO_LARGE, 0, NULL, "rc 3" },
	{ UPSTREAM_HEADERS_TIMEOUT, 0, NULL, "rc 4" },
	{ UPSTREAM_BODY_TIMEOUT, 200, NULL, "rc 5" },
	{ UPSTREAM_TOTAL_TIMEOUT, 0, NULL, "rc 6" },
	{ UPSTREAM_OK, 401, "{}", "401" },
	{ UPSTREAM_OK, 402, "{}", "402" },
	{ UPSTREAM_OK, 403, "{}", "403" },
	{ UPSTREAM_OK, 404, "{}", "404" },
	{ UPSTREAM_OK, 408, "{}", "408" },
	{ UPSTREAM_OK, 409, "{}", "409" },
	{ UPSTREAM_OK, 425, "{}", "425" },
	{ UPSTREAM_OK, 429, "{}", "429" },
	{ UPSTREAM_OK, 500, "<html>", "500" },
	{ UPSTREAM_OK, 503, "", "503" },
	{ UPSTREAM_OK, 302, "", "302" },
	{ UPSTREAM_OK, 400, "{\"error\":{\"code\":\"insufficient_quota\"}}",
	    "400" },
	{ UPSTREAM_OK, 200, "{\"choices\":[{]}", "unusable" },
	{ UPSTREAM_OK, 200, "{\"choices\":[]}", "unusable" },
	{ UPSTREAM_OK, 200, "", "unusable" },
};

static void
assert_charged(struct gateway *g, int64_t nano)
{
	assert_int_equal(gateway_last_usage(g).cost.nano, nano);
	assert_int_equal(gateway_account(g).balance.nano,
	    MONEY_USD(5).nano - nano);
	gateway_check_ledger(g);
	gateway_set_balance(g, MONEY_USD(5));
}

static void
the_second_makes_it_good(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char wanted[64];

	begin(g, CONFIGURED(""));
	for (size_t i = 0; i < COUNT(faults); i++) {
		health_pin(g->health, "aaa", HEALTH_KEPT_CLOSED);
		g->conf->providers[0].key_pause_ms = 0;
		providers[0].rc = faults[i].rc;
		providers[0].http = faults[i].http;
		providers[0].body = faults[i].body;
		reply = gateway_chat(g, ask_three);
		assert_int_equal(reply->http, 200);
		assert_non_null(strstr(reply->body, "\"model\":\"three\""));
		assert_string_equal(order(), "aaa bbb");
		snprintf(wanted, sizeof(wanted), "aaa:%s,bbb:ok",
		    faults[i].outcome);
		assert_attempts(g, wanted);
		assert_non_null(strstr(reply->log, "provider aaa"));
		assert_charged(g, 9 * 1000 + 12 * 2000);
	}
}

static void
all_are_tried_and_the_last_failure_is_told(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	begin(g, CONFIGURED(""));
	providers[0].rc = UPSTREAM_UNREACHABLE;
	providers[1].http = 500;
	providers[2].rc = UPSTREAM_HEADERS_TIMEOUT;
	reply = gateway_chat(g, ask_three);
	assert_error(reply, 504, "upstream_headers_timeout", NULL);
	assert_string_equal(order(), "aaa bbb ccc");
	assert_non_null(reply_header(reply, "retry-after"));
	assert_charged(g, 0);
	providers[2] = (struct fake_provider){ .host = "ccc", .http = 429,
	    .retry_after_ms = 7000 };
	reply = gateway_chat(g, ask_three);
	assert_error(reply, 503, "upstream_unavailable", NULL);
	assert_string_equal(reply_header(reply, "retry-after-ms"), "7000");
	assert_charged(g, 0);
}

static void
a_complaint_is_told_at_once(void **state)
{
	struct gateway *g = *state;

	begin(g, CONFIGURED(""));
	providers[0].http = 400;
	providers[0].body = "{\"error\":{\"message\":\"Too long.\",\"code\":"
	    "\"context_length_exceeded\"}}";
	assert_error(gateway_chat(g, ask_three), 400,
	    "context_length_exceeded", NULL);
	assert_string_equal(order(), "aaa");
	assert_attempts(g, "aaa:400");
}

static void
a_bill_knows_what_the_operator_paid(void **state)
{
	struct gateway *g = *state;
	struct usage usage;

	begin(g, CONFIGURED(""));
	gateway_chat(g, ask_three);
	usage = gateway_last_usage(g);
	assert_true(usage.has_upstream_cost);
	assert_int_equal(usage.upstream_cost.nano, 9 * 500 + 12 * 1000);
	providers[0].http = 500;
	gateway_chat(g, ask_three);
	assert_int_equal(gateway_last_usage(g).upstream_cost.nano,
	    9 * 250 + 12 * 500);
	providers[1].http = 500;
	gateway_chat(g, ask_three);
	assert_false(gateway_last_usage(g).has_upstream_cost);
}

/* A stream that fails before the client has been told anything of it. */
static void
a_stream_moves_on_before_it_begins(void **state)
{
	struct gateway *g = *state;
	static const struct fake_step broken[] = { { .piece = "" } };
	static const struct fake_step error[] = {
		{ .piece = EVENT(PROVIDER_ERROR("\"server_error\"",
		    "\"500\"")) } };
	static const struct fake_step good[] = {
		{ .piece = ROLE SAYS("Hello") FINISH USAGE DONE } };
	const struct reply *reply;

	begin(g, CONFIGURED(""));
	providers[0].steps = broken;
	providers[0].n_steps = 1;
	providers[0].rc = UPSTREAM_BROKEN;
	providers[1].steps = error;
	providers[1].n_steps = 1;
	providers[2].steps = good;
	providers[2].n_steps = 1;
	reply = gateway_chat(g, stream_three);
	assert_int_equal(reply->http, 200);
	assert_string_equal(order(), "aaa bbb ccc");
	assert_null(strstr(reply->body, "error"));
	assert_non_null(strstr(reply->body, "Hello"));
	assert_non_null(strstr(reply->body, "[DONE]"));
	assert_charged(g, 9 * 1000 + 12 * 2000);
}

static void
a_stream_that_began_does_not(void **state)
{
	struct gateway *g = *state;
	static const struct fake_step half[] = {
		{ .piece = ROLE SAYS("Hel") } };
	const struct reply *reply;

	begin(g, CONFIGURED(""));
	providers[0].steps = half;
	providers[0].n_steps = 1;
	providers[0].rc = UPSTREAM_BROKEN;
	reply = gateway_chat(g, stream_three);
	assert_string_equal(order(), "aaa");
	assert_non_null(strstr(reply->body, "upstream_error"));
	assert_null(strstr(reply->body, "[DONE]"));
}

/* The head has gone out, and a comment: nothing that another would repeat. */
static void
comments_are_no_answer(void **state)
{
	struct gateway *g = *state;
	static const struct fake_step silent[] = { { .flushes = 1 } };
	const struct reply *reply;

	begin(g, "stream_head_ms = 10\nheartbeat_ms = 100\n" CONFIGURED(""));
	providers[0].steps = silent;
	providers[0].n_steps = 1;
	providers[0].rc = UPSTREAM_HEADERS_TIMEOUT;
	providers[1].body = ROLE SAYS("Hello") FINISH USAGE DONE;
	reply = gateway_chat(g, stream_three);
	assert_string_equal(order(), "aaa bbb");
	assert_non_null(strstr(reply->body, KEEP_ALIVE));
	assert_non_null(strstr(reply->body, "[DONE]"));
}

static void
sleep_a_little(void *context)
{
	(void)context;
	clock_sleep_us(20000);
}

static void
one_deadline_is_for_all(void **state)
{
	struct gateway *g = *state;

	begin(g, "request_timeout_ms = 20000\n" CONFIGURED(""));
	for (size_t i = 0; i < 3; i++)
		providers[i].http = 500;
	fake_upstream.during = sleep_a_little;
	assert_error(gateway_chat(g, ask_three), 502, "upstream_error", NULL);
	assert_in_range(fake_upstream.total_timeout_ms, 1, 20000 - 2 * 20);
}

static void
a_route_changes_fields(void **state)
{
	struct gateway *g = *state;

	begin(g, PROVIDER("aaa", "") "[route odd]\nprovider = aaa\n"
	    "model = x\ndrop_fields = user seed\n"
	    "set_fields = {\"tier\":\"flex\", \"top_p\":null}\n"
	    "[model three]\nroute = odd\n" PRICES);
	gateway_chat(g, "{\"model\":\"three\"," HI ",\"max_tokens\":20,"
	    "\"user\":\"u\",\"top_p\":0.5,\"seed\":1,\"k\":2}");
	assert_string_equal(fake_upstream.asked, "{\"tier\":\"flex\","
	    "\"model\":\"x\"," HI ",\"max_tokens\":20,\"top_p\":null,"
	    "\"k\":2}");
}

static void
a_refused_key_is_not_the_end(void **state)
{
	struct gateway *g = *state;

	setenv("FAREBOX_TEST_ONE", "sk-one", 1);
	setenv("FAREBOX_TEST_TWO", "sk-two", 1);
	begin(g, PROVIDER("aaa", "key_env = FAREBOX_TEST_ONE\n"
	    "key_env = FAREBOX_TEST_TWO\n") PROVIDER("bbb", "")
	    "[model three]\nroute = aaa\nroute = bbb\n" PRICES);
	providers[0].key_refused = "sk-one";
	for (int i = 0; i < 4; i++)
		assert_int_equal(gateway_chat(g, ask_three)->http, 200);
	/* Once; then the other key is used alone. */
	assert_string_equal(order(), "aaa aaa aaa aaa aaa");
	assert_string_equal(fake_upstream.key, "sk-two");
	assert_null(strstr(g->reply.log, "sk-"));
}

static void
what_asks_for_patience_is_left_alone(void **state)
{
	struct gateway *g = *state;

	begin(g, CONFIGURED(""));
	providers[0].http = 429;
	providers[0].retry_after_ms = 60000;
	for (int i = 0; i < 3; i++)
		assert_int_equal(gateway_chat(g, ask_three)->http, 200);
	assert_string_equal(order(), "aaa bbb bbb bbb");
}

static void
weights_share_the_requests(void **state)
{
	struct gateway *g = *state;

	begin(g, PROVIDER("aaa", "") PROVIDER("bbb", "")
	    "[model three]\nroute = aaa weight=3\nroute = bbb weight=1\n"
	    PRICES);
	for (int i = 0; i < 200; i++)
		assert_int_equal(gateway_chat(g, ask_three)->http, 200);
	assert_in_range(providers[0].calls, 146, 154);
	assert_int_equal(providers[0].calls + providers[1].calls, 200);
}

static void
an_open_breaker_asks_nobody_and_holds_nothing(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	begin(g, CONFIGURED(""));
	for (size_t i = 0; i < 3; i++)
		providers[i].rc = UPSTREAM_UNREACHABLE;
	/* The fifth failure of each opens it. */
	for (int i = 0; i < 5; i++)
		assert_error(gateway_chat(g, ask_three), 502,
		    "upstream_unreachable", NULL);
	order();
	reply = gateway_chat(g, ask_three);
	assert_error(reply, 503, "upstream_unavailable", NULL);
	assert_non_null(reply_header(reply, "retry-after"));
	assert_string_equal(order(), "");
	assert_int_equal(gateway_last_usage(g).hold.nano, 0);
	assert_string_equal(gateway_last_usage(g).attempts, "");
	/* One of them comes back. */
	assert_true(health_pin(g->health, "bbb", HEALTH_FREE));
	providers[1].rc = UPSTREAM_OK;
	assert_int_equal(gateway_chat(g, ask_three)->http, 200);
	assert_string_equal(order(), "bbb");
}

/* Two routes whose names for the model differ in length. */
#define KIND(name, kind, more) "[model " name "]\nkind = " kind "\n" \
	"route = aaa a-name-of-another-length\nroute = bbb real\n" more
#define FORM "--xY\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n" \
	"%s\r\n--xY\r\nContent-Disposition: form-data; name=\"file\"; " \
	"filename=\"a.mp3\"\r\n\r\n0123456789\r\n--xY--\r\n"

static void
a_form_is_sent_again(void **state)
{
	struct gateway *g = *state;
	char body[512], wanted[512];
	struct ask ask = {
		.uri = "/v1/audio/transcriptions",
		.type = "multipart/form-data; boundary=xY",
		.body = body,
	};

	begin(g, "spool_dir = .\n" PROVIDER("aaa", "") PROVIDER("bbb", "")
	    KIND("ear", "transcription", "price_second = 0.0001\n"));
	snprintf(body, sizeof(body), FORM, "ear");
	snprintf(wanted, sizeof(wanted), FORM, "real");
	providers[0].http = 500;
	providers[1].body = "{\"text\":\"a\",\"usage\":{\"seconds\":0.007}}";
	fake_upstream.type = "application/json";
	assert_int_equal(gateway_ask(g, ask)->http, 200);
	assert_string_equal(order(), "aaa bbb");
	assert_string_equal(fake_upstream.asked, wanted);
	assert_charged(g, 700);
}

/* As long as there was no sound; then it is too late. */
static void
speech_moves_on(void **state)
{
	struct gateway *g = *state;
	static const struct fake_step half[] = { { .piece = "ID3" } };
	struct ask ask = { .uri = "/v1/audio/speech", .body =
	    "{\"model\":\"voice\",\"voice\":\"x\",\"input\":\"Hello\"}" };

	begin(g, PROVIDER("aaa", "") PROVIDER("bbb", "")
	    KIND("voice", "speech", "price_characters = 15\n"));
	fake_upstream.type = "audio/mpeg";
	fake_upstream.length = -1;
	providers[0].http = 503;
	providers[1].body = "ID3 sound";
	assert_int_equal(gateway_ask(g, ask)->http, 200);
	assert_string_equal(g->reply.body, "ID3 sound");
	assert_string_equal(order(), "aaa bbb");
	assert_charged(g, 5 * 15000);
	assert_false(gateway_last_usage(g).has_upstream_cost);
	providers[0] = (struct fake_provider){ .host = "aaa", .steps = half,
	    .n_steps = 1, .rc = UPSTREAM_BROKEN };
	gateway_ask(g, ask);
	assert_string_equal(order(), "aaa");
	assert_charged(g, 5 * 15000);
}

static json_int_t
requests_of(const json_t *object)
{
	return json_integer_value(json_object_get(object, "requests"));
}

static const char *
status_of(const json_t *object)
{
	return json_string_value(json_object_get(object, "status"));
}

static void
the_status_tells_what_clients_met(void **state)
{
	struct gateway *g = *state;
	struct ask ask = { .uri = "/status", .authorization = "" };
	const struct reply *reply;
	const json_t *models, *three;

	begin(g, CONFIGURED(""));
	gateway_chat(g, ask_three);
	for (size_t i = 0; i < 3; i++)
		providers[i].http = 500;
	gateway_chat(g, ask_three);
	gateway_chat(g, "{\"model\":\"three\"}");
	reply = gateway_ask(g, ask);
	assert_int_equal(reply->http, 200);
	assert_string_equal(reply_header(reply, "cache-control"),
	    "public, max-age=5");
	assert_null(strstr(reply->body, "aaa"));
	assert_non_null(strstr(reply->body, "\"availability\":0.5"));
	assert_string_equal(status_of(json_object_get(reply->json,
	    "gateway")), "ok");
	models = json_object_get(reply->json, "models");
	three = json_array_get(models, 0);
	assert_string_equal(json_string_value(json_object_get(three, "id")),
	    "three");
	assert_string_equal(status_of(three), "degraded");
	assert_int_equal(requests_of(three), 2);
	assert_string_equal(status_of(json_array_get(models, 1)), "ok");
	assert_true(json_is_null(json_object_get(json_array_get(models, 1),
	    "availability")));
	for (int i = 0; i < 10; i++)
		gateway_chat(g, ask_three);
	reply = gateway_ask(g, ask);
	assert_string_equal(status_of(json_array_get(json_object_get(
	    reply->json, "models"), 0)), "down");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(the_second_makes_it_good),
		GATEWAY_TEST(all_are_tried_and_the_last_failure_is_told),
		GATEWAY_TEST(a_complaint_is_told_at_once),
		GATEWAY_TEST(a_bill_knows_what_the_operator_paid),
		GATEWAY_TEST(a_stream_moves_on_before_it_begins),
		GATEWAY_TEST(a_stream_that_began_does_not),
		GATEWAY_TEST(comments_are_no_answer),
		GATEWAY_TEST(one_deadline_is_for_all),
		GATEWAY_TEST(a_route_changes_fields),
		GATEWAY_TEST(a_refused_key_is_not_the_end),
		GATEWAY_TEST(what_asks_for_patience_is_left_alone),
		GATEWAY_TEST(weights_share_the_requests),
		GATEWAY_TEST(an_open_breaker_asks_nobody_and_holds_nothing),
		GATEWAY_TEST(a_form_is_sent_again),
		GATEWAY_TEST(speech_moves_on),
		GATEWAY_TEST(the_status_tells_what_clients_met),
	};

	return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
