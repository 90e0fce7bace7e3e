/* serve_private.h: the steps of a request's life. */
#ifndef FCGI_SERVE_PRIVATE_H
#define FCGI_SERVE_PRIVATE_H

#include "handlers/exchange.h"

/* What happens to a request, in this order. */
enum step {
	STEP_ROUTE,
	STEP_AUTHENTICATE,
	STEP_ADMIT,
	STEP_BODY,
	STEP_PARSE,
	STEP_RECALL,
	STEP_PREPARE,
	STEP_LIMIT,
	STEP_HOLD,
	STEP_HANDLE,
	STEP_SETTLE, /* the first of the tail, which always happens */
	STEP_LEAVE,
	STEP_RESPOND,
	STEP_REMEMBER,
	STEP__COUNT
};

/* How long each step took, in microseconds; -1 where it was not reached. */
struct step_times {
	int64_t us[STEP__COUNT];
};

const char *step_name(enum step step);

/* These return false with a failure noted. */
bool serve_authenticate(struct exchange *x);
bool serve_stranger(struct exchange *x); /* who has no valid key: false */
bool serve_admit(struct exchange *x);
bool serve_body(struct exchange *x);
bool serve_form(struct exchange *x);
bool serve_recall(struct exchange *x); /* or the answer, x->replayed */
bool serve_limit(struct exchange *x);
bool serve_hold(struct exchange *x);

/* What serve_body() and serve_form() share: the length that is announced, or
 * -1; what is said of more than limit bytes, and of fewer than announced. */
bool serve_body_length(struct exchange *x, int64_t limit, int64_t *length);
bool serve_body_too_large(struct exchange *x, int64_t limit);
bool serve_body_cut(struct exchange *x, int64_t got, int64_t length);

/* The answer to be kept with its settlement, out of the arena; NULL: none. */
struct answer *serve_keep(struct exchange *x);

/* The tail. These cannot fail; what goes wrong is noted in the exchange. */
void serve_settle(struct exchange *x);
void serve_leave(struct exchange *x);
void serve_respond(struct exchange *x);
void serve_remember(struct exchange *x);
void serve_log(const struct exchange *x, const struct step_times *times);

#endif
