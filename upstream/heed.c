/* heed.c: what the caller of a call wants to know and to do while it runs. */
#include "base/clock.h"
#include "upstream/call_private.h"

enum { ASK_US = 100 * 1000 };

static bool
must_stop(struct call *call, int64_t now_us)
{
	const struct upstream_request *request = call->request;

	if (!call->idle && now_us - call->asked_us < ASK_US)
		return false;
	call->asked_us = now_us;
	return request->stop && request->stop(request->context);
}

/*
 * A client that has something to say but has not left is then not looked at
 * for a while, or else nobody would ever wait again.
 */
static bool
has_left(struct call *call, int64_t now_us)
{
	if (!call->client_stirs)
		return false;
	call->client_stirs = false;
	if (call->request->client_left(call->request->context))
		return true;
	call->watch_us = now_us + ASK_US;
	return false;
}

/* False when the caller's timer wants no more. */
static bool
beat(struct call *call, int64_t now_us)
{
	const struct upstream_request *request = call->request;
	int64_t wait_ms;

	if (!request->beat || now_us < call->beat_us)
		return true;
	wait_ms = request->beat(request->context);
	call->beat_us = clock_mono_us() + wait_ms * 1000;
	return wait_ms > 0;
}

bool
call_heed(struct call *call, int64_t now_us)
{
	return !must_stop(call, now_us) && !has_left(call, now_us) &&
	       beat(call, now_us);
}

int64_t
call_heed_us(const struct call *call)
{
	int64_t at_us = call->asked_us + ASK_US;

	if (call->request->beat && call->beat_us < at_us)
		at_us = call->beat_us;
	return at_us;
}
