/* call.c: one bounded call to a provider; this room is the home of libcurl. */
#include "upstream/call.h"

#include <curl/curl.h>

#include "base/clock.h"
#include "upstream/answer_private.h"
#include "upstream/call_private.h"

enum { GOODBYES_MAX = 2 }; /* that one call meets, before it is given up */

static const char *const rc_names[] = {
	[UPSTREAM_OK] = "ok",
	[UPSTREAM_UNREACHABLE] = "unreachable",
	[UPSTREAM_BROKEN] = "broken",
	[UPSTREAM_TOO_LARGE] = "too_large",
	[UPSTREAM_HEADERS_TIMEOUT] = "headers_timeout",
	[UPSTREAM_BODY_TIMEOUT] = "body_timeout",
	[UPSTREAM_TOTAL_TIMEOUT] = "total_timeout",
	[UPSTREAM_STOPPED] = "stopped",
	[UPSTREAM_NO_MEMORY] = "no_memory",
};

const char *
upstream_rc_name(enum upstream_rc rc)
{
	return rc_names[rc];
}

/* A limit that ends the call, and how. */
struct limit {
	int64_t at_us;
	enum upstream_rc rc;
	int64_t ms;
	const char *what;
};

/* Keeps the earlier one. */
static void
consider(struct limit *nearest, int64_t since_us, int64_t ms,
    enum upstream_rc rc, const char *what)
{
	int64_t at_us = since_us + ms * 1000;

	if (at_us < nearest->at_us)
		*nearest = (struct limit){ at_us, rc, ms, what };
}

/* The limit that comes next if nothing happens. */
static struct limit
nearest_limit(const struct call *call)
{
	const struct upstream_request *request = call->request;
	struct limit nearest = { .at_us = INT64_MAX };

	consider(&nearest, call->started_us, request->total_timeout_ms,
	    UPSTREAM_TOTAL_TIMEOUT, "not finished");
	if (call->head_us)
		consider(&nearest, call->moved_us, request->stall_timeout_ms,
		    UPSTREAM_BODY_TIMEOUT, "nothing more of the body");
	else
		consider(&nearest, call->started_us,
		    request->first_byte_timeout_ms, UPSTREAM_HEADERS_TIMEOUT,
		    "no answer");
	if (!call->connected_us)
		consider(&nearest, call->tried_us,
		    request->connect_timeout_ms, UPSTREAM_UNREACHABLE,
		    "no connection");
	return nearest;
}

/*
 * Whether a line of the head is too long for libcurl, which says of that, up
 * to 8.5, that memory has run out.
 */
static bool
is_long_line(const struct call *call, CURLcode code)
{
	return code == CURLE_OUT_OF_MEMORY && call->connected_us &&
	       !call->head_us;
}

/* How libcurl says that the call is over. */
static enum upstream_rc
judge(const struct call *call, CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return call->head_us ? UPSTREAM_OK : UPSTREAM_BROKEN;
	case CURLE_OUT_OF_MEMORY:
		return is_long_line(call, code) ? UPSTREAM_BROKEN :
						  UPSTREAM_NO_MEMORY;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
		return UPSTREAM_UNREACHABLE;
	default:
		return call->connected_us ? UPSTREAM_BROKEN :
					    UPSTREAM_UNREACHABLE;
	}
}

/* Puts the failure into words: libcurl's own when they tell more. */
static void
explain(struct call *call, CURLcode code)
{
	const char *error = call->upstream->error;
	const char *text = curl_easy_strerror(code);

	if (code == CURLE_OK)
		text = "closed inside the head";
	else if (is_long_line(call, code))
		text = "a line of the head is too long";
	answer_set_detail(call->answer, NULL, "%s", text);
	if (code != CURLE_OK && *error)
		answer_set_detail(call->answer, call->request->key, "%s",
		    error);
}

/* The result of a transfer that is no longer running. */
static enum upstream_rc
finish(struct call *call)
{
	CURLMsg *message;
	CURLcode code = CURLE_OK;
	enum upstream_rc rc;
	int left;

	while ((message = curl_multi_info_read(call->upstream->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			code = message->data.result;
	call->code = code;
	if (call->ended)
		return call->ended_as;
	rc = judge(call, code);
	if (rc != UPSTREAM_OK)
		explain(call, code);
	return rc;
}

/* Notes what arrived; libcurl counts it before it is decoded. */
static void
note_progress(struct call *call, int64_t now_us)
{
	curl_off_t received = 0;

	curl_easy_getinfo(call->upstream->easy, CURLINFO_SIZE_DOWNLOAD_T,
	    &received);
	if (received != call->received_bytes) {
		call->received_bytes = received;
		call->moved_us = now_us;
	}
}

/* Milliseconds until there is a reason to look, rounded up. */
static int
pause_ms(const struct call *call, const struct limit *limit)
{
	int64_t at_us = call_heed_us(call);
	int64_t now_us = clock_mono_us();

	if (limit->at_us < at_us)
		at_us = limit->at_us;
	return at_us > now_us ? (int)((at_us - now_us + 999) / 1000) : 0;
}

/* Runs the transfer until it is over, one way or another. */
static enum upstream_rc
drive(struct call *call)
{
	int running = 1;
	CURLMcode code = call_act(call, &running);

	while (code == CURLM_OK) {
		int64_t now_us = clock_mono_us();
		struct limit limit;

		if (!running)
			return finish(call);
		note_progress(call, now_us);
		limit = nearest_limit(call);
		if (now_us >= limit.at_us) {
			answer_set_detail(call->answer, NULL,
			    "%s within %lld ms", limit.what,
			    (long long)limit.ms);
			return limit.rc;
		}
		if (!call_heed(call, now_us))
			return UPSTREAM_STOPPED;
		code = call_wait(call, pause_ms(call, &limit), &running);
	}
	answer_set_detail(call->answer, NULL, "%s", curl_multi_strerror(code));
	return code == CURLM_OUT_OF_MEMORY ? UPSTREAM_NO_MEMORY :
					     UPSTREAM_BROKEN;
}

/* Fills in how long what took. */
static void
note_times(struct call *call)
{
	struct upstream_answer *answer = call->answer;
	long connections = 0;

	curl_easy_getinfo(call->upstream->easy, CURLINFO_NUM_CONNECTS,
	    &connections);
	if (connections > 0 && call->connected_us)
		answer->connect_us = call->connected_us - call->tried_us;
	if (call->head_us)
		answer->first_byte_us = call->head_us - call->started_us;
	answer->total_us = clock_mono_us() - call->started_us;
}

/*
 * After a call that was broken off libcurl keeps an HTTP/2 connection and notes
 * that the stream is to be reset. 7.88 does not send that before the next call,
 * and until then the provider goes on, which has to be paid.
 */
static void
give_up_connection(struct call *call)
{
	curl_easy_setopt(call->upstream->easy, CURLOPT_FORBID_REUSE, 1L);
}

void
call_end(struct call *call, enum upstream_rc rc)
{
	give_up_connection(call);
	if (call->ended)
		return;
	call->ended = true;
	call->ended_as = rc;
}

static enum upstream_rc
transfer(struct call *call)
{
	struct upstream *upstream = call->upstream;
	enum upstream_rc rc;

	call->tried_us = clock_mono_us();
	if (curl_multi_add_handle(upstream->multi, upstream->easy) != CURLM_OK)
		return UPSTREAM_NO_MEMORY;
	rc = drive(call);
	note_times(call);
	if (rc != UPSTREAM_OK)
		give_up_connection(call);
	curl_multi_remove_handle(upstream->multi, upstream->easy);
	return rc;
}

/*
 * Whether an HTTP/2 connection said goodbye (GOAWAY) just when it was used:
 * the provider did not take the call (RFC 9113, 6.8). libcurl repeats by itself
 * what meets the end of a kept connection, but 7.88 gives this up.
 */
static bool
met_goodbye(const struct call *call)
{
	return call->code == CURLE_HTTP2 && call->head_bytes == 0 &&
	       !call->ended;
}

/* As if nothing had been sent; the time goes on. */
static void
begin_again(struct call *call)
{
	curl_easy_setopt(call->upstream->easy, CURLOPT_FRESH_CONNECT, 1L);
	call->upstream->error[0] = '\0';
	call->code = CURLE_OK;
	call->connected_us = 0;
	call->given_bytes = 0;
	answer_init(call->answer);
}

/* Runs a call that is set up. */
static enum upstream_rc
run(struct call *call)
{
	enum upstream_rc rc = transfer(call);

	for (int i = 0; i < GOODBYES_MAX && met_goodbye(call); i++) {
		begin_again(call);
		rc = transfer(call);
	}
	return rc;
}

enum upstream_rc
upstream_call(struct upstream *upstream,
    const struct upstream_request *request, struct upstream_answer *answer)
{
	struct call call = {
		.upstream = upstream,
		.request = request,
		.answer = answer,
		.started_us = clock_mono_us(),
		.idle = true,
	};
	enum upstream_rc rc;

	call.beat_us = call.started_us + request->heartbeat_ms * 1000;
	answer_init(answer);
	rc = call_set_up(&call);
	if (rc == UPSTREAM_OK)
		rc = run(&call);
	call_unset_up(&call);
	return rc;
}
