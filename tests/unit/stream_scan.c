/* stream_scan.c: tests of what the events of a stream say. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "upstream/sse.h"
#include "upstream/stream_scan.h"

static const char model[] = "\"public\"";

static enum stream_event
say(struct stream_scan *scan, const char *event)
{
	return stream_scan_event(scan, event, strlen(event));
}

/* A chunk with one choice, which has these members. */
static enum stream_event
say_choice(struct stream_scan *scan, const char *members)
{
	char event[1024];

	snprintf(event, sizeof(event), "{\"choices\":[{%s}]}", members);
	return say(scan, event);
}

static void
tells_events_apart(void **state)
{
	static const struct {
		const char *event;
		enum stream_event expected;
	} cases[] = {
		{ "{\"choices\":[{}]}", STREAM_CHUNK },
		{ "{\"choices\":[1]}", STREAM_CHUNK },
		{ " {\"choices\" : [ { } ] } ", STREAM_CHUNK },
		{ "{\"choices\":[{}],\"error\":null}", STREAM_CHUNK },
		{ "{\"choices\":[{}],\"error\":{}}", STREAM_CHUNK },
		{ "{\"choices\":[{}],\"error\":\"\"}", STREAM_CHUNK },
		{ "{\"choices\":[{}],\"error\":false}", STREAM_CHUNK },
		{ "{\"choices\":[],\"usage\":null}", STREAM_ASIDE },
		{ "{\"choices\":null}", STREAM_ASIDE },
		{ "{\"choices\":{\"delta\":1}}", STREAM_ASIDE },
		{ "{\"type\":\"ping\"}", STREAM_ASIDE },
		{ "{}", STREAM_ASIDE },
		{ "[DONE]", STREAM_DONE },
		{ " [DONE] ", STREAM_DONE },
		{ "\n[DONE]", STREAM_DONE },
		{ "{\"error\":{\"message\":\"x\"}}", STREAM_ERROR },
		{ "{\"error\":\"x\",\"choices\":[{}]}", STREAM_ERROR },
		{ "{\"error\":500}", STREAM_ERROR },
		{ "{\"error\":true}", STREAM_ERROR },
		{ "{\"error\":[\"x\"]}", STREAM_ERROR },
		{ "{\"object\":\"error\",\"message\":\"x\"}", STREAM_ERROR },
		{ "", STREAM_GARBAGE },
		{ " ", STREAM_GARBAGE },
		{ "DONE", STREAM_GARBAGE },
		{ "[DONE]]", STREAM_GARBAGE },
		{ "[]", STREAM_GARBAGE },
		{ "{not json", STREAM_GARBAGE },
		{ "{\"choices\":[{}]}}", STREAM_GARBAGE },
		{ "{\"choices\":[{\"text\":\"\xff\"}]}", STREAM_GARBAGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stream_scan scan;
		enum stream_event event;

		stream_scan_init(&scan, model, true);
		event = say(&scan, cases[i].event);
		if (event != cases[i].expected)
			fail_msg("%s is %d", cases[i].event, event);
		assert_true((event == STREAM_CHUNK) == (scan.text != NULL));
		assert_int_equal(scan.chunks, event == STREAM_CHUNK);
		assert_true(scan.done == (event == STREAM_DONE));
		assert_true(scan.failed == (event == STREAM_ERROR));
		stream_scan_clear(&scan);
		stream_scan_clear(&scan);
	}
}

static void
has_nul_for_garbage(void **state)
{
	static const char event[] = "{\"choices\":[{\"text\":\"a\0b\"}]}";
	struct stream_scan scan;

	(void)state;
	stream_scan_init(&scan, model, false);
	assert_int_equal(stream_scan_event(&scan, event, sizeof(event) - 1),
	    STREAM_GARBAGE);
	assert_int_equal(say_choice(&scan, "\"text\":\"a\\u0000b\""),
	    STREAM_CHUNK);
	assert_int_equal(scan.output.text_bytes, 3);
	stream_scan_clear(&scan);
}

static void
makes_the_text_for_the_client(void **state)
{
	static const struct {
		const char *event, *asked, *not_asked;
	} cases[] = {
		{ "{\"id\":\"1\",\"model\":\"secret\",\"choices\":[{}]}",
		    "{\"usage\":null,\"id\":\"1\",\"model\":\"public\","
		    "\"choices\":[{}]}",
		    "{\"id\":\"1\",\"model\":\"public\",\"choices\":[{}]}" },
		{ "{\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}",
		    "{\"model\":\"public\",\"choices\":[{}],\"usage\":null}",
		    "{\"model\":\"public\",\"choices\":[{}]}" },
		{ "{\"model\":1,\"choices\":[{\"model\":2}],\"usage\":null}",
		    "{\"model\":\"public\",\"choices\":[{\"model\":2}],"
		    "\"usage\":null}",
		    "{\"model\":\"public\",\"choices\":[{\"model\":2}]}" },
		/* Lines become one; what stands in strings stays. */
		{ "{\n\"model\":1,\r\n\"choices\":[{\"text\":\"a\\nb  \"}],\n"
		  "\"usage\":null,\"x\":1.50e1}",
		    "{ \"model\":\"public\",  \"choices\":[{\"text\":"
		    "\"a\\nb  \"}], \"usage\":null,\"x\":1.50e1}",
		    "{ \"model\":\"public\",  \"choices\":[{\"text\":"
		    "\"a\\nb  \"}],\"x\":1.50e1}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (int asked = 0; asked < 2; asked++) {
			struct stream_scan scan;

			stream_scan_init(&scan, model, asked);
			assert_int_equal(say(&scan, cases[i].event),
			    STREAM_CHUNK);
			assert_int_equal(scan.text_len, strlen(scan.text));
			assert_string_equal(scan.text, asked ?
			    cases[i].asked : cases[i].not_asked);
			say(&scan, "[DONE]");
			assert_null(scan.text);
			stream_scan_clear(&scan);
		}
}

static void
counts_output(void **state)
{
	static const struct {
		const char *choice;
		int64_t bytes;
		bool other;
	} cases[] = {
		{ "", 0, false },
		{ "\"delta\":null", 0, false },
		{ "\"delta\":{\"role\":\"assistant\",\"content\":\"\","
		  "\"refusal\":null,\"tool_calls\":[]}", 0, false },
		{ "\"delta\":{\"content\":\"abc\"}", 3, false },
		{ "\"delta\":{\"content\":\"\\u00e4\xc3\xa4\"}", 4, false },
		{ "\"text\":\"abcd\"", 4, false },
		{ "\"delta\":{\"refusal\":\"no\"}", 2, false },
		{ "\"delta\":{\"reasoning_content\":\"hm\"}", 2, false },
		{ "\"delta\":{\"reasoning\":\"hmm\"}", 3, false },
		{ "\"delta\":{\"reasoning\":\"hm\","
		  "\"reasoning_content\":\"hm\",\"content\":\"a\"}",
		    3, false },
		{ "\"delta\":{\"reasoning\":\"hm\","
		  "\"reasoning_content\":null}", 2, false },
		{ "\"delta\":{\"content\":[{\"type\":\"thinking\","
		  "\"thinking\":[{\"type\":\"text\",\"text\":\"ab\"}]},"
		  "{\"type\":\"text\",\"text\":\"c\"}]}", 3, false },
		{ "\"delta\":{\"content\":[{\"type\":\"x\"}]}", 0, true },
		{ "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call\","
		  "\"type\":\"function\",\"function\":{\"name\":\"f\","
		  "\"arguments\":\"\"}}]}", 1, true },
		{ "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
		  "{\"arguments\":\"{\\\"a\\\"\"}},{\"index\":1,\"custom\":"
		  "{\"name\":\"g\",\"input\":\"xy\"}}]}", 7, true },
		{ "\"delta\":{\"function_call\":{\"name\":\"f\","
		  "\"arguments\":\"{}\"}}", 3, true },
		{ "\"delta\":{\"audio\":{\"id\":\"a\",\"data\":\"AAAA\","
		  "\"transcript\":\"hi\"}}", 2, true },
		{ "\"delta\":{\"images\":[{\"image_url\":{\"url\":\"data:\""
		  "}}]}", 0, true },
		{ "\"delta\":{\"content\":7,\"tool_calls\":{},\"audio\":[],"
		  "\"function_call\":\"x\",\"refusal\":{}}", 0, false },
		{ "\"delta\":[\"abc\"],\"text\":[\"abc\"]", 0, false },
		/* A provider that repeats the whole message is not counted. */
		{ "\"delta\":{\"content\":\"a\"},\"message\":{\"content\":"
		  "\"whole\"},\"logprobs\":{\"content\":[{\"token\":\"a\"}]}",
		    1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stream_scan scan;

		stream_scan_init(&scan, model, false);
		assert_int_equal(say_choice(&scan, cases[i].choice),
		    STREAM_CHUNK);
		if (scan.output.text_bytes != cases[i].bytes ||
		    scan.output.more != cases[i].other)
			fail_msg("%s: %d bytes", cases[i].choice,
			    (int)scan.output.text_bytes);
		say_choice(&scan, cases[i].choice);
		assert_int_equal(scan.output.text_bytes, 2 * cases[i].bytes);
		/* What the client does not get is not counted. */
		say(&scan, "{\"error\":\"x\",\"choices\":[{\"text\":\"a\"}]}");
		assert_int_equal(scan.output.text_bytes, 2 * cases[i].bytes);
		stream_scan_clear(&scan);
	}
}

static void
keeps_the_last_sensible_usage(void **state)
{
	struct stream_scan scan;

	(void)state;
	stream_scan_init(&scan, model, false);
	say(&scan, "{\"choices\":[{\"text\":\"abc\"}],\"usage\":null}");
	assert_false(scan.has_usage);
	say(&scan, "{\"choices\":[{\"text\":\"abc\"}],\"usage\":"
	    "{\"prompt_tokens\":9,\"completion_tokens\":1}}");
	assert_true(scan.has_usage);
	assert_int_equal(scan.usage.output_tokens, 1);
	assert_int_equal(scan.text_bytes_at_usage, 6);
	assert_false(scan.usage_nonsense);
	say(&scan, "{\"choices\":[{\"text\":\"abc\"}],\"usage\":"
	    "{\"prompt_tokens\":9,\"completion_tokens\":-2}}");
	assert_true(scan.usage_nonsense);
	assert_int_equal(scan.usage.output_tokens, 1);
	assert_int_equal(scan.text_bytes_at_usage, 6);
	assert_int_equal(
	    say(&scan, "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
	        "\"completion_tokens\":3,\"x\":[7]}}"),
	    STREAM_ASIDE);
	assert_int_equal(scan.usage.input_tokens, 9);
	assert_int_equal(scan.usage.output_tokens, 3);
	assert_int_equal(scan.text_bytes_at_usage, 9);
	assert_int_equal(
	    json_array_size(json_object_get(scan.usage_object, "x")), 1);
	/* That of an error counts, too. */
	say(&scan, "{\"error\":\"x\",\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":4}}");
	assert_int_equal(scan.usage.output_tokens, 4);
	stream_scan_clear(&scan);
	assert_null(scan.usage_object);
}

static void
knows_when_an_answer_is_whole(void **state)
{
	static const struct {
		const char *events[4];
		bool complete;
	} cases[] = {
		{ { NULL }, false },
		{ { "[DONE]" }, false },
		{ { "{\"choices\":[{\"index\":0}]}" }, false },
		{ { "{\"choices\":[{\"index\":0}]}", "[DONE]" }, false },
		{ { "{\"choices\":[{\"finish_reason\":\"stop\"}]}" }, true },
		{ { "{\"choices\":[{\"finish_reason\":\"\"}]}", "[DONE]" },
		    false },
		{ { "{\"choices\":[{\"finish_reason\":7}]}" }, false },
		{ { "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"},"
		    "{\"index\":1}]}" }, false },
		{ { "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"},"
		    "{\"index\":1}]}", "[DONE]" }, true },
		{ { "{\"choices\":[{\"index\":1,\"finish_reason\":null}]}",
		    "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}",
		    "{\"choices\":[{\"index\":1,\"finish_reason\":\"x\"}]}" },
		    true },
		{ { "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}",
		    "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}",
		    "{\"choices\":[{\"index\":1}]}" }, false },
		/* Without an index, its place counts. */
		{ { "{\"choices\":[{},{\"index\":null}]}",
		    "{\"choices\":[{\"finish_reason\":\"stop\"}]}" }, false },
		/* One that nobody could have asked for is not followed. */
		{ { "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}",
		    "{\"choices\":[{\"index\":-1}]}",
		    "{\"choices\":[{\"index\":1024}]}",
		    "{\"choices\":[{\"index\":9223372036854775807}]}" },
		    true },
		{ { "{\"choices\":[{\"index\":1024,\"finish_reason\":\"x\"}]}",
		    "[DONE]" }, false },
		{ { "{\"choices\":[{\"index\":1023,\"finish_reason\":\"x\"}]}",
		    "[DONE]" }, true },
		{ { "{\"choices\":[{\"finish_reason\":\"error\"}],"
		    "\"error\":{\"code\":502}}", "[DONE]" }, false },
		{ { "{\"choices\":[{\"finish_reason\":\"stop\"}]}",
		    "{\"error\":\"x\"}", "[DONE]" }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stream_scan scan;

		stream_scan_init(&scan, model, false);
		for (size_t e = 0; e < 4 && cases[i].events[e]; e++)
			say(&scan, cases[i].events[e]);
		if (stream_scan_is_complete(&scan) != cases[i].complete)
			fail_msg("case %zu", i);
		stream_scan_clear(&scan);
	}
}

static void
reads_errors(void **state)
{
	static const struct {
		const char *event, *message, *type, *code;
	} cases[] = {
		{ "{\"error\":{\"message\":\"M\",\"type\":\"T\","
		  "\"param\":null,\"code\":\"C\"}}", "M", "T", "C" },
		{ "{\"error\":{\"message\":\"M\",\"code\":502}}", "M", "",
		    "502" },
		{ "{\"error\":{\"message\":7,\"type\":null,"
		  "\"code\":-9223372036854775808}}", "", "",
		    "-9223372036854775808" },
		{ "{\"error\":\"M\"}", "M", "", "" },
		{ "{\"error\":500}", "", "", "" },
		{ "{\"object\":\"error\",\"message\":\"M\",\"type\":\"T\","
		  "\"code\":400}", "M", "T", "400" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stream_scan scan;

		stream_scan_init(&scan, model, false);
		assert_string_equal(scan.error_message, "");
		assert_int_equal(say(&scan, cases[i].event), STREAM_ERROR);
		/* The first one says what went wrong. */
		say(&scan, "{\"error\":{\"message\":\"2\",\"code\":\"2\"}}");
		assert_string_equal(scan.error_message, cases[i].message);
		assert_string_equal(scan.error_type, cases[i].type);
		assert_string_equal(scan.error_code, cases[i].code);
		stream_scan_clear(&scan);
		assert_string_equal(scan.error_message, "");
	}
}

static void
makes_the_usage_chunk(void **state)
{
	struct stream_scan scan;
	json_t *own = json_pack("{s:i}", "prompt_tokens", 3);
	size_t len;
	char *text;

	(void)state;
	stream_scan_init(&scan, model, true);
	text = stream_scan_usage_chunk(&scan, own, &len);
	assert_string_equal(text, "{\"model\":\"public\",\"choices\":[],"
	    "\"usage\":{\"prompt_tokens\":3}}");
	free(text);
	/* One that is not for the client sets no example. */
	say(&scan, "{\"id\":\"\",\"created\":0,\"choices\":[]}");
	say(&scan, "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\","
	    "\"created\":5,\"model\":\"secret\",\"system_fingerprint\":null,"
	    "\"choices\":[{}],\"other\":1}");
	say(&scan, "{\"id\":\"c2\",\"choices\":[{}],\"usage\":"
	    "{\"prompt_tokens\":9,\"completion_tokens\":2,\"x\":\"y\"}}");
	text = stream_scan_usage_chunk(&scan, scan.usage_object, &len);
	assert_string_equal(text, "{\"id\":\"c1\",\"object\":"
	    "\"chat.completion.chunk\",\"created\":5,"
	    "\"system_fingerprint\":null,\"model\":\"public\",\"choices\":[],"
	    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"
	    "\"x\":\"y\"}}");
	assert_int_equal(len, strlen(text));
	free(text);
	json_decref(own);
	stream_scan_clear(&scan);
}

static bool
scan_one(const char *data, size_t len, void *context)
{
	struct stream_scan *scan = context;

	return stream_scan_event(scan, data, len) == STREAM_CHUNK &&
	       memchr(scan->text, '\n', scan->text_len) == NULL;
}

/* A typical chunk, in pieces as a network would cut them. */
static void
stays_small_and_quick(void **state)
{
	static const char chunk[] = "data: {\"id\":\"chatcmpl-CSDlFkq0Dg1Hj9\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
	    "\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\""
	    ",\"system_fingerprint\":\"fp_560af6e559\",\"choices\":[{\"index\""
	    ":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,"
	    "\"finish_reason\":null}],\"usage\":null}\n\n";
	const size_t len = sizeof(chunk) - 1;
	const int events = 100000;
	struct mallinfo2 before = { 0 };
	struct stream_scan scan;
	clock_t started = 0;
	struct sse sse;

	(void)state;
	stream_scan_init(&scan, model, false);
	sse_init(&sse, 1 << 20, scan_one, &scan);
	for (int i = 0; i < events + 100; i++) {
		size_t cut = (size_t)i % len;

		if (i == 100) {
			before = mallinfo2();
			started = clock();
		}
		assert_int_equal(sse_feed(&sse, chunk, cut), SSE_OK);
		assert_int_equal(sse_feed(&sse, chunk + cut, len - cut),
		    SSE_OK);
	}
	printf("# %lld ns of processor time for each of %d events of %zu "
	       "bytes\n",
	    (long long)(clock() - started) * (1000000000 / CLOCKS_PER_SEC) /
		events,
	    events, len);
	assert_int_equal(scan.chunks, events + 100);
	assert_int_equal(scan.output.text_bytes, 5 * (events + 100));
	assert_true(mallinfo2().uordblks <= before.uordblks + 1024);
	sse_clear(&sse);
	stream_scan_clear(&scan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_events_apart),
		cmocka_unit_test(has_nul_for_garbage),
		cmocka_unit_test(makes_the_text_for_the_client),
		cmocka_unit_test(counts_output),
		cmocka_unit_test(keeps_the_last_sensible_usage),
		cmocka_unit_test(knows_when_an_answer_is_whole),
		cmocka_unit_test(reads_errors),
		cmocka_unit_test(makes_the_usage_chunk),
		cmocka_unit_test(stays_small_and_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
