/* chat.c: POST /v1/chat/completions: what it can cost. */
#include <string.h>

#include "base/tokens.h"
#include "handlers/ask.h"
#include "handlers/chat_private.h"
#include "handlers/endpoint.h"

static int64_t
worst_input(const struct exchange *x)
{
	const struct model *model = x->model;
	int64_t tokens;

	switch ((enum hold_input)x->conf->hold_input) {
	case HOLD_INPUT_BOUND:
		tokens = tokens_chat_bound(x->json, x->body_len,
		    model->image_tokens);
		/* A longer prompt than its context no provider takes. */
		return tokens < model->context ? tokens : model->context;
	case HOLD_INPUT_ESTIMATE:
		return x->tokens_estimate;
	}
	return model->context;
}

static bool
is_word(const json_t *value, const char *word)
{
	const char *text = json_string_value(value);

	return text && strcmp(text, word) == 0;
}

/* Whether a message brings sound, or names some that the provider has. */
static bool
has_sound(const json_t *message)
{
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(message, "content"), i, part)
		if (is_word(json_object_get(part, "type"), "input_audio") ||
		    json_object_get(part, "input_audio"))
			return true;
	return json_is_object(json_object_get(message, "audio"));
}

static bool
hears(const json_t *request)
{
	const json_t *message;
	size_t i;

	json_array_foreach(json_object_get(request, "messages"), i, message)
		if (has_sound(message))
			return true;
	return false;
}

static bool
speaks(const json_t *request)
{
	const json_t *word;
	size_t i;

	json_array_foreach(json_object_get(request, "modalities"), i, word)
		if (is_word(word, "audio"))
			return true;
	return json_is_object(json_object_get(request, "audio"));
}

bool
chat_prepare(struct exchange *x)
{
	struct chat_ask ask;

	if (!ask_model(x, MODEL_CHAT) || !chat_check(x, &ask))
		return false;
	if (ask.output_tokens == 0)
		ask.output_tokens = x->model->output_tokens_max;
	x->tokens_estimate = tokens_chat_estimate(x->json, x->body_len,
	    x->model->image_tokens);
	x->worst.input_tokens = worst_input(x);
	if (__builtin_mul_overflow(ask.output_tokens, ask.n,
	    &x->worst.output_tokens))
		return exchange_fail(x, ERR_REQUEST_TOO_LARGE, "n", NULL);
	if (hears(x->json))
		x->worst.audio_input_tokens = x->worst.input_tokens;
	if (speaks(x->json))
		x->worst.audio_output_tokens = x->worst.output_tokens;
	return true;
}

bool
chat_handle(struct exchange *x)
{
	return chat_make(x, &chat_kind_chat, x->model->output_tokens_max);
}
