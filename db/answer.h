/* answer.h: answers kept for a while, so that a retry is charged once. */
#ifndef DB_ANSWER_H
#define DB_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/money.h"
#include "db/store.h"

/*
 * A client that did not get its answer asks again. What makes two requests of
 * one key the same is a name: the digest of its Idempotency-Key, or, when an
 * SDK repeats a request by itself, of the body.
 */
enum {
	ANSWER_TYPE_SIZE = 64,
	ANSWERS_MAX = 20000,        /* kept at once; the oldest goes first */
};

struct answer_name {
	uint32_t key;
	unsigned char digest[DIGEST_BYTES];
};

/* A request that has a name: part of its hold. */
struct answer_claim {
	struct answer_name name;
	unsigned char body[DIGEST_BYTES]; /* of the request */
	int64_t expires_ms;               /* wall clock */
};

enum answer_state {
	ANSWER_NONE,     /* unknown, expired, or failed without a charge */
	ANSWER_RUNNING,  /* being worked on by a live process */
	ANSWER_KEPT,     /* there it is */
	ANSWER_OTHER,    /* the name belongs to another body */
	ANSWER_ASK_AGAIN /* the store cannot be asked */
};

/* What was answered. */
struct answer {
	int http;
	struct request_id id;      /* of the request that was charged */
	money cost;
	char content_type[ANSWER_TYPE_SIZE];
	char *body;                /* NULL: too large to be kept */
	size_t body_len;
};

/*
 * Looks up a claim. ANSWER_KEPT fills *answer, whose body the caller frees.
 */
enum answer_state answer_find(struct store *store,
    const struct answer_claim *claim, struct answer *answer);

/*
 * Whether a live process works on a request of that key with that body, named
 * or not.
 */
enum answer_state answer_twin(struct store *store, uint32_t key,
    const unsigned char body[DIGEST_BYTES]);

/* Keeps an answer after its settlement; the claim need not have been held. */
enum store_rc answer_keep(struct store *store,
    const struct answer_claim *claim, const struct answer *answer);

/* Forgets what has expired, a few at a time; true when there may be more. */
bool answer_expire(struct store *store);

#endif
