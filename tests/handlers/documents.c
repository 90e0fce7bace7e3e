/* documents.c: embeddings and images: what is asked, held, told and billed. */
#include <stdio.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define VECTORS(model) "{\"object\":\"list\", \"data\":[{\"object\":" \
	"\"embedding\",\"index\":0,\"embedding\":\"AACAPwAA\"}],\"model\":" \
	"\"" model "\""
#define IMAGE "{\"b64_json\":\"iVBORw0KGgo=\"}"
#define IMAGES(list, more) "{\"created\": 1,\"data\":[" list "]" more "}"

static const char lines[] =
    "[model vectors]\n"
    "kind = embedding\n"
    "route = main real-vectors\n"
    "price_input = 0.02\n"
    "context = 1000\n"
    "[model painter]\n"
    "kind = image\n"
    "route = main real-painter\n"
    "price_images = 1024x1024 0.04, hd 1024x1024 0.08, 1792x1024 0.12\n"
    "[model chosen]\n"
    "kind = image\n"
    "route = main\n"
    "price_images = 0.04, hd 0.08\n"
    "image_quality = standard\n"
    "image_size = 512x512\n"
    "price_min = 0.05\n";

static int
setup(void **state)
{
	int rc = gateway_setup(state);

	gateway_configure(*state, lines);
	return rc;
}

static const struct reply *
embed(struct gateway *g, const char *body)
{
	return gateway_ask(g, (struct ask){
	    .uri = "/v1/embeddings", .body = body });
}

static const struct reply *
paint(struct gateway *g, const char *body)
{
	return gateway_ask(g, (struct ask){
	    .uri = "/v1/images/generations", .body = body });
}

static void
vectors_are_relayed(void **state)
{
	struct gateway *g = *state;
	static const char body[] = "{\"model\": \"vectors\",\"input\":"
	    "[\"one\",\"two\"],\"encoding_format\":\"base64\"}";
	const struct reply *reply;

	fake_upstream_reset(VECTORS("real-vectors")
	    ",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
	reply = embed(g, body);
	assert_int_equal(reply->http, 200);
	assert_string_equal(reply->body, VECTORS("vectors")
	    ",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
	assert_string_equal(fake_upstream.url,
	    "http://127.0.0.1:9/v1/embeddings");
	assert_string_equal(fake_upstream.asked, "{\"model\": "
	    "\"real-vectors\",\"input\":[\"one\",\"two\"],"
	    "\"encoding_format\":\"base64\"}");
	assert_int_equal(gateway_last_usage(g).cost.nano, 8 * 20);
	assert_int_equal(gateway_last_usage(g).hold.nano,
	    (int64_t)(sizeof(body) - 1 + 64 + 2 * 16) * 20);
	assert_int_equal(gateway_last_usage(g).flags, 0);
	gateway_check_ledger(g);
}

/* Tokens count as what they are; a text is a third of its bytes. */
static const struct {
	const char *input;
	int64_t tokens;
} estimates[] = {
	{ "\"0123456789\"", 3 },
	{ "[\"a\",\"0123456789\"]", 4 },
	{ "[7,8,9,10]", 4 },
	{ "[[7,8],[9]]", 3 },
};

static void
what_is_not_told_is_estimated(void **state)
{
	struct gateway *g = *state;
	char body[128];

	fake_upstream_reset(VECTORS("m") "}");
	for (size_t i = 0; i < COUNT(estimates); i++) {
		snprintf(body, sizeof(body), "{\"model\":\"vectors\","
		    "\"input\":%s}", estimates[i].input);
		assert_int_equal(embed(g, body)->http, 200);
		assert_int_equal(gateway_last_usage(g).input_tokens,
		    estimates[i].tokens);
		assert_int_equal(gateway_last_usage(g).flags,
		    USAGE_ESTIMATED);
	}
	gateway_check_ledger(g);
}

/* A request for vectors or images, and the param of its refusal. */
static const struct {
	const char *uri, *body, *param;
} wrong[] = {
	{ "/v1/embeddings", "{\"model\":\"vectors\"}", "input" },
	{ "/v1/embeddings", "{\"model\":\"vectors\",\"input\":[]}", "input" },
	{ "/v1/embeddings", "{\"model\":\"vectors\",\"input\":7}", "input" },
	{ "/v1/embeddings", "{\"model\":\"vectors\",\"input\":\"\"}",
	    "input" },
	{ "/v1/embeddings", "{\"model\":\"vectors\",\"input\":\"a\","
	    "\"encoding_format\":\"hex\"}", "encoding_format" },
	{ "/v1/embeddings", "{\"model\":\"vectors\",\"input\":\"a\","
	    "\"encoding_format\":1}", "encoding_format" },
	{ "/v1/embeddings", "{\"model\":\"vectors\",\"input\":\"a\","
	    "\"dimensions\":0}", "dimensions" },
	{ "/v1/embeddings", "{\"model\":\"demo\",\"input\":\"a\"}",
	    "model" },
	{ "/v1/images/generations", "{\"model\":\"painter\"}", "prompt" },
	{ "/v1/images/generations", "{\"model\":\"painter\","
	    "\"prompt\":\"\"}", "prompt" },
	{ "/v1/images/generations", "{\"model\":\"painter\","
	    "\"prompt\":[\"a\"]}", "prompt" },
	{ "/v1/images/generations", "{\"model\":\"painter\","
	    "\"prompt\":\"a\",\"n\":11}", "n" },
	{ "/v1/images/generations", "{\"model\":\"painter\","
	    "\"prompt\":\"a\",\"stream\":true}", "stream" },
	{ "/v1/images/generations", "{\"model\":\"painter\","
	    "\"prompt\":\"a\",\"size\":512}", "size" },
	{ "/v1/images/generations", "{\"model\":\"painter\","
	    "\"prompt\":\"a\",\"size\":\"512x512\"}", "size" },
	{ "/v1/images/generations", "{\"model\":\"vectors\","
	    "\"prompt\":\"a\"}", "model" },
	{ "/v1/chat/completions", "{\"model\":\"painter\",\"messages\":"
	    "[{\"role\":\"user\"}]}", "model" },
};

static void
wrong_fields_are_refused(void **state)
{
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_error(gateway_ask(g, (struct ask){ .uri = wrong[i].uri,
		    .body = wrong[i].body }), 400, "invalid_request",
		    wrong[i].param);
	assert_int_equal(fake_upstream.calls, 0);
	gateway_check_ledger(g);
}

/* In cents: what is held, and what is billed for the answer. */
static const struct {
	const char *rest, *answer;
	int64_t hold, cost;
} pictures[] = {
	{ "", IMAGES(IMAGE, ""), 12, 12 },
	{ ",\"size\":\"1024x1024\"", IMAGES(IMAGE, ""), 8, 8 },
	{ ",\"size\":\"1024x1024\",\"quality\":\"standard\"",
	    IMAGES(IMAGE, ""), 4, 4 },
	{ ",\"size\":\"auto\",\"quality\":\"standard\"", IMAGES(IMAGE, ""),
	    12, 12 },
	{ ",\"size\":\"auto\",\"quality\":null",
	    IMAGES(IMAGE, ",\"size\":\"1024x1024\",\"quality\":\"hd\""), 12,
	    8 },
	{ ",\"n\":3,\"size\":\"1024x1024\",\"quality\":\"hd\"",
	    IMAGES(IMAGE "," IMAGE, ""), 24, 16 },
	/* Never above what was held. */
	{ ",\"size\":\"1024x1024\",\"quality\":\"standard\"",
	    IMAGES(IMAGE "," IMAGE, ",\"size\":\"1792x1024\""), 4, 4 },
	{ ",\"size\":\"1024x1024\"", IMAGES(IMAGE ",{},{\"url\":\"\"}",
	    ",\"size\":\"9x9\""), 8, 8 },
};

static void
images_cost_what_they_are(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char body[256];

	for (size_t i = 0; i < COUNT(pictures); i++) {
		snprintf(body, sizeof(body), "{\"model\":\"painter\","
		    "\"prompt\":\"a cat\"%s}", pictures[i].rest);
		fake_upstream_reset(pictures[i].answer);
		reply = paint(g, body);
		assert_int_equal(reply->http, 200);
		assert_string_equal(reply->body, pictures[i].answer);
		assert_int_equal(gateway_last_usage(g).hold.nano,
		    pictures[i].hold * 10000000);
		assert_int_equal(gateway_last_usage(g).cost.nano,
		    pictures[i].cost * 10000000);
		assert_true(gateway_last_usage(g).images > 0);
	}
	gateway_check_ledger(g);
}

static void
what_the_operator_chose_is_asked_for(void **state)
{
	struct gateway *g = *state;

	fake_upstream_reset(IMAGES(IMAGE, ""));
	assert_int_equal(paint(g, "{\"model\":\"chosen\",\"prompt\":\"a\","
	    "\"size\":\"auto\",\"n\":1.0}")->http, 200);
	assert_non_null(strstr(fake_upstream.asked, "\"size\":\"512x512\""));
	assert_non_null(strstr(fake_upstream.asked,
	    "\"quality\":\"standard\""));
	assert_non_null(strstr(fake_upstream.asked, "\"n\":1}"));
	/* The least bill is above the price. */
	assert_int_equal(gateway_last_usage(g).cost.nano, 50000000);
	assert_int_equal(paint(g, "{\"model\":\"chosen\",\"prompt\":\"a\","
	    "\"quality\":\"hd\"}")->http, 200);
	assert_non_null(strstr(fake_upstream.asked, "\"quality\":\"hd\""));
	assert_int_equal(gateway_last_usage(g).cost.nano, 80000000);
}

static void
answers_of_nothing_are_not_billed(void **state)
{
	static const char *const answers[] = {
		"", "[]", "{}", "{\"data\":[]}", "{\"data\":[{}]}", "cat" };
	struct gateway *g = *state;

	for (size_t i = 0; i < COUNT(answers); i++) {
		fake_upstream_reset(answers[i]);
		assert_error(paint(g, "{\"model\":\"painter\","
		    "\"prompt\":\"a\"}"), 502, "upstream_error", NULL);
		assert_int_equal(gateway_last_usage(g).cost.nano, 0);
		if (strstr(answers[i], "[{}]"))
			continue;
		assert_error(embed(g, "{\"model\":\"vectors\","
		    "\"input\":\"a\"}"), 502, "upstream_error", NULL);
	}
	gateway_check_ledger(g);
}

/* No more than the balance carries: the dearest image that may come. */
static void
the_dearest_must_be_paid_for(void **state)
{
	struct gateway *g = *state;

	fake_upstream_reset(IMAGES(IMAGE, ""));
	gateway_set_balance(g, (money){ 119999999 });
	assert_error(paint(g, "{\"model\":\"painter\",\"prompt\":\"a\"}"),
	    402, "insufficient_quota", NULL);
	assert_int_equal(paint(g, "{\"model\":\"painter\",\"prompt\":\"a\","
	    "\"size\":\"1024x1024\"}")->http, 200);
	gateway_check_ledger(g);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, gateway_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vectors_are_relayed),
		TEST(what_is_not_told_is_estimated),
		TEST(wrong_fields_are_refused),
		TEST(images_cost_what_they_are),
		TEST(what_the_operator_chose_is_asked_for),
		TEST(answers_of_nothing_are_not_billed),
		TEST(the_dearest_must_be_paid_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
