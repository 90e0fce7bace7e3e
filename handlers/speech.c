/*
 * speech.c: POST /v1/audio/speech: a text is read aloud.
 *
 * The sound is sent on as it arrives, with the type that the provider gives
 * it. Nothing can be said in it: an answer that breaks off just ends. The
 * characters of the text are billed, all of them, when any sound was
 * delivered, whoever ended it then; when none was, nothing is.
 */
#include <strings.h>

#include "base/tokens.h"
#include "handlers/ask.h"
#include "handlers/document.h"
#include "handlers/endpoint.h"
#include "handlers/relay.h"
#include "handlers/response.h"

struct speech {
	struct exchange *x;
	const char *content_type; /* of the answer */
	int64_t length;
	bool odd;                 /* it cannot be sound */
};

/* Each byte of UTF-8 that does not go on with a character begins one. */
static int64_t
count_characters(const char *text, size_t len)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

bool
speech_prepare(struct exchange *x)
{
	const char *input, *text;
	size_t len;

	if (!ask_model(x, MODEL_SPEECH) ||
	    !ask_text_needed(x, "input", &input) ||
	    !ask_text(x, "response_format", &text) ||
	    !ask_text(x, "stream_format", &text) ||
	    !ask_number(x, "speed", 0.25, 4))
		return false;
	len = json_string_length(json_object_get(x->json, "input"));
	x->worst.characters = count_characters(input, len);
	x->tokens_estimate = tokens_text_estimate(len);
	return true;
}

/* Some providers say what went wrong with a status that is good. */
static bool
is_sound(const char *type)
{
	return strncasecmp(type, "application/json", 16) != 0 &&
	       strncasecmp(type, "text/html", 9) != 0;
}

static bool
take_head(const struct upstream_answer *answer, void *context)
{
	struct speech *s = context;

	if (answer->http < 200 || answer->http > 299)
		return true;
	s->odd = !is_sound(answer->content_type);
	s->length = answer->length;
	s->content_type = arena_strdup(s->x->arena,
	    *answer->content_type ? answer->content_type :
	    "application/octet-stream");
	return !s->odd && s->content_type;
}

/* Notes that nobody listens any more; false. */
static bool
client_left(struct exchange *x)
{
	x->usage_flags |= USAGE_CLIENT_LEFT;
	return exchange_fail(x, ERR_CLIENT_LEFT, NULL, NULL);
}

static bool
take_piece(const char *data, size_t len, void *context)
{
	struct speech *s = context;
	struct exchange *x = s->x;

	if (!x->began)
		response_begin_bytes(x, s->content_type, s->length);
	return (response_bytes(x, data, len) && response_flush(x)) ||
	       client_left(x);
}

static bool
look_for_client(void *context)
{
	struct speech *s = context;

	if (!s->x->client->has_left(s->x->client))
		return false;
	client_left(s->x);
	return true;
}

static bool
must_stop(void *context)
{
	struct speech *s = context;

	switch (exchange_interrupt(s->x)) {
	case INTERRUPT_NONE:
		return false;
	case INTERRUPT_STOP:
		exchange_fail(s->x, ERR_GATEWAY_BUSY, NULL, NULL);
		return true;
	case INTERRUPT_CLIENT_LEFT:
		client_left(s->x);
		return true;
	}
	return true;
}

static void
begin(void *context)
{
	struct speech *s = context;

	s->odd = false;
	s->content_type = NULL;
	s->length = -1;
}

static bool
take(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *answer, void *context)
{
	struct speech *s = context;

	x->produced = x->began;
	if (x->produced)
		x->used.characters = x->worst.characters;
	if (s->odd)
		return document_unusable(x, "the answer is not sound");
	if (x->err != ERR_NONE || !relay_judge(x, rc, answer))
		return false;
	return x->began || document_unusable(x, "the answer is empty");
}

bool
speech_handle(struct exchange *x)
{
	struct speech s = { .x = x };
	struct relay_taker taker = {
		.sink = take_piece,
		.on_head = take_head,
		.stop = must_stop,
		.client_left = look_for_client,
		.context = &s,
	};
	struct relay_ask ask = {
		.path = "/audio/speech",
		.accept = "*/*",
		.taker = &taker,
		.begin = begin,
		.take = take,
		.context = &s,
	};

	x->usage_flags |= USAGE_STREAMED;
	json_decref(x->json);
	x->json = NULL;
	return relay(x, &ask);
}
