/* ways.c: the routes that a request may take to its model. */
#include "handlers/ways.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "upstream/choice.h"

enum {
	WAIT_USUAL_MS = 1000,
	OUTCOME_SIZE = 24,
};

static enum choice_state
state_of(enum health_access access)
{
	switch (access) {
	case HEALTH_READY:
		return CHOICE_READY;
	case HEALTH_ASIDE:
		return CHOICE_ASIDE;
	case HEALTH_SHUT:
		return CHOICE_OUT;
	}
	return CHOICE_OUT;
}

static enum health_access
look(const struct exchange *x, const struct route *route, int64_t *wait_ms)
{
	struct health_rule rule = health_rule_of(route->provider);

	return health_look(x->health, &rule, wait_ms);
}

bool
ways_are_open(const struct exchange *x, const struct model *model,
    int64_t *wait_ms)
{
	int64_t least_ms = INT64_MAX, ms;

	for (size_t i = 0; i < model->route.n; i++) {
		if (look(x, &model->route.list[i], &ms) != HEALTH_SHUT)
			return true;
		if (ms < least_ms)
			least_ms = ms;
	}
	*wait_ms = least_ms;
	return false;
}

bool
ways_check(struct exchange *x)
{
	int64_t wait_ms;

	if (ways_are_open(x, x->model, &wait_ms))
		return true;
	exchange_detail(x, "the breakers of all routes are open");
	x->retry_after_ms = wait_ms;
	return exchange_fail(x, ERR_UPSTREAM_UNAVAILABLE, NULL, NULL);
}

void
ways_begin(struct ways *ways, struct exchange *x)
{
	*ways = (struct ways){
		.x = x,
		.until_us = clock_mono_us() +
		    x->conf->request_timeout_ms * 1000,
	};
}

/* A route is tried once, and again for each other key of its provider. */
static bool
may_be_tried(const struct ways *ways, const struct route *route, size_t i,
    enum health_access access)
{
	return ways->tried[i] == 0 || (access == HEALTH_READY &&
	    ways->tried[i] < route->provider->n_keys &&
	    ways->x->key_refused);
}

static int
choose(const struct ways *ways)
{
	const struct conf_routes *routes = &ways->x->model->route;
	struct choice choices[MODEL_ROUTES_MAX];
	int64_t wait_ms;

	for (size_t i = 0; i < routes->n; i++) {
		const struct route *route = &routes->list[i];
		enum health_access access = look(ways->x, route, &wait_ms);

		choices[i] = (struct choice){
			.priority = route->priority,
			.weight = route->weight,
			.state = may_be_tried(ways, route, i, access) ?
			    state_of(access) : CHOICE_OUT,
		};
	}
	return choice_make(choices, routes->n, choice_point());
}

/* Counts the request among those that its provider is asked at once. */
static bool
finds_place(struct ways *ways, const struct provider *provider)
{
	struct exchange *x = ways->x;

	if (!provider->concurrency && !ways->is_counted)
		return true;
	ways->is_counted = limit_ask_provider(x->store, provider->name,
	    provider->concurrency);
	if (!ways->is_counted)
		exchange_detail(x, "provider %s has its %" PRId64 " requests",
		    provider->name, provider->concurrency);
	return ways->is_counted;
}

/* Takes the route, unless another process was quicker with the probe or with
 * the last place. */
static bool
enter(struct ways *ways, size_t i)
{
	struct exchange *x = ways->x;
	const struct route *route = &x->model->route.list[i];
	struct health_rule rule = health_rule_of(route->provider);

	if (!finds_place(ways, route->provider)) {
		ways->tried[i]++;
		return false;
	}
	if (!health_enter(x->health, &rule, &ways->pass))
		return false;
	ways->tried[i]++;
	ways->n_tried++;
	ways->settled = false;
	ways->began_us = clock_mono_us();
	exchange_forgive(x);
	x->route = route;
	x->route_key = route->provider->n_keys ?
	    route->provider->keys[ways->pass.key] : NULL;
	return true;
}

/* When all that there was has failed: when it is worth a new try. */
static void
give_up(struct ways *ways)
{
	struct exchange *x = ways->x;

	if (ways->n_tried == 0)
		ways_check(x);
	if (x->err == ERR_NONE)
		exchange_fail(x, ERR_UPSTREAM_UNAVAILABLE, NULL, NULL);
	if (ways->n_tried > 1 && x->retry_after_ms <= 0)
		x->retry_after_ms = WAIT_USUAL_MS;
}

bool
ways_next(struct ways *ways)
{
	int chosen;

	/* As often as there are routes: each may be lost to another. */
	for (size_t i = 0; i < ways->x->model->route.n; i++) {
		chosen = choose(ways);
		if (chosen < 0)
			break;
		if (enter(ways, (size_t)chosen))
			return true;
	}
	give_up(ways);
	return false;
}

int64_t
ways_left_ms(const struct ways *ways, int64_t ms)
{
	int64_t left_ms = (ways->until_us - clock_mono_us() + 999) / 1000;

	if (left_ms < 1)
		left_ms = 1;
	return left_ms < ms ? left_ms : ms;
}

static bool
is_success(int http)
{
	return http >= 200 && http <= 299;
}

/* A call of which the provider had less time than it may take. */
static bool
was_hurried(const struct ways *ways)
{
	return clock_mono_us() >= ways->until_us;
}

static enum health_verdict
verdict_of(const struct ways *ways, enum upstream_rc rc)
{
	switch (ways->x->err) {
	case ERR_NONE:
	case ERR_UPSTREAM_REFUSED:
		return HEALTH_GOOD;
	case ERR_UPSTREAM_ERROR:
		return rc == UPSTREAM_TOO_LARGE ? HEALTH_NEITHER : HEALTH_BAD;
	case ERR_UPSTREAM_UNREACHABLE:
	case ERR_UPSTREAM_HEADERS_TIMEOUT:
	case ERR_UPSTREAM_BODY_TIMEOUT:
	case ERR_UPSTREAM_REQUEST_TIMEOUT:
		return was_hurried(ways) ? HEALTH_NEITHER : HEALTH_BAD;
	default:
		return HEALTH_NEITHER;
	}
}

/* Of what is the operator's trouble, these are not about the key. */
static bool
is_about_key(const struct exchange *x, int http)
{
	return x->err == ERR_UPSTREAM_UNAVAILABLE && http != 404 &&
	       http != 405 && http != 407 && http != 410;
}

/* "ok", "503", "unreachable" ...: a word for the record. */
static void
name_outcome(const struct exchange *x, enum upstream_rc rc, int http,
    char outcome[OUTCOME_SIZE])
{
	if (x->err == ERR_NONE)
		snprintf(outcome, OUTCOME_SIZE, "ok");
	else if (x->err == ERR_CLIENT_LEFT)
		snprintf(outcome, OUTCOME_SIZE, "client_left");
	else if (rc != UPSTREAM_OK && rc != UPSTREAM_STOPPED)
		snprintf(outcome, OUTCOME_SIZE, "%s", upstream_rc_name(rc));
	else if (x->err == ERR_GATEWAY_BUSY || x->err == ERR_GATEWAY_ERROR)
		snprintf(outcome, OUTCOME_SIZE, "stopped");
	else if (is_success(http))
		snprintf(outcome, OUTCOME_SIZE, "unusable");
	else
		snprintf(outcome, OUTCOME_SIZE, "%d", http);
}

/* One more "name:outcome:ms"; what does not fit becomes "...". */
static void
record(struct ways *ways, const char *outcome)
{
	struct exchange *x = ways->x;
	size_t len = strlen(x->attempts);
	size_t room = sizeof(x->attempts) - len;
	int64_t ms = (clock_mono_us() - ways->began_us) / 1000;
	int added;

	added = snprintf(x->attempts + len, room, "%s%s:%s:%" PRId64,
	    len ? "," : "", x->route->name, outcome, ms);
	if (added < 0 || (size_t)added + sizeof(",...") > room) {
		x->attempts[len] = '\0';
		if (len < 4 || strcmp(x->attempts + len - 4, ",...") != 0)
			snprintf(x->attempts + len, room, ",...");
	}
}

static void
tell_health(struct ways *ways, enum health_verdict verdict, bool key_refused,
    const struct upstream_answer *answer)
{
	struct exchange *x = ways->x;
	struct health_rule rule = health_rule_of(x->route->provider);
	struct health_result result = {
		.verdict = verdict,
		.key_refused = key_refused,
		.pause_ms = verdict == HEALTH_GOOD || !answer ? 0 :
		    answer->retry_after_ms,
		.why = x->detail,
	};

	if (ways->settled && verdict == HEALTH_GOOD)
		return;
	ways->settled = true;
	health_leave(x->health, &rule, &ways->pass, &result);
	/* A later failure of a stream is one of a call like any other. */
	ways->pass.probe = false;
}

void
ways_settle(struct ways *ways)
{
	if (ways->pass.probe && !ways->settled)
		tell_health(ways, HEALTH_GOOD, false, NULL);
}

void
ways_note(struct ways *ways, enum upstream_rc rc,
    const struct upstream_answer *answer)
{
	struct exchange *x = ways->x;
	char outcome[OUTCOME_SIZE];

	x->key_refused = is_about_key(x, answer->http);
	name_outcome(x, rc, answer->http, outcome);
	record(ways, outcome);
	tell_health(ways, verdict_of(ways, rc), x->key_refused, answer);
}

bool
ways_may_go_on(const struct ways *ways)
{
	const struct exchange *x = ways->x;

	if ((x->began && !x->began_idle) || was_hurried(ways) ||
	    exchange_interrupt(x) != INTERRUPT_NONE)
		return false;
	switch (x->err) {
	case ERR_UPSTREAM_UNREACHABLE:
	case ERR_UPSTREAM_ERROR:
	case ERR_UPSTREAM_UNAVAILABLE:
	case ERR_UPSTREAM_HEADERS_TIMEOUT:
	case ERR_UPSTREAM_BODY_TIMEOUT:
	case ERR_UPSTREAM_REQUEST_TIMEOUT:
		return true;
	default:
		return false;
	}
}
