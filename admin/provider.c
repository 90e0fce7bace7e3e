/* provider.c: `farebox provider`: how providers are doing, and what an operator
 * decides about them. */
#include "db/health.h"

#include <errno.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/print.h"
#include "base/clock.h"

static const char *
state_of(const struct health_view *view)
{
	switch (view->pin) {
	case HEALTH_KEPT_OPEN:
		return "kept open";
	case HEALTH_KEPT_CLOSED:
		return "kept closed";
	case HEALTH_FREE:
		break;
	}
	return view->open ? "open" : "closed";
}

static json_t *
time_ago(int64_t age_ms)
{
	return age_ms < 0 ? json_null() :
	    json_of_time(clock_wall_ms() - age_ms);
}

static json_t *
time_ahead(int64_t wait_ms)
{
	return wait_ms > 0 ? json_of_time(clock_wall_ms() + wait_ms) :
	    json_null();
}

static json_t *
provider_object(const struct provider *provider,
    const struct health_view *view)
{
	bool probes = view->open && view->pin == HEALTH_FREE;

	return json_pack("{s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, "
	    "s:I, s:I, s:o, s:o}",
	    "provider", json_of_text(provider->name),
	    "state", state_of(view),
	    "since", time_ago(view->changed_age_ms),
	    "calls", (json_int_t)view->calls,
	    "failures", (json_int_t)view->failures,
	    "failures_running", (json_int_t)view->failures_running,
	    "opened", (json_int_t)view->opened,
	    "probes", (json_int_t)view->probes,
	    "next_probe", probes ? time_ahead(view->probe_wait_ms) :
	    json_null(),
	    "aside_until", time_ahead(view->aside_ms),
	    "keys", (json_int_t)provider->n_keys,
	    "keys_aside", (json_int_t)view->keys_aside,
	    "why", *view->why ? json_of_text(view->why) : json_null(),
	    "why_time", time_ago(view->why_age_ms));
}

static json_t *
shown(struct health *health, const struct provider *provider)
{
	struct health_rule rule = health_rule_of(provider);
	struct health_view view = {
		.changed_age_ms = -1, .why_age_ms = -1,
	};

	health_show(health, &rule, &view);
	return provider_object(provider, &view);
}

/* NULL, and told, when the table cannot be had. */
static struct health *
open_health(const struct session *s)
{
	struct health *health = health_open(s->dir);

	if (!health)
		fail(OUTCOME_UNUSABLE, "the file health.shared in %s cannot be "
		    "opened: %s; when that is mended, try: %s provider list",
		    s->dir, strerror(errno), s->args->program);
	return health;
}

enum outcome
provider_list_run(struct session *s)
{
	static const struct column columns[] = {
		{ "provider", "PROVIDER", COLUMN_TEXT },
		{ "state", "STATE", COLUMN_TEXT },
		{ "since", "SINCE", COLUMN_TEXT },
		{ "calls", "CALLS", COLUMN_NUMBER },
		{ "failures", "FAILED", COLUMN_NUMBER },
		{ "next_probe", "NEXT PROBE", COLUMN_TEXT },
		{ "aside_until", "ASIDE UNTIL", COLUMN_TEXT },
		{ "keys", "KEYS", COLUMN_NUMBER },
		{ "keys_aside", "ASIDE", COLUMN_NUMBER },
		{ "why", "LAST FAILURE", COLUMN_TEXT },
	};
	struct health *health = open_health(s);
	struct listing listing;

	if (!health)
		return OUTCOME_UNUSABLE;
	if (listing_begin(&listing, 0))
		for (size_t i = 0; i < s->conf->n_providers; i++)
			if (!listing_add(&listing,
				shown(health, &s->conf->providers[i])))
				break;
	health_close(health);
	return listing_print(s, &listing, COLUMNS(columns),
	    "the configuration has no providers; begin with",
	    "config sample");
}

static enum outcome
pin(struct session *s, enum health_pin pin, const char *what)
{
	const char *name = operand(s, 0);
	const struct provider *provider = conf_provider(s->conf, name);
	struct health *health;
	json_t *object;

	if (!provider)
		return fail(OUTCOME_NOT_FOUND, "the configuration has no "
		    "provider '%s'; list them with: %s provider list", name,
		    s->args->program);
	health = open_health(s);
	if (!health)
		return OUTCOME_UNUSABLE;
	if (!health_pin(health, name, pin)) {
		health_close(health);
		return fail(OUTCOME_UNUSABLE, "another process keeps the table "
		    "of providers to itself; try again with: %s provider list",
		    s->args->program);
	}
	object = shown(health, provider);
	health_close(health);
	tell(s, "provider %s %s", name, what);
	return object_print_json(s, object);
}

enum outcome
provider_open_run(struct session *s)
{
	return pin(s, HEALTH_KEPT_OPEN, "is not asked any more");
}

enum outcome
provider_close_run(struct session *s)
{
	return pin(s, HEALTH_KEPT_CLOSED, "is asked whatever happens");
}

enum outcome
provider_reset_run(struct session *s)
{
	return pin(s, HEALTH_FREE, "is asked as long as it does well");
}
