/* sse.c: takes a stream of server-sent events apart, however it arrives. */
#include "upstream/sse.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_SIZE = 4096,
	KEPT_SIZE_MAX = 64 * 1024, /* a larger buffer is given back */
	STEP = 256,
};

/* What the next byte of the stream belongs to. */
enum place {
	IN_MARK, /* a byte order mark, at the start of the stream */
	IN_NAME, /* a field's name, as long as it can become "data" */
	AFTER_COLON,
	IN_VALUE, /* of a data field */
	IN_REST, /* of a line that does not count */
};

static const char mark[] = "\xef\xbb\xbf";
static const char name[] = "data";

enum { MARK_LEN = sizeof(mark) - 1, NAME_LEN = sizeof(name) - 1 };

void
sse_init(struct sse *sse, size_t event_bytes_max, sse_event_fn *event,
    void *context)
{
	*sse = (struct sse){
		.event = event,
		.context = context,
		.event_bytes_max = event_bytes_max,
		.place = IN_MARK,
	};
}

static void
forget_data(struct sse *sse)
{
	sse->view = NULL;
	sse->len = 0;
	sse->has_data = false;
}

static bool
fail(struct sse *sse, enum sse_rc rc)
{
	sse->rc = rc;
	forget_data(sse);
	return false;
}

/* Has the data in the buffer, with room for more bytes of it. */
static bool
own(struct sse *sse, size_t more)
{
	size_t need = sse->len + more;
	size_t size = sse->size ? sse->size : FIRST_SIZE;
	char *buffer;

	if (need > sse->size) {
		while (size < need)
			size *= 2;
		buffer = realloc(sse->buffer, size);
		if (!buffer)
			return fail(sse, SSE_NO_MEMORY);
		sse->buffer = buffer;
		sse->size = size;
	}
	if (sse->view)
		memcpy(sse->buffer, sse->view, sse->len);
	sse->view = NULL;
	return true;
}

/* Adds to the data; a first run of bytes stays where it is for now. */
static bool
add(struct sse *sse, const char *bytes, size_t len)
{
	if (len > sse->event_bytes_max - sse->len)
		return fail(sse, SSE_TOO_LARGE);
	if (len == 0)
		return true;
	if (sse->len == 0) {
		sse->view = bytes;
	} else {
		if (!own(sse, len))
			return false;
		memcpy(sse->buffer + sse->len, bytes, len);
	}
	sse->len += len;
	return true;
}

/* A data field begins. */
static bool
begin_data(struct sse *sse)
{
	if (sse->has_data && !add(sse, "\n", 1))
		return false;
	sse->has_data = true;
	return true;
}

static const char *
data_of(const struct sse *sse)
{
	if (sse->len == 0)
		return "";
	return sse->view ? sse->view : sse->buffer;
}

/* A blank line: the event is complete. */
static bool
end_event(struct sse *sse)
{
	if (!sse->has_data)
		return true;
	if (!sse->event(data_of(sse), sse->len, sse->context))
		return fail(sse, SSE_STOPPED);
	forget_data(sse);
	if (sse->size > KEPT_SIZE_MAX)
		sse_clear(sse);
	return true;
}

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* Goes by steps, or lines that all end alike would make it slow. */
static const char *
find_line_end(const char *at, const char *end)
{
	size_t left, step;

	while ((left = (size_t)(end - at)) > 0) {
		const char *lf, *cr;

		step = left < STEP ? left : STEP;
		lf = memchr(at, '\n', step);
		cr = memchr(at, '\r', lf ? (size_t)(lf - at) : step);
		if (cr || lf)
			return cr ? cr : lf;
		at += step;
	}
	return end;
}

/* From a line end to behind it. */
static const char *
end_line(struct sse *sse, const char *at)
{
	sse->after_cr = *at == '\r';
	sse->place = IN_NAME;
	sse->matched = 0;
	return at + 1;
}

static const char *
take_mark(struct sse *sse, const char *at)
{
	if (*at == mark[sse->matched]) {
		at++;
		if (++sse->matched < MARK_LEN)
			return at;
		sse->place = IN_NAME;
	} else {
		/* The beginning of one is the beginning of some name. */
		sse->place = sse->matched ? IN_REST : IN_NAME;
	}
	sse->matched = 0;
	return at;
}

/* NULL when the stream has ended, one way or another. */
static const char *
take_name(struct sse *sse, const char *at)
{
	bool whole = sse->matched == NAME_LEN;

	if (is_line_end(*at)) {
		/* A name alone has an empty value. */
		if (sse->matched == 0 ? !end_event(sse) :
					whole && !begin_data(sse))
			return NULL;
		return end_line(sse, at);
	}
	if (whole && *at == ':') {
		if (!begin_data(sse))
			return NULL;
		sse->place = AFTER_COLON;
		return at + 1;
	}
	if (whole || *at != name[sse->matched])
		sse->place = IN_REST;
	else
		sse->matched++;
	return at + 1;
}

static const char *
take_value(struct sse *sse, const char *at, const char *end)
{
	const char *stop = find_line_end(at, end);

	if (!add(sse, at, (size_t)(stop - at)))
		return NULL;
	return stop < end ? end_line(sse, stop) : stop;
}

/* Takes one byte or more; NULL when the stream has ended. */
static const char *
take(struct sse *sse, const char *at, const char *end)
{
	if (sse->after_cr) {
		sse->after_cr = false;
		if (*at == '\n')
			return at + 1;
	}
	switch ((enum place)sse->place) {
	case IN_MARK:
		return take_mark(sse, at);
	case IN_NAME:
		return take_name(sse, at);
	case AFTER_COLON:
		sse->place = IN_VALUE;
		return *at == ' ' ? at + 1 : at;
	case IN_VALUE:
		return take_value(sse, at, end);
	case IN_REST:
		at = find_line_end(at, end);
		return at < end ? end_line(sse, at) : at;
	}
	return NULL;
}

enum sse_rc
sse_feed(struct sse *sse, const char *piece, size_t len)
{
	const char *at = piece, *end = piece + len;

	if (sse->rc != SSE_OK)
		return sse->rc;
	while (at && at < end)
		at = take(sse, at, end);
	/* The piece is the caller's; what it began must be kept. */
	if (sse->view)
		own(sse, 0);
	return sse->rc;
}

bool
sse_rest(const struct sse *sse, const char **data, size_t *len)
{
	if (!sse->has_data)
		return false;
	*data = data_of(sse);
	*len = sse->len;
	return true;
}

void
sse_clear(struct sse *sse)
{
	free(sse->buffer);
	sse->buffer = NULL;
	sse->size = 0;
	forget_data(sse);
}
