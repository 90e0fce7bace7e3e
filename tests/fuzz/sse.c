/* sse.c: a libFuzzer harness: however a stream is cut, its events are those of
 * the whole, and those that a plain reading of the standard gives.
 *
 * Needs upstream/sse.c.
 */
#include "upstream/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENT_BYTES_MAX = 300 };

/* What a stream came to: each event behind a 'E', what is left behind 'R'. */
struct told {
	char *text;
	size_t len;
	enum sse_rc rc;
};

static void
put(struct told *told, char kind, const char *text, size_t len)
{
	/* No text is longer than this: each byte is told once. */
	told->text[told->len++] = kind;
	memcpy(told->text + told->len, text, len);
	told->len += len;
}

static struct told
told_new(size_t size)
{
	struct told told = { .text = malloc(4 * size + 16) };

	if (!told.text)
		abort();
	return told;
}

static bool
tell(const char *data, size_t len, void *context)
{
	put(context, 'E', data, len);
	return true;
}

/* Feeds a piece that is gone afterwards, so that a sanitizer can tell. */
static void
feed_copy(struct sse *sse, const char *text, size_t len)
{
	char *copy = malloc(len + !len);

	if (!copy)
		abort();
	memcpy(copy, text, len);
	sse_feed(sse, copy, len);
	free(copy);
}

/* Feeds pieces whose lengths the seed gives; 0: the whole. */
static struct told
split(const char *text, size_t len, uint32_t seed)
{
	struct told told = told_new(len);
	const char *rest;
	struct sse sse;
	size_t rest_len;

	sse_init(&sse, EVENT_BYTES_MAX, tell, &told);
	for (size_t at = 0, step; at < len; at += step) {
		seed = seed * 1664525 + (seed != 0) * 1013904223;
		step = seed ? seed >> 16 & (seed >> 24 & 1 ? 63 : 3) : len;
		if (step > len - at)
			step = len - at;
		feed_copy(&sse, text + at, step);
	}
	told.rc = sse_feed(&sse, text, 0);
	if (sse_rest(&sse, &rest, &rest_len))
		put(&told, 'R', rest, rest_len);
	sse_clear(&sse);
	return told;
}

/* What the plain reading has gathered. */
struct plain {
	struct told *told;
	char *data;
	size_t len;
	bool has_data;
};

/* False when the data become too many. */
static bool
read_line(struct plain *plain, const char *line, size_t len)
{
	if (len == 0) {
		if (plain->has_data)
			put(plain->told, 'E', plain->data, plain->len);
		plain->len = 0;
		plain->has_data = false;
		return true;
	}
	if (len < 4 || memcmp(line, "data", 4) != 0 ||
	    (len > 4 && line[4] != ':'))
		return true;
	line += len > 4 ? 5 : 4;
	len -= len > 4 ? 5 : 4;
	if (len > 0 && *line == ' ') {
		line++;
		len--;
	}
	if (plain->has_data)
		plain->data[plain->len++] = '\n';
	plain->has_data = true;
	memcpy(plain->data + plain->len, line, len);
	plain->len += len;
	return plain->len <= EVENT_BYTES_MAX;
}

/* Reads line by line; a last line without an end counts when it is data. */
static struct told
read_plainly(const char *text, size_t len)
{
	struct told told = told_new(len);
	struct plain plain = { &told, malloc(len + 1), 0, false };
	const char *end = text + len;
	bool fits = true;

	if (!plain.data)
		abort();
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (fits && text < end) {
		const char *line = text;

		while (text < end && *text != '\n' && *text != '\r')
			text++;
		if (text < end || (text - line > 4 && line[4] == ':'))
			fits = read_line(&plain, line, (size_t)(text - line));
		if (text + 1 < end && *text == '\r' && text[1] == '\n')
			text++;
		text++;
	}
	told.rc = fits ? SSE_OK : SSE_TOO_LARGE;
	if (fits && plain.has_data)
		put(&told, 'R', plain.data, plain.len);
	free(plain.data);
	return told;
}

static void
expect_same(const struct told *a, const struct told *b)
{
	if (a->rc != b->rc || a->len != b->len ||
	    memcmp(a->text, b->text, a->len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t seed = 0;
	const char *text;
	struct told whole, plain, cut;

	if (size < sizeof(seed))
		return 0;
	memcpy(&seed, data, sizeof(seed));
	text = (const char *)data + sizeof(seed);
	size -= sizeof(seed);
	whole = split(text, size, 0);
	plain = read_plainly(text, size);
	expect_same(&whole, &plain);
	cut = split(text, size, seed | 1);
	expect_same(&whole, &cut);
	free(whole.text);
	free(plain.text);
	free(cut.text);
	return 0;
}
