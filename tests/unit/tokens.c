/* tokens.c: tests of base/tokens.h. */
#include "base/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGE = 1000 };

#define MESSAGE(content) "{\"messages\":[{\"role\":\"user\",\"content\":" \
	content "}]}"
#define DATA "data:image/png;base64,AAAAAAAAAAAA"

static int64_t
bound(const char *text)
{
	json_t *request = json_parse_answer(text, strlen(text));
	int64_t tokens;

	assert_non_null(request);
	tokens = tokens_chat_bound(request, strlen(text), IMAGE);
	json_decref(request);
	return tokens;
}

/* The bound of a text that lacks some bytes, with one message. */
static int64_t
expected(const char *text, size_t left_out, int images)
{
	return (int64_t)(strlen(text) - left_out) + TOKENS_PER_REQUEST +
	    TOKENS_PER_MESSAGE + images * IMAGE;
}

static void
text_counts_by_its_bytes(void **state)
{
	static const char plain[] = MESSAGE("\"Hello\"");
	static const char odd[] = "{\"messages\":7,\"tools\":{}}";

	(void)state;
	assert_int_equal(bound(plain), expected(plain, 0, 0));
	assert_int_equal(bound(odd), (int64_t)strlen(odd) +
	    TOKENS_PER_REQUEST);
	assert_int_equal(bound("{}"), 2 + TOKENS_PER_REQUEST);
}

static void
messages_and_tools_have_allowances(void **state)
{
	static const char text[] = "{\"messages\":[{},{},7],"
	    "\"tools\":[{},{}],\"functions\":[{}]}";

	(void)state;
	assert_int_equal(bound(text), (int64_t)strlen(text) +
	    TOKENS_PER_REQUEST + 3 * TOKENS_PER_MESSAGE +
	    3 * TOKENS_PER_TOOL);
}

static void
images_count_once_and_not_as_text(void **state)
{
	static const struct {
		const char *text;
		size_t left_out;
		int images;
	} rows[] = {
		{ MESSAGE("[{\"type\":\"image_url\",\"image_url\":{\"url\":\""
		    DATA "\"}}]"), sizeof(DATA) - 1, 1 },
		{ MESSAGE("[{\"type\":\"image_url\",\"image_url\":\""
		    DATA "\"}]"), sizeof(DATA) - 1, 1 },
		{ MESSAGE("[{\"type\":\"input_image\",\"image_url\":\""
		    DATA "\"}]"), sizeof(DATA) - 1, 1 },
		{ MESSAGE("[{\"type\":\"input_image\",\"file_id\":\"f\"}]"),
		    0, 1 },
		{ MESSAGE("[{\"image_url\":{\"url\":\"" DATA "\"}}]"),
		    sizeof(DATA) - 1, 1 },
		{ MESSAGE("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
		    "\"DATA:Image/png,A\"}}]"), 16, 1 },
		{ MESSAGE("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
		    "\"https://a.example/b.png\"}}]"), 0, 1 },
		{ MESSAGE("[{\"type\":\"text\",\"text\":\"" DATA "\"}]"),
		    0, 0 },
		{ MESSAGE("[{\"type\":\"text\",\"image_url\":null}]"), 0, 0 },
		{ MESSAGE("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
		    "\"data:text/plain,AAAA\"}}]"), 0, 1 },
		{ MESSAGE("[{\"type\":\"image_url\"},{\"type\":7},null,\"x\","
		    "{\"type\":\"image_url\",\"image_url\":{\"url\":7}}]"),
		    0, 2 },
		{ MESSAGE("\"" DATA "\""), 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bound(rows[i].text), expected(rows[i].text,
		    rows[i].left_out, rows[i].images));
}

static void
the_bound_is_never_negative_and_capped(void **state)
{
	static const char text[] = MESSAGE("[{\"type\":\"image_url\","
	    "\"image_url\":{\"url\":\"" DATA "\"}},{\"type\":\"image_url\"}]");
	json_t *request = json_parse_answer(text, strlen(text));

	(void)state;
	assert_int_equal(tokens_chat_bound(request, 0, 0),
	    TOKENS_PER_REQUEST + TOKENS_PER_MESSAGE);
	assert_int_equal(tokens_chat_bound(request, 0, -5),
	    TOKENS_PER_REQUEST + TOKENS_PER_MESSAGE);
	assert_int_equal(tokens_chat_bound(request, SIZE_MAX, 1),
	    INT64_MAX / 4);
	assert_int_equal(tokens_chat_bound(request, 100, INT64_MAX),
	    INT64_MAX / 4);
	assert_int_equal(tokens_chat_estimate(request, 100, INT64_MAX),
	    INT64_MAX / 4);
	json_decref(request);
}

static void
the_estimate_is_a_third_and_a_quarter(void **state)
{
	static const char text[] = MESSAGE("[{\"type\":\"input_image\"}]");
	json_t *request = json_parse_answer(text, strlen(text));

	(void)state;
	assert_int_equal(tokens_chat_estimate(request, 300, IMAGE), 100 +
	    (TOKENS_PER_REQUEST + TOKENS_PER_MESSAGE) / 4 + IMAGE);
	json_decref(request);
}

static void
produced_text_is_at_least_one_token(void **state)
{
	(void)state;
	assert_int_equal(tokens_text_estimate(0), 0);
	assert_int_equal(tokens_text_estimate(1), 1);
	assert_int_equal(tokens_text_estimate(5), 1);
	assert_int_equal(tokens_text_estimate(6), 2);
	assert_int_equal(tokens_text_estimate(SIZE_MAX), INT64_MAX / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_counts_by_its_bytes),
		cmocka_unit_test(messages_and_tools_have_allowances),
		cmocka_unit_test(images_count_once_and_not_as_text),
		cmocka_unit_test(the_bound_is_never_negative_and_capped),
		cmocka_unit_test(the_estimate_is_a_third_and_a_quarter),
		cmocka_unit_test(produced_text_is_at_least_one_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
