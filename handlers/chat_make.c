/* chat_make.c: the answer to a request for text, whole or as a stream. */
#include "handlers/chat_private.h"
#include "handlers/relay.h"

const struct chat_kind chat_kind_chat = {
	"/chat/completions", "chat.completion.chunk", true,
};

const struct chat_kind chat_kind_completion = {
	"/completions", "text_completion", false,
};

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
		.path = call->kind->path,
		.edits = call->edits->list,
		.n_edits = call->edits->n,
		.take = take_whole,
		.context = call,
	};

	return relay(x, &ask);
}

bool
chat_make(struct exchange *x, const struct chat_kind *kind,
    int64_t output_tokens)
{
	bool stream = wants_stream(x);
	struct chat_edits edits;
	struct chat_call call = {
		.kind = kind,
		.edits = &edits,
		.estimate = x->tokens_estimate,
		.usage_asked = wants_usage(x),
	};
	bool done = chat_edits_make(x, stream, output_tokens, &edits);

	/* A provider may take minutes; the tree is several times the text. */
	json_decref(x->json);
	x->json = NULL;
	if (done)
		done = stream ? chat_stream(x, &call) : ask_whole(x, &call);
	chat_edits_clear(&edits);
	return done;
}
