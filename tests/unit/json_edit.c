/* json_edit.c: tests of json_edit_members() of base/json.h. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct example {
	const char *before, *after;
};

static void
assert_edited(const struct example *example, const struct json_edit *edits,
    size_t n_edits)
{
	size_t len = strlen(example->before), edited_len = 0;
	/* An exact copy, so that a tool sees a read beyond the end. */
	char *copy = malloc(len + !len);
	char *edited;

	assert_non_null(copy);
	memcpy(copy, example->before, len);
	edited = json_edit_members(copy, len, edits, n_edits, &edited_len);
	free(copy);
	if (!edited)
		fail_msg("'%s' was not edited", example->before);
	assert_string_equal(edited, example->after);
	assert_int_equal(edited_len, strlen(example->after));
	free(edited);
}

static void
values_are_replaced(void **state)
{
	static const struct json_edit edit = { "model", "\"new\"" };
	static const struct example rows[] = {
		{ "{\"model\":\"old\"}", "{\"model\":\"new\"}" },
		{ " {\t\"model\" :\n\"old\" , \"n\":1 }\r\n",
		    " {\t\"model\" :\n\"new\" , \"n\":1 }\r\n" },
		{ "{\"model\":{\"model\":[1,{\"model\":2}]},\"x\":0}",
		    "{\"model\":\"new\",\"x\":0}" },
		{ "{\"model\":null}", "{\"model\":\"new\"}" },
		{ "{\"model\":-1.5e+3,\"y\":[]}",
		    "{\"model\":\"new\",\"y\":[]}" },
		{ "{\"model\":\"a\\\"},{\\\\\",\"y\":2}",
		    "{\"model\":\"new\",\"y\":2}" },
		{ "{\"model\":[\"]\",\"\\\"]\"] ,\"y\":2}",
		    "{\"model\":\"new\" ,\"y\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_edited(&rows[i], &edit, 1);
}

static void
nested_members_are_left_alone(void **state)
{
	static const struct json_edit edit = { "model", "1" };
	static const struct example rows[] = {
		{ "{\"a\":{\"model\":\"x\"},\"model\":\"y\"}",
		    "{\"a\":{\"model\":\"x\"},\"model\":1}" },
		{ "{\"a\":\"\\\"model\\\":2\",\"model\":2}",
		    "{\"a\":\"\\\"model\\\":2\",\"model\":1}" },
		{ "{\"a\":\"model\",\"model\":2}",
		    "{\"a\":\"model\",\"model\":1}" },
		{ "{\"Model\":0,\"models\":0,\"mode\":0,\"model \":0}",
		    "{\"model\":1,\"Model\":0,\"models\":0,\"mode\":0,"
		    "\"model \":0}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_edited(&rows[i], &edit, 1);
}

static void
names_are_compared_decoded(void **state)
{
	static const struct json_edit edit = { "model", "1" };
	static const struct json_edit e_acute = { "\xc3\xa9", "1" };
	static const struct json_edit smile = { "\xf0\x9f\x98\x80", "1" };
	static const struct json_edit euro = { "a/\xe2\x82\xac", "1" };
	static const struct example rows[] = {
		{ "{\"\\u006dodel\":2}", "{\"\\u006dodel\":1}" },
		{ "{\"\\u006D\\u006f\\u0064\\u0065\\u006C\":2}",
		    "{\"\\u006D\\u006f\\u0064\\u0065\\u006C\":1}" },
		{ "{\"mode\\u006c\\u0041\":2}",
		    "{\"model\":1,\"mode\\u006c\\u0041\":2}" },
		{ "{\"\\\\u006dodel\":2}",
		    "{\"model\":1,\"\\\\u006dodel\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_edited(&rows[i], &edit, 1);
	assert_edited(&(struct example){ "{\"\\u00E9\":2}",
	    "{\"\\u00E9\":1}" }, &e_acute, 1);
	assert_edited(&(struct example){ "{\"\xc3\xa9\":2}",
	    "{\"\xc3\xa9\":1}" }, &e_acute, 1);
	assert_edited(&(struct example){ "{\"\\ud83d\\ude00\":2}",
	    "{\"\\ud83d\\ude00\":1}" }, &smile, 1);
	assert_edited(&(struct example){ "{\"a\\/\\u20ac\":2}",
	    "{\"a\\/\\u20ac\":1}" }, &euro, 1);
}

static void
removed_members_take_their_comma(void **state)
{
	static const struct json_edit edit = { "x", NULL };
	static const struct example rows[] = {
		{ "{\"x\":1}", "{}" }, { "{ \"x\":1 }", "{}" },
		{ "{\"x\":1,\"b\":2}", "{\"b\":2}" },
		{ "{\"b\":2,\"x\":1}", "{\"b\":2}" },
		{ "{\"a\":0, \"x\":1, \"b\":2 }", "{\"a\":0, \"b\":2 }" },
		{ "{\n \"x\": 1,\n \"b\": 2\n}", "{\n \"b\": 2\n}" },
		{ "{\"x\":1,\"a\":0,\"x\":2}", "{\"a\":0}" },
		{ "{\"x\":1,\"x\":2}", "{}" },
		{ "{\"b\":{\"x\":1}}", "{\"b\":{\"x\":1}}" },
		{ "{}", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_edited(&rows[i], &edit, 1);
}

static void
new_members_are_put_in_first(void **state)
{
	static const struct json_edit edits[] = { { "m", "5" },
		{ "s", "{\"u\":true}" }, { "gone", NULL } };
	static const struct example rows[] = {
		{ "{}", "{\"m\":5,\"s\":{\"u\":true}}" },
		{ " { } ", " {\"m\":5,\"s\":{\"u\":true} } " },
		{ "{ \"a\":1}", "{\"m\":5,\"s\":{\"u\":true}, \"a\":1}" },
		{ "{\"s\":0,\"gone\":1}", "{\"m\":5,\"s\":{\"u\":true}}" },
		{ "{\"gone\":1}", "{\"m\":5,\"s\":{\"u\":true}}" },
		{ "{\"m\":1,\"a\":2,\"s\":3}",
		    "{\"m\":5,\"a\":2,\"s\":{\"u\":true}}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_edited(&rows[i], edits, COUNT(edits));
}

static void
repeated_members_are_all_edited(void **state)
{
	static const struct json_edit edit = { "m", "\"longer than it was\"" };
	static const struct example row = {
		"{\"m\":1,\"a\":0,\"\\u006d\":2,\"m\":3}",
		"{\"m\":\"longer than it was\",\"a\":0,"
		"\"\\u006d\":\"longer than it was\","
		"\"m\":\"longer than it was\"}"
	};

	(void)state;
	assert_edited(&row, &edit, 1);
}

static void
without_edits_nothing_changes(void **state)
{
	static const struct example row = {
		"  {\"a\" : [ 1, 2 ],\n\t\"b\":\"\xc3\xa9\\u00e9\"} \n",
		"  {\"a\" : [ 1, 2 ],\n\t\"b\":\"\xc3\xa9\\u00e9\"} \n"
	};

	(void)state;
	assert_edited(&row, NULL, 0);
}

/* It is told to be given parsed text; but it must not leave any other. */
static void
broken_text_does_no_harm(void **state)
{
	static const char whole[] =
	    "{\"a\\u00e9\":[{\"x\":\"\\\\\"}],\"\\ud83d\\ude00\":1,\"c\":{}}";
	static const struct json_edit edits[] = { { "c", "1" },
		{ "a", NULL } };

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *copy = malloc(len + !len), *edited;
		size_t edited_len;

		assert_non_null(copy);
		memcpy(copy, whole, len);
		edited = json_edit_members(copy, len, edits, COUNT(edits),
		    &edited_len);
		assert_null(edited);
		free(copy);
	}
	assert_null(json_edit_members("[]", 2, edits, 1, &(size_t){ 0 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_replaced),
		cmocka_unit_test(nested_members_are_left_alone),
		cmocka_unit_test(names_are_compared_decoded),
		cmocka_unit_test(removed_members_take_their_comma),
		cmocka_unit_test(new_members_are_put_in_first),
		cmocka_unit_test(repeated_members_are_all_edited),
		cmocka_unit_test(without_edits_nothing_changes),
		cmocka_unit_test(broken_text_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
