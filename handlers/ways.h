/* ways.h: the routes that a request may take to its model, one after another,
 * and what became of each. */
#ifndef HANDLERS_WAYS_H
#define HANDLERS_WAYS_H

#include "db/health.h"
#include "handlers/exchange.h"

/* The way of one request. */
struct ways {
	struct exchange *x;
	int64_t until_us;  /* the deadline of all calls together */
	size_t tried[MODEL_ROUTES_MAX]; /* how often each route was */
	size_t n_tried;
	bool is_counted;   /* among the requests of a provider */
	struct health_pass pass; /* of the call that runs */
	bool settled;      /* its health is told already */
	int64_t began_us;  /* when that call did */
};

/*
 * Whether a model can be asked at all. False, and *wait_ms says when to look
 * again, when the breakers of all its routes are open.
 */
bool ways_are_open(const struct exchange *x, const struct model *model,
    int64_t *wait_ms);

/* The same of x->model; false with UPSTREAM_UNAVAILABLE noted. */
bool ways_check(struct exchange *x);

void ways_begin(struct ways *ways, struct exchange *x);

/*
 * Chooses the next route and its key: sets x->route and x->route_key. What the
 * last one brought is forgotten. False when there is none left, or no time:
 * then what the last one brought stands, or UPSTREAM_UNAVAILABLE is noted.
 */
bool ways_next(struct ways *ways);

/* How long a call may take that is bounded by `ms` and by the deadline. */
int64_t ways_left_ms(const struct ways *ways, int64_t ms);

/* A stream has begun well: that is enough to know about the provider. */
void ways_settle(struct ways *ways);

/*
 * Notes how the call ended: for the usage record and for the provider's
 * health. The failure, if any, is that of the exchange.
 */
void ways_note(struct ways *ways, enum upstream_rc rc,
    const struct upstream_answer *answer);

/* Whether another route may mend what went wrong with this one. */
bool ways_may_go_on(const struct ways *ways);

#endif
