/* key_spec.c: a key to be, read from the options of `farebox key new`. */
#include "admin/key_spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/limit.h"
#include "base/clock.h"

enum { LATEST_YEAR = 9999, GRACE_DEFAULT_MS = 24 * 3600000 };

static enum outcome
read_label(struct session *s, struct key_spec *spec)
{
	const char *label = s->args->value[FLAG_LABEL];

	spec->label = label ? label : "default";
	if (key_label_is_valid(spec->label))
		return OUTCOME_OK;
	return fail_usage(s, "a label is 1 to %d printable bytes, which '%s' "
	    "is not", KEY_LABEL_SIZE - 1, spec->label);
}

static enum outcome
read_budget(struct session *s, struct key_spec *spec)
{
	const char *text = s->args->value[FLAG_BUDGET];

	spec->has_budget = text != NULL;
	if (!text || (money_parse(text, &spec->budget) &&
			 spec->budget.nano >= 0))
		return OUTCOME_OK;
	return fail_usage(s, "--budget is an amount in USD such as 5 or 0.25, "
	    "not '%s'", text);
}

/* A span from now on: "12h", "30d", "8w". */
static bool
parse_span(const char *text, int64_t now_ms, int64_t *then_ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {
		{ 'h', 3600000 }, { 'd', 86400000 }, { 'w', 604800000 },
	};
	long long count;
	char *end;

	errno = 0;
	count = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || errno || !end[0] || end[1])
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end)
			return !__builtin_mul_overflow(count, units[i].ms,
			           then_ms) &&
			       !__builtin_add_overflow(*then_ms, now_ms,
			           then_ms);
	return false;
}

/* A date, which means its beginning, or a second; both UTC. */
static bool
parse_date(const char *text, int64_t *then_ms)
{
	char back[CLOCK_TEXT_SIZE];
	struct tm utc = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &utc);
	size_t len = strlen(text);

	if (end && *end)
		end = strptime(end, "T%H:%M:%SZ", &utc);
	if (!end || *end)
		return false;
	*then_ms = (int64_t)timegm(&utc) * 1000;
	/* February 31st would have become a day in March. */
	return strncmp(clock_format(*then_ms, back), text, len) == 0;
}

enum outcome
key_read_time(struct session *s, const char *what, const char *text,
    int64_t *then_ms)
{
	/* The end of the last year that is written with four digits. */
	const int64_t latest_ms = 253402300799000;
	int64_t now_ms = clock_wall_ms();
	char when[CLOCK_TEXT_SIZE];

	if (!parse_span(text, now_ms, then_ms) && !parse_date(text, then_ms))
		return fail_usage(s, "%s is a time such as 12h, 30d, 8w, "
		    "2030-01-31 or 2030-01-31T12:00:00Z, not '%s'", what,
		    text);
	if (*then_ms > latest_ms)
		return fail_usage(s, "%s is at most in the year %d", what,
		    LATEST_YEAR);
	if (*then_ms <= now_ms)
		return fail_usage(s, "%s has passed already, at %s", what,
		    clock_format(*then_ms, when));
	return OUTCOME_OK;
}

enum outcome
key_read_grace(struct session *s, int64_t *grace_ms)
{
	const char *text = s->args->value[FLAG_GRACE];

	*grace_ms = GRACE_DEFAULT_MS;
	if (text && strcmp(text, "0") == 0)
		*grace_ms = 0;
	else if (text && (!parse_span(text, 0, grace_ms) ||
			     *grace_ms > KEY_GRACE_MS_MAX))
		return fail_usage(s, "--grace is a span such as 12h, 7d or "
		    "2w, or 0, and 90d at most; not '%s'", text);
	return OUTCOME_OK;
}

static enum outcome
read_expiry(struct session *s, struct key_spec *spec)
{
	const char *text = s->args->value[FLAG_EXPIRES];

	return text ? key_read_time(s, "--expires", text, &spec->expires_ms) :
	    OUTCOME_OK;
}

static enum outcome
check_model(struct session *s, const char *model)
{
	if (!*model)
		return fail_usage(s, "--scope has an empty model ID");
	if (strlen(model) >= KEY_MODEL_SIZE)
		return fail_usage(s, "a model ID has at most %d bytes",
		    KEY_MODEL_SIZE - 1);
	if (conf_model(s->conf, model, strlen(model)) ||
	    s->args->value[FLAG_FORCE])
		return OUTCOME_OK;
	return fail(OUTCOME_NOT_FOUND, "the configuration has no model '%s' "
	    "(--force lists it all the same); list the models with: "
	    "%s model list", model, s->args->program);
}

static bool
is_listed(const struct key_spec *spec, const char *model)
{
	for (size_t i = 0; i < spec->n_models; i++)
		if (strcmp(spec->models[i], model) == 0)
			return true;
	return false;
}

static enum outcome
read_models(struct session *s, struct key_draft *draft, const char *text)
{
	struct key_spec *spec = &draft->spec;
	char *rest, *model;
	enum outcome outcome;

	draft->scope = strdup(text);
	draft->models = calloc(strlen(text) + 1, sizeof(*draft->models));
	if (!draft->scope || !draft->models)
		return fail_memory(s);
	spec->scope = KEY_SCOPE_LIST;
	spec->models = draft->models;
	for (rest = draft->scope; (model = strsep(&rest, ",")) != NULL;) {
		outcome = check_model(s, model);
		if (outcome != OUTCOME_OK)
			return outcome;
		if (!is_listed(spec, model))
			draft->models[spec->n_models++] = model;
	}
	return OUTCOME_OK;
}

static enum outcome
read_scope(struct session *s, struct key_draft *draft)
{
	const char *text = s->args->value[FLAG_SCOPE];

	draft->spec.scope = KEY_SCOPE_ALL;
	if (!text || strcmp(text, key_scope_name(KEY_SCOPE_ALL)) == 0)
		return OUTCOME_OK;
	if (strcmp(text, key_scope_name(KEY_SCOPE_CHAT)) != 0)
		return read_models(s, draft, text);
	draft->spec.scope = KEY_SCOPE_CHAT;
	return OUTCOME_OK;
}

enum outcome
key_draft_read(struct session *s, struct key_draft *draft)
{
	enum outcome outcome;

	*draft = (struct key_draft){
		.spec.brand = s->conf->brand,
		.spec.limits = &draft->limits,
		.limits = key_limits_plan,
	};
	outcome = read_label(s, &draft->spec);
	if (outcome == OUTCOME_OK)
		outcome = read_budget(s, &draft->spec);
	if (outcome == OUTCOME_OK)
		outcome = read_expiry(s, &draft->spec);
	if (outcome == OUTCOME_OK)
		outcome = limit_read(s, &draft->limits);
	if (outcome == OUTCOME_OK)
		outcome = read_scope(s, draft);
	return outcome;
}

void
key_draft_clear(struct key_draft *draft)
{
	free(draft->scope);
	free(draft->models);
}
