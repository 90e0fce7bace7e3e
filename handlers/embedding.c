/* embedding.c: POST /v1/embeddings: texts as vectors. */
#include <string.h>

#include "handlers/ask.h"
#include "handlers/document.h"
#include "handlers/endpoint.h"
#include "upstream/usage_scan.h"

enum { INPUTS_MAX = 2048, DIMENSIONS_MAX = 1000000 };

static bool
check_format(struct exchange *x)
{
	const char *format;

	if (!ask_text(x, "encoding_format", &format))
		return false;
	return !format || strcmp(format, "float") == 0 ||
	       strcmp(format, "base64") == 0 ||
	       exchange_fail(x, ERR_INVALID_REQUEST, "encoding_format",
	    "encoding_format must be 'float' or 'base64'.");
}

bool
embedding_prepare(struct exchange *x)
{
	struct ask_texts inputs;
	int64_t dimensions;

	if (!ask_model(x, MODEL_EMBEDDING) ||
	    !ask_texts(x, "input", INPUTS_MAX, &inputs) || !check_format(x) ||
	    !ask_count(x, "dimensions", DIMENSIONS_MAX, &dimensions))
		return false;
	x->tokens_estimate = inputs.estimate;
	x->worst.input_tokens = ask_worst_input(x, &inputs);
	return true;
}

/* What the provider counted, or what it likely was, within what was held. */
static const char *
count(struct exchange *x, const json_t *answer, void *context)
{
	int64_t tokens = 0;

	(void)context;
	if (json_array_size(json_object_get(answer, "data")) == 0)
		return "the answer has no data";
	if (usage_scan_input(answer, &tokens) != USAGE_REPORTED ||
	    tokens == 0) {
		tokens = x->tokens_estimate < x->worst.input_tokens ?
		    x->tokens_estimate : x->worst.input_tokens;
		x->usage_flags |= USAGE_ESTIMATED;
	}
	x->used.input_tokens = tokens;
	return NULL;
}

bool
embedding_handle(struct exchange *x)
{
	const struct document_call call = {
		.path = "/embeddings",
		.count = count,
	};

	return document_make(x, &call);
}
