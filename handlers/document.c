/* document.c: endpoints that send JSON and get one JSON document back. */
#include "handlers/document.h"

#include "handlers/relay.h"

bool
document_unusable(struct exchange *x, const char *why)
{
	exchange_detail(x, "provider %s: %s", x->route->provider->name, why);
	return exchange_fail(x, ERR_UPSTREAM_ERROR, NULL, NULL);
}

bool
document_answer(struct exchange *x, const json_t *answer,
    const char *content_type, const char *text, size_t len)
{
	struct json_edit edit = { "model", relay_quote(x, x->model->id) };
	size_t n_edits = json_object_get(answer, "model") ? 1 : 0;
	size_t relayed_len;
	char *relayed;

	relayed = edit.value ? json_edit_members(text, len, &edit, n_edits,
	    &relayed_len) : NULL;
	if (!relayed)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	exchange_answer_owned(x, 200, content_type, relayed, relayed_len);
	x->produced = true;
	return true;
}

static bool
take(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *got, void *context)
{
	const struct document_call *call = context;
	const char *why = "the answer is not a JSON object";
	json_t *answer;
	bool done;

	if (!relay_judge(x, rc, got))
		return false;
	answer = got->body ? json_parse_answer(got->body, got->body_len) :
	    NULL;
	if (answer)
		why = call->count(x, answer, call->context);
	done = why ? document_unusable(x, why) :
	    document_answer(x, answer, "application/json", got->body,
	    got->body_len);
	json_decref(answer);
	return done;
}

bool
document_make(struct exchange *x, const struct document_call *call)
{
	struct relay_ask ask = {
		.path = call->path,
		.edits = call->edits,
		.n_edits = call->n_edits,
		.take = take,
		.context = (void *)(uintptr_t)call,
	};

	/* A provider may take minutes; the tree is several times the text. */
	json_decref(x->json);
	x->json = NULL;
	return relay(x, &ask);
}
