/* fake_client.h: a client over memory. */
#ifndef TESTS_HANDLERS_FAKE_CLIENT_H
#define TESTS_HANDLERS_FAKE_CLIENT_H

#include "handlers/exchange.h"

enum {
	FAKE_VARIABLES_MAX = 24,
	FAKE_KEPT_BYTES = 65536,
	FAKE_CLIENT_FD = 1000000, /* watched by the fake provider only */
};

struct fake_client {
	struct client client;
	struct header variables[FAKE_VARIABLES_MAX];
	size_t n_variables;
	const char *body;
	size_t body_len;
	size_t taken;
	size_t piece;   /* of a read; 0: no limit */
	bool breaks;    /* at the body's end */
	bool gone;      /* nothing that is flushed arrives */
	char *out;      /* what was written; terminated */
	size_t out_len;
	unsigned flushes;
	unsigned flushes_max; /* after so many it is gone; 0: it never is */
	bool forgets;   /* what goes beyond FAKE_KEPT_BYTES */
	bool left;      /* it hung up, and can be seen to */
};

void fake_client_init(struct fake_client *fake);

/* A NULL or empty value sets nothing. */
void fake_client_set(struct fake_client *fake, const char *name,
    const char *value);
void fake_client_clear(struct fake_client *fake);

#endif
