/* json.c: tests of the reading and quoting half of base/json.h. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
assert_refused(const char *text, size_t len, const char *word)
{
	char why[512] = "";
	json_t *value = json_parse_request(text, len, why, sizeof(why));

	if (value)
		fail_msg("'%s' was taken", text);
	if (!strstr(why, word))
		fail_msg("'%s' gives '%s', without '%s'", text, why, word);
	assert_in_range(strlen(why), 10, 400);
	assert_int_equal(why[strlen(why) - 1], '.');
	for (const char *c = why; *c; c++)
		assert_in_range(*c, ' ', '~');
}

static void
good_bodies_are_read(void **state)
{
	static const char *const texts[] = {
		"{}", " \r\n\t{ }\n", "{\"a\":\"x\\u0000y\"}",
		"{\"a\":{\"a\":[{\"a\":1}]}}",
		"{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
		"{\"a\":1e300,\"b\":1e-400}", "{\"a\":\"\xf0\x9f\x98\x80\"}",
	};
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *value = json_parse_request(texts[i], strlen(texts[i]),
		    why, sizeof(why));

		assert_non_null(value);
		json_decref(value);
	}
}

static void
bad_bodies_are_explained(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
		{ "", "is empty" }, { " \n ", "is empty" },
		{ "[]", "is a JSON array" }, { "[{}]", "is a JSON array" },
		{ "3", "does not begin with '{'" },
		{ "null", "does not begin with '{'" },
		{ "model=x", "does not begin with '{'" },
		{ "\xef\xbb\xbf{}", "byte order mark" },
		{ "{", "Send the whole body." },
		{ "{\"a\":\"x", "Send the whole body." },
		{ "{\"a\":1}x", "nothing behind it" },
		{ "{}{}", "nothing behind it" },
		{ "{\"a\":1,\"a\":2}", "Give each name once." },
		{ "{\"model\":1,\"\\u006dodel\":2}", "Give each name once." },
		{ "{\"x\":{\"a\":1,\"a\":2}}", "Give each name once." },
		{ "{\"a\":\"\xff\"}", "UTF-8" },
		{ "{\"a\":\"\xc0\xaf\"}", "UTF-8" },
		{ "{\"a\":\"\\ud800\"}", "Correct it" },
		{ "{\"a\\u0000\":1}", "Leave \\u0000 out of names." },
		{ "{\"a\":1e400}", "fits 64 bits" },
		{ "{\"a\":9223372036854775808}", "fits 64 bits" },
		{ "{\"a\":NaN}", "line 1, column 8" },
		{ "{\n\"a\": tru}", "line 2, column" },
		{ "{\"a\":1,}", "Correct it" },
		{ "{'a':1}", "Correct it" }, { "{\"a\":01}", "Correct it" },
		{ "{\"a\":\"x\ny\"}", "newline" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(rows[i].text, strlen(rows[i].text),
		    rows[i].word);
}

static void
raw_nul_bytes_are_refused(void **state)
{
	static const char inside[] = "{\"a\":\"x\0y\"}";
	static const char behind[] = "{\"a\":1}\0";
	static const char only[] = "\0";

	(void)state;
	assert_refused(inside, sizeof(inside) - 1, "byte 8 is NUL");
	assert_refused(behind, sizeof(behind) - 1, "byte 8 is NUL");
	assert_refused(only, 1, "byte 1 is NUL");
}

static void
deep_nesting_is_refused(void **state)
{
	enum { DEPTH = 100000 };
	char *text = malloc(DEPTH * 6);

	(void)state;
	assert_non_null(text);
	memcpy(text, "{\"a\":", 5);
	memset(text + 5, '[', DEPTH);
	assert_refused(text, DEPTH + 5, "less deeply");
	for (int i = 0; i < DEPTH; i++)
		memcpy(text + 5 * i, "{\"a\":", 5);
	assert_refused(text, 5 * DEPTH, "less deeply");
	free(text);
}

/* They take many times the memory of their text. */
static void
many_values_are_refused(void **state)
{
	enum { FIT = JSON_REQUEST_PARTS_MAX - 3 }; /* object, name, array */
	char *text = malloc(2 * FIT + 16), why[256];
	size_t len = 5;
	json_t *value;

	(void)state;
	assert_non_null(text);
	memcpy(text, "{\"a\":", 5);
	for (int i = 0; i < FIT; i++) {
		text[len++] = i == 0 ? '[' : ',';
		text[len++] = '0';
	}
	memcpy(text + len, "]}", 2);
	value = json_parse_request(text, len + 2, why, sizeof(why));
	assert_non_null(value);
	json_decref(value);
	memcpy(text + len, ",0]}", 4);
	assert_refused(text, len + 4, "more than 524288 names and values");
	value = json_parse_answer(text, len + 4);
	assert_non_null(value);
	json_decref(value);
	free(text);
}

static void
little_of_the_text_is_echoed(void **state)
{
	static char text[4096];
	char why[512];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "{\"a\":\"\"", 7);
	assert_null(json_parse_request(text, sizeof(text) - 1, why,
	    sizeof(why)));
	assert_null(strstr(why, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	assert_null(json_parse_request(text, sizeof(text) - 1, why, 8));
	assert_int_equal(strlen(why), 7);
}

static void
answers_may_repeat_names(void **state)
{
	static const char text[] = "{\"a\":1,\"a\":2}";
	json_t *value = json_parse_answer(text, strlen(text));

	(void)state;
	assert_non_null(value);
	assert_int_equal(json_integer_value(json_object_get(value, "a")), 2);
	json_decref(value);
	assert_null(json_parse_answer("[]", 2));
	assert_null(json_parse_answer("{}x", 3));
	assert_null(json_parse_answer("", 0));
	assert_null(json_parse_answer(NULL, 0));
}

static json_t *
members(void)
{
	static const char text[] =
	    "{\"n\":null,\"i\":7,\"r\":5.0,\"h\":5.5,\"s\":\"7\","
	    "\"t\":true,\"big\":9.3e18,\"low\":-9223372036854775808.0,"
	    "\"top\":9223372036854775808.0,\"max\":9223372036854775807}";
	json_t *value = json_parse_answer(text, strlen(text));

	assert_non_null(value);
	return value;
}

static void
integers_are_read(void **state)
{
	static const struct {
		const char *name;
		enum json_read read;
		int64_t value;
	} rows[] = {
		{ "missing", JSON_ABSENT, 42 }, { "n", JSON_ABSENT, 42 },
		{ "i", JSON_READ, 7 }, { "r", JSON_READ, 5 },
		{ "h", JSON_WRONG, 42 }, { "s", JSON_WRONG, 42 },
		{ "t", JSON_WRONG, 42 }, { "big", JSON_WRONG, 42 },
		{ "top", JSON_WRONG, 42 }, { "low", JSON_READ, INT64_MIN },
		{ "max", JSON_READ, INT64_MAX },
	};
	json_t *object = members();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t value = 42;

		assert_int_equal(json_read_integer(object, rows[i].name,
		    &value), rows[i].read);
		assert_int_equal(value, rows[i].value);
	}
	json_decref(object);
}

static void
numbers_and_booleans_are_read(void **state)
{
	json_t *object = members();
	double number = 42;
	bool yes = false;

	(void)state;
	assert_int_equal(json_read_number(object, "n", &number), JSON_ABSENT);
	assert_int_equal(json_read_number(object, "s", &number), JSON_WRONG);
	assert_true(number == 42);
	assert_int_equal(json_read_number(object, "h", &number), JSON_READ);
	assert_true(number == 5.5);
	assert_int_equal(json_read_number(object, "i", &number), JSON_READ);
	assert_true(number == 7);
	assert_int_equal(json_read_boolean(object, "n", &yes), JSON_ABSENT);
	assert_int_equal(json_read_boolean(object, "i", &yes), JSON_WRONG);
	assert_false(yes);
	assert_int_equal(json_read_boolean(object, "t", &yes), JSON_READ);
	assert_true(yes);
	json_decref(object);
}

static void
strings_are_quoted(void **state)
{
	char out[64];

	(void)state;
	assert_true(json_quote("a\"b\\c\n\001", 7, out, sizeof(out)));
	assert_string_equal(out, "\"a\\\"b\\\\c\\n\\u0001\"");
	assert_true(json_quote("", 0, out, sizeof(out)));
	assert_string_equal(out, "\"\"");
	assert_true(json_quote("x\0y", 3, out, sizeof(out)));
	assert_string_equal(out, "\"x\\u0000y\"");
	assert_true(json_quote("abc", 3, out, 6));
	assert_false(json_quote("abc", 3, out, 5));
	assert_false(json_quote("abc", 3, out, 0));
	assert_false(json_quote("\xff", 1, out, sizeof(out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_bodies_are_read),
		cmocka_unit_test(bad_bodies_are_explained),
		cmocka_unit_test(raw_nul_bytes_are_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(many_values_are_refused),
		cmocka_unit_test(little_of_the_text_is_echoed),
		cmocka_unit_test(answers_may_repeat_names),
		cmocka_unit_test(integers_are_read),
		cmocka_unit_test(numbers_and_booleans_are_read),
		cmocka_unit_test(strings_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
