/* usage.h: one record per metered request, also of those that failed. */
#ifndef DB_USAGE_H
#define DB_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/money.h"
#include "db/store.h"

enum {
	USAGE_MODEL_SIZE = 128,
	USAGE_CODE_SIZE = 40,
	USAGE_ATTEMPTS_SIZE = 192,
};

enum usage_flag {
	USAGE_ESTIMATED = 1,  /* the provider's counts were unusable */
	USAGE_CAPPED = 2,     /* they passed the hold; the bill did not */
	USAGE_SHORTFALL = 4,  /* the balance could not carry the whole bill */
	USAGE_ORPHANED = 8,   /* the process died; its hold was released */
	USAGE_STREAMED = 16,
	USAGE_CLIENT_LEFT = 32,
	USAGE_REPLAYED = 64,  /* answered with a kept answer */
};

struct usage {
	struct request_id id;   /* carries the time of arrival */
	uint32_t account;
	uint32_t key;
	int http;               /* what the client was answered, or would have
	                         * been had a stream not begun before it
	                         * failed; 499 when the client left */
	char code[USAGE_CODE_SIZE]; /* its error code; "" for success */
	char model[USAGE_MODEL_SIZE]; /* public ID; "" when it was not known */
	/* What was counted, as base/amount.def lists it. */
#define AMOUNT(name, doc) int64_t name;
#include "base/amount.def"
#undef AMOUNT
	money cost;             /* what was charged */
	money hold;             /* what had been held */
	int64_t latency_ms;
	int64_t upstream_ms;
	unsigned flags;         /* of enum usage_flag */
	/*
	 * The calls that were made for it, in their order, each as
	 * "route:outcome:ms" with commas between them: "ok", a status, or what
	 * else became of it. "...": there were more.
	 */
	char attempts[USAGE_ATTEMPTS_SIZE];
	bool has_upstream_cost; /* the route tells what the operator paid: */
	money upstream_cost;    /* of what was charged to the client */
};

/* Appends the record of a request that held nothing. */
enum store_rc usage_append(struct store *store, const struct usage *usage);

enum store_rc usage_get(struct store *store, uint32_t account,
    const struct request_id *id, struct usage *usage);

/*
 * Calls visit for an account's records, newest first, that are older than
 * *before (NULL: from the newest on), until it returns false.
 */
enum store_rc usage_list(struct store *store, uint32_t account,
    const struct request_id *before,
    bool (*visit)(const struct usage *usage, void *context), void *context);

#endif
