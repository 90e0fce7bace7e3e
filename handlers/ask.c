/* ask.c: reading what a request asks for, the same at every endpoint. */
#include "handlers/ask.h"

#include <inttypes.h>
#include <string.h>

#include "base/tokens.h"
#include "handlers/scope.h"

static const struct {
	const char *does, *path;
} kinds[MODEL_KIND__COUNT] = {
	[MODEL_CHAT] = { "answers conversations", "/v1/chat/completions" },
	[MODEL_COMPLETION] = { "completes texts", "/v1/completions" },
	[MODEL_EMBEDDING] = { "makes embeddings", "/v1/embeddings" },
	[MODEL_IMAGE] = { "makes images", "/v1/images/generations" },
	[MODEL_SPEECH] = { "reads texts aloud", "/v1/audio/speech" },
	[MODEL_TRANSCRIPTION] = { "writes recordings down",
	    "/v1/audio/transcriptions" },
};

bool
ask_model_named(struct exchange *x, const char *id, size_t id_len,
    enum model_kind kind)
{
	const struct model *model;

	if (!id || id_len == 0)
		return exchange_fail(x, ERR_INVALID_REQUEST, "model",
		    "model is missing: name one of those that GET /v1/models "
		    "lists.");
	model = scope_model(x, id, id_len, "model");
	if (!model)
		return false;
	if (model->kind != (int)kind)
		return exchange_fail(x, ERR_INVALID_REQUEST, "model",
		    "Model '%s' %s: use it at POST %s. This endpoint takes "
		    "models that do something else.",
		    exchange_excerpt(x, id, id_len), kinds[model->kind].does,
		    kinds[model->kind].path);
	x->model = model;
	return true;
}

bool
ask_model(struct exchange *x, enum model_kind kind)
{
	const json_t *model = json_object_get(x->json, "model");

	if (model && !json_is_null(model) &&
	    (!json_is_string(model) || json_string_length(model) == 0))
		return exchange_fail(x, ERR_INVALID_REQUEST, "model",
		    "model must be a string: one of those that GET /v1/models "
		    "lists.");
	return ask_model_named(x, json_string_value(model),
	    json_string_length(model), kind);
}

bool
ask_count(struct exchange *x, const char *name, int64_t max, int64_t *value)
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

bool
ask_number(struct exchange *x, const char *name, double min, double max)
{
	double value = 0;

	switch (json_read_number(x->json, name, &value)) {
	case JSON_ABSENT:
		return true;
	case JSON_READ:
		if (value >= min && value <= max)
			return true;
		break;
	case JSON_WRONG:
		break;
	}
	return exchange_fail(x, ERR_INVALID_REQUEST, name,
	    "%s must be a number from %g to %g.", name, min, max);
}

bool
ask_boolean(struct exchange *x, const char *name, bool *value)
{
	*value = false;
	if (json_read_boolean(x->json, name, value) == JSON_WRONG)
		return exchange_fail(x, ERR_INVALID_REQUEST, name,
		    "%s must be true or false.", name);
	return true;
}

bool
ask_text(struct exchange *x, const char *name, const char **text)
{
	const json_t *value = json_object_get(x->json, name);

	*text = json_string_value(value);
	if (value && !json_is_null(value) && !*text)
		return exchange_fail(x, ERR_INVALID_REQUEST, name,
		    "%s must be a string.", name);
	return true;
}

static bool
missing(struct exchange *x, const char *name)
{
	return exchange_fail(x, ERR_INVALID_REQUEST, name,
	    "%s is missing, or empty.", name);
}

bool
ask_text_needed(struct exchange *x, const char *name, const char **text)
{
	return ask_text(x, name, text) &&
	       ((*text && json_string_length(json_object_get(x->json,
	           name)) > 0) || missing(x, name));
}

bool
ask_is_given(const struct exchange *x, const char *name)
{
	const json_t *value = json_object_get(x->json, name);

	return value && !json_is_null(value);
}

static bool
is_tokens(const json_t *list)
{
	const json_t *token;
	size_t i;

	json_array_foreach(list, i, token)
		if (!json_is_integer(token) || json_integer_value(token) < 0)
			return false;
	return json_array_size(list) > 0;
}

static bool
add_text(const json_t *text, struct ask_texts *texts)
{
	texts->n++;
	if (json_string_length(text) > 0)
		texts->estimate += tokens_text_estimate(
		    json_string_length(text));
	else if (is_tokens(text))
		texts->estimate += (int64_t)json_array_size(text);
	else
		return false;
	return true;
}

static bool
bad_texts(struct exchange *x, const char *name)
{
	return exchange_fail(x, ERR_INVALID_REQUEST, name,
	    "%s must be a string, a list of strings, a list of tokens or a "
	    "list of lists of tokens, none of them empty.", name);
}

bool
ask_texts(struct exchange *x, const char *name, int64_t n_max,
    struct ask_texts *texts)
{
	const json_t *value = json_object_get(x->json, name), *text;
	size_t i;

	*texts = (struct ask_texts){ 0 };
	if (!ask_is_given(x, name))
		return missing(x, name);
	if (json_is_string(value) || is_tokens(value))
		return add_text(value, texts) || bad_texts(x, name);
	if (json_array_size(value) == 0)
		return bad_texts(x, name);
	if (json_array_size(value) > (size_t)n_max)
		return exchange_fail(x, ERR_INVALID_REQUEST, name,
		    "%s has %zu entries, and may have %" PRId64 " at most.",
		    name, json_array_size(value), n_max);
	json_array_foreach(value, i, text)
		if (!add_text(text, texts))
			return bad_texts(x, name);
	return true;
}

int64_t
ask_worst_input(const struct exchange *x, const struct ask_texts *texts)
{
	int64_t most, tokens = texts->estimate;

	if (x->conf->hold_input == HOLD_INPUT_ESTIMATE)
		return tokens;
	tokens = tokens_texts_bound(x->body_len, texts->n);
	if (__builtin_mul_overflow(x->model->context, texts->n, &most))
		return tokens;
	return tokens < most ? tokens : most;
}
