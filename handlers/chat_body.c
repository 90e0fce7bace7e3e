/* chat_body.c: a chat request as the provider is to see it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handlers/chat_private.h"
#include "handlers/relay.h"

enum { NUMBER_TEXT_SIZE = 24, EDITS_MAX = 8 };

/* The changes to a body, and the texts that they put in. */
struct edits {
	struct json_edit list[EDITS_MAX];
	size_t n;
	char n_choices[NUMBER_TEXT_SIZE];
	char tokens[NUMBER_TEXT_SIZE], newer_tokens[NUMBER_TEXT_SIZE];
	char *stream_options;
};

static void
add(struct edits *edits, const char *name, const char *value)
{
	edits->list[edits->n++] = (struct json_edit){ name, value };
}

/*
 * Adds an edit that writes an integer as one: 5.0 is an integer to us, and not
 * to every provider.
 */
static void
add_integer(struct exchange *x, struct edits *edits, const char *name,
    char text[NUMBER_TEXT_SIZE])
{
	int64_t value;

	if (!json_is_real(json_object_get(x->json, name)) ||
	    json_read_integer(x->json, name, &value) != JSON_READ)
		return;
	snprintf(text, NUMBER_TEXT_SIZE, "%" PRId64, value);
	add(edits, name, text);
}

static bool
is_named(const struct exchange *x, const char *name)
{
	const json_t *value = json_object_get(x->json, name);

	return value && !json_is_null(value);
}

/* What is held must bind the provider too. */
static void
add_bound(struct exchange *x, struct edits *edits)
{
	add_integer(x, edits, "n", edits->n_choices);
	add_integer(x, edits, "max_tokens", edits->tokens);
	add_integer(x, edits, "max_completion_tokens", edits->newer_tokens);
	if (is_named(x, "max_tokens") || is_named(x, "max_completion_tokens"))
		return;
	snprintf(edits->tokens, sizeof(edits->tokens), "%" PRId64,
	    x->model->output_tokens_max);
	add(edits, "max_tokens", edits->tokens);
}

/* The client's stream_options with include_usage; what else is in it stays. */
static char *
options_with_usage(const struct exchange *x)
{
	json_t *given = json_object_get(x->json, "stream_options");
	json_t *options = json_is_object(given) ? json_copy(given) :
	    json_object();
	char *text = NULL;

	if (json_object_set_new(options, "include_usage", json_true()) == 0)
		text = json_dumps(options, JSON_COMPACT);
	json_decref(options);
	return text;
}

static bool
add_stream_options(struct exchange *x, struct edits *edits)
{
	switch ((enum stream_options)x->model->route.provider->stream_options) {
	case STREAM_OPTIONS_YES:
		edits->stream_options = options_with_usage(x);
		add(edits, "stream_options", edits->stream_options);
		return edits->stream_options != NULL;
	case STREAM_OPTIONS_NO:
		add(edits, "stream_options", NULL);
		return true;
	}
	return false;
}

char *
chat_body(struct exchange *x, bool stream, size_t *len)
{
	struct edits edits = { .n = 0 };
	const char *model = relay_quote(x, x->model->route.model);
	char *text = NULL;

	add(&edits, "model", model);
	add_bound(x, &edits);
	if (model && (!stream || add_stream_options(x, &edits)))
		text = json_edit_members(x->body, x->body_len, edits.list,
		    edits.n, len);
	free(edits.stream_options);
	if (!text)
		exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	return text;
}
