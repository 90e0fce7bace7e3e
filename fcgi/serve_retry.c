/* serve_retry.c: a request that was asked before is answered again, and charged
 * once. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/answer.h"
#include "fcgi/serve_private.h"
#include "handlers/endpoint.h"

enum {
	NAME_LEN_MAX = 255,
	LOOK_EVERY_US = 20000,
	RUNNING_RETRY_MS = 1000,
};

/* Names of both kinds must never meet. */
enum { KIND_HEADER = 'h', KIND_BODY = 'b' };

/* The digest of a byte and a text. */
static bool
digest_kind(char kind, const void *data, size_t len,
    unsigned char out[DIGEST_BYTES])
{
	return digest_hmac(&kind, 1, data, len, out);
}

/* The same body at another endpoint is another request. */
static bool
digest_body(struct exchange *x)
{
	const void *body = x->form ? (const void *)x->form->digest : x->body;
	size_t len = x->form ? sizeof(x->form->digest) : x->body_len;

	return digest_hmac(x->endpoint->path, strlen(x->endpoint->path), body,
	    len, x->hold.body);
}

/* The SDKs count their own retries in a header. */
static bool
is_sdk_retry(struct exchange *x)
{
	const char *count = exchange_variable(x,
	    "HTTP_X_STAINLESS_RETRY_COUNT");

	return x->conf->retry_window_ms > 0 && count && atoi(count) > 0;
}

static bool
name_by_body(struct exchange *x, struct answer_claim *claim)
{
	claim->name.key = x->key.number;
	claim->expires_ms = clock_wall_ms() + x->conf->retry_window_ms;
	memcpy(claim->body, x->hold.body, sizeof(claim->body));
	return digest_kind(KIND_BODY, x->hold.body, sizeof(x->hold.body),
	    claim->name.digest);
}

static bool
name_by_header(struct exchange *x, const char *name,
    struct answer_claim *claim)
{
	claim->name.key = x->key.number;
	claim->expires_ms = clock_wall_ms() + x->conf->idempotency_ms;
	memcpy(claim->body, x->hold.body, sizeof(claim->body));
	return digest_kind(KIND_HEADER, name, strlen(name),
	    claim->name.digest);
}

static bool
replay(struct exchange *x, const struct answer *answer)
{
	char id[REQUEST_ID_TEXT_SIZE];

	if (!answer->body)
		return exchange_fail(x, ERR_IDEMPOTENCY_CONFLICT, NULL,
		    "This request was answered and charged once; its answer "
		    "was a stream, or too large to be kept. Use a new "
		    "Idempotency-Key to run it again.");
	request_id_format(&answer->id, id);
	exchange_answer_owned(x, answer->http,
	    arena_strdup(x->arena, answer->content_type), answer->body,
	    answer->body_len);
	exchange_header(x, "idempotent-replayed", "true");
	exchange_header(x, "x-original-request-id", id);
	x->replayed = true;
	x->cost = MONEY_ZERO;
	x->has_cost = true;
	x->usage_flags |= USAGE_REPLAYED;
	return true;
}

/* What is known of a claim now; a nameless twin counts as running. */
static enum answer_state
look(struct exchange *x, const struct answer_claim *claim,
    struct answer *answer)
{
	enum answer_state state = answer_find(x->store, claim, answer);

	if (state != ANSWER_NONE || x->hold.claim)
		return state;
	state = answer_twin(x->store, x->key.number, claim->body);
	if (state != ANSWER_NONE)
		return state;
	/* It may have ended, and kept its answer, between the two looks. */
	return answer_find(x->store, claim, answer);
}

static bool
recall(struct exchange *x, const struct answer_claim *claim)
{
	int64_t end_us = clock_mono_us() + x->conf->twin_wait_ms * 1000;
	struct answer answer;

	for (;;) {
		switch (look(x, claim, &answer)) {
		case ANSWER_NONE:
			return true;
		case ANSWER_KEPT:
			return replay(x, &answer);
		case ANSWER_OTHER:
			return exchange_fail(x, ERR_IDEMPOTENCY_CONFLICT,
			    NULL, NULL);
		case ANSWER_ASK_AGAIN:
			return exchange_fail(x, ERR_CREDIT_CHECK_FAILED,
			    NULL, NULL);
		case ANSWER_RUNNING:
			break;
		}
		if (clock_mono_us() >= end_us) {
			x->retry_after_ms = RUNNING_RETRY_MS;
			return exchange_fail(x, ERR_IDEMPOTENCY_RUNNING, NULL,
			    NULL);
		}
		clock_sleep_us(LOOK_EVERY_US);
	}
}

bool
serve_recall(struct exchange *x)
{
	const char *name = exchange_variable(x, "HTTP_IDEMPOTENCY_KEY");
	struct answer_claim *claim;

	if (x->conf->idempotency_ms == 0 || (name && *name == '\0'))
		name = NULL;
	if (!digest_body(x))
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	if (name && strlen(name) > NAME_LEN_MAX)
		return exchange_fail(x, ERR_INVALID_REQUEST, NULL,
		    "Idempotency-Key is longer than %d characters.",
		    NAME_LEN_MAX);
	if (!name && !is_sdk_retry(x))
		return true;
	claim = arena_alloc(x->arena, sizeof(*claim));
	if (!claim || !(name ? name_by_header(x, name, claim) :
	    name_by_body(x, claim)))
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	if (name)
		x->hold.claim = claim;
	return recall(x, claim);
}

/* A copy that points at the answer of the exchange; not to be freed. */
static struct answer
answer_of(const struct exchange *x)
{
	struct answer answer = {
		.http = x->http,
		.id = x->id,
		.cost = x->cost,
	};

	if (x->content_type)
		strncat(answer.content_type, x->content_type,
		    sizeof(answer.content_type) - 1);
	if (x->answer_owned && !x->began &&
	    (int64_t)x->answer_len <= x->conf->kept_answer_bytes_max) {
		answer.body = x->answer_owned;
		answer.body_len = x->answer_len;
	}
	return answer;
}

/*
 * Whether the answer is kept with its settlement: when the request has a name,
 * or took so long that the client may have given up and ask again.
 */
struct answer *
serve_keep(struct exchange *x)
{
	int64_t ms = (clock_mono_us() - x->started_us) / 1000;
	struct answer_claim *claim;
	struct answer *answer;

	/* A stream that broke off was billed, and may be asked for again. */
	if (x->err != ERR_NONE)
		return NULL;
	if (!x->hold.claim && !x->began && x->conf->retry_window_ms > 0 &&
	    ms >= x->conf->retry_keep_after_ms) {
		claim = arena_alloc(x->arena, sizeof(*claim));
		if (claim && name_by_body(x, claim))
			x->hold.claim = claim;
	}
	answer = x->hold.claim ? arena_alloc(x->arena, sizeof(*answer)) : NULL;
	if (answer)
		*answer = answer_of(x);
	return answer;
}

void
serve_remember(struct exchange *x)
{
	struct answer_claim claim;
	struct answer answer;

	if (!x->undelivered || !x->has_cost || x->replayed || x->began ||
	    x->hold.claim || x->conf->retry_window_ms == 0)
		return;
	answer = answer_of(x);
	if (answer.body && name_by_body(x, &claim) &&
	    answer_keep(x->store, &claim, &answer) != STORE_OK)
		exchange_detail(x, "the answer could not be kept for a retry");
}
