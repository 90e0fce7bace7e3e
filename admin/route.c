/* route.c: `farebox model routes`: the ways to models, and what they earn. */
#include "base/conf.h"

#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/print.h"

static json_t *
cost_of(const struct conf_cost *cost)
{
	char text[MONEY_TEXT_SIZE];

	return cost->known ? json_string(price_format(cost->price, text)) :
	    json_null();
}

/* What is left of a price, per 1M tokens; null where the cost is not told. */
static json_t *
margin_of(struct price sold, const struct conf_cost *cost)
{
	money left;

	if (!cost->known || !money_sub((money){ sold.nano_per_million },
	    (money){ cost->price.nano_per_million }, &left))
		return json_null();
	return json_of_money(left);
}

static json_t *
route_object(const struct model *model, const struct route *route)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}",
	    "id", json_of_text(model->id),
	    "route", json_of_text(route->name),
	    "provider", json_of_text(route->provider->name),
	    "provider_model", json_of_text(route->model),
	    "priority", (json_int_t)route->priority,
	    "weight", (json_int_t)route->weight,
	    "cost_input", cost_of(&route->cost_input),
	    "cost_output", cost_of(&route->cost_output),
	    "margin_input", margin_of(model->price_input, &route->cost_input),
	    "margin_output",
	    margin_of(model->price_output, &route->cost_output));
}

static bool
add_routes(struct listing *listing, const struct model *model)
{
	for (size_t i = 0; i < model->route.n; i++)
		if (!listing_add(listing,
			route_object(model, &model->route.list[i])))
			return false;
	return true;
}

enum outcome
model_routes_run(struct session *s)
{
	static const struct column columns[] = {
		{ "id", "MODEL", COLUMN_TEXT },
		{ "route", "ROUTE", COLUMN_TEXT },
		{ "provider_model", "PROVIDER'S MODEL", COLUMN_TEXT },
		{ "priority", "PRIORITY", COLUMN_NUMBER },
		{ "weight", "WEIGHT", COLUMN_NUMBER },
		{ "cost_input", "COST IN", COLUMN_MONEY },
		{ "cost_output", "COST OUT", COLUMN_MONEY },
		{ "margin_input", "MARGIN IN", COLUMN_MONEY },
		{ "margin_output", "MARGIN OUT", COLUMN_MONEY },
	};
	const char *id = operand(s, 0);
	struct listing listing;

	if (id && !conf_model(s->conf, id, strlen(id)))
		return fail(OUTCOME_NOT_FOUND, "the configuration has no model "
		    "'%s'; list them with: %s model list", id,
		    s->args->program);
	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (size_t i = 0; i < s->conf->n_models; i++)
		if ((!id || strcmp(id, s->conf->models[i].id) == 0) &&
		    !add_routes(&listing, &s->conf->models[i]))
			break;
	return listing_print(s, &listing, COLUMNS(columns),
	    "the configuration has no models; begin with",
	    "config sample");
}
