/* serve.c: the life of one request: a table of steps, and a tail that cannot
 * be skipped. */
#include "fcgi/serve.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "fcgi/serve_private.h"
#include "handlers/endpoint.h"
#include "handlers/ways.h"

enum { WHY_SIZE = 256 };

static bool
needs(const struct exchange *x, enum endpoint_needs what)
{
	return x->endpoint->needs & what;
}

/* What stands after the scheme and host of "http://host/path", if any. */
static const char *
origin_form(const char *uri)
{
	const char *host = NULL;

	if (strncasecmp(uri, "http://", 7) == 0)
		host = uri + 7;
	else if (strncasecmp(uri, "https://", 8) == 0)
		host = uri + 8;
	if (!host)
		return uri;
	return host + strcspn(host, "/?");
}

/* The path without path_prefix, which a web server may have left or taken. */
static const char *
without_prefix(const struct exchange *x, const char *path)
{
	const char *prefix = x->conf->path_prefix;
	size_t len = strlen(prefix);

	if (len > 0 && strncmp(path, prefix, len) == 0 && path[len] == '/')
		return path + len;
	return path;
}

/*
 * REQUEST_URI is the only variable that says the same under every web server;
 * PATH_INFO is decoded by some.
 */
static bool
step_route(struct exchange *x)
{
	const char *method = exchange_variable(x, "REQUEST_METHOD");
	const char *uri = exchange_variable(x, "REQUEST_URI");
	size_t path_len;

	x->method = method_parse(method ? method : "");
	uri = origin_form(uri ? uri : "");
	path_len = strcspn(uri, "?#");
	if (uri[path_len] == '?')
		x->query = uri + path_len + 1;
	uri = arena_strndup(x->arena, uri, path_len);
	if (!uri)
		return exchange_fail(x, ERR_REQUEST_TOO_LARGE, NULL,
		    "The URL is too long.");
	x->path = without_prefix(x, uri);
	return endpoint_find(x);
}

static bool
step_authenticate(struct exchange *x)
{
	return !needs(x, NEEDS_KEY) || serve_authenticate(x) ||
	       serve_stranger(x);
}

static bool
step_admit(struct exchange *x)
{
	return !needs(x, NEEDS_KEY) || serve_admit(x);
}

static bool
step_body(struct exchange *x)
{
	if (needs(x, NEEDS_FORM))
		return serve_form(x);
	return !needs(x, NEEDS_JSON) || serve_body(x);
}

static bool
step_parse(struct exchange *x)
{
	char why[WHY_SIZE];

	if (!needs(x, NEEDS_JSON))
		return true;
	x->json = json_parse_request(x->body, x->body_len, why, sizeof(why));
	return x->json ||
	       exchange_fail(x, ERR_INVALID_REQUEST, NULL, "%s", why);
}

static bool
step_recall(struct exchange *x)
{
	return !needs(x, NEEDS_CREDIT) || serve_recall(x);
}

static bool
step_prepare(struct exchange *x)
{
	return !x->endpoint->prepare || x->endpoint->prepare(x);
}

static bool
step_limit(struct exchange *x)
{
	return !needs(x, NEEDS_CREDIT) || serve_limit(x);
}

static bool
step_hold(struct exchange *x)
{
	/* Nothing is held for what no provider can be asked. */
	return !needs(x, NEEDS_CREDIT) || (ways_check(x) && serve_hold(x));
}

static bool
step_handle(struct exchange *x)
{
	return x->endpoint->handle(x);
}

/* One of both functions is there: the tail cannot fail. */
static const struct {
	const char *name;
	bool (*run)(struct exchange *x);
	void (*end)(struct exchange *x);
} steps[STEP__COUNT] = {
	[STEP_ROUTE] = { "route", step_route, NULL },
	[STEP_AUTHENTICATE] = { "authenticate", step_authenticate, NULL },
	[STEP_ADMIT] = { "admit", step_admit, NULL },
	[STEP_BODY] = { "body", step_body, NULL },
	[STEP_PARSE] = { "parse", step_parse, NULL },
	[STEP_RECALL] = { "recall", step_recall, NULL },
	[STEP_PREPARE] = { "prepare", step_prepare, NULL },
	[STEP_LIMIT] = { "limit", step_limit, NULL },
	[STEP_HOLD] = { "hold", step_hold, NULL },
	[STEP_HANDLE] = { "handle", step_handle, NULL },
	[STEP_SETTLE] = { "settle", NULL, serve_settle },
	[STEP_LEAVE] = { "leave", NULL, serve_leave },
	[STEP_RESPOND] = { "respond", NULL, serve_respond },
	[STEP_REMEMBER] = { "remember", NULL, serve_remember },
};

const char *
step_name(enum step step)
{
	return steps[step].name;
}

static void
begin(struct exchange *x)
{
	x->wall_ms = clock_wall_ms();
	x->started_us = clock_mono_us();
	x->path = "";
	x->query = "";
	x->body = "";
	if (!request_id_make(&x->id, x->wall_ms))
		exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	request_id_format(&x->id, x->id_text);
}

/* The first failure ends the run, and so does an answer that was kept; the tail
 * happens whatever was before it. */
static void
live(struct exchange *x, struct step_times *times)
{
	int64_t from = x->started_us, to;
	bool going = x->err == ERR_NONE;

	for (int i = 0; i < STEP__COUNT; i++) {
		times->us[i] = -1;
		if (steps[i].end)
			steps[i].end(x);
		else if (going && !x->replayed)
			going = steps[i].run(x);
		else
			continue;
		to = clock_mono_us();
		times->us[i] = to - from;
		from = to;
	}
}

/* Whose failure it was; 4xx answers and the client's leaving are nobody's. */
static bool
is_ours(const struct exchange *x)
{
	return x->err == ERR_GATEWAY_ERROR || x->err == ERR_GATEWAY_BUSY ||
	       x->err == ERR_CREDIT_CHECK_FAILED;
}

/* For GET /status. What was refused before a provider was due says nothing. */
static void
count(struct exchange *x)
{
	int http = x->err == ERR_NONE ? 200 : err_row(x->err)->http;
	bool asked = x->route && !x->replayed;

	if (!x->model || (!asked && http < 500))
		return;
	tally_count(x->tally, x->model->id, http < 500);
	tally_count(x->tally, NULL, !is_ours(x));
}

enum serve_end
serve(const struct serve_tools *tools, struct client *client)
{
	struct exchange x = {
		.arena = tools->arena,
		.conf = tools->conf,
		.workers = tools->workers,
		.store = tools->store,
		.health = tools->health,
		.tally = tools->tally,
		.upstream = tools->upstream,
		.client = client,
		.interrupt = tools->interrupt,
		.interrupt_context = tools->interrupt_context,
	};
	struct step_times times;

	begin(&x);
	live(&x, &times);
	count(&x);
	serve_log(&x, &times);
	assert(!x.held);
	assert(x.responded);
	exchange_clear(&x);
	arena_reset(tools->arena);
	return x.hold_lost ? SERVE_RETIRE : SERVE_DONE;
}
