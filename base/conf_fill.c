/* conf_fill.c: from the sections of a file to the fields of a configuration. */
#include "base/conf_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
set_text(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	const char **text = field;

	*text = conf_check_text(draft, row, setting);
}

static void
set_int(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	const char *digits = setting->value + (setting->value[0] == '-');
	long long number;

	errno = 0;
	number = strtoll(setting->value, NULL, 10);
	if (!*digits || digits[strspn(digits, "0123456789")])
		conf_complain(draft, setting->line,
		    "%s is not a whole number; expected %lld to %lld %s",
		    row->name, (long long)row->min, (long long)row->max,
		    row->unit);
	else if (errno == ERANGE || number < row->min || number > row->max)
		conf_complain(draft, setting->line,
		    "%s is out of range; expected %lld to %lld %s", row->name,
		    (long long)row->min, (long long)row->max, row->unit);
	else
		*(int64_t *)field = number;
}

static void
set_choice(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	size_t len = strlen(setting->value);
	const char *word = row->unit;
	int number = 0;

	for (;; number++) {
		size_t word_len = strcspn(word, "|");

		if (word_len == len && memcmp(word, setting->value, len) == 0)
			break;
		if (!word[word_len]) {
			conf_complain(draft, setting->line,
			    "%s is '%s'; expected one of: %s", row->name,
			    setting->value, row->unit);
			return;
		}
		word += word_len + 1;
	}
	*(int *)field = number;
}

static void
set_price(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	if (!price_parse(setting->value, field))
		conf_complain(draft, setting->line,
		    "%s is '%s'; expected %s such as 0.27, with at most nine "
		    "decimals", row->name, setting->value, row->unit);
}

static void
set_price_each(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	if (!price_parse_each(setting->value, field))
		conf_complain(draft, setting->line,
		    "%s is '%s'; expected %s such as 0.0001, with at most nine "
		    "decimals", row->name, setting->value, row->unit);
}

static void
set_cost(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	struct conf_cost *cost = field;

	set_price(draft, row, setting, &cost->price);
	cost->known = true;
}

/* One more of the texts that name a key. */
static void
set_keys(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	struct conf_texts *texts = field;
	const char *text = conf_check_text(draft, row, setting);
	struct conf_text *grown;

	if (!text)
		return;
	if (texts->n == PROVIDER_KEYS_MAX) {
		conf_complain(draft, setting->line,
		    "%s is given too often; expected at most %d keys",
		    row->name, PROVIDER_KEYS_MAX);
		return;
	}
	grown = conf_alloc(draft, (texts->n + 1) * sizeof(*grown));
	if (!grown)
		return;
	if (texts->n > 0)
		memcpy(grown, texts->list, texts->n * sizeof(*grown));
	grown[texts->n++] = (struct conf_text){ text, setting->line };
	texts->list = grown;
}

static conf_set_field *const set_kind[] = {
	[OPTION_TEXT] = set_text,
	[OPTION_INT] = set_int,
	[OPTION_CHOICE] = set_choice,
	[OPTION_PRICE] = set_price,
	[OPTION_PRICE_EACH] = set_price_each,
	[OPTION_IMAGES] = conf_read_images,
	[OPTION_KEYS] = set_keys,
	[OPTION_SUPPLIER] = conf_set_supplier,
	[OPTION_SET] = conf_set_fields,
	[OPTION_DROP] = conf_drop_fields,
	[OPTION_COST] = set_cost,
	[OPTION_ROUTES] = conf_set_routes,
};

conf_set_field *
conf_setter(const struct option_row *row)
{
	return set_kind[row->kind];
}

/* True when a value has no trace of another configuration language. */
static bool
is_plain(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	const char *value = setting->value;

	if (value[0] == '"' || value[0] == '\'') {
		conf_complain(draft, setting->line,
		    "%s is quoted; expected its value without quotation "
		    "marks", row->name);
		return false;
	}
	if (strstr(value, " #") || strstr(value, "\t#")) {
		conf_complain(draft, setting->line,
		    "%s has a '#' behind its value; expected ';' before a "
		    "comment on the same line", row->name);
		return false;
	}
	return true;
}

/* One value of an option, where it is given; else its default. */
static void
fill_field(struct conf_draft *draft, const struct conf_part *part,
    const struct option_row *row, const struct conf_setting *given,
    void *field)
{
	struct conf_setting setting = *given;

	if (setting.line && !is_plain(draft, row, &setting))
		return;
	if (!setting.line)
		setting.value = row->value;
	if (setting.value && strcmp(setting.value, "!") == 0 && !setting.line)
		conf_complain(draft, part->line,
		    "[%s %s] lacks '%s'; expected '%s = %s'",
		    option_section_name(part->section), part->title,
		    row->name, row->name, row->unit);
	else if (setting.value)
		set_kind[row->kind](draft, row, &setting, field);
}

static void
fill_fields(struct conf_draft *draft, const struct conf_part *part,
    void *fields)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];
		const struct conf_setting *given = &part->settings[i];

		for (; row->section == part->section && given;
		    given = given->more)
			fill_field(draft, part, row, given,
			    (char *)fields + row->offset);
	}
}

const struct conf_setting *
conf_setting_of(const struct conf_part *part, const char *name)
{
	size_t i = 0;

	while (option_rows[i].section != part->section ||
	       strcmp(option_rows[i].name, name) != 0)
		i++;
	return &part->settings[i];
}

bool
conf_is_name(const char *text, size_t len_max)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(text);

	return len <= len_max && strspn(text, letters) == len;
}

static void
fill_provider(struct conf_draft *draft, const struct conf_part *part)
{
	struct provider *provider =
	    &draft->conf->providers[draft->conf->n_providers++];

	provider->name = part->title;
	provider->line = part->line;
	if (!conf_is_name(part->title, CONF_NAME_LEN_MAX))
		conf_complain(draft, part->line,
		    "the provider's name is not one; expected 1 to %d letters, "
		    "digits, '.', '_' or '-'", CONF_NAME_LEN_MAX);
	fill_fields(draft, part, provider);
	conf_read_keys(draft, provider);
}

static void
fill_route(struct conf_draft *draft, const struct conf_part *part)
{
	struct route *route = &draft->conf->routes[draft->conf->n_routes++];

	route->name = part->title;
	route->line = part->line;
	fill_fields(draft, part, route);
	conf_check_route(draft, route);
}

static void
check_model_id(struct conf_draft *draft, const struct model *model, int line)
{
	const struct model *other;

	if (!conf_is_word(model->id, CONF_MODEL_LEN_MAX)) {
		conf_complain(draft, line,
		    "the model's ID is not one; expected 1 to %d visible ASCII "
		    "characters", CONF_MODEL_LEN_MAX);
		return;
	}
	other = conf_model(draft->conf, model->id, strlen(model->id));
	if (other)
		conf_complain(draft, line,
		    "model ID '%s' is given twice; expected another one (the "
		    "first is at line %d)", model->id, other->line);
}

static void
fill_model(struct conf_draft *draft, const struct conf_part *part)
{
	struct model *model = &draft->conf->models[draft->conf->n_models];
	int id_line = conf_setting_of(part, "id")->line;

	model->name = part->title;
	model->line = part->line;
	fill_fields(draft, part, model);
	/* A refused id has been complained about; the title stands in. */
	if (!model->id)
		model->id = model->name;
	conf_check_prices(draft, part, model);
	check_model_id(draft, model, id_line ? id_line : part->line);
	conf_finish_routes(draft, model);
	draft->conf->n_models++;
}

static void
fill_plan(struct conf_draft *draft, const struct conf_part *part)
{
	struct plan *plan = &draft->conf->plans[draft->conf->n_plans++];

	plan->name = part->title;
	plan->line = part->line;
	if (!conf_is_name(part->title, CONF_PLAN_LEN_MAX))
		conf_complain(draft, part->line,
		    "the plan's name is not one; expected 1 to %d letters, "
		    "digits, '.', '_' or '-'", CONF_PLAN_LEN_MAX);
	fill_fields(draft, part, plan);
}

static void
fill_farebox(struct conf_draft *draft, const struct conf_part *part)
{
	fill_fields(draft, part, draft->conf);
}

static size_t
count_parts(const struct conf_draft *draft, enum option_section section)
{
	size_t count = 0;

	for (size_t i = 0; i < draft->n_parts; i++)
		count += draft->parts[i].section == section;
	return count;
}

void
conf_fill(struct conf_draft *draft)
{
	/* Providers first, so that a route finds a later provider. */
	static void (*const fill[OPTION_SECTION__COUNT])(struct conf_draft *,
	    const struct conf_part *) = {
		[OPTION_SECTION_FAREBOX] = fill_farebox,
		[OPTION_SECTION_PROVIDER] = fill_provider,
		[OPTION_SECTION_ROUTE] = fill_route,
		[OPTION_SECTION_MODEL] = fill_model,
		[OPTION_SECTION_PLAN] = fill_plan,
	};
	struct conf *conf = draft->conf;

	/* One more than there are, so that calloc() never gets a 0. */
	conf->providers = calloc(count_parts(draft, OPTION_SECTION_PROVIDER) +
	    1, sizeof(*conf->providers));
	conf->routes = calloc(count_parts(draft, OPTION_SECTION_ROUTE) + 1,
	    sizeof(*conf->routes));
	conf->models = calloc(count_parts(draft, OPTION_SECTION_MODEL) + 1,
	    sizeof(*conf->models));
	conf->plans = calloc(count_parts(draft, OPTION_SECTION_PLAN) + 1,
	    sizeof(*conf->plans));
	if (!conf->providers || !conf->routes || !conf->models ||
	    !conf->plans) {
		draft->no_memory = true;
		return;
	}
	for (int section = 0; section < OPTION_SECTION__COUNT; section++)
		for (size_t i = 0; i < draft->n_parts; i++)
			if ((int)draft->parts[i].section == section)
				fill[section](draft, &draft->parts[i]);
}
