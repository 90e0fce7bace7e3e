/* limit.h: how many requests and tokens a key may have, and at once. */
#ifndef DB_LIMIT_H
#define DB_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "db/store.h"

/*
 * Exact for all processes that use the store, and kept while any or all of
 * them are restarted, but not by a reboot. In no 60 s are more requests or
 * tokens admitted than the limit; a place is free again 60 s after the request
 * ended, at most 60.5 s after it was admitted (window_private.h says why). The
 * clock is the monotonic one: nobody can set it.
 */

/* Who asks, and what limits that has; 0 of any: no limit. Everything belongs to
 * the caller. */
struct limit_ask {
	uint32_t account, key;
	const char *model;   /* its own window; NULL: the key's */
	int64_t rpm, tpm;    /* in any 60 s */
	int64_t tps;         /* output per second, as 60 times that in 60 s */
	int64_t concurrency, account_concurrency;
	/*
	 * Of the processes with this parent, how many may wait for providers;
	 * and for how long after one has ended a further request may wait for
	 * the next.
	 */
	int64_t pool_max, pool_wait_ms;
};

enum limit_rc {
	LIMIT_OK,
	LIMIT_REQUESTS,            /* too many in this minute */
	LIMIT_TOKENS,
	LIMIT_OUTPUT,
	LIMIT_KEY_CONCURRENCY,     /* too many at once */
	LIMIT_ACCOUNT_CONCURRENCY,
	LIMIT_POOL,                /* no worker is free to wait */
	LIMIT_UNAVAILABLE,         /* the limits cannot be told */
};

/* How much of the minute is left, for the client to see. */
struct limit_state {
	int64_t requests_left, tokens_left; /* 0 or more; of limits there are */
	int64_t empty_ms; /* until the window is empty, if nothing comes */
	int64_t wait_ms;  /* of a refusal: until the request may come, if
	                   * nothing else does; 0: nobody knows */
};

/* A request on its way; zeros: it has not entered. */
struct limit_pass {
	bool entered;          /* it counts among those that run at once */
	bool taken;            /* it counts in the minute */
	uint32_t window, block, index, seq;
	int64_t tokens;
	bool output_counts;
};

/*
 * The way in, before the body is read: refuses what is sure to be refused, and
 * counts the request among those that run. A process runs one at a time.
 * limit_leave() ends it, whatever came between.
 */
enum limit_rc limit_enter(struct store *store, const struct limit_ask *ask,
    struct limit_pass *pass, struct limit_state *state);

/* Counts the request, with its estimated tokens, or refuses it. */
enum limit_rc limit_take(struct store *store, const struct limit_ask *ask,
    int64_t tokens, struct limit_pass *pass, struct limit_state *state);

/* The request has ended: what it used, and how much of that is output that
 * nobody has slowed down. */
void limit_leave(struct store *store, const struct limit_pass *pass,
    int64_t tokens, int64_t output);

/* What there is, for an answer to tell; counts nothing. */
enum limit_rc limit_look(struct store *store, const struct limit_ask *ask,
    struct limit_state *state);

/* Counts a request without a valid key from an address (of IPv6: its /64). */
enum limit_rc limit_address(struct store *store,
    const struct address *address, int64_t rpm, struct limit_state *state);

/*
 * Of a request that has entered: it asks that provider now, of which all
 * processes may ask so many at once; 0: no limit. False when they do already.
 * Asking another one, or ending, gives it back.
 */
bool limit_ask_provider(struct store *store, const char *provider,
    int64_t concurrency);

#endif
