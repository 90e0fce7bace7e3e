/* chat_check.c: whether a chat request is one, and what it asks for. */
#include <inttypes.h>

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

/* A positive integer of at most max, where it is given; *value is 0 if not. */
static bool
check_count(struct exchange *x, const char *name, int64_t max, int64_t *value)
{
	*value = 0;
	switch (json_read_integer(x->json, name, value)) {
	case JSON_ABSENT:
		return true;
	case JSON_READ:
		if (*value > 0 && *value <= max)
			return true;
		break;
	case JSON_WRONG:
		*value = 0;
		break;
	}
	if (*value > max)
		return exchange_fail(x, ERR_INVALID_REQUEST, name,
		    "%s is %" PRId64 ", and may be %" PRId64 " at most.",
		    name, *value, max);
	return exchange_fail(x, ERR_INVALID_REQUEST, name,
	    "%s must be a positive integer, at most %" PRId64 ".", name, max);
}

static bool
check_number(struct exchange *x, const struct number_rule *rule)
{
	double value = 0;

	switch (json_read_number(x->json, rule->name, &value)) {
	case JSON_ABSENT:
		return true;
	case JSON_READ:
		if (value >= rule->min && value <= rule->max)
			return true;
		break;
	case JSON_WRONG:
		break;
	}
	return exchange_fail(x, ERR_INVALID_REQUEST, rule->name,
	    "%s must be a number from %g to %g.", rule->name, rule->min,
	    rule->max);
}

static bool
check_stream(struct exchange *x)
{
	bool stream = false;

	if (json_read_boolean(x->json, "stream", &stream) == JSON_WRONG)
		return exchange_fail(x, ERR_INVALID_REQUEST, "stream",
		    "stream must be true or false.");
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
chat_check(struct exchange *x, struct chat_ask *ask)
{
	int64_t bound;

	*ask = (struct chat_ask){ .n = 1 };
	if (!check_messages(x))
		return false;
	for (size_t i = 0; i < N_BOUND_NAMES; i++) {
		if (!check_count(x, bound_names[i],
		    x->model->output_tokens_max, &bound))
			return false;
		if (bound > ask->output_tokens)
			ask->output_tokens = bound;
	}
	for (size_t i = 0; i < N_NUMBER_RULES; i++)
		if (!check_number(x, &number_rules[i]))
			return false;
	if (!check_count(x, "n", CHAT_N_MAX, &ask->n))
		return false;
	if (ask->n == 0)
		ask->n = 1;
	return check_stream(x) && check_stream_options(x);
}
