/* bill.c: from amounts to money. */
#include "handlers/bill.h"

/* Tokens of a sum, divided by what they cost. */
struct tokens {
	int64_t plain, special, audio;
};

static int64_t
in_range(int64_t part, int64_t whole)
{
	if (part < 0)
		return 0;
	return part < whole ? part : whole;
}

/* Sound comes first: what is left of the whole can be special. */
static struct tokens
divide(int64_t whole, int64_t special, int64_t audio)
{
	struct tokens tokens;

	tokens.audio = in_range(audio, whole);
	tokens.special = in_range(special, whole - tokens.audio);
	tokens.plain = whole - tokens.audio - tokens.special;
	return tokens;
}

static bool
add_input(struct charge *charge, const struct model *model,
    const struct amounts *amounts)
{
	struct tokens input = divide(amounts->input_tokens,
	    amounts->cached_tokens, amounts->audio_input_tokens);

	return charge_add(charge, model->price_input, input.plain) &&
	       charge_add(charge, model->price_cached_input, input.special) &&
	       charge_add(charge, model->price_audio_input, input.audio);
}

static bool
add_output(struct charge *charge, const struct model *model,
    const struct amounts *amounts)
{
	struct tokens output = divide(amounts->output_tokens,
	    amounts->reasoning_tokens, amounts->audio_output_tokens);

	return charge_add(charge, model->price_output, output.plain) &&
	       charge_add(charge, model->price_reasoning, output.special) &&
	       charge_add(charge, model->price_audio_output, output.audio);
}

/* A price is USD per million: here per 1000 seconds of a price per second. */
static price
per_ms(price per_second)
{
	return (price){ per_second.nano_per_million / 1000 };
}

/* What is not made of tokens. */
static bool
add_others(struct charge *charge, const struct model *model,
    const struct amounts *amounts)
{
	return charge_add(charge, amounts->image_price, amounts->images) &&
	       charge_add(charge, model->price_characters,
	           amounts->characters) &&
	       charge_add(charge, per_ms(model->price_second),
	           amounts->audio_ms);
}

static bool
total(const struct model *model, const struct charge *charge, money *cost)
{
	struct charge least = { 0 };
	money sum, min;

	if (!charge_total(charge, &sum) ||
	    !charge_add(&least, model->price_min, 1) ||
	    !charge_total(&least, &min))
		return false;
	*cost = money_compare(sum, min) < 0 ? min : sum;
	return true;
}

bool
bill_price(const struct model *model, const struct amounts *amounts,
    money *cost)
{
	struct charge charge = { 0 };

	return add_input(&charge, model, amounts) &&
	       add_output(&charge, model, amounts) &&
	       add_others(&charge, model, amounts) &&
	       total(model, &charge, cost);
}

bool
bill_worst(const struct model *model, const struct amounts *worst, money *cost)
{
	struct charge charge = { 0 };
	price input = price_max(model->price_input, model->price_cached_input);
	price output = price_max(model->price_output, model->price_reasoning);

	if (worst->audio_input_tokens > 0)
		input = price_max(input, model->price_audio_input);
	if (worst->audio_output_tokens > 0)
		output = price_max(output, model->price_audio_output);
	return charge_add(&charge, input, worst->input_tokens) &&
	       charge_add(&charge, output, worst->output_tokens) &&
	       add_others(&charge, model, worst) &&
	       total(model, &charge, cost);
}

/* True when what is not zero has a known cost. */
static bool
add_cost(struct charge *charge, const struct conf_cost *cost, int64_t tokens)
{
	return tokens == 0 ||
	       (cost->known && charge_add(charge, cost->price, tokens));
}

bool
bill_cost(const struct route *route, const struct amounts *amounts,
    money *cost)
{
	struct charge charge = { 0 };

	return amounts->input_tokens + amounts->output_tokens > 0 &&
	       amounts->images == 0 && amounts->audio_ms == 0 &&
	       amounts->characters == 0 &&
	       add_cost(&charge, &route->cost_input, amounts->input_tokens) &&
	       add_cost(&charge, &route->cost_output,
	           amounts->output_tokens) &&
	       charge_total(&charge, cost);
}
