/* call.h: one bounded call to a provider; this room is the home of libcurl. */
#ifndef UPSTREAM_CALL_H
#define UPSTREAM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process's connections to providers, kept alive from call to call. One call
 * runs at a time. Must not cross a fork. The process ignores SIGPIPE.
 */
struct upstream;

/*
 * Makes ready what every process needs that makes calls, TLS above all. One
 * that does so before it forks has it in common with those that it forks.
 * False when memory runs out. upstream_free() does not undo it.
 */
bool upstream_prepare(void);

/* NULL when memory runs out. */
struct upstream *upstream_new(void);
void upstream_free(struct upstream *upstream); /* NULL is allowed */

enum upstream_rc {
	UPSTREAM_OK,              /* a complete answer, whatever its status */
	UPSTREAM_UNREACHABLE,     /* no address, connection or trusted TLS */
	UPSTREAM_BROKEN,          /* cut short, or not HTTP */
	UPSTREAM_TOO_LARGE,       /* more than answer_bytes_max */
	UPSTREAM_HEADERS_TIMEOUT, /* no complete head in time */
	UPSTREAM_BODY_TIMEOUT,    /* paused for too long */
	UPSTREAM_TOTAL_TIMEOUT,   /* not finished in time */
	UPSTREAM_STOPPED,         /* a function of the caller asked for it */
	UPSTREAM_NO_MEMORY,
};

/* "ok", "unreachable" ... for the log. */
const char *upstream_rc_name(enum upstream_rc rc);

struct upstream_answer;

/*
 * A POST. Everything belongs to the caller and must outlive the call. The
 * time-outs are above zero; the one that is over first decides the result.
 */
struct upstream_request {
	const char *url;
	const char *key;          /* sent as a bearer token; NULL: none */
	const char *ca_file;      /* PEM; NULL: the system's */
	const char *content_type;
	const char *accept;
	const char *body;
	size_t body_len;
	/*
	 * In place of body: gives at most size bytes of body_len from offset
	 * on, one at least, or -1 when they cannot be had, which ends the call
	 * with UPSTREAM_NO_MEMORY. What was given may be asked for again, when
	 * a connection ends before it is used. NULL: there is a body.
	 */
	ssize_t (*read_body)(int64_t offset, char *data, size_t size,
	    void *context);
	void *body_context;
	/* From the start to a verified connection; UPSTREAM_UNREACHABLE. */
	int64_t connect_timeout_ms;
	/* From the start to the whole head; interim (1xx) ones do not count. */
	int64_t first_byte_timeout_ms;
	/* Between two pieces of the body, in which the sink's time is not. */
	int64_t stall_timeout_ms;
	/* From the start to the end. */
	int64_t total_timeout_ms;
	size_t answer_bytes_max;       /* of a 2xx body, after decoding */

	/*
	 * Asked about every 100 ms and after each signal; true ends the call
	 * with UPSTREAM_STOPPED. NULL: nothing but time-outs ends it.
	 */
	bool (*stop)(void *context);

	/*
	 * Given the body of a 2xx answer piece by piece, as it arrives; false
	 * ends the call. NULL gathers it in upstream_answer.body, as the body
	 * of any other status always is, up to 256 KiB, and cut there.
	 */
	bool (*sink)(const char *data, size_t len, void *context);

	/*
	 * Told of the whole head of the answer, before any of its body, and of
	 * no interim (1xx) one: http, content_type, length and retry_after_ms
	 * of *answer are set. False ends the call with UPSTREAM_STOPPED. NULL:
	 * nobody is told.
	 */
	bool (*on_head)(const struct upstream_answer *answer, void *context);

	/*
	 * Asked at once when there is something to read from client_fd, or its
	 * other end has gone; true ends the call with UPSTREAM_STOPPED. As long
	 * as it says false of a descriptor that stays so, it is asked again
	 * about every 100 ms. It should look without waiting (MSG_PEEK |
	 * MSG_DONTWAIT). NULL: client_fd is not looked at, whatever it is.
	 * client_fd may also be the writing end of a pipe, or -1.
	 */
	int client_fd;
	bool (*client_left)(void *context);

	/*
	 * The caller's own timer: called first heartbeat_ms after the start,
	 * in whatever state the call is then, and each time tells in how many
	 * milliseconds to be called again, 1 or more; anything less ends the
	 * call with UPSTREAM_STOPPED. It runs also while the body flows, since
	 * only the caller knows when the client last heard something: that
	 * time is what it computes the rest from. NULL: there is no timer.
	 */
	int64_t heartbeat_ms;
	int64_t (*beat)(void *context);

	void *context;
};

struct upstream_answer {
	int http;             /* 0 when no complete head arrived */
	char *body;           /* terminated; NULL when nothing was gathered */
	size_t body_len;
	char content_type[128]; /* printable; "" when there was none */
	int64_t length;         /* of the body as its head says; below 0
	                         * when it does not, or it is encoded */
	int64_t retry_after_ms; /* -1 when the provider named none; <= a day */
	int64_t connect_us;     /* with name and TLS; 0 on a kept one */
	int64_t first_byte_us;  /* to the whole head; 0: none arrived */
	int64_t total_us;
	char detail[256];       /* why it failed, for the operator's log */
};

/*
 * Makes the call. TLS is verified; redirects are not followed, and are answers
 * like any other; no proxy is taken from the environment; only http and https.
 * Whatever the result, the caller gives *answer to upstream_answer_clear().
 *
 * When a kept-alive connection ends before the first byte of an answer, or one
 * of HTTP/2 says goodbye, the request is sent again, on a new connection and
 * within the same limits: the provider may see it more than once. The detail is
 * printable and never holds the key.
 */
enum upstream_rc upstream_call(struct upstream *upstream,
    const struct upstream_request *request, struct upstream_answer *answer);

/* Frees what a call gathered; harmless to repeat. */
void upstream_answer_clear(struct upstream_answer *answer);

#endif
