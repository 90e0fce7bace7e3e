/* config.c: `farebox config` and `farebox model`: what is configured. */
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/print.h"

/* The lines of the problems, as an array. */
static json_t *
problems_array(const struct conf_problems *problems)
{
	json_t *array = json_array();
	const char *line = problems->text ? problems->text : "";

	while (array && *line) {
		size_t len = strcspn(line, "\n");

		if (json_array_append_new(array,
			json_stringn(line, len)) != 0) {
			json_decref(array);
			return NULL;
		}
		line += len + (line[len] == '\n');
	}
	return array;
}

static json_t *
check_object(const char *file, const struct conf *conf,
    const struct conf_problems *problems)
{
	return json_pack("{s:b, s:o, s:o, s:I, s:I}",
	    "ok", conf != NULL,
	    "file", json_of_text(file),
	    "problems", problems_array(problems),
	    "providers", (json_int_t)(conf ? conf->n_providers : 0),
	    "models", (json_int_t)(conf ? conf->n_models : 0));
}

enum outcome
config_check_run(struct session *s)
{
	const char *file = conf_path(s->args->value[FLAG_CONFIG]);
	struct conf_problems problems = { 0 };
	enum outcome outcome;

	if (access(file, R_OK) != 0)
		return fail(OUTCOME_UNUSABLE, "%s cannot be read; begin "
		    "with: %s config sample", file,
		    s->args->program);
	s->conf = conf_load(file, &problems);
	if (problems.text)
		fputs(problems.text, stderr);
	outcome = object_print_json(s, check_object(file, s->conf, &problems));
	if (s->conf)
		tell(s, "%s is right: %zu providers, %zu models; see: "
		    "%s model list", file, s->conf->n_providers,
		    s->conf->n_models, s->args->program);
	else if (outcome == OUTCOME_OK)
		outcome = fail(OUTCOME_WRONG, "%s has %d problems; when they "
		    "are mended, check it with: %s config check", file,
		    problems.count, s->args->program);
	free(problems.text);
	return outcome;
}

enum outcome
config_sample_run(struct session *s)
{
	(void)s;
	conf_write_sample(stdout);
	return OUTCOME_OK;
}

/* The word of a choice. */
static json_t *
choice_word(const struct option_row *row, int choice)
{
	const char *word = row->unit;

	while (choice-- > 0)
		word += strcspn(word, "|") + 1;
	return json_stringn(word, strcspn(word, "|"));
}

/* "hd 1792x1024 0.12, 0.04" */
static json_t *
images_text(const struct image_prices *prices)
{
	char text[2048] = "", each[MONEY_TEXT_SIZE];
	size_t len = 0;

	for (size_t i = 0; i < prices->n && len < sizeof(text); i++) {
		const struct image_price *item = &prices->list[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%s%s%s%s%s", i > 0 ? ", " : "",
		    item->quality ? item->quality : "",
		    item->quality ? " " : "", item->size ? item->size : "",
		    item->size ? " " : "",
		    price_format_each(item->each, each));
	}
	return json_of_text(text);
}

/* What an option of a model says; NULL for one that is told otherwise. */
static json_t *
price_text(const struct option_row *row, const struct model *model)
{
	const void *field = (const char *)model + row->offset;
	char text[MONEY_TEXT_SIZE];

	switch (row->kind) {
	case OPTION_PRICE:
		return json_of_text(price_format(*(const price *)field, text));
	case OPTION_PRICE_EACH:
		return json_of_text(price_format_each(*(const price *)field,
		    text));
	case OPTION_IMAGES:
		return images_text(field);
	case OPTION_CHOICE:
		return choice_word(row, *(const int *)field);
	case OPTION_TEXT:
	case OPTION_INT:
	case OPTION_KEYS:
	case OPTION_SUPPLIER:
	case OPTION_SET:
	case OPTION_DROP:
	case OPTION_COST:
	case OPTION_ROUTES:
		break;
	}
	return NULL;
}

/* What is not paid by the token, for people; "" where all is. */
static json_t *
other_text(const struct model *model)
{
	char each[MONEY_TEXT_SIZE], text[MONEY_TEXT_SIZE + 32] = "";

	if (model->price_images.n > 0)
		return images_text(&model->price_images);
	if (model->price_characters.nano_per_million > 0)
		snprintf(text, sizeof(text), "%s per 1M characters",
		    price_format(model->price_characters, each));
	else if (model->price_second.nano_per_million > 0)
		snprintf(text, sizeof(text), "%s per second",
		    price_format_each(model->price_second, each));
	return json_of_text(text);
}

static json_t *
model_object(const struct model *model)
{
	json_t *object = json_pack("{s:o, s:o, s:o, s:I, s:I, s:o, s:o}",
	    "id", json_of_text(model->id),
	    "provider", json_of_text(model->route.list[0].provider->name),
	    "provider_model", json_of_text(model->route.list[0].model),
	    "context", (json_int_t)model->context,
	    "output_tokens_max", (json_int_t)model->output_tokens_max,
	    "owned_by", json_of_text(model->owned_by),
	    "price_other", other_text(model));

	for (size_t i = 0; object && i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];
		json_t *text = row->section == OPTION_SECTION_MODEL ?
		    price_text(row, model) : NULL;

		if (text)
			json_object_set_new(object, row->name, text);
	}
	return object;
}

enum outcome
model_list_run(struct session *s)
{
	static const struct column columns[] = {
		{ "id", "MODEL", COLUMN_TEXT },
		{ "kind", "KIND", COLUMN_TEXT },
		{ "price_input", "INPUT", COLUMN_MONEY },
		{ "price_output", "OUTPUT", COLUMN_MONEY },
		{ "price_other", "OTHER", COLUMN_TEXT },
		{ "context", "CONTEXT", COLUMN_NUMBER },
		{ "output_tokens_max", "OUTPUT MAX", COLUMN_NUMBER },
		{ "provider", "PROVIDER", COLUMN_TEXT },
		{ "provider_model", "PROVIDER'S MODEL", COLUMN_TEXT },
	};
	struct listing listing;

	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (size_t i = 0; i < s->conf->n_models; i++)
		if (!listing_add(&listing, model_object(&s->conf->models[i])))
			break;
	return listing_print(s, &listing, COLUMNS(columns),
	    "the configuration has no models; begin with",
	    "config sample");
}
