/* serve.h: the life of one request, whatever brought it. */
#ifndef FCGI_SERVE_H
#define FCGI_SERVE_H

#include "handlers/exchange.h"

/* What a worker brings along. Nothing of it belongs to serve. */
struct serve_tools {
	const struct conf *conf;
	/* How many of the workers may wait for providers; 0: nobody knows. */
	int64_t workers;
	/* NULL when it could not be opened: what needs it is answered 503. */
	struct store *store;
	struct health *health; /* NULL when it could not be opened, */
	struct tally *tally;   /* which is no reason to refuse anything */
	struct upstream *upstream;
	/* Reset after each request. 64 KiB are plenty. */
	struct arena *arena;
	/* See struct exchange; NULL: no call is ever broken off. */
	enum interrupt (*interrupt)(void *context);
	void *interrupt_context;
};

enum serve_end {
	SERVE_DONE,
	/*
	 * A hold could not be ended. The process should end soon: whoever
	 * finds it dead ends the hold.
	 */
	SERVE_RETIRE,
};

/*
 * Serves one request from its variables to its log line. However it goes, an
 * answer has been written to the client when this returns.
 */
enum serve_end serve(const struct serve_tools *tools, struct client *client);

#endif
