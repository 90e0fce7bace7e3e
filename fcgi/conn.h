/* conn.h: how a request comes in and its answer goes out. */
#ifndef FCGI_CONN_H
#define FCGI_CONN_H

#include <signal.h>
#include <stdint.h>

#include "handlers/exchange.h"

/* How long a wait for a request may go on before there is CONN_NONE. */
enum { CONN_IDLE_S = 1 };

enum conn_rc {
	CONN_REQUEST, /* serve it, then conn_finish() */
	CONN_NONE,    /* a signal came, a connection without a request, or
	               * nothing for CONN_IDLE_S */
	CONN_END,     /* there will be no more requests */
};

/*
 * Where requests come from, one at a time. The client of a request is the
 * first member, so that the functions of struct client find their conn.
 */
struct conn {
	struct client client;
	const struct conn_kind *kind;
};

/* What differs between FastCGI and plain CGI; see the functions below. */
struct conn_kind {
	enum conn_rc (*accept)(struct conn *conn, int64_t timeout_ms,
	    const sigset_t *while_waiting);
	void (*finish)(struct conn *conn);
	void (*free)(struct conn *conn);
};

/*
 * FastCGI requests from a listening socket, which is made non-blocking and
 * stays the caller's. The home of libfcgi. NULL when it cannot start.
 */
struct conn *conn_fastcgi(int listen_fd);

/* The one CGI request of standard input, output and the environment. */
struct conn *conn_cgi(void);

/*
 * Waits for a request with the signal mask while_waiting, and with what
 * arrived of it ready to be asked for. timeout_ms is how long its body, or the
 * client taking the answer, may pause. The caller blocks the signals that it
 * handles at all other times: none then interrupts a read or a write.
 */
enum conn_rc conn_accept(struct conn *conn, int64_t timeout_ms,
    const sigset_t *while_waiting);

/* Ends the answer and forgets the request. */
void conn_finish(struct conn *conn);

/* NULL is allowed. */
void conn_free(struct conn *conn);

#endif
