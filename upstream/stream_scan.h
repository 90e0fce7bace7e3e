/* stream_scan.h: what the events of a streamed completion say, and what of it
 * the client is to see. */
#ifndef UPSTREAM_STREAM_SCAN_H
#define UPSTREAM_STREAM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_view.h"
#include "upstream/output_scan.h"
#include "upstream/usage_scan.h"

/* A choice with a higher index is relayed, but not followed. */
enum { STREAM_CHOICES_MAX = 1024 };

/* What one event is. */
enum stream_event {
	/* It has choices: scan->text is for the client. */
	STREAM_CHUNK,
	/*
	 * JSON without choices, or with `choices: []`: usage, or a provider's
	 * own business. Not for the client: it crashes those that did not ask
	 * for usage, and stream_scan_usage_chunk() serves those that did.
	 */
	STREAM_ASIDE,
	/* "[DONE]" */
	STREAM_DONE,
	/* It has an `error`; scan->error_* tell which. Not for the client. */
	STREAM_ERROR,
	/* Neither "[DONE]" nor a JSON object. */
	STREAM_GARBAGE,
	STREAM_NO_MEMORY,
};

struct stream_scan {
	/* What stream_scan_init() was given. */
	const char *model;
	bool usage_asked;

	/*
	 * After STREAM_CHUNK: the event for the client, which is one line,
	 * without `data:`. It has the public model ID, and `usage: null` when
	 * the client asked for usage, else no usage; every other byte is the
	 * provider's, but for line ends between tokens, which are blanks now.
	 * Valid until the next call; NULL after any other event.
	 */
	const char *text;
	size_t text_len;

	/* The stream so far; for reading. */
	int64_t chunks;     /* events of STREAM_CHUNK */
	struct output output;
	bool done;          /* there was a [DONE] */
	bool failed;        /* there was an error */

	/*
	 * The last usage that makes sense, when has_usage: many providers send
	 * one with every chunk. usage_object is the provider's object (ours;
	 * NULL without one). More text than text_bytes_at_usage came after it.
	 */
	bool has_usage;
	struct token_usage usage;
	json_t *usage_object;
	int64_t text_bytes_at_usage;
	bool usage_nonsense; /* there was one that makes no sense */

	/*
	 * The first error: its message, type and code; "" where it has none. A
	 * code that is a number is text here. Not for a client unexamined.
	 */
	const char *error_message;
	const char *error_type;
	const char *error_code;

	/* What follows belongs to stream_scan.c. */
	struct json_view view;   /* of the event */
	struct json_text edited; /* what text is in */
	json_t *error;
	char error_number[24];
	json_t *shell; /* what the chunks have in common */
	uint64_t seen[STREAM_CHOICES_MAX / 64];
	uint64_t finished[STREAM_CHOICES_MAX / 64];
	int n_seen, n_finished;
};

/*
 * The model is the public ID as a JSON string literal (json_quote()), and must
 * outlive the scan. usage_asked: the client wants `include_usage`.
 */
void stream_scan_init(struct stream_scan *scan, const char *model,
    bool usage_asked);

/* Takes the data of one event, as sse_feed() gives it. */
enum stream_event stream_scan_event(struct stream_scan *scan,
    const char *data, size_t len);

/*
 * Whether what the client got is a whole answer: each choice that was seen has
 * its finish_reason, or [DONE] came after at least one; and no error came.
 */
bool stream_scan_is_complete(const struct stream_scan *scan);

/*
 * The last chunk for a client that asked for usage: `choices: []`, this usage
 * (scan->usage_object, or one of the caller's making; it stays the caller's),
 * and what the provider's chunks have in common. One line, without `data:`,
 * terminated; the caller frees it. NULL when memory runs out.
 */
char *stream_scan_usage_chunk(const struct stream_scan *scan, json_t *usage,
    size_t *len);

/* Gives back what the scan owns; harmless to repeat. */
void stream_scan_clear(struct stream_scan *scan);

#endif
