/* chat_check.c: whether a chat request is one, and what it asks for. */
#include "handlers/ask.h"
#include "handlers/chat_private.h"

struct number_rule {
	const char *name;
	double min, max;
};

static const struct number_rule number_rules[] = {
	{ "temperature", 0, 2 },
	{ "top_p", 0, 1 },
	{ "frequency_penalty", -2, 2 },
	{ "presence_penalty", -2, 2 },
};

/* Both are a bound on the output; the second is the newer name. */
static const char *const bound_names[] = {
	"max_tokens",
	"max_completion_tokens",
};

enum {
	N_NUMBER_RULES = sizeof(number_rules) / sizeof(number_rules[0]),
	N_BOUND_NAMES = sizeof(bound_names) / sizeof(bound_names[0]),
};

static bool
check_message(struct exchange *x, const json_t *message, size_t i)
{
	const json_t *role = json_object_get(message, "role");

	if (!json_is_object(message))
		return exchange_fail(x, ERR_INVALID_REQUEST,
		    arena_printf(x->arena, "messages[%zu]", i),
		    "messages[%zu] must be an object with a role.", i);
	if (!json_is_string(role) || json_string_length(role) == 0)
		return exchange_fail(x, ERR_INVALID_REQUEST,
		    arena_printf(x->arena, "messages[%zu].role", i),
		    "messages[%zu].role must be a string, such as 'user'.", i);
	return true;
}

static bool
check_messages(struct exchange *x)
{
	const json_t *messages = json_object_get(x->json, "messages");
	size_t n = json_array_size(messages);

	if (!messages || json_is_null(messages))
		return exchange_fail(x, ERR_INVALID_REQUEST, "messages",
		    "messages is missing: send a non-empty array of messages.");
	if (!json_is_array(messages))
		return exchange_fail(x, ERR_INVALID_REQUEST, "messages",
		    "messages must be an array of messages.");
	if (n == 0)
		return exchange_fail(x, ERR_INVALID_REQUEST, "messages",
		    "messages is empty: send at least one message.");
	for (size_t i = 0; i < n; i++)
		if (!check_message(x, json_array_get(messages, i), i))
			return false;
	return true;
}

static bool
check_stream_options(struct exchange *x)
{
	const json_t *options = json_object_get(x->json, "stream_options");
	bool usage;

	if (!options || json_is_null(options))
		return true;
	if (!json_is_object(options))
		return exchange_fail(x, ERR_INVALID_REQUEST, "stream_options",
		    "stream_options must be an object.");
	if (json_read_boolean(options, "include_usage", &usage) == JSON_WRONG)
		return exchange_fail(x, ERR_INVALID_REQUEST,
		    "stream_options.include_usage",
		    "stream_options.include_usage must be true or false.");
	return true;
}

bool
chat_check_common(struct exchange *x, struct chat_ask *ask)
{
	int64_t bound;
	bool stream;

	*ask = (struct chat_ask){ .n = 1 };
	for (size_t i = 0; i < N_BOUND_NAMES; i++) {
		if (!ask_count(x, bound_names[i],
		    x->model->output_tokens_max, &bound))
			return false;
		if (bound > ask->output_tokens)
			ask->output_tokens = bound;
	}
	for (size_t i = 0; i < N_NUMBER_RULES; i++)
		if (!ask_number(x, number_rules[i].name, number_rules[i].min,
		    number_rules[i].max))
			return false;
	if (!ask_count(x, "n", CHAT_N_MAX, &ask->n))
		return false;
	if (ask->n == 0)
		ask->n = 1;
	return ask_boolean(x, "stream", &stream) && check_stream_options(x);
}

bool
chat_check(struct exchange *x, struct chat_ask *ask)
{
	return check_messages(x) && chat_check_common(x, ask);
}
