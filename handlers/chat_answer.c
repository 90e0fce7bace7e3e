/* chat_answer.c: a provider's chat answer: what it used, and its relaying. */
#include "handlers/chat_private.h"
#include "handlers/relay.h"
#include "upstream/output_scan.h"
#include "upstream/usage_scan.h"

static bool
no_memory(struct exchange *x)
{
	exchange_detail(x, "no memory for an answer");
	return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
}

static bool
unusable(struct exchange *x, const char *why)
{
	exchange_detail(x, "provider %s: %s", x->route->provider->name,
	    why);
	return exchange_fail(x, ERR_UPSTREAM_ERROR, NULL, NULL);
}

/* Notes what is billed. False without memory. */
static bool
note_usage(struct exchange *x, const struct json_view *view, int64_t estimate)
{
	const struct json_part *choices = json_view_member(view, view->part,
	    "choices");
	const struct json_part *part = json_view_member(view, view->part,
	    "usage");
	const struct json_part *choice;
	json_t *object = part ? json_view_load(view, part) : NULL;
	struct output output = { 0 };
	struct chat_yield yield = { 0 };
	struct token_usage usage;

	if (part && !object)
		return no_memory(x);
	for (choice = json_view_first(choices); choice;
	    choice = json_view_next(choices, choice))
		output_add(&output, view, choice, "message");
	yield.text_bytes = output.text_bytes;
	yield.more = output.more;
	if (usage_scan(object, &usage) == USAGE_REPORTED)
		yield.usage = &usage;
	json_decref(object);
	chat_bill(x, &yield, estimate);
	return true;
}

/* The provider's text with the public model ID, otherwise byte for byte. */
static bool
relay_text(struct exchange *x, const struct json_view *view)
{
	struct json_edit edit = { "model", relay_quote(x, x->model->id) };
	struct json_text relayed = { 0 };

	if (!edit.value || !json_view_edit(view, &edit, 1, &relayed)) {
		x->produced = false;
		return no_memory(x);
	}
	exchange_answer_owned(x, 200, "application/json", relayed.bytes,
	    relayed.len);
	return true;
}

bool
chat_answer(struct exchange *x, const char *text, size_t len,
    int64_t estimate)
{
	struct json_view view = { 0 };
	bool done;

	if (!text || !json_view(&view, text, len, JSON_VIEW_ALL))
		done = unusable(x, "the answer is not a JSON object");
	else if (json_view_size(json_view_member(&view, view.part, "choices"),
	    JSON_ARRAY) == 0)
		done = unusable(x, "the answer has no choices");
	else
		done = note_usage(x, &view, estimate) && relay_text(x, &view);
	json_view_clear(&view);
	return done;
}
