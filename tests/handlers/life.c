/* life.c: the life of a request around its handler: path, key, body, answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/endpoint.h"
#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

static const char list_fields[] = "{\"object\":\"list\",\"data\":[";

/* A URI, and the answer's status. */
static const struct {
	const char *method, *uri;
	int http;
	const char *code;
} paths[] = {
	{ "GET", "/v1/models", 200, NULL },
	{ "GET", "/v1/models?limit=1&x=/v1/nothing", 200, NULL },
	{ "GET", "http://gateway.example/v1/models", 200, NULL },
	{ "GET", "HTTPS://gateway.example:8443/v1/models?a", 200, NULL },
	{ "GET", "/v1/models/demo", 200, NULL },
	{ "GET", "/v1/models/org/pro", 200, NULL },
	{ "GET", "/v1/models/org%2Fpro", 200, NULL },
	{ "GET", "/v1/models/org%2fpro", 200, NULL },
	{ "GET", "/v1/models/%64emo", 200, NULL },
	{ "GET", "/v1/models/none", 404, "model_not_found" },
	{ "GET", "/v1/models/%FF%FE", 404, "model_not_found" },
	{ "GET", "/v1/models/demo%", 404, "not_found" },
	{ "GET", "/v1/models/demo%2", 404, "not_found" },
	{ "GET", "/v1/models/demo%zz", 404, "not_found" },
	{ "GET", "/v1/models/demo%00", 404, "not_found" },
	{ "GET", "/v1/models/", 404, "not_found" },
	{ "GET", "/v1/balance", 200, NULL },
	{ "GET", "/v1/balance/", 404, "not_found" },
	{ "GET", "/healthz", 200, NULL },
	{ "GET", "/", 404, "not_found" },
	{ "GET", "", 404, "not_found" },
	{ "GET", "http://gateway.example", 404, "not_found" },
	{ "GET", "/v1", 404, "not_found" },
	{ "POST", "/v1/responses", 404, "not_found" },
	{ "GET", "/v1/chat/completions", 405, "method_not_allowed" },
	{ "DELETE", "/v1/models/demo", 405, "method_not_allowed" },
	{ "BREW", "/healthz", 405, "method_not_allowed" },
	{ "get", "/healthz", 405, "method_not_allowed" },
};

static void
each_path(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct reply *reply = gateway_ask(g, (struct ask){
		    .method = paths[i].method, .uri = paths[i].uri });

		if (reply->http != paths[i].http)
			fail_msg("%s: %s", paths[i].uri, reply->body);
		if (paths[i].code)
			assert_string_equal(reply_error(reply, "code"),
			    paths[i].code);
	}
}

static void
a_404_names_the_endpoints(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply = gateway_ask(g, (struct ask){
	    .uri = "/v1/resp\xffonses\"?key=secret", .authorization = "" });
	const char *message;

	assert_error(reply, 404, "not_found", NULL);
	message = reply_error(reply, "message");
	assert_non_null(strstr(message, "There is no endpoint "
	    "/v1/resp?onses\". This gateway has: POST /v1/chat/completions, "
	    "POST /v1/completions, "));
	for (size_t i = 0; i < n_endpoints; i++)
		assert_non_null(strstr(message, endpoints[i].path));
	assert_null(strstr(reply->log, "secret"));
}

static void
a_405_says_what_is_allowed(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	reply = gateway_ask(g, (struct ask){ .method = "PUT" });
	assert_string_equal(reply_header(reply, "Allow"), "POST, OPTIONS");
	reply = gateway_ask(g, (struct ask){ .method = "PUT",
	    .uri = "/v1/models" });
	assert_string_equal(reply_header(reply, "Allow"),
	    "GET, HEAD, OPTIONS");
}

static void
a_prefix_is_taken_off(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "path_prefix = /llm\n");
	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "/llm/v1/models" })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "http://h/llm/v1/models?x" })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "/v1/models" })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "/llmv1/models" })->http, 404);
	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "/llm" })->http, 404);
}

static void
head_has_the_head_of_get(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char length[32];

	reply = gateway_ask(g, (struct ask){ .uri = "/v1/models" });
	assert_int_equal(strncmp(reply->body, list_fields,
	    strlen(list_fields)), 0);
	snprintf(length, sizeof(length), "%zu", reply->body_len);
	assert_string_equal(reply_header(reply, "Content-Length"), length);
	reply = gateway_ask(g, (struct ask){ .uri = "/v1/models",
	    .method = "HEAD" });
	assert_int_equal(reply->http, 200);
	assert_int_equal(reply->body_len, 0);
	assert_string_equal(reply_header(reply, "Content-Length"), length);
}

static void
a_preflight_needs_no_key(void **state)
{
	static const char asked[] = "authorization, content-type,"
	    "x-stainless-lang, x-stainless-os";
	struct gateway *g = *state;
	const struct reply *reply;

	reply = gateway_ask(g, (struct ask){ .method = "OPTIONS",
	    .authorization = "", .uri = "/anything", .variables = {
	    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS", asked } });
	assert_int_equal(reply->http, 204);
	assert_int_equal(reply->body_len, 0);
	assert_null(reply_header(reply, "Content-Type"));
	assert_string_equal(reply_header(reply,
	    "Access-Control-Allow-Headers"), asked);
	assert_string_equal(reply_header(reply,
	    "Access-Control-Allow-Methods"), "GET, HEAD, POST, OPTIONS");
	assert_string_equal(reply_header(reply,
	    "Access-Control-Allow-Origin"), "*");
	assert_non_null(reply_header(reply, "Access-Control-Max-Age"));
}

static void
a_preflight_echoes_nothing_that_is_no_header_name(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	reply = gateway_ask(g, (struct ask){ .method = "OPTIONS",
	    .variables = { "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
	    "a\r\nSet-Cookie: b" } });
	assert_int_equal(reply->http, 204);
	assert_null(reply_header(reply, "Set-Cookie"));
	assert_string_equal(reply_header(reply,
	    "Access-Control-Allow-Headers"), "Authorization, Content-Type");
}

static void
cors_can_be_switched_off(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "cors_origin =\n");
	assert_null(strstr(gateway_ask(g, (struct ask){
	    .uri = "/v1/models" })->head, "Access-Control"));
	assert_null(strstr(gateway_ask(g, (struct ask){
	    .method = "OPTIONS" })->head, "Access-Control"));
	gateway_configure(g, "cors_origin = https://app.example\n");
	assert_string_equal(reply_header(gateway_ask(g, (struct ask){
	    .uri = "/none" }), "Access-Control-Allow-Origin"),
	    "https://app.example");
}

static void
every_answer_has_these_headers(void **state)
{
	static const char *const exposed[] = { "x-request-id",
	    "x-ratelimit-limit", "x-ratelimit-remaining", "retry-after",
	    "x-farebox-request-cost" };
	struct gateway *g = *state;
	const struct reply *reply;
	char id[64];

	for (int good = 0; good < 2; good++) {
		reply = gateway_chat(g, good ? good_request : "{");
		snprintf(id, sizeof(id), "%s",
		    reply_header(reply, "x-request-id"));
		assert_int_equal(strlen(id), 30);
		assert_string_equal(id,
		    reply_header(reply, "x-farebox-request-id"));
		assert_non_null(strstr(reply->log, id));
		assert_non_null(reply_header(reply, "x-farebox-latency-ms"));
		assert_string_equal(reply_header(reply, "Content-Type"),
		    "application/json");
		assert_string_equal(reply_header(reply, "Cache-Control"),
		    "no-store");
		for (size_t i = 0; i < 5; i++)
			assert_non_null(strstr(reply_header(reply,
			    "Access-Control-Expose-Headers"), exposed[i]));
	}
}

/* An Authorization header, and a word of what its refusal says. */
static const struct {
	const char *header, *word;
} headers[] = {
	{ "Basic eDp5", "does not begin with 'Bearer'" },
	{ "sk-farebox-abc", "does not begin with 'Bearer'" },
	{ "Bearersk-farebox-abc", "does not begin with 'Bearer'" },
	{ "Bearer", "one space" },
	{ "Bearer ", "one space" },
	{ "Bearer  sk-farebox-abc", "one space" },
	{ "Bearer sk-farebox-abc", "not known here" },
	{ "Bearer \xff\xfe", "not known here" },
};

static void
each_authorization(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char small[128];

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		reply = gateway_ask(g, (struct ask){ .uri = "/v1/models",
		    .authorization = headers[i].header });
		assert_error(reply, 401, "invalid_api_key", NULL);
		if (!strstr(reply->body, headers[i].word))
			fail_msg("%s: %s", headers[i].header, reply->body);
		assert_null(strstr(reply->log, "sk-farebox-abc"));
		assert_string_equal(reply_header(reply, "WWW-Authenticate"),
		    "Bearer");
	}
	snprintf(small, sizeof(small), "bEARER%s", g->authorization + 6);
	assert_int_equal(gateway_ask(g, (struct ask){ .uri = "/v1/models",
	    .authorization = small })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){ .uri = "/v1/models",
	    .authorization = "", .variables = { "REDIRECT_HTTP_AUTHORIZATION",
	    g->authorization } })->http, 200);
}

static void
a_missing_header_is_explained_once(void **state)
{
	struct gateway *g = *state;
	struct ask ask = { .uri = "/v1/balance", .authorization = "",
	    .variables = { "SERVER_SOFTWARE", "Apache/2.4.71 (Debian)" } };
	const struct reply *reply = gateway_ask(g, ask);

	assert_error(reply, 401, "invalid_api_key", NULL);
	assert_non_null(strstr(reply->log, "CGIPassAuth On"));
	assert_null(strstr(reply->body, "CGIPassAuth"));
	assert_null(strstr(gateway_ask(g, ask)->log, "CGIPassAuth On"));
}

static void
assert_refused(struct gateway *g, const char *word)
{
	const struct reply *reply = gateway_chat(g, good_request);

	assert_error(reply, 401, "invalid_api_key", NULL);
	assert_non_null(strstr(reply->body, word));
	assert_int_equal(fake_upstream.calls, 0);
}

static void
each_state_of_a_key(void **state)
{
	struct gateway *g = *state;

	assert_int_equal(key_set_state(g->store, g->key.number, KEY_DISABLED,
	    &g->key), STORE_OK);
	assert_refused(g, "disabled");
	assert_int_equal(key_set_state(g->store, g->key.number, KEY_REVOKED,
	    &g->key), STORE_OK);
	assert_refused(g, "revoked");
	gateway_use_key(g, (struct key_spec){
	    .expires_ms = clock_wall_ms() - 1 });
	assert_refused(g, "expired");
	gateway_use_key(g, (struct key_spec){
	    .expires_ms = clock_wall_ms() + 3600000 });
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	fake_upstream.calls = 0;
	assert_int_equal(account_set_state(g->store, g->account.number,
	    ACCOUNT_SUSPENDED, &g->account), STORE_OK);
	assert_refused(g, "suspended");
}

static void
each_media_type(void **state)
{
	static const struct {
		const char *type;
		int http;
	} types[] = {
		{ "", 200 },
		{ "application/json", 200 },
		{ "Application/JSON; charset=utf-8", 200 },
		{ "application/json;charset=UTF-8", 200 },
		{ "application/vnd.x+json", 200 },
		{ "text/plain", 415 },
		{ "application/x-www-form-urlencoded", 415 },
		{ "multipart/form-data; boundary=json", 415 },
		{ "application/jsonp", 415 },
		{ "application/+json", 415 },
		{ "json", 415 },
	};
	struct gateway *g = *state;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct reply *reply = gateway_ask(g, (struct ask){
		    .body = good_request, .type = types[i].type });

		if (reply->http != types[i].http)
			fail_msg("%s: %s", types[i].type, reply->body);
		if (reply->http == 415)
			assert_error(reply, 415, "unsupported_media_type",
			    NULL);
	}
}

static void
each_length(void **state)
{
	struct gateway *g = *state;
	char longer[32], *big;

	/* Chunked: no length, in pieces. */
	assert_int_equal(gateway_ask(g, (struct ask){ .body = good_request,
	    .length = "", .piece = 7 })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){ .body = good_request,
	    .piece = 1 })->http, 200);
	/* Cut short, stalled, or not a number. */
	snprintf(longer, sizeof(longer), "%zu", strlen(good_request) + 1);
	assert_error(gateway_ask(g, (struct ask){ .body = good_request,
	    .length = longer }), 400, "invalid_request", NULL);
	assert_error(gateway_ask(g, (struct ask){ .body = good_request,
	    .length = longer, .breaks = true }), 408, "request_timeout",
	    NULL);
	assert_error(gateway_ask(g, (struct ask){ .body = good_request,
	    .length = "-1" }), 400, "invalid_request", NULL);
	/* Over the limit, announced or not. */
	assert_error(gateway_ask(g, (struct ask){ .body = good_request,
	    .length = "16777217" }), 413, "request_too_large", NULL);
	assert_error(gateway_ask(g, (struct ask){ .body = good_request,
	    .length = "99999999999999999999999" }), 413, "request_too_large",
	    NULL);
	gateway_configure(g, "body_bytes_max = 40000\n");
	big = malloc(40002);
	memset(big, ' ', 40001);
	big[40001] = '\0';
	assert_error(gateway_ask(g, (struct ask){ .body = big,
	    .length = "" }), 413, "request_too_large", NULL);
	assert_string_equal(reply_header(&g->reply, "x-should-retry"),
	    "false");
	memcpy(big + 40000 - strlen(good_request), good_request,
	    strlen(good_request));
	big[40000] = '\0';
	assert_int_equal(gateway_ask(g, (struct ask){ .body = big,
	    .length = "" })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){ .body = big })->http,
	    200);
	free(big);
}

static void
one_line_is_logged(void **state)
{
	static const char *const parts[] = { "request=req_", " method=POST",
	    " path=/v1/chat/completions", " status=200", " code=-",
	    " account=1", " key=1", " model=demo", " input=9", " output=12",
	    " hold=0.", " cost=0.000033", " upstream=200", " latency_ms=",
	    " route_us=", " authenticate_us=", " body_us=", " parse_us=",
	    " prepare_us=", " hold_us=", " handle_us=", " settle_us=",
	    " respond_us=" };
	struct gateway *g = *state;
	const struct reply *reply = gateway_chat(g, good_request);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strstr(reply->log, parts[i]))
			fail_msg("no '%s' in: %s", parts[i], reply->log);
	assert_int_equal(strcspn(reply->log, "\n") + 1, strlen(reply->log));
	assert_null(strstr(reply->log, g->authorization + 7));
	assert_null(strstr(reply->log, "Hello there"));
}

static void
without_a_store_nothing_is_served(void **state)
{
	struct gateway *g = *state;
	struct store *store = g->store;
	const struct reply *reply;

	g->store = NULL;
	reply = gateway_chat(g, good_request);
	assert_error(reply, 503, "credit_check_failed", NULL);
	assert_string_equal(reply_header(reply, "retry-after"), "1");
	assert_error(gateway_ask(g, (struct ask){ .uri = "/healthz" }), 503,
	    "credit_check_failed", NULL);
	assert_int_equal(gateway_ask(g, (struct ask){
	    .method = "OPTIONS" })->http, 204);
	assert_int_equal(fake_upstream.calls, 0);
	g->store = store;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(each_path),
		GATEWAY_TEST(a_404_names_the_endpoints),
		GATEWAY_TEST(a_405_says_what_is_allowed),
		GATEWAY_TEST(a_prefix_is_taken_off),
		GATEWAY_TEST(head_has_the_head_of_get),
		GATEWAY_TEST(a_preflight_needs_no_key),
		GATEWAY_TEST(
		    a_preflight_echoes_nothing_that_is_no_header_name),
		GATEWAY_TEST(cors_can_be_switched_off),
		GATEWAY_TEST(every_answer_has_these_headers),
		GATEWAY_TEST(each_authorization),
		GATEWAY_TEST(a_missing_header_is_explained_once),
		GATEWAY_TEST(each_state_of_a_key),
		GATEWAY_TEST(each_media_type),
		GATEWAY_TEST(each_length),
		GATEWAY_TEST(one_line_is_logged),
		GATEWAY_TEST(without_a_store_nothing_is_served),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
