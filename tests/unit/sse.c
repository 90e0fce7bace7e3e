/* sse.c: tests of taking a stream of events apart. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "upstream/sse.h"

enum { EVENT_BYTES_MAX = 2 << 20, TOLD_SIZE = 256 };

/* What a test was told: each event in angle brackets. */
struct told {
	char text[TOLD_SIZE];
	size_t len;
	int events, stop_at;
	const char *last; /* where the last event's data were */
};

static void
put(struct told *told, const char *text, size_t len)
{
	assert_true(len < sizeof(told->text) - told->len);
	memcpy(told->text + told->len, text, len);
	told->len += len;
}

static bool
tell(const char *data, size_t len, void *context)
{
	struct told *told = context;

	put(told, "<", 1);
	put(told, data, len);
	put(told, ">", 1);
	told->last = data;
	return ++told->events != told->stop_at;
}

/* What a stream is to be taken apart into; rest NULL: there is none. */
struct framing {
	const char *stream;
	size_t len;
	const char *told;
	size_t told_len;
	const char *rest;
};

#define FRAMING(stream, told, rest) \
	{ stream, sizeof(stream) - 1, told, sizeof(told) - 1, rest }

static const struct framing framings[] = {
	FRAMING("", "", NULL),
	FRAMING("\n\n\r\r\r\n", "", NULL),
	FRAMING("data: a\n\n", "<a>", NULL),
	FRAMING("data: a\n\ndata: b\n\n", "<a><b>", NULL),
	FRAMING("data: a\n\n\n\ndata: b\n\n\n", "<a><b>", NULL),
	FRAMING("data: {\"x\":\"y\"}\n\ndata: [DONE]\n\n",
	    "<{\"x\":\"y\"}><[DONE]>", NULL),
	/* Line ends, also mixed. */
	FRAMING("data: a\r\n\r\ndata: b\r\n\r\n", "<a><b>", NULL),
	FRAMING("data: a\r\rdata: b\r\r", "<a><b>", NULL),
	FRAMING("data: a\n\rdata: b\r\n\ndata: c\r\r\n", "<a><b><c>", NULL),
	FRAMING("data: a\n\r\n", "<a>", NULL),
	FRAMING("data: a\r\n\rdata: b\r\n\n", "<a><b>", NULL),
	/* One blank is no data, a second one is. */
	FRAMING("data:a\n\ndata:  a \n\ndata:\ta\n\n", "<a>< a ><\ta>", NULL),
	FRAMING("data:\n\ndata: \n\ndata\n\n", "<><><>", NULL),
	/* Several lines. */
	FRAMING("data: a\ndata: b\n\n", "<a\nb>", NULL),
	FRAMING("data:a\r\ndata:b\r\ndata:c\r\n\r\n", "<a\nb\nc>", NULL),
	FRAMING("data: a\n: x\nid: 1\ndata: b\n\n", "<a\nb>", NULL),
	FRAMING("data:\ndata:\n\n", "<\n>", NULL),
	FRAMING("data\ndata\ndata\n\n", "<\n\n>", NULL),
	FRAMING("data:\ndata: b\n\ndata: a\ndata:\n\n", "<\nb><a\n>", NULL),
	/* What is not data. */
	FRAMING(": comment\n\n: keep-alive\ndata: a\n\n:\n\n", "<a>", NULL),
	FRAMING(":data: a\n\n", "", NULL),
	FRAMING("event: x\nid: 7\nretry: 10\ndata: a\n\n", "<a>", NULL),
	FRAMING("event: ping\n\nid: 7\n\nretry: 10\n\n", "", NULL),
	FRAMING("id\nretry\nevent\ndata: a\n\n", "<a>", NULL),
	FRAMING("Data: a\n\n data: a\n\ndata : a\n\n", "", NULL),
	FRAMING("dat: a\n\ndatas: a\n\ndata-x: a\n\ndatadata: b\n\n", "",
	    NULL),
	FRAMING("d\n\nda\n\ndat\n\nnonsense\n\ndata: a\n\n", "<a>", NULL),
	FRAMING("{\"error\":\"none\"}\n\n", "", NULL),
	/* A value may look like a field. */
	FRAMING("data: data: a: b\n\n", "<data: a: b>", NULL),
	/* The mark counts once, at the start, and whole. */
	FRAMING("\xef\xbb\xbf" "data: a\n\n", "<a>", NULL),
	FRAMING("\xef\xbb\xbf\n\ndata: a\n\n", "<a>", NULL),
	FRAMING("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\ndata: b\n\n", "<b>",
	    NULL),
	FRAMING("data: a\n\n\xef\xbb\xbf" "data: b\n\n", "<a>", NULL),
	FRAMING("\xef\xbb" "data: a\n\ndata: b\n\n", "<b>", NULL),
	FRAMING("\xef\ndata: a\n\n", "<a>", NULL),
	FRAMING("data: \xef\xbb\xbf\n\n", "<\xef\xbb\xbf>", NULL),
	/* Any byte is data but line ends. */
	FRAMING("data: a\0b\n\n", "<a\0b>", NULL),
	FRAMING("\0\ndata: \0\n\n\0", "<\0>", NULL),
	FRAMING("data\0: a\n\n", "", NULL),
	FRAMING("data: \xf0\x9f\x98\x80 \xff\xfe\n\n",
	    "<\xf0\x9f\x98\x80 \xff\xfe>", NULL),
	/* The end without a blank line, or without a line end. */
	FRAMING("data: a", "", "a"),
	FRAMING("data: a\n", "", "a"),
	FRAMING("data: a\r", "", "a"),
	FRAMING("data: a\r\n", "", "a"),
	FRAMING("data: a\n\ndata: [DONE]", "<a>", "[DONE]"),
	FRAMING("data: a\ndata: b", "", "a\nb"),
	FRAMING("data: a\ndata:", "", "a\n"),
	FRAMING("data:", "", ""),
	FRAMING("data: a\n: x", "", "a"),
	FRAMING("data: a\ndata", "", "a"),
	FRAMING("data", "", NULL),
	FRAMING("data: a\n\nid: 1", "<a>", NULL),
};

enum { N_FRAMINGS = sizeof(framings) / sizeof(framings[0]) };

static void
expect(const struct framing *framing, const struct sse *sse,
    const struct told *told, const char *how, size_t where)
{
	const char *rest = NULL;
	size_t len = 0;

	if (told->len != framing->told_len ||
	    memcmp(told->text, framing->told, told->len) != 0)
		fail_msg("\"%s\", %s %zu, gave \"%.*s\"", framing->stream, how,
		    where, (int)told->len, told->text);
	if (!framing->rest) {
		if (sse_rest(sse, &rest, &len))
			fail_msg("\"%s\", %s %zu, left \"%.*s\"",
			    framing->stream, how, where, (int)len, rest);
		return;
	}
	if (!sse_rest(sse, &rest, &len) || len != strlen(framing->rest) ||
	    memcmp(rest, framing->rest, len) != 0)
		fail_msg("\"%s\", %s %zu, did not leave \"%s\"",
		    framing->stream, how, where, framing->rest);
}

/* Feeds a copy of just that size, gone when it has been fed. */
static void
feed_copy(struct sse *sse, const char *piece, size_t len)
{
	char *copy = malloc(len + !len);

	assert_non_null(copy);
	memcpy(copy, piece, len);
	assert_int_equal(sse_feed(sse, copy, len), SSE_OK);
	memset(copy, '#', len);
	free(copy);
}

/* Feeds a stream in pieces that end at two places. */
static void
feed_split(const struct framing *framing, size_t a, size_t b)
{
	struct told told = { 0 };
	struct sse sse;

	sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
	feed_copy(&sse, framing->stream, a);
	feed_copy(&sse, framing->stream + a, b - a);
	feed_copy(&sse, framing->stream + b, framing->len - b);
	expect(framing, &sse, &told, "split at", a);
	sse_clear(&sse);
}

static void
understands_framings(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FRAMINGS; i++) {
		struct told told = { 0 };
		struct sse sse;

		sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
		assert_int_equal(sse_feed(&sse, framings[i].stream,
				     framings[i].len), SSE_OK);
		expect(&framings[i], &sse, &told, "whole", 0);
		sse_clear(&sse);
	}
}

static void
understands_them_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FRAMINGS; i++) {
		const struct framing *framing = &framings[i];
		struct told told = { 0 };
		struct sse sse;

		sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
		for (size_t at = 0; at < framing->len; at++) {
			feed_copy(&sse, framing->stream + at, 1);
			feed_copy(&sse, "", 0);
		}
		expect(framing, &sse, &told, "byte by byte", 0);
		sse_clear(&sse);
	}
}

static void
understands_them_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FRAMINGS; i++)
		for (size_t a = 0; a <= framings[i].len; a++)
			for (size_t b = a; b <= framings[i].len; b++)
				feed_split(&framings[i], a, b);
}

/* An event is told at its last byte, not one later. */
static void
does_not_wait(void **state)
{
	static const char *const streams[] = { "data: a\n\n", "data: a\r\r",
		"data: a\r\n\r", "data: a\n\r" };

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		size_t len = strlen(streams[i]);
		struct told told = { 0 };
		struct sse sse;

		sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
		assert_int_equal(sse_feed(&sse, streams[i], len - 1), SSE_OK);
		assert_int_equal(told.events, 0);
		assert_int_equal(sse_feed(&sse, streams[i] + len - 1, 1),
		    SSE_OK);
		assert_int_equal(told.events, 1);
		sse_clear(&sse);
	}
}

static void
copies_nothing_it_need_not(void **state)
{
	static const char stream[] = "data: first\r\n\r\ndata: second\n\n";
	struct told told = { 0 };
	struct sse sse;

	(void)state;
	sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
	assert_int_equal(sse_feed(&sse, stream, sizeof(stream) - 1), SSE_OK);
	assert_int_equal(told.events, 2);
	assert_ptr_equal(told.last, strstr(stream, "second"));
	assert_null(sse.buffer);
	sse_clear(&sse);
}

static void
stops_when_told_to(void **state)
{
	static const char stream[] = "data: a\n\ndata: b\n\ndata: c\n\n";
	struct told told = { .stop_at = 2 };
	const char *rest;
	struct sse sse;
	size_t len;

	(void)state;
	sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
	assert_int_equal(sse_feed(&sse, stream, sizeof(stream) - 1),
	    SSE_STOPPED);
	assert_int_equal(sse_feed(&sse, stream, sizeof(stream) - 1),
	    SSE_STOPPED);
	assert_int_equal(told.events, 2);
	assert_false(sse_rest(&sse, &rest, &len));
	sse_clear(&sse);
	sse_clear(&sse);
}

/* Streams whose second event has one byte more than ten, or just ten. */
static void
bounds_an_event(void **state)
{
	static const struct {
		const char *stream;
		int events;
		enum sse_rc rc;
	} cases[] = {
		{ "data: a\n\ndata: 0123456789\n\ndata: c\n\n", 3, SSE_OK },
		{ "data: a\n\ndata: 01234\ndata: 6789\n\n", 2, SSE_OK },
		{ "data: a\n\ndata: 0123456789x\n\n", 1, SSE_TOO_LARGE },
		{ "data: a\n\ndata: 0123456789x", 1, SSE_TOO_LARGE },
		{ "data: a\n\ndata: 01234\ndata: 6789x\n\n", 1,
		    SSE_TOO_LARGE },
		{ "data: a\n\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n"
		  "data\ndata\ndata\ndata\n\n", 1, SSE_TOO_LARGE },
		{ "data: a\n\n: 0123456789 and more\ndata: b\n\n", 2, SSE_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i].stream);

		for (size_t step = 1; step <= len; step++) {
			struct told told = { 0 };
			enum sse_rc rc = SSE_OK;
			struct sse sse;

			sse_init(&sse, 10, tell, &told);
			for (size_t at = 0; at < len; at += step)
				rc = sse_feed(&sse, cases[i].stream + at,
				    at + step < len ? step : len - at);
			assert_int_equal(rc, cases[i].rc);
			assert_int_equal(told.events, cases[i].events);
			sse_clear(&sse);
		}
	}
}

/* Counts bytes, and that they are the right ones. */
struct sum {
	size_t events, bytes, wrong;
};

static bool
add_up(const char *data, size_t len, void *context)
{
	struct sum *sum = context;

	sum->events++;
	sum->bytes += len;
	for (size_t i = 0; i < len; i++)
		sum->wrong += data[i] != 'x';
	return true;
}

/* Feeds an event of so many bytes in pieces of so many. */
static void
feed_large(struct sse *sse, size_t bytes, size_t step)
{
	char piece[16384];

	assert_true(step <= sizeof(piece));
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(sse_feed(sse, "data: ", 6), SSE_OK);
	for (size_t at = 0; at < bytes; at += step)
		assert_int_equal(sse_feed(sse, piece,
				     at + step < bytes ? step : bytes - at),
		    SSE_OK);
	assert_int_equal(sse_feed(sse, "\n\n", 2), SSE_OK);
}

static void
takes_a_megabyte_and_gives_it_back(void **state)
{
	const size_t bytes = 1 << 20;
	struct sum sum = { 0 };
	struct sse sse;

	(void)state;
	sse_init(&sse, bytes, add_up, &sum);
	feed_large(&sse, bytes, 16384);
	assert_int_equal(sse.size, 0);
	feed_large(&sse, bytes, 7);
	feed_large(&sse, bytes, 1);
	assert_null(sse.buffer);
	feed_large(&sse, 10, 1);
	assert_true(sse.size > 0);
	assert_int_equal(sum.events, 4);
	assert_int_equal(sum.bytes, 3 * bytes + 10);
	assert_int_equal(sum.wrong, 0);

	assert_int_equal(sse_feed(&sse, "data: ", 6), SSE_OK);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(sse_feed(&sse, "x", 1), SSE_OK);
	assert_int_equal(sse_feed(&sse, "x", 1), SSE_TOO_LARGE);
	assert_int_equal(sse_feed(&sse, "\n\n", 2), SSE_TOO_LARGE);
	assert_int_equal(sum.events, 4);
	sse_clear(&sse);
}

/* Pieces that cut each event, so that each one goes through the buffer. */
static void
allocates_once(void **state)
{
	static const char stream[] = "xx\n\ndata: xxxx\ndata: xx";
	struct mallinfo2 before;
	struct sum sum = { 0 };
	const char *buffer;
	struct sse sse;

	(void)state;
	sse_init(&sse, EVENT_BYTES_MAX, add_up, &sum);
	assert_int_equal(sse_feed(&sse, stream, sizeof(stream) - 1), SSE_OK);
	buffer = sse.buffer;
	before = mallinfo2();
	for (int i = 0; i < 100000; i++)
		assert_int_equal(sse_feed(&sse, stream, sizeof(stream) - 1),
		    SSE_OK);
	assert_int_equal(sum.events, 100000);
	assert_ptr_equal(sse.buffer, buffer);
	assert_int_equal(mallinfo2().uordblks, before.uordblks);
	sse_clear(&sse);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands_framings),
		cmocka_unit_test(understands_them_byte_by_byte),
		cmocka_unit_test(understands_them_at_every_split),
		cmocka_unit_test(does_not_wait),
		cmocka_unit_test(copies_nothing_it_need_not),
		cmocka_unit_test(stops_when_told_to),
		cmocka_unit_test(bounds_an_event),
		cmocka_unit_test(takes_a_megabyte_and_gives_it_back),
		cmocka_unit_test(allocates_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
