/* usage_scan.c: tests of reading what an answer used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "upstream/usage_scan.h"

static enum usage_scan
scan(const char *text, struct token_usage *usage)
{
	json_t *answer = json_parse_answer(text, strlen(text));
	enum usage_scan result;

	assert_non_null(answer);
	result = usage_scan(json_object_get(answer, "usage"), usage);
	json_decref(answer);
	return result;
}

struct good_case {
	const char *text;
	struct token_usage usage;
};

static const struct good_case good_cases[] = {
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"total_tokens\":21}}",
	    { 9, 12, 0, 0, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}",
	    { 0, 0, 0, 0, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":5.0,\"completion_tokens\":1e3}}",
	    { 5, 1000, 0, 0, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":1000000000,"
	  "\"completion_tokens\":1000000000,\"total_tokens\":null}}",
	    { 1000000000, 1000000000, 0, 0, 0, 0 } },
	/* The parts. */
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":4},"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":7.0}}}",
	    { 9, 12, 4, 7, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":10},"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":"
	  "9223372036854775807}}}",
	    { 9, 12, 9, 12, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":-1},"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":\"7\"}}}",
	    { 9, 12, 0, 0, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"prompt_tokens_details\":null,"
	  "\"completion_tokens_details\":[7]}}",
	    { 9, 12, 0, 0, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":null}}}",
	    { 9, 12, 0, 0, 0, 0 } },
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"prompt_tokens_details\":{\"audio_tokens\":3},"
	  "\"completion_tokens_details\":{\"audio_tokens\":50}}}",
	    { 9, 12, 0, 0, 3, 12 } },
	/* What was said last counts, as everywhere in an answer. */
	{ "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},"
	  "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}",
	    { 2, 3, 0, 0, 0, 0 } },
	/* A total that does not fit the counts is not ours to judge. */
	{ "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
	  "\"total_tokens\":1}}",
	    { 9, 12, 0, 0, 0, 0 } },
};

static void
reads_what_is_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_cases) / sizeof(*good_cases); i++) {
		const struct good_case *good = &good_cases[i];
		struct token_usage usage = { -1, -1, -1, -1, 0, 0 };

		assert_int_equal(scan(good->text, &usage), USAGE_REPORTED);
		assert_int_equal(usage.input_tokens,
		    good->usage.input_tokens);
		assert_int_equal(usage.output_tokens,
		    good->usage.output_tokens);
		assert_int_equal(usage.cached_tokens,
		    good->usage.cached_tokens);
		assert_int_equal(usage.reasoning_tokens,
		    good->usage.reasoning_tokens);
		assert_int_equal(usage.audio_input_tokens,
		    good->usage.audio_input_tokens);
		assert_int_equal(usage.audio_output_tokens,
		    good->usage.audio_output_tokens);
	}
}

/* Scans texts that must all end in that result and leave usage alone. */
static void
refuse_all(const char *const *texts, size_t n, enum usage_scan expected)
{
	for (size_t i = 0; i < n; i++) {
		struct token_usage usage = { -1, -2, -3, -4, 0, 0 };

		if (scan(texts[i], &usage) != expected)
			fail_msg("not %d: %s", expected, texts[i]);
		assert_int_equal(usage.input_tokens, -1);
		assert_int_equal(usage.output_tokens, -2);
		assert_int_equal(usage.cached_tokens, -3);
		assert_int_equal(usage.reasoning_tokens, -4);
	}
}

static void
sees_that_nothing_is_reported(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"usage\":null}",
		"{\"usage\":{}}",
		"{\"usage\":{\"prompt_tokens\":null}}",
		"{\"usage\":{\"total_tokens\":3}}",
	};

	(void)state;
	refuse_all(texts, sizeof(texts) / sizeof(*texts), USAGE_ABSENT);
}

static void
sees_nonsense(void **state)
{
	static const char *const texts[] = {
		"{\"usage\":3}",
		"{\"usage\":\"much\"}",
		"{\"usage\":[9,12]}",
		"{\"usage\":{\"prompt_tokens\":9}}",
		"{\"usage\":{\"completion_tokens\":9}}",
		"{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":2}}",
		"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":-2}}",
		"{\"usage\":{\"prompt_tokens\":\"1\","
		"\"completion_tokens\":2}}",
		"{\"usage\":{\"prompt_tokens\":1.5,\"completion_tokens\":2}}",
		"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":true}}",
		"{\"usage\":{\"prompt_tokens\":1000000001,"
		"\"completion_tokens\":2}}",
		"{\"usage\":{\"prompt_tokens\":1,"
		"\"completion_tokens\":9223372036854775807}}",
		"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1e300}}",
		"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
		"\"total_tokens\":-3}}",
		"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
		"\"total_tokens\":9223372036854775807}}",
	};

	(void)state;
	refuse_all(texts, sizeof(texts) / sizeof(*texts), USAGE_NONSENSE);
}

static void
input_is_counted_alone(void **state)
{
	static const struct {
		const char *text;
		enum usage_scan result;
		int64_t tokens;
	} rows[] = {
		{ "{\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
		    USAGE_REPORTED, 8 },
		{ "{\"usage\":{\"prompt_tokens\":0}}", USAGE_REPORTED, 0 },
		{ "{\"usage\":{\"total_tokens\":8}}", USAGE_ABSENT, -1 },
		{ "{\"usage\":null}", USAGE_ABSENT, -1 },
		{ "{}", USAGE_ABSENT, -1 },
		{ "{\"usage\":8}", USAGE_NONSENSE, -1 },
		{ "{\"usage\":{\"prompt_tokens\":-8}}", USAGE_NONSENSE, -1 },
		{ "{\"usage\":{\"prompt_tokens\":\"8\"}}",
		    USAGE_NONSENSE, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *answer = json_parse_answer(rows[i].text,
		    strlen(rows[i].text));
		int64_t tokens = -1;

		assert_int_equal(usage_scan_input(answer, &tokens),
		    rows[i].result);
		assert_int_equal(tokens, rows[i].tokens);
		json_decref(answer);
	}
}

/* -1: there is none. */
static const struct {
	const char *text;
	int64_t ms, input, output, sound;
} recordings[] = {
	{ "{\"text\":\"a\",\"usage\":{\"type\":\"duration\","
	  "\"seconds\":4}}", 4000, -1, -1, -1 },
	{ "{\"duration\":3.47}", 3470, -1, -1, -1 },
	{ "{\"duration\":0.0001}", 1, -1, -1, -1 },
	{ "{\"duration\":\"8.470000267\"}", 8470, -1, -1, -1 },
	{ "{\"duration\":2.3,\"usage\":{\"seconds\":3}}", 3000, -1, -1,
	    -1 },
	{ "{\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,"
	  "\"input_token_details\":{\"text_tokens\":4,"
	  "\"audio_tokens\":10},\"output_tokens\":45,"
	  "\"total_tokens\":59}}", -1, 14, 45, 10 },
	{ "{\"text\":\"a\"}", -1, -1, -1, -1 },
	{ "{\"duration\":-1}", -1, -1, -1, -1 },
	{ "{\"duration\":1e9}", -1, -1, -1, -1 },
	{ "{\"duration\":\"nan\"}", -1, -1, -1, -1 },
	{ "{\"duration\":\"3s\"}", -1, -1, -1, -1 },
	{ "{\"duration\":\"\"}", -1, -1, -1, -1 },
	{ "{\"duration\":null,\"usage\":5}", -1, -1, -1, -1 },
};

static void
recordings_are_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recordings) / sizeof(*recordings); i++) {
		const char *text = recordings[i].text;
		json_t *answer = json_parse_answer(text, strlen(text));
		struct audio_usage usage;

		usage_scan_audio(answer, &usage);
		assert_int_equal(usage.has_duration ? usage.duration_ms : -1,
		    recordings[i].ms);
		assert_int_equal(usage.has_tokens ? usage.tokens.input_tokens :
		    -1, recordings[i].input);
		assert_int_equal(usage.has_tokens ?
		    usage.tokens.output_tokens : -1, recordings[i].output);
		assert_int_equal(usage.has_tokens ?
		    usage.tokens.audio_input_tokens : -1,
		    recordings[i].sound);
		json_decref(answer);
	}
}

static void
takes_what_is_no_object(void **state)
{
	struct token_usage usage;
	json_t *list = json_array();

	(void)state;
	assert_int_equal(usage_scan(list, &usage), USAGE_NONSENSE);
	assert_int_equal(usage_scan(NULL, &usage), USAGE_ABSENT);
	json_decref(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_reported),
		cmocka_unit_test(sees_that_nothing_is_reported),
		cmocka_unit_test(sees_nonsense),
		cmocka_unit_test(input_is_counted_alone),
		cmocka_unit_test(recordings_are_counted),
		cmocka_unit_test(takes_what_is_no_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
