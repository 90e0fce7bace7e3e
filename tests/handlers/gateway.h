/* gateway.h: a whole gateway for tests: real life of a request, real store, a
 * client over memory and a fake provider. */
#ifndef TESTS_HANDLERS_GATEWAY_H
#define TESTS_HANDLERS_GATEWAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "db/key.h"
#include "db/ledger.h"
#include "fcgi/serve.h"

enum { GATEWAY_VARIABLES_MAX = 8 };

/* One request. What is 0 takes the value that is told. */
struct ask {
	const char *method;        /* "POST" with a body, else "GET" */
	const char *uri;           /* the chat endpoint */
	const char *authorization; /* the gateway's key; "" for none */
	const char *type;          /* application/json; "" for none */
	const char *body;
	size_t body_len;           /* strlen(body) */
	const char *length;        /* CONTENT_LENGTH: body_len; "" for none */
	size_t piece;              /* a read gives that much at most */
	bool breaks;               /* the body stalls at its end */
	bool gone;                 /* the client does not wait for the answer */
	unsigned flushes_max;      /* it leaves after so many; 0: it stays */
	bool forgets;              /* it does not keep a long answer */
	/* Name, value, name, value ... of further variables. */
	const char *variables[GATEWAY_VARIABLES_MAX];
};

/* What came back; valid until the next request. */
struct reply {
	int http;
	char *head;      /* lines that end in CR LF */
	char *body;
	size_t body_len;
	json_t *json;    /* the body, or NULL when it is none */
	unsigned flushes;
	char *log;       /* what was logged meanwhile */
	enum serve_end end;
};

struct fake_client;

struct gateway {
	char dir[64];
	struct conf *conf;
	struct store *store;
	struct health *health;      /* NULL until gateway_watch() */
	struct tally *tally;        /* likewise */
	struct arena arena;
	void *block;
	struct account account;
	struct key key;
	char authorization[KEY_SECRET_SIZE + 8];
	struct reply reply;
	struct fake_client *client; /* during a request */
	enum interrupt interrupt;   /* what a call is told; INTERRUPT_NONE */
};

/*
 * cmocka fixtures: a gateway whose account has 5 USD and one unrestricted key.
 * Its models: `demo` (1 USD per 1M in, 2 USD per 1M out, 100 tokens of output,
 * context 10000, called real-demo by its provider), `free`, and `org/pro`.
 */
int gateway_setup(void **state);
int gateway_teardown(void **state);

/* From now on what providers do is remembered, and requests are counted. */
void gateway_watch(struct gateway *g);

/* Replaces the configuration by the usual one with these lines on top. */
void gateway_configure(struct gateway *g, const char *lines);

/* Replaces the key by one of the same account made to order. */
void gateway_use_key(struct gateway *g, struct key_spec spec);

/* Leaves exactly this much balance. */
void gateway_set_balance(struct gateway *g, money balance);

const struct reply *gateway_ask(struct gateway *g, struct ask ask);

/* A POST of this body to the chat endpoint. */
const struct reply *gateway_chat(struct gateway *g, const char *body);

/* A header's value, in a static buffer, or NULL. Case does not matter. */
const char *reply_header(const struct reply *reply, const char *name);

/* A member of the reply's error; NULL for null. All four must be there. */
const char *reply_error(const struct reply *reply, const char *member);

/* Fails the test unless the reply is this error. */
void assert_error(const struct reply *reply, int http, const char *code,
    const char *param);

/* The account and key as they are in the store; the last request's record. */
struct account gateway_account(struct gateway *g);
struct key gateway_key(struct gateway *g);
struct usage gateway_last_usage(struct gateway *g);

/* Fails the test unless the ledger holds and nothing is held. */
void gateway_check_ledger(struct gateway *g);

/* A provider's good answer: 9 tokens in, 12 out. */
extern const char good_answer[];

/* A request that it goes with, for 20 tokens at most. */
static const char good_request[] = "{\"model\":\"demo\",\"messages\":"
    "[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":20}";

/* A test in a gateway of its own. */
#define GATEWAY_TEST(name) \
	cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)

#endif
