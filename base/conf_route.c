/* conf_route.c: the routes of models: one line each, or a section. */
#include "base/conf_private.h"

#include <string.h>

static const char blanks[] = " \t";

/* Where `provider` goes; NULL, and a problem noted, when there is none. */
static const struct provider *
find_provider(struct conf_draft *draft, int line, const char *option,
    const char *name)
{
	const struct provider *provider = conf_provider(draft->conf, name);
	struct conf_nearest nearest = { .word = name };
	char hint[CONF_MODEL_LEN_MAX];

	if (provider)
		return provider;
	for (size_t i = 0; i < draft->conf->n_providers; i++)
		conf_nearest_offer(&nearest, draft->conf->providers[i].name);
	for (size_t i = 0; i < draft->conf->n_routes; i++)
		conf_nearest_offer(&nearest, draft->conf->routes[i].name);
	conf_complain(draft, line,
	    "%s names provider '%s', which does not exist; expected a "
	    "[provider %s]%s", option, name, name,
	    conf_nearest_hint(&nearest, hint));
	return NULL;
}

void
conf_set_supplier(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	*(const struct provider **)field = find_provider(draft, setting->line,
	    row->name, setting->value);
}

static const struct route *
find_section(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_routes; i++)
		if (strcmp(conf->routes[i].name, name) == 0)
			return &conf->routes[i];
	return NULL;
}

/* The option of a route that may stand in a line, as NAME=VALUE, or NULL. */
static const struct option_row *
find_attribute(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; word[len] && i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->section == OPTION_SECTION_ROUTE &&
		    (row->kind == OPTION_INT || row->kind == OPTION_COST) &&
		    strlen(row->name) == len &&
		    memcmp(row->name, word, len) == 0)
			return row;
	}
	return NULL;
}

static void
take_name(struct conf_draft *draft, int line, const char *name,
    struct route *route)
{
	const struct route *section = find_section(draft->conf, name);

	if (section)
		*route = *section;
	else
		route->provider = find_provider(draft, line, "route", name);
	route->name = name;
	route->line = line;
}

static void
take_model(struct conf_draft *draft, int line, const char *model,
    struct route *route)
{
	if (!conf_is_word(model, CONF_MODEL_LEN_MAX))
		conf_complain(draft, line,
		    "route has a bad model ID; expected 1 to %d visible ASCII "
		    "characters", CONF_MODEL_LEN_MAX);
	else
		route->model = model;
}

static void
take_attribute(struct conf_draft *draft, int line,
    const struct option_row *row, const char *value, struct route *route)
{
	struct conf_setting setting = { .value = value, .line = line };

	conf_setter(row)(draft, row, &setting,
	    (char *)route + row->offset);
}

/* The words behind the first. */
static void
take_word(struct conf_draft *draft, int line, const char *word, size_t place,
    struct route *route)
{
	const struct option_row *row = find_attribute(word);

	if (row)
		take_attribute(draft, line, row, strchr(word, '=') + 1,
		    route);
	else if (place == 1)
		take_model(draft, line, word, route);
	else
		conf_complain(draft, line,
		    "route has more than two words, and '%s' is no option of a "
		    "route; expected provider [model ID] and options such as "
		    "priority=2", word);
}

/* False when the line has no words. */
static bool
read_line(struct conf_draft *draft, const struct conf_setting *setting,
    struct route *route)
{
	const char *text = setting->value + strspn(setting->value, blanks);
	size_t place = 0;

	for (; *text; text += strspn(text, blanks), place++) {
		size_t len = strcspn(text, blanks);
		const char *word = conf_keep(draft, text, len);

		if (!word)
			return false;
		if (place == 0)
			take_name(draft, setting->line, word, route);
		else
			take_word(draft, setting->line, word, place, route);
		text += len;
	}
	return place > 0;
}

void
conf_set_routes(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	struct conf_routes *routes = field;
	struct route route = { .name = NULL }, *grown;

	if (routes->n == MODEL_ROUTES_MAX) {
		conf_complain(draft, setting->line,
		    "%s is given too often; expected at most %d routes of a "
		    "model", row->name, MODEL_ROUTES_MAX);
		return;
	}
	if (!read_line(draft, setting, &route)) {
		conf_complain(draft, setting->line,
		    "%s has no value; expected %s", row->name, row->unit);
		return;
	}
	grown = conf_alloc(draft, (routes->n + 1) * sizeof(*grown));
	if (!grown)
		return;
	if (routes->n > 0)
		memcpy(grown, routes->list, routes->n * sizeof(*grown));
	grown[routes->n++] = route;
	routes->list = grown;
}

static void
set_unless(int64_t *value, int64_t usual)
{
	if (*value == 0)
		*value = usual;
}

static void
finish(struct route *route, const struct model *model, size_t place)
{
	const struct provider *provider = route->provider;

	if (!route->model)
		route->model = model->id;
	set_unless(&route->priority, route->weight ? 1 : (int64_t)place + 1);
	set_unless(&route->weight, 1);
	if (!provider)
		return;
	set_unless(&route->connect_timeout_ms, provider->connect_timeout_ms);
	set_unless(&route->first_byte_timeout_ms,
	    provider->first_byte_timeout_ms);
	set_unless(&route->stall_timeout_ms, provider->stall_timeout_ms);
	set_unless(&route->total_timeout_ms, provider->total_timeout_ms);
}

void
conf_finish_routes(struct conf_draft *draft, struct model *model)
{
	struct route *list = conf_alloc(draft,
	    (model->route.n + 1) * sizeof(*list));

	if (!list)
		return;
	for (size_t i = 0; i < model->route.n; i++) {
		list[i] = model->route.list[i];
		finish(&list[i], model, i);
	}
	model->route.list = list;
}

void
conf_check_route(struct conf_draft *draft, const struct route *route)
{
	if (!conf_is_name(route->name, CONF_NAME_LEN_MAX))
		conf_complain(draft, route->line,
		    "the route's name is not one; expected 1 to %d letters, "
		    "digits, '.', '_' or '-'", CONF_NAME_LEN_MAX);
	else if (conf_provider(draft->conf, route->name))
		conf_complain(draft, route->line,
		    "a provider is called '%s', too; expected another name for "
		    "the route", route->name);
}
