/* relay.c: asking the provider of x->model, and what its failures mean. */
#include "handlers/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/refusal.h"
#include "handlers/ways.h"

/* The status of an answer says whose trouble it is. */
enum blame {
	BLAME_PROVIDER, /* it failed */
	BLAME_OPERATOR, /* our key, our credit there, our route */
	BLAME_CLIENT,   /* a complaint about the request: told to the client */
};

static enum blame
blame_of(int http)
{
	switch (http) {
	case 401: /* the provider's key is wrong */
	case 402: /* the operator's credit there is used up */
	case 403:
	case 404: /* the route names a model or a URL that is not there */
	case 405:
	case 407:
	case 410:
	case 429: /* the operator's limits there */
		return BLAME_OPERATOR;
	case 408:
	case 409:
	case 425:
		return BLAME_PROVIDER;
	default:
		return http >= 400 && http < 500 ? BLAME_CLIENT :
		    BLAME_PROVIDER;
	}
}

static bool
call_failed(struct exchange *x, enum upstream_rc rc, const char *detail)
{
	enum err err = ERR_GATEWAY_ERROR;

	switch (rc) {
	case UPSTREAM_OK:
		return true;
	case UPSTREAM_UNREACHABLE:
		err = ERR_UPSTREAM_UNREACHABLE;
		break;
	case UPSTREAM_BROKEN:
	case UPSTREAM_TOO_LARGE:
		err = ERR_UPSTREAM_ERROR;
		break;
	case UPSTREAM_HEADERS_TIMEOUT:
		err = ERR_UPSTREAM_HEADERS_TIMEOUT;
		break;
	case UPSTREAM_BODY_TIMEOUT:
		err = ERR_UPSTREAM_BODY_TIMEOUT;
		break;
	case UPSTREAM_TOTAL_TIMEOUT:
		err = ERR_UPSTREAM_REQUEST_TIMEOUT;
		break;
	case UPSTREAM_STOPPED:
		err = ERR_GATEWAY_BUSY;
		break;
	case UPSTREAM_NO_MEMORY:
		err = ERR_GATEWAY_ERROR;
		break;
	}
	exchange_detail(x, "provider %s: %s: %s",
	    x->route->provider->name, upstream_rc_name(rc), detail);
	return exchange_fail(x, err, NULL, NULL);
}

static bool
answer_failed(struct exchange *x, const struct upstream_answer *answer)
{
	enum blame blame = blame_of(answer->http);

	if (answer->http >= 200 && answer->http < 300)
		return true;
	if (blame == BLAME_CLIENT && refusal_relay(x, answer))
		return false;
	exchange_detail(x, "provider %s answered %d",
	    x->route->provider->name, answer->http);
	if (blame == BLAME_PROVIDER)
		return exchange_fail(x, ERR_UPSTREAM_ERROR, NULL, NULL);
	if (answer->retry_after_ms > 0)
		x->retry_after_ms = answer->retry_after_ms;
	return exchange_fail(x, ERR_UPSTREAM_UNAVAILABLE, NULL, NULL);
}

/*
 * The status that an error event would have had as an answer: some say it as
 * their code, and what is about the request has a type of that name.
 */
static int
http_of_event(const char *type, const char *code)
{
	if (strlen(code) == 3 && strspn(code, "0123456789") == 3)
		return (code[0] - '0') * 100 + (code[1] - '0') * 10 +
		       code[2] - '0';
	return strcmp(type, "invalid_request_error") == 0 ? 400 : 500;
}

bool
relay_event_failed(struct exchange *x, const char *message,
    const char *type, const char *code)
{
	int http = http_of_event(type, code);
	enum blame blame = refusal_is_operators(type, code) ? BLAME_OPERATOR :
	    blame_of(http);

	exchange_detail(x, "provider %s sent an error event: type '%s' code "
	    "'%s'", x->route->provider->name,
	    exchange_excerpt(x, type, strlen(type)),
	    exchange_excerpt(x, code, strlen(code)));
	switch (blame) {
	case BLAME_CLIENT:
		refusal_words(x, http, message, type, code);
		return false;
	case BLAME_OPERATOR:
		return exchange_fail(x, ERR_UPSTREAM_UNAVAILABLE, NULL, NULL);
	case BLAME_PROVIDER:
		break;
	}
	return exchange_fail(x, ERR_UPSTREAM_ERROR, NULL, NULL);
}

/* A call while it runs: libcurl's side knows nothing else. */
struct run {
	struct exchange *x;
	const struct relay_taker *taker;
	struct ways *ways;
};

/* A whole answer that nobody waits for is still taken and settled. */
static bool
stop(void *context)
{
	struct run *run = context;

	return run->taker ? run->taker->stop(run->taker->context) :
	    exchange_interrupt(run->x) != INTERRUPT_NONE;
}

static bool
take_piece(const char *data, size_t len, void *context)
{
	struct run *run = context;

	return run->taker->sink(data, len, run->taker->context);
}

static bool
look_for_client(void *context)
{
	struct run *run = context;

	return run->taker->client_left(run->taker->context);
}

static int64_t
beat(void *context)
{
	struct run *run = context;

	return run->taker->beat(run->taker->context);
}

static bool
take_head(const struct upstream_answer *answer, void *context)
{
	const struct relay_taker *taker = ((struct run *)context)->taker;

	if (taker->on_head && !taker->on_head(answer, taker->context))
		return false;
	if (answer->http >= 200 && answer->http <= 299)
		ways_settle(((struct run *)context)->ways);
	return true;
}

static void
set_taker(struct upstream_request *request, const struct exchange *x,
    const struct relay_taker *taker)
{
	request->accept = "text/event-stream, application/json";
	request->sink = take_piece;
	request->on_head = take_head;
	request->heartbeat_ms = taker->heartbeat_ms;
	request->beat = taker->beat ? beat : NULL;
	if (x->client->has_left) {
		request->client_fd = x->client->fd;
		request->client_left = taker->client_left ?
		    look_for_client : NULL;
	}
	/* Nothing is gathered; the time-outs are its bounds. */
	request->answer_bytes_max = SIZE_MAX;
}

/* The changes to a JSON body: the endpoint's and then the route's. */
struct edits {
	struct json_edit list[RELAY_EDITS_MAX + 2 + 2 * ROUTE_EDITS_MAX];
	size_t n;
};

_Static_assert(RELAY_EDITS_MAX + 2 + 2 * ROUTE_EDITS_MAX <= JSON_EDITS_MAX,
    "all of them can be made at once");

/* Of two edits of one member the later is made. */
static void
add_edit(struct edits *edits, const char *name, const char *value)
{
	size_t i = 0;

	while (i < edits->n && strcmp(edits->list[i].name, name) != 0)
		i++;
	edits->list[i] = (struct json_edit){ name, value };
	if (i == edits->n)
		edits->n++;
}

static void
add_edits(struct edits *edits, const struct json_edit *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_edit(edits, list[i].name, list[i].value);
}

static void
add_stream_options(const struct route *route, const struct relay_ask *ask,
    struct edits *edits)
{
	switch ((enum stream_options)route->provider->stream_options) {
	case STREAM_OPTIONS_YES:
		add_edit(edits, "stream_options", ask->stream_options);
		break;
	case STREAM_OPTIONS_NO:
		add_edit(edits, "stream_options", NULL);
		break;
	}
}

/* The client's text with the members changed. */
static bool
make_json(struct exchange *x, const struct relay_ask *ask,
    struct relay_body *body)
{
	const char *model = relay_quote(x, x->route->model);
	struct edits edits = { .n = 0 };

	assert(ask->n_edits <= RELAY_EDITS_MAX);
	add_edit(&edits, "model", model);
	add_edits(&edits, ask->edits, ask->n_edits);
	if (ask->stream_options)
		add_stream_options(x->route, ask, &edits);
	add_edits(&edits, x->route->set_fields.list, x->route->set_fields.n);
	add_edits(&edits, x->route->drop_fields.list,
	    x->route->drop_fields.n);
	if (model)
		body->owned = json_edit_members(x->body, x->body_len,
		    edits.list, edits.n, &body->len);
	body->data = body->owned;
	body->content_type = "application/json";
	return body->owned ||
	       exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
}

static enum upstream_rc
call(struct run *run, const struct relay_ask *ask,
    const struct relay_body *body, struct upstream_answer *answer)
{
	struct exchange *x = run->x;
	const struct route *route = x->route;
	struct upstream_request request = {
		.key = x->route_key,
		.ca_file = route->provider->ca_file,
		.content_type = body->content_type,
		.accept = "application/json",
		.body = body->data,
		.body_len = body->len,
		.read_body = body->read,
		.body_context = body->read_context,
		.connect_timeout_ms = route->connect_timeout_ms,
		.first_byte_timeout_ms = route->first_byte_timeout_ms,
		.stall_timeout_ms = route->stall_timeout_ms,
		.total_timeout_ms = ways_left_ms(run->ways,
		    route->total_timeout_ms),
		.answer_bytes_max = (size_t)x->conf->answer_bytes_max,
		.stop = stop,
		.context = run,
	};
	enum upstream_rc rc;

	request.url = arena_printf(x->arena, "%s%s",
	    route->provider->base_url, ask->path);
	if (!request.url)
		return UPSTREAM_NO_MEMORY;
	if (ask->taker)
		set_taker(&request, x, ask->taker);
	if (ask->accept)
		request.accept = ask->accept;
	rc = upstream_call(x->upstream, &request, answer);
	x->upstream_us += answer->total_us;
	x->upstream_http = answer->http;
	return rc;
}

/* One call, by x->route. */
static bool
attempt(struct ways *ways, const struct relay_ask *ask)
{
	struct exchange *x = ways->x;
	struct run run = { .x = x, .taker = ask->taker, .ways = ways };
	struct upstream_answer answer = { 0 };
	struct relay_body body = { 0 };
	enum upstream_rc rc = UPSTREAM_NO_MEMORY;
	bool done;

	if (ask->begin)
		ask->begin(ask->context);
	done = ask->make ? ask->make(x, x->route, &body, ask->context) :
	    make_json(x, ask, &body);
	if (done) {
		rc = call(&run, ask, &body, &answer);
		done = ask->take(x, rc, &answer, ask->context);
	}
	ways_note(ways, rc, &answer);
	upstream_answer_clear(&answer);
	free(body.owned);
	return done;
}

bool
relay(struct exchange *x, const struct relay_ask *ask)
{
	struct ways ways;

	ways_begin(&ways, x);
	while (ways_next(&ways)) {
		if (attempt(&ways, ask))
			return true;
		if (!ways_may_go_on(&ways))
			return false;
	}
	return false;
}

bool
relay_judge(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *answer)
{
	return call_failed(x, rc, answer->detail) && answer_failed(x, answer);
}

const char *
relay_quote(struct exchange *x, const char *text)
{
	enum { ESCAPE_BYTES_MAX = 6, QUOTES_AND_NUL = 3 };
	size_t size = strlen(text) * ESCAPE_BYTES_MAX + QUOTES_AND_NUL;
	char *literal = arena_alloc(x->arena, size);

	if (!literal || !json_quote(text, strlen(text), literal, size))
		return NULL;
	return literal;
}
