/* json_view.c: tests of base/json_view.h, beside Jansson. */
#include "tests/unit/json_same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { DEEPEST = 2048, RANDOM_TEXTS = 200000, RANDOM_SIZE = 512 };

/* Whole texts, and pieces to make others of. */
static const char *const texts[] = {
	"{}", " { } ", "\t{\r\n}\n", "{\"\":{}}", "{\"a\":[]}",
	"{\"a\":[ ]}", "{\"a\" : [ 1 , 2 ] , \"b\" : { } }",
	"{\"a\":1,\"a\":2,\"\\u0061\":3}", "{\"a\":{\"b\":[{\"c\":[[1]]}]}}",
	"{\"a\":true,\"b\":false,\"c\":null}",
	"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83d\\ude00\"}",
	"{\"a\":\"\\u0000\",\"b\":\"\x7f\"}", "{\"a\\u0020b\":\"\"}",
	"{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf"
	"\xee\x80\x80\xf4\x8f\xbf\xbf\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80\"}",
	"{\"a\":[0,-0,1,-1,10,0.5,-0.0,1e1,1E+1,1e-1,1.25e2]}",
	"{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
	"{\"a\":1e308,\"b\":1e-400,\"c\":1e0000000001,\"d\":0e9999}",
	"{\"a\":123456789012345678901234567890.5}",
	"{\"a\":0.0000000000000000000000000000000000000000000000000000000000"
	"000000000001}",
	/* Not JSON, or not an object. */
	"", " ", "[]", "1", "null", "\"a\"", "{", "}", "{}}", "{}{}", "{} x",
	"{a:1}", "{'a':1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
	"{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\" 1}", "{1:1}",
	"{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":[1}",
	"{\"a\":[1]", "{\"a\":{\"b\":1]}", "{\"a\":tru}", "{\"a\":truex}",
	"{\"a\":nul}", "{\"a\":nulll}", "{\"a\":True}", "{\"a\":NaN}",
	"{\"a\":+1}", "{\"a\":01}", "{\"a\":-}", "{\"a\":-01}", "{\"a\":1.}",
	"{\"a\":.5}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":0x1}",
	"{\"a\":1.e1}", "{\"a\":--1}", "{\"a\":1e1.5}", "{\"a\":1-2}",
	"{\"a\":9223372036854775808}", "{\"a\":-9223372036854775809}",
	"{\"a\":1e309}", "{\"a\":-1e309}", "{\"a\":1e99999}",
	"{\"a\\u0000\":1}", "{\"\\u0000\":1}", "{\"a\":\"\\x\"}",
	"{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud800\"}",
	"{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\udc00\"}",
	"{\"a\":\"\\ud800\\n\"}", "{\"a\":\"\\ud800\\ud800\"}",
	"{\"a\":\"\\\"}", "{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"",
	"{\"a\":\"\x80\"}", "{\"a\":\"\xc3\"}", "{\"a\":\"\xc0\x80\"}",
	"{\"a\":\"\xc1\xbf\"}", "{\"a\":\"\xe0\x80\x80\"}",
	"{\"a\":\"\xe0\x9f\xbf\"}", "{\"a\":\"\xed\xa0\x80\"}",
	"{\"a\":\"\xf0\x8f\xbf\xbf\"}", "{\"a\":\"\xf4\x90\x80\x80\"}",
	"{\"a\":\"\xf5\x80\x80\x80\"}", "{\"a\":\"\xe2\x82\"}",
	"{\"a\":\"\xe2\x28\xa1\"}", "\xef\xbb\xbf{}", "{\xc2\xa0}",
	"{\"a\":1}\f", "{\v}", "{\"a\":// x\n1}",
};

/* An exact copy is looked at, so that a tool sees a read beyond the end. */
static void
expect_same(struct json_view *view, const char *text, size_t len)
{
	char *copy = malloc(len + !len);

	assert_non_null(copy);
	memcpy(copy, text, len);
	if (!json_same(view, copy, len))
		fail_msg("'%.*s' is not what Jansson makes of it", (int)len,
		    text);
	free(copy);
}

static void
says_what_jansson_says(void **state)
{
	struct json_view view = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		for (size_t len = 0; len <= strlen(texts[i]); len++)
			expect_same(&view, texts[i], len);
	expect_same(&view, "{\"a\0b\":1}", 9);
	expect_same(&view, "{\"a\":\"\0\"}", 9);
	expect_same(&view, "{}\0", 3);
	expect_same(&view, "{\0}", 3);
	expect_same(&view, "{\"a\":1\0}", 8);
	json_view_clear(&view);
	json_view_clear(&view);
}

/* Wherever it stands among plain ones, which are skipped by eight. */
static void
sees_each_byte_of_a_string(void **state)
{
	char text[] = "{\"a\":\"0123456789abcdefghi\"}";
	struct json_view view = { 0 };

	(void)state;
	for (size_t at = 6; at < sizeof(text) - 3; at++) {
		char was = text[at];

		for (int byte = 0; byte < 256; byte++) {
			text[at] = (char)byte;
			expect_same(&view, text, sizeof(text) - 1);
		}
		text[at] = was;
	}
	json_view_clear(&view);
}

static uint32_t
roll(uint32_t *seed, size_t sides)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((*seed >> 8) % sides);
}

/* Cuts a piece of one text into another, or changes a byte. */
static size_t
mix(uint32_t *seed, char *out)
{
	static const char bytes[] = "{}[]:,\"\\ \n012.eE+-tfnu\x80\xc3\xe2\xf0";
	const char *base = texts[roll(seed, COUNT(texts))];
	const char *piece = texts[roll(seed, COUNT(texts))];
	size_t len = strlen(base), at = roll(seed, len + 1), rest = at;
	size_t from = roll(seed, strlen(piece) + 1);
	size_t n = roll(seed, strlen(piece) - from + 1);

	/* In place of a byte, or of nothing; or the byte goes. */
	if (at < len && roll(seed, 2))
		rest++;
	if (rest > at && roll(seed, 2))
		n = 0;
	memcpy(out, base, at);
	memcpy(out + at, piece + from, n);
	memcpy(out + at + n, base + rest, len - rest);
	len = at + n + len - rest;
	if (len > 0 && roll(seed, 2))
		out[roll(seed, len)] = bytes[roll(seed, sizeof(bytes))];
	return len;
}

static void
says_it_of_random_texts(void **state)
{
	struct json_view view = { 0 };
	char text[RANDOM_SIZE];
	uint32_t seed = 1;
	int good = 0;

	(void)state;
	for (int i = 0; i < RANDOM_TEXTS; i++) {
		size_t len = mix(&seed, text);

		expect_same(&view, text, len);
		good += json_view(&view, text, len, JSON_VIEW_ALL);
	}
	/* Both kinds were there. */
	assert_in_range(good, RANDOM_TEXTS / 50, RANDOM_TEXTS / 2);
	json_view_clear(&view);
}

/* An object with arrays in each other, n of them, and what is in the last. */
static size_t
nest(char *out, int n, const char *inner)
{
	size_t len;

	memcpy(out, "{\"a\":", 5);
	memset(out + 5, '[', (size_t)n);
	len = 5 + (size_t)n;
	memcpy(out + len, inner, strlen(inner));
	len += strlen(inner);
	memset(out + len, ']', (size_t)n);
	out[len + (size_t)n] = '}';
	return len + (size_t)n + 1;
}

static void
is_as_deep_as_jansson(void **state)
{
	struct json_view view = { 0 };
	char text[3 * DEEPEST];
	size_t len;

	(void)state;
	for (int n = DEEPEST - 4; n < DEEPEST + 4; n++) {
		len = nest(text, n, "");
		expect_same(&view, text, len);
		len = nest(text, n, "1");
		expect_same(&view, text, len);
	}
	assert_true(json_view(&view, text, nest(text, DEEPEST - 1, ""),
	    JSON_VIEW_ALL));
	assert_int_equal(view.n_parts, DEEPEST + 1);
	assert_true(json_view(&view, text, nest(text, DEEPEST - 1, ""),
	    JSON_VIEW_MEMBERS));
	assert_int_equal(view.n_parts, 3);
	json_view_clear(&view);
}

static void
finds_members(void **state)
{
	static const char text[] = "{\"a\":{\"b\":1},\"b\":[{},2],"
	    "\"\\u0061\":\"x\\u0079\",\"ab\":\"\xc3\xa4\"}";
	struct json_view view = { 0 };
	const struct json_part *a, *b;

	(void)state;
	assert_true(json_view(&view, text, strlen(text), JSON_VIEW_ALL));
	a = json_view_member(&view, view.part, "a");
	assert_true(json_view_says(&view, a, "xy"));
	assert_false(json_view_says(&view, a, "x"));
	assert_false(json_view_says(&view, a, "xz"));
	assert_int_equal(json_view_size(a, JSON_STRING), 2);
	assert_int_equal(json_view_size(a, JSON_ARRAY), 0);
	b = json_view_member(&view, view.part, "b");
	assert_int_equal(json_view_size(b, JSON_ARRAY), 2);
	assert_int_equal(json_view_first(b)->type, JSON_OBJECT);
	b = json_view_next(b, json_view_first(b));
	assert_int_equal(b->type, JSON_INTEGER);
	assert_memory_equal(text + b->start, "2", 1);
	assert_null(json_view_member(&view, view.part, "c"));
	assert_null(json_view_member(&view, view.part, ""));
	assert_null(json_view_member(&view, a, "b"));
	assert_null(json_view_member(&view, NULL, "b"));
	assert_null(json_view_first(a));
	assert_null(json_view_first(NULL));
	assert_false(json_view_says(&view, NULL, ""));
	assert_false(json_view_says(&view, b, "2"));
	assert_int_equal(json_view_size(NULL, JSON_STRING), 0);
	json_view_clear(&view);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_jansson_says),
		cmocka_unit_test(sees_each_byte_of_a_string),
		cmocka_unit_test(says_it_of_random_texts),
		cmocka_unit_test(is_as_deep_as_jansson),
		cmocka_unit_test(finds_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
