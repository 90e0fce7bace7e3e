/* receive.c: takes in what libcurl hands over while a call runs. */
#include <string.h>

#include "base/clock.h"
#include "upstream/answer_private.h"
#include "upstream/call_private.h"

enum {
	HEAD_BYTES_MAX = 64 * 1024,
	COMPLAINT_BYTES_MAX = 256 * 1024, /* of a body that is no success */
};

static bool
is_success(int http)
{
	return http >= 200 && http <= 299;
}

/* Before each request on a connection that stands, and was verified. */
int
call_note_connection(void *context, char *to, char *from, int to_port,
    int from_port)
{
	struct call *call = context;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	call->connected_us = clock_mono_us();
	return CURL_PREREQFUNC_OK;
}

/* A status that an answer can end with; 101 is not asked for, and an end. */
static bool
is_final(long http)
{
	return http >= 200 || http == 101;
}

/* The head is whole. */
static bool
take_head(struct call *call, int http)
{
	const struct upstream_request *request = call->request;

	call->answer->http = http;
	call->head_us = clock_mono_us();
	if (request->on_head &&
	    !request->on_head(call->answer, request->context)) {
		call_end(call, UPSTREAM_STOPPED);
		return false;
	}
	call->moved_us = clock_mono_us();
	return true;
}

/* One line of a head, or of the trailer of a chunked body. */
size_t
call_take_header(char *line, size_t one, size_t size, void *context)
{
	struct call *call = context;
	size_t len = size;
	long http = 0;

	(void)one;
	call->head_bytes += size;
	if (call->head_bytes > HEAD_BYTES_MAX) {
		answer_set_detail(call->answer, NULL,
		    "a head of more than %d bytes", HEAD_BYTES_MAX);
		call_end(call, UPSTREAM_BROKEN);
		return CURL_WRITEFUNC_ERROR;
	}
	if (call->head_us)
		return size;
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (len > 0) {
		answer_take_header(call->answer, line, len);
		return size;
	}
	curl_easy_getinfo(call->upstream->easy, CURLINFO_RESPONSE_CODE, &http);
	if (is_final(http) && !take_head(call, (int)http))
		return CURL_WRITEFUNC_ERROR;
	return size;
}

/* Adds to the body. What does not fit is a failure of a success only. */
static bool
gather(struct call *call, const char *data, size_t len, size_t max)
{
	switch (answer_add(call->answer, &call->body_size, max, data, len)) {
	case ANSWER_ADDED:
		return true;
	case ANSWER_FULL:
		call_end(call, UPSTREAM_OK);
		return false;
	case ANSWER_NO_MEMORY:
		call_end(call, UPSTREAM_NO_MEMORY);
		return false;
	}
	return false;
}

/*
 * A piece of the body. The clock is asked here too, because a small piece of
 * a compressed body can become many of these before libcurl comes back.
 */
static bool
take_piece(struct call *call, const char *data, size_t len)
{
	const struct upstream_request *request = call->request;
	size_t max = request->answer_bytes_max;

	if (clock_mono_us() - call->started_us >=
	    request->total_timeout_ms * 1000) {
		answer_set_detail(call->answer, NULL,
		    "not finished within %lld ms",
		    (long long)request->total_timeout_ms);
		call_end(call, UPSTREAM_TOTAL_TIMEOUT);
		return false;
	}
	if (!is_success(call->answer->http))
		return gather(call, data, len,
		    max < COMPLAINT_BYTES_MAX ? max : COMPLAINT_BYTES_MAX);
	if (len > max - call->body_bytes) {
		answer_set_detail(call->answer, NULL, "more than %zu bytes",
		    max);
		call_end(call, UPSTREAM_TOO_LARGE);
		return false;
	}
	call->body_bytes += len;
	if (!request->sink)
		return gather(call, data, len, max);
	if (request->sink(data, len, request->context))
		return true;
	call_end(call, UPSTREAM_STOPPED);
	return false;
}

size_t
call_take_body(char *data, size_t one, size_t len, void *context)
{
	(void)one;
	if (len > 0 && !take_piece(context, data, len))
		return CURL_WRITEFUNC_ERROR;
	return len;
}
