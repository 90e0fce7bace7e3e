/* fake_upstream.h: a provider at link time: it says what it is told to. */
#ifndef TESTS_HANDLERS_FAKE_UPSTREAM_H
#define TESTS_HANDLERS_FAKE_UPSTREAM_H

#include "upstream/call.h"

/* Something that happens during a streamed call. */
struct fake_step {
	const char *piece;  /* arrives; NULL: nothing does */
	int64_t silent_ms;  /* or nothing does for so long */
	void (*act)(void *context);
	unsigned flushes;   /* and until the client was sent so much; 0: no */
};

/* What one of several providers gives; by default a good answer. */
struct fake_provider {
	const char *host;   /* stands in its URL */
	enum upstream_rc rc;
	int http;           /* 0: 200 */
	const char *body;
	int64_t retry_after_ms; /* 0: it names none */
	const struct fake_step *steps;
	size_t n_steps;
	const char *key_refused; /* this key gets a 401 */
	unsigned calls;
};

enum { FAKE_ORDER_SIZE = 256, FAKE_SILENCE_MS_MAX = 20000 };

struct fake_client;

/* What the next calls give, and what the last one was asked. */
struct fake_upstream {
	enum upstream_rc rc;
	int http;
	const char *body;
	const char *type;      /* the content type of its answer; NULL: none */
	int64_t length;        /* as its head tells it */
	int64_t retry_after_ms;
	/* Where a call has a sink: what is handed to it; then rc. */
	const struct fake_step *steps;
	size_t n_steps;
	void (*during)(void *context); /* run while the call is under way */
	void *context;
	const struct fake_client *client; /* of the request; NULL: none */

	/* Each of these gives what is its own, in place of what is above. */
	struct fake_provider *providers;
	size_t n_providers;
	char order[FAKE_ORDER_SIZE]; /* "a b a": their hosts, as called */
	int64_t total_timeout_ms;    /* of the last call */

	unsigned calls;
	unsigned steps_taken; /* by the last call */
	char *url;
	char *key;
	char *asked;           /* terminated, whatever is in it */
	size_t asked_len;
	char *asked_type;
};

extern struct fake_upstream fake_upstream;

/* Forgets what it was asked; answers 200 with this body from now on. */
void fake_upstream_reset(const char *body);

#endif
