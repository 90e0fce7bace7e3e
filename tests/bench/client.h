/* client.h: one connection of the load: a request out, an answer in, again. */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/histogram.h"

enum {
	CLIENT_HEAD_BYTES = 16384, /* of an answer's head, or of one event */
	CLIENT_STATUS_MAX = 600,
};

/* What all connections of a run ask for. */
struct client_plan {
	uint16_t port;          /* at 127.0.0.1 */
	const char *method;
	const char *path;
	const char *headers;    /* lines that end in CR LF */
	char **keys;            /* shown in turn; none when there are no keys */
	size_t n_keys;
	size_t next_key;
	const char *body;
	size_t body_len;
	uint64_t leave_after;   /* so many events of a stream; 0: never */
};

/* What they counted, of answers that ended after from_us. */
struct client_sums {
	int64_t from_us;
	uint64_t answers, events, broken, left, connects, bytes;
	uint64_t statuses[CLIENT_STATUS_MAX];
	struct histogram latency_us; /* of whole answers */
	struct histogram event_us;   /* from an event's stamp to its arrival */
};

enum client_part {
	PART_REQUEST,
	PART_HEAD,
	PART_BODY,       /* with 0 bytes left: over */
	PART_CHUNK_SIZE,
	PART_CHUNK,
	PART_CHUNK_END,
	PART_TRAILER,
};

struct client {
	int fd;                /* -1: not connected */
	enum client_part part;
	char *request;         /* the head; the body follows from the plan */
	size_t request_len, sent;
	int64_t began_us;
	bool reused;           /* an answer has come over this connection */
	bool closes;           /* the server ends it after this answer */
	bool is_busy, is_watched; /* the caller's; a new connection is not
	                           * watched yet */
	bool is_stream;
	uint64_t events;       /* of this answer so far */
	int status;
	uint64_t left;         /* of body or chunk; UINT64_MAX: to the end */
	char text[CLIENT_HEAD_BYTES + 1]; /* a head, or a line, so far */
	size_t text_len;
	size_t trailer_len;    /* of the line of a trailer so far */
};

enum client_rc { CLIENT_WAITS, CLIENT_DONE, CLIENT_BROKEN };

/* Connects if need be and begins a request. False: no connection. */
bool client_ask(struct client *c, struct client_plan *plan,
    struct client_sums *sums);

/*
 * Goes on as far as the socket lets it. Done and broken are counted, and those
 * that were left as the plan says, which are done, too. One that broke before
 * an answer began, on a connection that had been used, is asked again and still
 * waits: a server may close an idle connection at any time.
 */
enum client_rc client_go_on(struct client *c, struct client_plan *plan,
    struct client_sums *sums);

void client_close(struct client *c);

/* Microseconds of the clock that the upstream stamps its events with. */
int64_t client_now_us(void);

#endif
