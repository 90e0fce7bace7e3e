/* stream.c: tests of a stream from the wire to what the client is to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/upstream/world.h"
#include "upstream/sse.h"
#include "upstream/stream_scan.h"

enum { SHORT_MS = 300, CONTENT_SIZE = 1 << 21, TIMES_MAX = 64, TRIES = 20 };

/* A stream being relayed, and what came of it. */
struct relayed {
	struct sse sse;
	struct stream_scan scan;
	enum sse_rc sse_rc;
	int pieces, garbage, events;
	int piece_of[TIMES_MAX];    /* of the first events */
	int64_t us[TIMES_MAX];      /* when they came */
	size_t len;
	char content[CONTENT_SIZE]; /* of all choices */
};

static void
add_content(struct relayed *relayed)
{
	json_t *chunk = json_parse_answer(relayed->scan.text,
	    relayed->scan.text_len);
	json_t *choice;
	size_t i;

	assert_non_null(chunk);
	assert_string_equal(
	    json_string_value(json_object_get(chunk, "model")), "a/public");
	json_array_foreach(json_object_get(chunk, "choices"), i, choice) {
		const json_t *content = json_object_get(
		    json_object_get(choice, "delta"), "content");
		size_t len = json_string_length(content);

		assert_true(len < CONTENT_SIZE - relayed->len);
		if (len)
			memcpy(relayed->content + relayed->len,
			    json_string_value(content), len);
		relayed->len += len;
	}
	json_decref(chunk);
}

static bool
take_event(const char *data, size_t len, void *context)
{
	struct relayed *relayed = context;

	if (relayed->events < TIMES_MAX) {
		relayed->us[relayed->events] = clock_mono_us();
		relayed->piece_of[relayed->events] = relayed->pieces;
	}
	relayed->events++;
	switch (stream_scan_event(&relayed->scan, data, len)) {
	case STREAM_CHUNK:
		add_content(relayed);
		return true;
	case STREAM_ASIDE:
		return true;
	case STREAM_GARBAGE:
		relayed->garbage++;
		return true;
	case STREAM_DONE:
	case STREAM_ERROR:
	case STREAM_NO_MEMORY:
		break;
	}
	return false;
}

/* After [DONE] or an error there is nothing more to be had. */
static bool
take_piece(const char *data, size_t len, void *context)
{
	struct world *world = context;
	struct relayed *relayed = world->test;

	assert_int_equal(world->answer.http, 200);
	relayed->pieces++;
	relayed->sse_rc = sse_feed(&relayed->sse, data, len);
	return relayed->sse_rc == SSE_OK;
}

/* Asks for a stream; what is to be relayed of it stays in *relayed. */
static struct world *
ask(void **state, struct relayed *relayed, const char *model)
{
	struct world *world = world_model(state, model);

	world_stream(world, model);
	world->request.sink = take_piece;
	world->test = relayed;
	memset(relayed, 0, sizeof(*relayed));
	sse_init(&relayed->sse, 1 << 20, take_event, relayed);
	stream_scan_init(&relayed->scan, "\"a/public\"", true);
	return world;
}

static void
clear(struct relayed *relayed)
{
	sse_clear(&relayed->sse);
	stream_scan_clear(&relayed->scan);
}

/* One for all tests: its content is large. */
static struct relayed relayed;

/* Whether each event came in a piece of its own, some time after the last. */
static bool
is_spaced(void)
{
	for (int i = 1; i < relayed.events; i++)
		if (relayed.piece_of[i] != relayed.piece_of[i - 1] + 1 ||
		    relayed.us[i] - relayed.us[i - 1] < 50 * 1000)
			return false;
	return true;
}

/* On a busy machine two may come together, but not each time. */
static void
relays_events_as_they_are_sent(void **state)
{
	bool spaced = false;

	for (int try = 0; !spaced; try++) {
		struct world *world = ask(state, &relayed,
		    "ok,events=6,gap=0.1");

		assert_true(try < TRIES);
		world_expect(world, UPSTREAM_STOPPED);
		/* The role, six words, the finish, usage and [DONE]. */
		assert_int_equal(relayed.events, 10);
		assert_string_equal(relayed.content,
		    "word0 word1 word2 word3 word4 word5");
		assert_true(relayed.scan.has_usage);
		assert_int_equal(relayed.scan.usage.output_tokens, 12);
		spaced = is_spaced();
		clear(&relayed);
	}
}

static void
understands_every_provider(void **state)
{
	static const struct {
		const char *model, *content;
		int garbage;
	} cases[] = {
		{ "ok,text=a b", "a b", 0 },
		{ "ok,text=a b,frame=close", "a b", 0 },
		{ "stream-crlf,text=a b", "a b", 0 },
		{ "stream-nospace,text=a b", "a b", 0 },
		{ "stream-comments,text=a b", "a b", 0 },
		{ "stream-onewrite,text=a b", "a b", 0 },
		{ "stream-bytewise,text=a b", "a b", 0 },
		{ "stream-utf8split",
		    "žluťoučký kůň 漢字 😀 konec", 0 },
		{ "stream-garbage,text=a b", "a b", 1 },
		{ "no-model,text=a b", "a b", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *world = ask(state, &relayed, cases[i].model);

		world_expect(world, UPSTREAM_STOPPED);
		if (strcmp(relayed.content, cases[i].content) != 0)
			fail_msg("%s gave \"%s\"", cases[i].model,
			    relayed.content);
		assert_int_equal(relayed.garbage, cases[i].garbage);
		assert_int_equal(relayed.sse_rc, SSE_STOPPED);
		assert_int_equal(relayed.scan.output.text_bytes,
		    strlen(cases[i].content));
		assert_true(relayed.scan.done);
		assert_true(stream_scan_is_complete(&relayed.scan));
		assert_true(relayed.scan.has_usage);
		clear(&relayed);
	}
}

static void
takes_large_events(void **state)
{
	struct world *world = ask(state, &relayed,
	    "stream-bigevent,bytes=1000000");

	world_expect(world, UPSTREAM_STOPPED);
	assert_int_equal(relayed.len, 1000000);
	assert_true(stream_scan_is_complete(&relayed.scan));
	assert_null(relayed.sse.buffer);
	clear(&relayed);

	world = ask(state, &relayed, "stream-bigevent,bytes=1100000");
	world_expect(world, UPSTREAM_STOPPED);
	assert_int_equal(relayed.sse_rc, SSE_TOO_LARGE);
	clear(&relayed);
	world = ask(state, &relayed, "stream-endless-line");
	world_expect(world, UPSTREAM_STOPPED);
	assert_int_equal(relayed.sse_rc, SSE_TOO_LARGE);
	assert_int_equal(relayed.events, 0);
	clear(&relayed);
}

/* How a stream is to end. */
struct ending {
	const char *model;
	enum upstream_rc rc;
	int events;
	bool complete, failed, has_usage;
};

static bool
ends_so(void **state, const struct ending *wanted)
{
	struct world *world = ask(state, &relayed, wanted->model);
	bool is_so;

	if (wanted->rc == UPSTREAM_BODY_TIMEOUT)
		world->request.stall_timeout_ms = SHORT_MS;
	world_expect(world, wanted->rc);
	if (wanted->rc == UPSTREAM_BODY_TIMEOUT)
		world_expect_ms(world, SHORT_MS);
	is_so = relayed.events == wanted->events &&
		stream_scan_is_complete(&relayed.scan) == wanted->complete &&
		relayed.scan.failed == wanted->failed &&
		relayed.scan.has_usage == wanted->has_usage;
	clear(&relayed);
	return is_so;
}

static void
tells_how_streams_end(void **state)
{
	static const struct ending cases[] = {
		{ "stream-nodone,events=2", UPSTREAM_OK, 5, true, false,
		    true },
		{ "stream-nousage,events=2", UPSTREAM_STOPPED, 5, true, false,
		    false },
		{ "stream-usage-negative,events=2", UPSTREAM_STOPPED, 6, true,
		    false, false },
		{ "stream-error,after=3", UPSTREAM_STOPPED, 4, false, true,
		    false },
		{ "stream-break,after=3", UPSTREAM_BROKEN, 3, false, false,
		    false },
		{ "stream-break,after=3,clean", UPSTREAM_OK, 3, false, false,
		    false },
		{ "stream-break,after=3,frame=close", UPSTREAM_OK, 3, false,
		    false, false },
		{ "stream-break-before", UPSTREAM_BROKEN, 0, false, false,
		    false },
		{ "stream-break-before,clean", UPSTREAM_OK, 0, false, false,
		    false },
		{ "stream-reset,after=3", UPSTREAM_BROKEN, 3, false, false,
		    false },
		{ "stream-stall,after=3", UPSTREAM_BODY_TIMEOUT, 3, false,
		    false, false },
		{ "reset", UPSTREAM_BROKEN, 0, false, false, false },
		{ "close-early", UPSTREAM_BROKEN, 0, false, false, false },
		{ "chunk-garbage,after=30", UPSTREAM_BROKEN, 0, false, false,
		    false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* On a busy machine the stall may seem to begin early. */
		int tries = cases[i].rc == UPSTREAM_BODY_TIMEOUT ? TRIES : 1;

		while (!ends_so(state, &cases[i]))
			if (--tries == 0)
				fail_msg("%s ended otherwise, after %d events",
				    cases[i].model, relayed.events);
	}
}

static void
knows_the_rest_of_a_cut_stream(void **state)
{
	const char *rest;
	size_t len = 0;

	for (int try = 0; len != 180 - strlen("data: "); try++) {
		struct world *world;

		assert_true(try < TRIES);
		clear(&relayed); /* of the last try */
		world = ask(state, &relayed, "body-stall,after=180");
		world->request.stall_timeout_ms = SHORT_MS;
		world_expect(world, UPSTREAM_BODY_TIMEOUT);
		if (!sse_rest(&relayed.sse, &rest, &len))
			len = 0;
	}
	assert_int_equal(stream_scan_event(&relayed.scan, rest, len),
	    STREAM_GARBAGE);
	clear(&relayed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(relays_events_as_they_are_sent),
		TEST(understands_every_provider),
		TEST(takes_large_events),
		TEST(tells_how_streams_end),
		TEST(knows_the_rest_of_a_cut_stream),
	};

	if (system("command -v python3 >/dev/null") != 0) {
		puts("1..0 # SKIP python3 is missing");
		return 0;
	}
	return cmocka_run_group_tests(tests, world_start, world_stop);
}
