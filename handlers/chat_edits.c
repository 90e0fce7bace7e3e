/* chat_edits.c: what is changed of a chat request for every provider. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handlers/ask.h"
#include "handlers/chat_private.h"

static void
add(struct chat_edits *edits, const char *name, const char *value)
{
	edits->list[edits->n++] = (struct json_edit){ name, value };
}

/*
 * Adds an edit that writes an integer as one: 5.0 is an integer to us, and not
 * to every provider.
 */
static void
add_integer(struct exchange *x, struct chat_edits *edits, const char *name,
    char text[CHAT_NUMBER_SIZE])
{
	int64_t value;

	if (!json_is_real(json_object_get(x->json, name)) ||
	    json_read_integer(x->json, name, &value) != JSON_READ)
		return;
	snprintf(text, CHAT_NUMBER_SIZE, "%" PRId64, value);
	add(edits, name, text);
}

/* What is held must bind the provider too. */
static void
add_bound(struct exchange *x, int64_t output_tokens, struct chat_edits *edits)
{
	add_integer(x, edits, "n", edits->n_choices);
	add_integer(x, edits, "best_of", edits->best_of);
	add_integer(x, edits, "max_tokens", edits->tokens);
	add_integer(x, edits, "max_completion_tokens", edits->newer_tokens);
	if (ask_is_given(x, "max_tokens") ||
	    ask_is_given(x, "max_completion_tokens"))
		return;
	snprintf(edits->tokens, sizeof(edits->tokens), "%" PRId64,
	    output_tokens);
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

bool
chat_edits_make(struct exchange *x, bool stream, int64_t output_tokens,
    struct chat_edits *edits)
{
	edits->n = 0;
	edits->stream_options = NULL;
	add_bound(x, output_tokens, edits);
	if (!stream)
		return true;
	edits->stream_options = options_with_usage(x);
	return edits->stream_options ||
	       exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
}

void
chat_edits_clear(struct chat_edits *edits)
{
	free(edits->stream_options);
	edits->stream_options = NULL;
}
