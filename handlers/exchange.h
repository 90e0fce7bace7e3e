/* exchange.h: one request and its answer, as every step of its life sees it. */
#ifndef HANDLERS_EXCHANGE_H
#define HANDLERS_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/amounts.h"
#include "base/arena.h"
#include "base/conf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "db/health.h"
#include "db/key.h"
#include "db/ledger.h"
#include "db/limit.h"
#include "db/tally.h"
#include "handlers/form.h"
#include "upstream/call.h"

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_OPTIONS,
	METHOD_OTHER,
	METHOD__COUNT
};

/*
 * The client's side: fcgi/ implements it over libfcgi and CGI, the handler
 * tests over memory.
 */
struct client {
	/*
	 * A CGI variable such as "HTTP_AUTHORIZATION", or NULL. The text is
	 * the client's and lives as long as the request.
	 */
	const char *(*variable)(struct client *client, const char *name);
	/*
	 * Reads some of the body: at most size bytes, 0 at its end, -1 when it
	 * stalled or broke off.
	 */
	ssize_t (*read)(struct client *client, void *buf, size_t size);
	/*
	 * Writes all of data, which may be buffered; false when the client is
	 * gone. What is written is a CGI response, its head first.
	 */
	bool (*write)(struct client *client, const char *data, size_t len);
	/* Sends on what has been written; false when the client is gone. */
	bool (*flush)(struct client *client);
	/* The same, and says, where it can be said, that nothing comes after
	 * it: the client does not wait for the log. */
	bool (*end)(struct client *client);
	/*
	 * Looks, without waiting, whether the client has left; only a web
	 * server that hangs up at once lets this be seen. NULL: it cannot be.
	 * fd, when it is not -1, becomes ready when it is time to look.
	 */
	bool (*has_left)(struct client *client);
	int fd;
};

/* Why a call to a provider is to be broken off. */
enum interrupt {
	INTERRUPT_NONE,
	INTERRUPT_STOP,        /* the process must end soon */
	INTERRUPT_CLIENT_LEFT, /* whoever started the process says so */
};

enum {
	EXCHANGE_HEADERS_MAX = 16,
	EXCERPT_BYTES_MAX = 120,
};

struct header {
	const char *name, *value;
};

struct exchange {
	/* The tools of the worker; they outlive the request. */
	struct arena *arena;
	const struct conf *conf;
	int64_t workers;     /* that may wait for providers; 0: nobody knows */
	struct store *store;
	struct health *health; /* NULL: of nobody anything is known */
	struct tally *tally;   /* NULL: nothing is counted */
	struct upstream *upstream;
	struct client *client;
	/* Asked about ten times a second during a call; NULL: never broken. */
	enum interrupt (*interrupt)(void *context);
	void *interrupt_context;

	/* What arrived. */
	struct request_id id;
	char id_text[REQUEST_ID_TEXT_SIZE];
	int64_t wall_ms;     /* of arrival */
	int64_t started_us;  /* the same, on the monotonic clock */
	enum method method;
	const char *path;    /* undecoded, without path_prefix and query */
	const char *query;   /* undecoded, without '?'; "" for none */
	const char *argument; /* decoded {id} of the path, or NULL */
	const struct endpoint *endpoint; /* NULL until it is found */
	const char *body;    /* as it arrived; terminated */
	size_t body_len;
	char *body_owned;    /* freed at the end; body points into it */
	struct form *form;   /* the body, where it is a form; NULL if not */
	json_t *json;        /* the body; the exchange owns it. NULL once the
	                      * handler needs it no more */

	/* Who asks; valid once authenticated. */
	bool authenticated;
	struct key key;
	struct account account;

	/* What limits that has; see fcgi/serve_limit.c. */
	struct limit_ask limits;
	struct limit_pass pass;
	struct limit_state limits_left; /* valid with has_limits */
	bool has_limits;

	/* What it costs. */
	const struct model *model;
	const struct route *route; /* of the call that runs, or ran last; */
	const char *route_key;     /* and the provider's key, or NULL */
	bool key_refused;          /* that call's, it seems */
	char attempts[USAGE_ATTEMPTS_SIZE]; /* see struct usage */
	struct amounts worst; /* set by prepare: the most it can use */
	int64_t tokens_estimate; /* set by prepare: what its prompt likely is,
	                          * for the limits of tokens */
	struct hold hold;
	bool held;            /* between hold and settle or release */
	bool hold_lost;       /* it could not be ended: the process must, so
	                       * that whoever finds it dead ends the hold */
	struct amounts used;  /* set by handle */
	bool produced;        /* set by handle: there is something to bill, if
	                       * it succeeded or a stream had begun */
	unsigned usage_flags; /* of enum usage_flag */
	money cost;           /* after settle */
	bool has_cost;
	int64_t upstream_us;  /* of all calls */
	int upstream_http;

	/* What went wrong; the first failure wins. */
	enum err err;
	const char *err_param;   /* NULL: none */
	const char *err_message; /* NULL: the table's */
	const char *err_type;    /* NULL: the table's */
	const char *err_code;    /* NULL: the table's */
	int err_http;            /* 0: the table's */
	int64_t retry_after_ms;  /* of an error that may be tried again */
	const char *detail;      /* for the log only; NULL: none */
	const char *earlier;     /* the details of routes that failed before */

	/* The answer: the handler's, or in the end that of the failure. */
	int http;
	const char *content_type; /* NULL: no body */
	const char *cache_control; /* of a success; NULL: "no-store" */
	const char *answer;
	size_t answer_len;
	char *answer_owned;      /* freed at the end */
	struct header headers[EXCHANGE_HEADERS_MAX];
	size_t n_headers;
	bool began;              /* a streamed answer's head has gone out:
	                          * http and content_type are settled */
	bool bytes;              /* it is no stream of events but bytes, of
	                          * which the last is kept back until the
	                          * charge is recorded */
	bool has_last_byte;
	char last_byte;
	bool began_idle;         /* and nothing but comments has followed it:
	                          * another route may still be tried */
	char *usage_chunk;       /* ends such an answer, when the client asked
	                          * for it; and the usage in it. Both freed at
	                          * the end */
	char *usage_text;
	bool responded;          /* something was said, heard or not */
	bool undelivered;        /* it was seen not to be heard */
	bool replayed;           /* it is that of an earlier request */
};

/*
 * Notes a failure unless there is one, and returns false, so that a step can
 * `return exchange_fail(...)`. The message is a sentence for the client; a
 * NULL format takes the table's. param names the field, or is NULL.
 */
bool exchange_fail(struct exchange *x, enum err err, const char *param,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Forgets a failed call: its failure, what it used and made. What it said for
 * the log goes to `earlier`.
 */
void exchange_forgive(struct exchange *x);

/* A word for the log about a failure; never for the client. */
void exchange_detail(struct exchange *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * What a client sent, fit to stand in a sentence or in the log: at most
 * EXCERPT_BYTES_MAX bytes, cut between characters, without control characters.
 * The text must be valid UTF-8 where it goes to a client.
 */
const char *exchange_excerpt(struct exchange *x, const char *text, size_t len);

/*
 * Adds a header to the answer. The name must outlive the request; the value is
 * copied, and holds no control characters.
 */
void exchange_header(struct exchange *x, const char *name, const char *value);

/*
 * The answer is a JSON document: takes over the caller's reference. False, and
 * a failure noted, when it cannot be written.
 */
bool exchange_answer_json(struct exchange *x, int http, json_t *document);

/* The answer is text that the exchange frees in the end. */
void exchange_answer_owned(struct exchange *x, int http,
    const char *content_type, char *text, size_t len);

/* Whether and why a call is to be broken off now. */
enum interrupt exchange_interrupt(const struct exchange *x);

/* A CGI variable of the request, or NULL. */
const char *exchange_variable(struct exchange *x, const char *name);

/* Gives back what the exchange owns outside its arena. */
void exchange_clear(struct exchange *x);

#endif
