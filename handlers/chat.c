/* chat.c: POST /v1/chat/completions: what it can cost, and its making. */
#include "base/tokens.h"
#include "handlers/chat_private.h"
#include "handlers/endpoint.h"
#include "handlers/relay.h"
#include "handlers/scope.h"

static bool
find_model(struct exchange *x)
{
	const json_t *model = json_object_get(x->json, "model");

	if (!model || json_is_null(model))
		return exchange_fail(x, ERR_INVALID_REQUEST, "model",
		    "model is missing: name one of those that GET /v1/models "
		    "lists.");
	if (!json_is_string(model) || json_string_length(model) == 0)
		return exchange_fail(x, ERR_INVALID_REQUEST, "model",
		    "model must be a string: one of those that GET /v1/models "
		    "lists.");
	x->model = scope_model(x, json_string_value(model),
	    json_string_length(model), "model");
	return x->model != NULL;
}

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
		return tokens_chat_estimate(x->json, x->body_len,
		    model->image_tokens);
	}
	return model->context;
}

bool
chat_prepare(struct exchange *x)
{
	struct chat_ask ask;

	if (!find_model(x) || !chat_check(x, &ask))
		return false;
	if (ask.output_tokens == 0)
		ask.output_tokens = x->model->output_tokens_max;
	x->worst.input_tokens = worst_input(x);
	if (__builtin_mul_overflow(ask.output_tokens, ask.n,
	    &x->worst.output_tokens))
		return exchange_fail(x, ERR_REQUEST_TOO_LARGE, "n", NULL);
	return true;
}

static bool
wants_stream(const struct exchange *x)
{
	return json_is_true(json_object_get(x->json, "stream"));
}

static bool
wants_usage(const struct exchange *x)
{
	return json_is_true(json_object_get(
	    json_object_get(x->json, "stream_options"), "include_usage"));
}

static bool
take_whole(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *answer, void *context)
{
	const struct chat_call *call = context;

	return relay_judge(x, rc, answer) &&
	       chat_answer(x, answer->body, answer->body_len, call->estimate);
}

static bool
ask_whole(struct exchange *x, struct chat_call *call)
{
	struct relay_ask ask = {
		.path = "/chat/completions",
		.edits = call->edits->list,
		.n_edits = call->edits->n,
		.take = take_whole,
		.context = call,
	};

	return relay(x, &ask);
}

bool
chat_handle(struct exchange *x)
{
	bool stream = wants_stream(x);
	struct chat_edits edits;
	struct chat_call call = {
		.edits = &edits,
		.estimate = tokens_chat_estimate(x->json, x->body_len,
		    x->model->image_tokens),
		.usage_asked = wants_usage(x),
	};
	bool done = chat_edits_make(x, stream, &edits);

	/* A provider may take minutes; the tree is several times the text. */
	json_decref(x->json);
	x->json = NULL;
	if (done)
		done = stream ? chat_stream(x, &call) : ask_whole(x, &call);
	chat_edits_clear(&edits);
	return done;
}
