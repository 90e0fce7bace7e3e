/* relay.h: asking the provider of x->model, and what its failures mean to the
 * client. */
#ifndef HANDLERS_RELAY_H
#define HANDLERS_RELAY_H

#include "handlers/exchange.h"

/* How an answer is taken while it arrives; see struct upstream_request. */
struct relay_taker {
	bool (*sink)(const char *data, size_t len, void *context);
	/* Told of the head of the answer; false ends the call. NULL: nobody. */
	bool (*on_head)(const struct upstream_answer *answer, void *context);
	/* In place of what exchange_interrupt() says. */
	bool (*stop)(void *context);
	/* Asked when client->fd of the exchange says that there is a reason. */
	bool (*client_left)(void *context);
	int64_t heartbeat_ms;
	int64_t (*beat)(void *context);
	void *context;
};

/* A body as the provider of one route is to see it. */
struct relay_body {
	const char *content_type;
	const char *data;
	size_t len;
	/* In place of data: see struct upstream_request. */
	ssize_t (*read)(int64_t offset, char *data, size_t size,
	    void *context);
	void *read_context;
	char *owned; /* freed after the call; NULL: nothing is */
};

enum { RELAY_EDITS_MAX = 16 };

/*
 * What a provider is asked, whichever it is. Everything belongs to the caller
 * and is read again for each route.
 */
struct relay_ask {
	const char *path; /* "/chat/completions" */
	const char *accept; /* NULL: JSON, and events where there is a taker */
	/*
	 * JSON: what the endpoint changes in x->body, at most RELAY_EDITS_MAX
	 * members, each once. `model` is the relay's, and so are
	 * stream_options.
	 */
	const struct json_edit *edits;
	size_t n_edits;
	/*
	 * JSON of a stream: the stream_options that ask for its usage, where
	 * the provider takes them; NULL: none are asked for.
	 */
	const char *stream_options;
	/*
	 * Not JSON: makes the body for a route; false with a failure noted.
	 * NULL: the body is x->body with the edits.
	 */
	bool (*make)(struct exchange *x, const struct route *route,
	    struct relay_body *body, void *context);
	const struct relay_taker *taker; /* NULL: the answer is gathered */
	/* Before a call: forgets what an earlier one brought. NULL: nothing. */
	void (*begin)(void *context);
	/*
	 * After a call, however it ended: whether it brought an answer, which
	 * is the client's then. False with a failure noted, which relay_judge()
	 * knows where the call itself went wrong.
	 */
	bool (*take)(struct exchange *x, enum upstream_rc rc,
	    const struct upstream_answer *answer, void *context);
	void *context;
};

/*
 * Asks the providers of x->model, one after another, until one answers, the
 * client has been sent something, or another would not help; x->route tells
 * which was asked last. Sets x->attempts, x->upstream_us and x->upstream_http.
 * False with the failure of the last noted.
 */
bool relay(struct exchange *x, const struct relay_ask *ask);

/* True when that was a complete 2xx answer; else false, a failure noted. */
bool relay_judge(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *answer);

/*
 * Notes what the error event of a stream means to the client. Its words, "" for
 * those it does not have, are the provider's. Returns false.
 */
bool relay_event_failed(struct exchange *x, const char *message,
    const char *type, const char *code);

/* A JSON string literal in the arena, or NULL. */
const char *relay_quote(struct exchange *x, const char *text);

#endif
