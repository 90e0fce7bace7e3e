/* sse.h: takes a stream of server-sent events apart, however it arrives. */
#ifndef UPSTREAM_SSE_H
#define UPSTREAM_SSE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Called once for each complete event: its data lines, joined with '\n', not
 * terminated, valid until it returns; NUL bytes are data. False ends the
 * stream. It must not call the functions of this file.
 */
typedef bool sse_event_fn(const char *data, size_t len, void *context);

/* These last: the same result comes back from every later sse_feed(). */
enum sse_rc {
	SSE_OK,
	SSE_STOPPED,   /* the callback said so */
	SSE_TOO_LARGE, /* the data of one event: more than event_bytes_max */
	SSE_NO_MEMORY,
};

/* A stream being taken apart. Everything in it belongs to sse.c. */
struct sse {
	sse_event_fn *event;
	void *context;
	size_t event_bytes_max;
	enum sse_rc rc;

	/*
	 * The data of the event so far: a view of the piece that is being fed,
	 * or a copy once the event does not lie wholly in it.
	 */
	const char *view;
	char *buffer;
	size_t len, size;
	bool has_data; /* there was a data line, be it an empty one */

	int place;     /* what the next byte belongs to; see sse.c */
	size_t matched; /* bytes of the byte order mark, or of "data" */
	bool after_cr; /* a '\n' would belong to the line before */
};

/* Allocates nothing. The context is handed to event(). */
void sse_init(struct sse *sse, size_t event_bytes_max, sse_event_fn *event,
    void *context);

/*
 * Takes the next piece of the stream, of any length, and calls event() for
 * each event that it completes, at the earliest byte that does: lines end with
 * LF, CRLF or CR [the HTML standard, 9.2.5]. Comments, `event:`, `id:`,
 * `retry:`, unknown fields and a byte order mark at the start are dropped, and
 * so are events without a data line; an empty data line is an event of no
 * bytes. An event that lies wholly in the piece, on one data line, is not
 * copied; others go through one buffer, which is kept from event to event
 * unless it has become large.
 */
enum sse_rc sse_feed(struct sse *sse, const char *piece, size_t len);

/*
 * After the last piece: the data of a final event whose blank line, or whose
 * line end, never came. False when there is none. The standard would drop it;
 * whoever calls judges whether it is whole. Valid until sse_clear().
 */
bool sse_rest(const struct sse *sse, const char **data, size_t *len);

/* Gives the buffer back; harmless to repeat. */
void sse_clear(struct sse *sse);

#endif
