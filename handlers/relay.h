/* relay.h: one call to the provider of x->model, and what its failures mean to
 * the client. */
#ifndef HANDLERS_RELAY_H
#define HANDLERS_RELAY_H

#include "handlers/exchange.h"

/* How an answer is taken while it arrives; see struct upstream_request. */
struct relay_taker {
	bool (*sink)(const char *data, size_t len, void *context);
	/* In place of what exchange_interrupt() says. */
	bool (*stop)(void *context);
	/* Asked when client->fd of the exchange says that there is a reason. */
	bool (*client_left)(void *context);
	int64_t heartbeat_ms;
	int64_t (*beat)(void *context);
	void *context;
};

/*
 * Posts a JSON body to the provider's base URL and path, and gathers the
 * answer, or hands it to the taker (NULL: there is none). Notes no failure.
 * Sets x->upstream_us and x->upstream_http. The caller clears *answer whatever
 * the result.
 */
enum upstream_rc relay_run(struct exchange *x, const char *path,
    const char *body, size_t len, const struct relay_taker *taker,
    struct upstream_answer *answer);

/* True when that was a complete 2xx answer; else false, a failure noted. */
bool relay_judge(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *answer);

/*
 * Notes what the error event of a stream means to the client. Its words, "" for
 * those it does not have, are the provider's. Returns false.
 */
bool relay_event_failed(struct exchange *x, const char *message,
    const char *type, const char *code);

/* Both of the above, of an answer that is gathered. */
bool relay_call(struct exchange *x, const char *path, const char *body,
    size_t len, struct upstream_answer *answer);

/* A JSON string literal in the arena, or NULL. */
const char *relay_quote(struct exchange *x, const char *text);

#endif
