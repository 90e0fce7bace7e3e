/* completion.c: POST /v1/completions: what it can cost. */
#include "handlers/ask.h"
#include "handlers/chat_private.h"
#include "handlers/endpoint.h"

enum {
	PROMPTS_MAX = 2048,
	/* What a request is given that names no max_tokens, in OpenAI's
	 * definition of this endpoint. */
	USUAL_OUTPUT_TOKENS = 16,
};

static int64_t
usual_tokens(const struct exchange *x)
{
	int64_t max = x->model->output_tokens_max;

	return max < USUAL_OUTPUT_TOKENS ? max : USUAL_OUTPUT_TOKENS;
}

/* Of best_of answers each is made, and n of them are told. */
static bool
check_best_of(struct exchange *x, struct chat_ask *ask)
{
	int64_t best_of;

	if (!ask_count(x, "best_of", CHAT_N_MAX, &best_of))
		return false;
	if (best_of > 0 && best_of < ask->n)
		return exchange_fail(x, ERR_INVALID_REQUEST, "best_of",
		    "best_of must not be less than n.");
	if (best_of > ask->n)
		ask->n = best_of;
	return true;
}

bool
completion_prepare(struct exchange *x)
{
	struct ask_texts prompts;
	struct chat_ask ask;
	int64_t *output = &x->worst.output_tokens;

	if (!ask_model(x, MODEL_COMPLETION) ||
	    !ask_texts(x, "prompt", PROMPTS_MAX, &prompts) ||
	    !chat_check_common(x, &ask) || !check_best_of(x, &ask))
		return false;
	if (ask.output_tokens == 0)
		ask.output_tokens = usual_tokens(x);
	x->tokens_estimate = prompts.estimate;
	x->worst.input_tokens = ask_worst_input(x, &prompts);
	if (__builtin_mul_overflow(ask.output_tokens, ask.n, output) ||
	    __builtin_mul_overflow(*output, prompts.n, output))
		return exchange_fail(x, ERR_REQUEST_TOO_LARGE, "n", NULL);
	return true;
}

bool
completion_handle(struct exchange *x)
{
	return chat_make(x, &chat_kind_completion, usual_tokens(x));
}
