/* chat_bill.c: what a chat answer used, as far as anybody can know. */
#include "base/tokens.h"
#include "handlers/chat_private.h"

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * Whether the counts can be believed: what was produced is not zero tokens,
 * unless it came after they were made.
 */
static bool
counts_are_good(const struct exchange *x, const struct chat_yield *yield)
{
	return yield->usage && (yield->usage->output_tokens > 0 ||
	    yield->uncounted_bytes > 0 || !x->produced);
}

static int64_t
estimate_output(int64_t bytes)
{
	return tokens_text_estimate((size_t)bytes);
}

void
chat_bill(struct exchange *x, const struct chat_yield *yield, int64_t estimate)
{
	const struct token_usage *usage = yield->usage;
	int64_t more;

	x->used = (struct amounts){ 0 };
	/* A thought that is not shown was produced all the same. */
	x->produced = yield->text_bytes > 0 || yield->more ||
	    (usage && usage->reasoning_tokens > 0);
	if (counts_are_good(x, yield)) {
		more = estimate_output(yield->uncounted_bytes);
		x->used.input_tokens = usage->input_tokens;
		x->used.output_tokens = usage->output_tokens;
		x->used.cached_tokens = usage->cached_tokens;
		x->used.reasoning_tokens = usage->reasoning_tokens;
		x->used.audio_input_tokens = usage->audio_input_tokens;
		x->used.audio_output_tokens = usage->audio_output_tokens;
	} else {
		more = estimate_output(yield->text_bytes);
		x->used.input_tokens = smaller(estimate,
		    x->worst.input_tokens);
		x->used.output_tokens = 0;
		x->usage_flags |= USAGE_ESTIMATED;
	}
	if (more > 0 && x->used.output_tokens < x->worst.output_tokens) {
		x->usage_flags |= USAGE_ESTIMATED;
		x->used.output_tokens = smaller(more,
		    x->worst.output_tokens - x->used.output_tokens) +
		    x->used.output_tokens;
	}
}
