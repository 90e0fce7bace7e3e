/*
 * chat_stream.c: an answer that is told while it is made.
 *
 * Who pays what when a stream ends early is one rule, whoever ended it: the
 * client that left, the provider that broke off, or a stop of the gateway.
 * What was delivered is billed: the provider's usage as far as it was told,
 * and estimates for the rest (chat_bill). Nothing delivered costs nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tokens.h"
#include "handlers/chat_private.h"
#include "handlers/relay.h"
#include "handlers/response.h"
#include "upstream/sse.h"
#include "upstream/stream_scan.h"

enum {
	/* How long after [DONE] a provider may take to end its answer, which
	 * keeps the connection for the next call. */
	LINGER_US = 200000,
	PACE_NAP_US = 50000, /* between two looks for reasons to stop */
	WHOLE_SIZE_MIN = 16384,
};

/* What a provider's answer turns out to be. */
enum kind {
	KIND_UNKNOWN,
	KIND_EVENTS,
	KIND_WHOLE, /* a JSON document: it does not know streams */
};

struct chat_stream {
	struct exchange *x;
	const struct chat_call *call;
	const char *model; /* the public ID, as a JSON literal */
	struct sse sse;
	struct stream_scan scan;
	enum kind kind;
	char *whole;      /* of KIND_WHOLE */
	size_t whole_len, whole_size;
	int64_t began_us; /* of the call */
	int64_t told_us;  /* when the client was last sent something */
	int64_t paced_us; /* when output that is paced began; 0: not yet */
	int64_t done_us;  /* of [DONE]; 0: it has not come */
	bool unsent;      /* something was written and not flushed */
};

/* Notes that nobody listens any more; false. */
static bool
client_left(struct chat_stream *s)
{
	s->x->usage_flags |= USAGE_CLIENT_LEFT;
	return exchange_fail(s->x, ERR_CLIENT_LEFT, NULL, NULL);
}

static bool
unusable(struct chat_stream *s, const char *why)
{
	exchange_detail(s->x, "provider %s: %s",
	    s->x->route->provider->name, why);
	return exchange_fail(s->x, ERR_UPSTREAM_ERROR, NULL, NULL);
}

static bool
no_memory(struct chat_stream *s)
{
	exchange_detail(s->x, "no memory for a stream");
	return exchange_fail(s->x, ERR_GATEWAY_ERROR, NULL, NULL);
}

static bool
flush(struct chat_stream *s)
{
	s->unsent = false;
	s->told_us = clock_mono_us();
	return response_flush(s->x) || client_left(s);
}

static bool tell_chunk(struct chat_stream *s);

/* Some keep a connection alive with events of nothing. */
static bool
is_blank(const char *data, size_t len)
{
	while (len > 0 && memchr(" \t\r\n", data[len - 1], 4))
		len--;
	return len == 0;
}

static bool
take_event(const char *data, size_t len, void *context)
{
	struct chat_stream *s = context;

	if (s->done_us || is_blank(data, len))
		return true;
	switch (stream_scan_event(&s->scan, data, len)) {
	case STREAM_CHUNK:
		return tell_chunk(s);
	case STREAM_ASIDE:
		return true;
	case STREAM_DONE:
		s->done_us = clock_mono_us();
		return true;
	case STREAM_ERROR:
		return relay_event_failed(s->x, s->scan.error_message,
		    s->scan.error_type, s->scan.error_code);
	case STREAM_GARBAGE:
		return unusable(s, "an event is not a JSON object");
	case STREAM_NO_MEMORY:
		break;
	}
	return no_memory(s);
}

static bool
take_events(struct chat_stream *s, const char *data, size_t len)
{
	switch (sse_feed(&s->sse, data, len)) {
	case SSE_OK:
		return !s->unsent || flush(s);
	case SSE_STOPPED: /* the reason is noted */
		return false;
	case SSE_TOO_LARGE:
		return unusable(s, "an event is too large");
	case SSE_NO_MEMORY:
		break;
	}
	return no_memory(s);
}

/* Gathers a document, at most as much as any whole answer may be. */
static bool
take_whole(struct chat_stream *s, const char *data, size_t len)
{
	size_t wanted = s->whole_size ? s->whole_size : WHOLE_SIZE_MIN;
	char *grown;

	if (len > (size_t)s->x->conf->answer_bytes_max - s->whole_len)
		return unusable(s, "the answer is too large");
	while (wanted < s->whole_len + len)
		wanted *= 2;
	if (wanted > s->whole_size) {
		grown = realloc(s->whole, wanted);
		if (!grown)
			return no_memory(s);
		s->whole = grown;
		s->whole_size = wanted;
	}
	memcpy(s->whole + s->whole_len, data, len);
	s->whole_len += len;
	return true;
}

/*
 * What stands before the first byte that tells is blank lines, which mean
 * nothing in either kind. The type that the provider names is not asked: some
 * name the wrong one, and no event begins with a brace.
 */
static bool
take_first(struct chat_stream *s, const char **data, size_t *len)
{
	while (*len > 0 && memchr(" \t\r\n", **data, 4)) {
		(*data)++;
		(*len)--;
	}
	if (*len == 0)
		return false;
	s->kind = **data == '{' ? KIND_WHOLE : KIND_EVENTS;
	return true;
}

static bool
take_piece(const char *data, size_t len, void *context)
{
	struct chat_stream *s = context;

	if (s->kind == KIND_UNKNOWN && !take_first(s, &data, &len))
		return true;
	return s->kind == KIND_WHOLE ? take_whole(s, data, len) :
	    take_events(s, data, len);
}

/* What there is when an answer has ended as it should. */
static void
take_rest(struct chat_stream *s)
{
	const char *data;
	size_t len;

	if (s->kind == KIND_WHOLE) {
		if (!chat_recast(s->call->kind, s->whole, s->whole_len,
		    take_event, s))
			no_memory(s); /* unless another reason is noted */
	} else if (sse_rest(&s->sse, &data, &len)) {
		take_event(data, len, s);
	}
	if (s->unsent)
		flush(s);
}

static bool
look_for_client(void *context)
{
	struct chat_stream *s = context;

	if (!s->x->client->has_left(s->x->client))
		return false;
	client_left(s);
	return true;
}

static bool
must_stop(void *context)
{
	struct chat_stream *s = context;

	if (s->done_us && clock_mono_us() - s->done_us > LINGER_US)
		return true;
	switch (exchange_interrupt(s->x)) {
	case INTERRUPT_NONE:
		return false;
	case INTERRUPT_STOP:
		if (!stream_scan_is_complete(&s->scan))
			exchange_fail(s->x, ERR_GATEWAY_BUSY, NULL, NULL);
		return true;
	case INTERRUPT_CLIENT_LEFT:
		client_left(s);
		return true;
	}
	return true;
}

/* When the client must hear something, unless it heard something before. */
static int64_t
beat_at_us(const struct chat_stream *s)
{
	const struct conf *conf = s->x->conf;

	return s->x->began ? s->told_us + conf->heartbeat_ms * 1000 :
	    s->began_us + conf->stream_head_ms * 1000;
}

/* How long the next beat may wait; also one that is far off is looked for
 * now and then, because it comes closer when the head is sent. */
static int64_t
until_beat_ms(const struct chat_stream *s, int64_t left_us)
{
	int64_t ms = (left_us + 999) / 1000;

	if (!s->x->began && ms > s->x->conf->heartbeat_ms)
		ms = s->x->conf->heartbeat_ms;
	return ms > 0 ? ms : 1;
}

/*
 * Sends the head when the provider has been silent for long, and comments
 * after that.
 */
static int64_t
beat(void *context)
{
	struct chat_stream *s = context;
	struct exchange *x = s->x;
	int64_t left_us = beat_at_us(s) - clock_mono_us();

	if (left_us <= 0) {
		if (!x->began) {
			response_begin(x);
			x->began_idle = true;
		}
		if (!response_comment(x, "keep-alive")) {
			client_left(s);
			return 0;
		}
		if (!flush(s))
			return 0;
		left_us = beat_at_us(s) - clock_mono_us();
	}
	return until_beat_ms(s, left_us);
}

/* How long ago, or in how long, the output so far is due at the plan's pace. */
static int64_t
ahead_us(struct chat_stream *s)
{
	int64_t now_us = clock_mono_us(), due_us;
	int64_t tokens = tokens_text_estimate(
	    (size_t)s->scan.output.text_bytes);

	if (!s->paced_us)
		s->paced_us = now_us;
	if (__builtin_mul_overflow(tokens, 1000000, &due_us))
		return 0;
	return s->paced_us + due_us / s->x->limits.tps - now_us;
}

/*
 * Waits until more output may follow, while the provider waits for us. False
 * when there is a reason to stop.
 */
static bool
keep_pace(struct chat_stream *s)
{
	int64_t left_us;

	while ((left_us = ahead_us(s)) > 0) {
		if (must_stop(s) || (s->x->client->has_left &&
		    look_for_client(s)) || beat(s) <= 0)
			return false;
		clock_sleep_us(left_us < PACE_NAP_US ? left_us : PACE_NAP_US);
	}
	return true;
}

static bool
tell_chunk(struct chat_stream *s)
{
	if (!s->x->began)
		response_begin(s->x);
	s->unsent = true;
	if (!response_event(s->x, s->scan.text, s->scan.text_len))
		return client_left(s);
	return !s->x->limits.tps || (flush(s) && keep_pace(s));
}

static void
bill(struct chat_stream *s)
{
	const struct stream_scan *scan = &s->scan;
	struct chat_yield yield = {
		.text_bytes = scan->output.text_bytes,
		.more = scan->output.more,
	};

	if (scan->has_usage) {
		yield.usage = &scan->usage;
		yield.uncounted_bytes =
		    scan->output.text_bytes - scan->text_bytes_at_usage;
	}
	chat_bill(s->x, &yield, s->call->estimate);
}

/* The provider's usage, with whatever else is in it, or what is billed. */
static json_t *
usage_to_tell(const struct chat_stream *s)
{
	const struct amounts *used = &s->x->used;

	if (!(s->x->usage_flags & USAGE_ESTIMATED))
		return json_incref(s->scan.usage_object);
	return json_pack("{s:I, s:I, s:I}",
	    "prompt_tokens", (json_int_t)used->input_tokens,
	    "completion_tokens", (json_int_t)used->output_tokens,
	    "total_tokens",
	    (json_int_t)(used->input_tokens + used->output_tokens));
}

static bool
make_usage_chunk(struct chat_stream *s)
{
	json_t *usage = usage_to_tell(s);
	size_t len;

	if (usage) {
		s->x->usage_text = json_dumps(usage, JSON_COMPACT);
		s->x->usage_chunk = stream_scan_usage_chunk(&s->scan, usage,
		    &len);
		json_decref(usage);
	}
	return (s->x->usage_text && s->x->usage_chunk) || no_memory(s);
}

/*
 * How it went. Once the client has a whole answer, it does not matter how the
 * provider ends its own.
 */
static bool
judge(struct chat_stream *s, enum upstream_rc rc,
    const struct upstream_answer *answer)
{
	if (s->x->err != ERR_NONE)
		return false;
	if (stream_scan_is_complete(&s->scan))
		return true;
	if (!s->done_us && !relay_judge(s->x, rc, answer))
		return false;
	return unusable(s, s->scan.chunks > 0 ?
	    "the stream ended without a finish_reason" :
	    "the stream ended without an answer");
}

static void
end(struct chat_stream *s)
{
	stream_scan_clear(&s->scan);
	sse_clear(&s->sse);
	free(s->whole);
}

/* What an earlier call brought is forgotten; when it began is not. */
static void
begin(void *context)
{
	struct chat_stream *s = context;

	end(s);
	s->kind = KIND_UNKNOWN;
	s->whole = NULL;
	s->whole_len = s->whole_size = 0;
	s->done_us = 0;
	sse_init(&s->sse, (size_t)s->x->conf->answer_bytes_max, take_event, s);
	stream_scan_init(&s->scan, s->model, s->call->usage_asked);
}

static bool
take(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *answer, void *context)
{
	struct chat_stream *s = context;
	bool done;

	if (rc == UPSTREAM_OK && x->err == ERR_NONE)
		take_rest(s);
	done = judge(s, rc, answer);
	bill(s);
	return done && (!s->call->usage_asked || make_usage_chunk(s));
}

static bool
run(struct chat_stream *s)
{
	const struct chat_edits *edits = s->call->edits;
	struct relay_taker taker = {
		.sink = take_piece,
		.stop = must_stop,
		.client_left = look_for_client,
		.heartbeat_ms = until_beat_ms(s,
		    s->x->conf->stream_head_ms * 1000),
		.beat = beat,
		.context = s,
	};
	struct relay_ask ask = {
		.path = s->call->kind->path,
		.edits = edits->list,
		.n_edits = edits->n,
		.stream_options = edits->stream_options,
		.taker = &taker,
		.begin = begin,
		.take = take,
		.context = s,
	};

	return relay(s->x, &ask);
}

bool
chat_stream(struct exchange *x, const struct chat_call *call)
{
	struct chat_stream s = {
		.x = x,
		.call = call,
		.model = relay_quote(x, x->model->id),
		.began_us = clock_mono_us(),
	};
	bool done;

	x->usage_flags |= USAGE_STREAMED;
	if (!s.model)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	done = run(&s);
	end(&s);
	return done;
}
