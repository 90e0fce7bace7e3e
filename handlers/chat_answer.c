/* chat_answer.c: a provider's chat answer: what it used, and its relaying. */
#include <string.h>

#include "handlers/chat_private.h"
#include "handlers/relay.h"
#include "upstream/usage_scan.h"

/* The members of a message that hold what was produced as text. */
static const char *const text_members[] = {
	"content",
	"reasoning_content",
	"reasoning",
	"refusal",
};

enum { N_TEXT_MEMBERS = sizeof(text_members) / sizeof(text_members[0]) };

/* What an answer holds. */
struct yield {
	size_t bytes; /* of text */
	bool more;    /* something that is not text: audio, a part of a kind
	               * we do not know */
};

static void
count_string(struct yield *yield, const json_t *value)
{
	yield->bytes += json_string_length(value);
}

/* A string, or an array of parts. */
static void
count_text(struct yield *yield, const json_t *value)
{
	const json_t *part;
	size_t i;

	count_string(yield, value);
	json_array_foreach(value, i, part) {
		if (json_is_string(json_object_get(part, "text")))
			count_string(yield, json_object_get(part, "text"));
		else
			yield->more = true;
	}
}

static void
count_function(struct yield *yield, const json_t *function)
{
	if (!json_is_object(function))
		return;
	yield->more = true;
	count_string(yield, json_object_get(function, "name"));
	count_string(yield, json_object_get(function, "arguments"));
}

static void
count_message(struct yield *yield, const json_t *message)
{
	const json_t *call;
	size_t i;

	for (size_t m = 0; m < N_TEXT_MEMBERS; m++)
		count_text(yield, json_object_get(message, text_members[m]));
	json_array_foreach(json_object_get(message, "tool_calls"), i, call) {
		yield->more = true;
		count_function(yield, json_object_get(call, "function"));
		count_string(yield, json_object_get(
		    json_object_get(call, "custom"), "input"));
	}
	count_function(yield, json_object_get(message, "function_call"));
	if (json_is_object(json_object_get(message, "audio")))
		yield->more = true;
}

static struct yield
count_choices(const json_t *choices)
{
	struct yield yield = { 0 };
	const json_t *choice;
	size_t i;

	json_array_foreach(choices, i, choice) {
		count_message(&yield, json_object_get(choice, "message"));
		/* A completion of a text has no message. */
		count_string(&yield, json_object_get(choice, "text"));
	}
	return yield;
}

static void
note_usage(struct exchange *x, const json_t *answer, int64_t estimate)
{
	struct yield found = count_choices(json_object_get(answer, "choices"));
	struct chat_yield yield = {
		.text_bytes = (int64_t)found.bytes,
		.more = found.more,
	};
	struct token_usage usage;

	if (usage_scan(answer, &usage) == USAGE_REPORTED)
		yield.usage = &usage;
	chat_bill(x, &yield, estimate);
}

static bool
unusable(struct exchange *x, const char *why)
{
	exchange_detail(x, "provider %s: %s", x->route->provider->name,
	    why);
	return exchange_fail(x, ERR_UPSTREAM_ERROR, NULL, NULL);
}

/* The provider's text with the public model ID, otherwise byte for byte. */
static bool
relay_text(struct exchange *x, const char *text, size_t len)
{
	struct json_edit edit = { "model", relay_quote(x, x->model->id) };
	size_t relayed_len;
	char *relayed;

	relayed = edit.value ?
	    json_edit_members(text, len, &edit, 1, &relayed_len) : NULL;
	if (!relayed)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	exchange_answer_owned(x, 200, "application/json", relayed,
	    relayed_len);
	return true;
}

bool
chat_answer(struct exchange *x, const char *text, size_t len,
    int64_t estimate)
{
	json_t *answer = text ? json_parse_answer(text, len) : NULL;
	bool done;

	if (!answer)
		return unusable(x, "the answer is not a JSON object");
	if (json_array_size(json_object_get(answer, "choices")) == 0) {
		json_decref(answer);
		return unusable(x, "the answer has no choices");
	}
	note_usage(x, answer, estimate);
	json_decref(answer);
	done = relay_text(x, text, len);
	if (!done)
		x->produced = false;
	return done;
}
