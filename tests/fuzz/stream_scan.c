/* stream_scan.c: a libFuzzer harness: however a stream is cut, it says the
 * same, and what the client is to see of it is sound.
 *
 * Needs base/json.c, base/json_char.c, base/json_edit.c, base/json_tree.c,
 * base/json_view.c, upstream/sse.c, upstream/stream_scan.c,
 * upstream/output_scan.c and upstream/usage_scan.c.
 */
#include "upstream/stream_scan.h"

#include <stdlib.h>
#include <string.h>

#include "upstream/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a stream came to. */
struct relayed {
	struct stream_scan scan;
	uint64_t sum; /* of what each event is, and of its text */
};

static void
add(struct relayed *relayed, const void *bytes, size_t len)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < len; i++)
		relayed->sum = (relayed->sum ^ byte[i]) * 1099511628211u;
}

static void
require(bool good)
{
	if (!good)
		abort();
}

/* The client reads this: it must be as promised. */
static void
check_text(const struct stream_scan *scan)
{
	json_t *text = json_parse_answer(scan->text, scan->text_len);
	const json_t *usage = json_object_get(text, "usage");
	const char *model;

	require(text != NULL);
	model = json_string_value(json_object_get(text, "model"));
	require(model && strcmp(model, "public") == 0);
	require(scan->usage_asked ? json_is_null(usage) : !usage);
	require(json_array_size(json_object_get(text, "choices")) > 0);
	require(!memchr(scan->text, '\n', scan->text_len) &&
		!memchr(scan->text, '\r', scan->text_len));
	json_decref(text);
}

static bool
take_event(const char *data, size_t len, void *context)
{
	struct relayed *relayed = context;
	enum stream_event event = stream_scan_event(&relayed->scan, data, len);

	require((event == STREAM_CHUNK) == (relayed->scan.text != NULL));
	add(relayed, &event, sizeof(event));
	if (event == STREAM_CHUNK) {
		check_text(&relayed->scan);
		add(relayed, relayed->scan.text, relayed->scan.text_len);
	}
	return true;
}

static void
check_counts(const struct stream_scan *scan, size_t size)
{
	const struct token_usage *usage = &scan->usage;
	size_t len;
	char *last;

	require(scan->output.text_bytes >= 0 &&
	    scan->output.text_bytes <= (int64_t)size);
	require(scan->text_bytes_at_usage <= scan->output.text_bytes);
	require(scan->n_finished <= scan->n_seen);
	require(scan->n_seen <= STREAM_CHOICES_MAX);
	require(!stream_scan_is_complete(scan) || scan->n_finished > 0);
	require(scan->has_usage == (scan->usage_object != NULL));
	if (!scan->has_usage)
		return;
	require(usage->output_tokens >= 0 && usage->input_tokens >= 0);
	last = stream_scan_usage_chunk(scan, scan->usage_object, &len);
	require(last && !memchr(last, '\n', len));
	free(last);
}

/* Relays a stream in pieces whose lengths the seed gives; 0: the whole. */
static void
relay(struct relayed *relayed, const char *text, size_t len, uint32_t seed,
    bool usage_asked)
{
	struct sse sse;

	relayed->sum = 14695981039346656037u;
	stream_scan_init(&relayed->scan, "\"public\"", usage_asked);
	sse_init(&sse, 1 << 20, take_event, relayed);
	for (size_t at = 0, step; at < len; at += step) {
		seed = seed * 1664525 + (seed != 0) * 1013904223;
		step = seed ? 1 + (seed >> 16 & 63) : len;
		if (step > len - at)
			step = len - at;
		sse_feed(&sse, text + at, step);
	}
	sse_clear(&sse);
	check_counts(&relayed->scan, len);
	stream_scan_clear(&relayed->scan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relayed whole, cut;
	uint32_t seed;
	const char *text;

	if (size < sizeof(seed))
		return 0;
	memcpy(&seed, data, sizeof(seed));
	text = (const char *)data + sizeof(seed);
	size -= sizeof(seed);
	relay(&whole, text, size, 0, seed & 2);
	relay(&cut, text, size, seed | 1, seed & 2);
	require(whole.sum == cut.sum);
	require(whole.scan.output.text_bytes == cut.scan.output.text_bytes);
	require(whole.scan.n_finished == cut.scan.n_finished);
	require(whole.scan.chunks == cut.scan.chunks);
	return 0;
}
