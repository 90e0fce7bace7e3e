/* conf_prices.c: which prices a model of each kind must have. */
#include <stddef.h>
#include <string.h>

#include "base/conf_private.h"

enum {
	CHAT = 1 << MODEL_CHAT,
	COMPLETION = 1 << MODEL_COMPLETION,
	EMBEDDING = 1 << MODEL_EMBEDDING,
	IMAGE = 1 << MODEL_IMAGE,
	SPEECH = 1 << MODEL_SPEECH,
	TRANSCRIPTION = 1 << MODEL_TRANSCRIPTION,
	EVERY = (1 << MODEL_KIND__COUNT) - 1,
};

/* Which kinds sell what a price is for, and which must have it. */
static const struct rule {
	const char *name;
	unsigned sold, needed;
	size_t offset;
	/* Whose price stands in where this one is not given; NULL: none. */
	const char *like;
} rules[] = {
#define RULE(name, sold, needed, like) \
	{ #name, sold, needed, offsetof(struct model, name), like }
	RULE(price_input, CHAT | COMPLETION | EMBEDDING | TRANSCRIPTION,
	    CHAT | COMPLETION | EMBEDDING, NULL),
	RULE(price_output, CHAT | COMPLETION | TRANSCRIPTION,
	    CHAT | COMPLETION, NULL),
	RULE(price_cached_input, CHAT | COMPLETION, 0, "price_input"),
	RULE(price_reasoning, CHAT | COMPLETION, 0, "price_output"),
	RULE(price_audio_input, CHAT | TRANSCRIPTION, 0, "price_input"),
	RULE(price_audio_output, CHAT, 0, "price_output"),
	RULE(price_images, IMAGE, IMAGE, NULL),
	RULE(price_characters, SPEECH, SPEECH, NULL),
	RULE(price_second, TRANSCRIPTION, 0, NULL),
	RULE(price_min, EVERY, 0, NULL),
#undef RULE
};

enum { N_RULES = sizeof(rules) / sizeof(rules[0]) };

static const struct option_row *
row_of(const char *name)
{
	const struct option_row *row = option_rows;

	while (row->section != OPTION_SECTION_MODEL ||
	       strcmp(row->name, name) != 0)
		row++;
	return row;
}

/* The word of a choice that an option's row lists. */
static const char *
kind_word(const struct model *model, int *len)
{
	const char *word = row_of("kind")->unit;

	for (int kind = 0; kind < model->kind; kind++)
		word += strcspn(word, "|") + 1;
	*len = (int)strcspn(word, "|");
	return word;
}

static bool
is_given(const struct conf_part *part, const char *name)
{
	return conf_setting_of(part, name)->line != 0;
}

static void
lacks(struct conf_draft *draft, const struct conf_part *part,
    const char *name)
{
	conf_complain(draft, part->line,
	    "[%s %s] lacks '%s'; expected '%s = %s'",
	    option_section_name(part->section), part->title, name, name,
	    row_of(name)->unit);
}

static price *
price_at(struct model *model, size_t offset)
{
	return (price *)(void *)((char *)model + offset);
}

static bool
is_zero(struct model *model, const struct rule *rule)
{
	bool zero = true;

	if (row_of(rule->name)->kind != OPTION_IMAGES)
		return price_at(model, rule->offset)->nano_per_million == 0;
	for (size_t i = 0; i < model->price_images.n; i++)
		zero &= model->price_images.list[i].each.nano_per_million == 0;
	return zero;
}

/* A price of 0 for what is not sold does no harm, and is a habit. */
static void
check_one(struct conf_draft *draft, const struct conf_part *part,
    struct model *model, const struct rule *rule)
{
	unsigned kind = 1u << model->kind;
	bool given = is_given(part, rule->name);
	const char *word;
	int len;

	if (!given && rule->needed & kind) {
		lacks(draft, part, rule->name);
	} else if (given && !(rule->sold & kind) && !is_zero(model, rule)) {
		word = kind_word(model, &len);
		conf_complain(draft, conf_setting_of(part, rule->name)->line,
		    "%s is not what a model of kind %.*s is paid by; expected "
		    "another kind, or no %s", rule->name, len, word,
		    rule->name);
	} else if (!given && rule->like) {
		*price_at(model, rule->offset) = *price_at(model,
		    row_of(rule->like)->offset);
	}
}

/* Transcriptions are sold by the second or by the token. */
static void
check_transcription(struct conf_draft *draft, const struct conf_part *part)
{
	bool input = is_given(part, "price_input");
	bool output = is_given(part, "price_output");
	int line = conf_setting_of(part, "price_second")->line;

	if (line && (input || output))
		conf_complain(draft, line,
		    "price_second is given beside prices of tokens; expected "
		    "one way of paying");
	else if (!line && !input && !output)
		lacks(draft, part, "price_second");
	else if (!line && input != output)
		lacks(draft, part, input ? "price_output" : "price_input");
}

/* What is asked for where nobody names it must have a price. */
static void
check_image(struct conf_draft *draft, const struct conf_part *part,
    const struct model *model)
{
	int size = conf_setting_of(part, "image_size")->line;
	int quality = conf_setting_of(part, "image_quality")->line;
	price any;

	if (model->price_images.n > 0 && (size || quality) &&
	    !conf_image_price(model, model->image_size, model->image_quality,
	    &any))
		conf_complain(draft, size ? size : quality,
		    "image_size and image_quality name an image that has no "
		    "price; expected an entry of price_images for it");
}

static void
check_free(struct conf_draft *draft, const struct conf_part *part,
    struct model *model)
{
	int line = conf_setting_of(part, "free")->line;

	for (size_t i = 0; i < N_RULES; i++)
		if (model->free == FREE_YES && !is_zero(model, &rules[i])) {
			conf_complain(draft, line,
			    "free is yes, and %s is not 0; expected a price "
			    "of 0, or 'free = no'", rules[i].name);
			return;
		}
}

void
conf_check_prices(struct conf_draft *draft, const struct conf_part *part,
    struct model *model)
{
	for (size_t i = 0; i < N_RULES; i++)
		check_one(draft, part, model, &rules[i]);
	if (model->kind == MODEL_TRANSCRIPTION)
		check_transcription(draft, part);
	check_image(draft, part, model);
	check_free(draft, part, model);
}
