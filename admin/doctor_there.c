/* doctor_there.c: the gateway behind a URL, asked as a client would. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/doctor.h"
#include "admin/probe.h"

enum {
	URL_SIZE = 2048,
	HEADER_BYTES = 40 * 1024,
	VALUE_SIZE = 256,
	HELD_BACK_MS = 300, /* more than a network takes */
};

#define UNKNOWN_KEY "sk-farebox-doctor-unknown"
#define CHAT "/v1/chat/completions"

/* One request after the other, to one gateway. */
struct visit {
	struct doctor *d;
	char base[URL_SIZE]; /* without /v1 and the last slash */
	char url[URL_SIZE + 128];
	const char *key;     /* NULL: none was given */
	struct reply reply;
};

/* Makes a request for a path; false when there is no answer. */
static bool
ask(struct visit *v, const char *path, struct probe probe)
{
	probe_clear(&v->reply);
	snprintf(v->url, sizeof(v->url), "%s%s", v->base, path);
	probe.url = v->url;
	return probe_run(&probe, &v->reply) && v->reply.http > 0;
}

/* The code of an error in our shape, or NULL; new reference in *document. */
static const char *
error_code(const struct visit *v, json_t **document)
{
	const json_t *error;

	*document = json_parse_answer(v->reply.body, strlen(v->reply.body));
	error = json_object_get(*document, "error");
	if (!json_is_string(json_object_get(error, "message")))
		return NULL;
	return json_string_value(json_object_get(error, "code"));
}

/* True for an error in our shape, of that code unless that is NULL. */
static bool
is_error(const struct visit *v, const char *code)
{
	json_t *document;
	const char *found = error_code(v, &document);
	bool is = found && (!code || strcmp(found, code) == 0);

	json_decref(document);
	return is;
}

/* Whether the gateway itself has answered. */
static bool
is_ours(const struct visit *v)
{
	char id[VALUE_SIZE];

	return probe_header(&v->reply, "x-request-id", id, sizeof(id)) &&
	       strncmp(id, "req_", 4) == 0;
}

/* The first request decides whether there is sense in more. */
static bool
try_reach(struct visit *v)
{
	char server[VALUE_SIZE] = "";

	if (!ask(v, "/v1/models", (struct probe){ .key = UNKNOWN_KEY })) {
		doctor_say(v->d, FINDING_PROBLEM, "reach", "%s: %s", v->url,
		    probe_failure(&v->reply));
		return false;
	}
	v->d->hosts = advice_hosts(probe_header(&v->reply, "server", server,
	    sizeof(server)) ? server : NULL);
	if (v->reply.http / 100 == 3) {
		doctor_say(v->d, FINDING_PROBLEM, "reach", "%s is redirected "
		    "(%d), which takes body and key from a request; give "
		    "clients the URL that it leads to", v->url,
		    v->reply.http);
		return false;
	}
	if (!is_ours(v)) {
		doctor_blame(v->d, FINDING_PROBLEM, "reach", TROUBLE_ROUTE,
		    "%s is answered %d by something else (%s)", v->url,
		    v->reply.http, *server ? server : "no Server header");
		return false;
	}
	doctor_say(v->d, FINDING_GOOD, "reach", "%s, through %s, HTTP/%s",
	    v->base, *server ? server : "an unnamed server",
	    v->reply.version);
	return true;
}

/* Looks at the answer to try_reach(). */
static void
try_key(struct visit *v)
{
	if (strstr(v->reply.body, "header is missing"))
		doctor_blame(v->d, FINDING_PROBLEM, "key", TROUBLE_KEY,
		    "the Authorization header does not arrive");
	else if (is_error(v, "invalid_api_key"))
		doctor_say(v->d, FINDING_GOOD, "key",
		    "the Authorization header arrives");
	else
		doctor_say(v->d, FINDING_PROBLEM, "key", "a key is answered "
		    "%d; the gateway's log tells more, and so does: "
		    "%s store check", v->reply.http, v->d->s->args->program);
}

/* A key that others can read is theirs, too. */
static void
try_tls(struct visit *v)
{
	static const char *const local[] = {
		"http://127.", "http://localhost", "http://[::1]", "https://",
	};

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strncmp(v->base, local[i], strlen(local[i])) == 0)
			return;
	doctor_say(v->d, FINDING_PROBLEM, "tls", "keys cross the network in "
	    "the clear; get a certificate, and give clients an https URL");
}

static void
try_http2(struct visit *v)
{
	if (strcmp(v->reply.version, "2") == 0 ||
	    strncmp(v->base, "https:", 6) != 0)
		return;
	doctor_blame(v->d, FINDING_NOTE, "http2", TROUBLE_HTTP2,
	    "HTTP/%s is spoken; with HTTP/2 a browser's requests share one "
	    "connection", v->reply.version);
}

static void
try_key_given(struct visit *v)
{
	if (!ask(v, "/v1/models", (struct probe){ .key = v->key }))
		return;
	if (v->reply.http == 200) {
		doctor_say(v->d, FINDING_GOOD, "your key", "it is accepted");
		return;
	}
	doctor_say(v->d, FINDING_PROBLEM, "your key", "it is answered %d; "
	    "make one with: %s key new ACCOUNT", v->reply.http,
	    v->d->s->args->program);
	v->key = NULL;
}

/*
 * Above the limits that web servers have unless they are told. The text is
 * broken at its end, so that nothing is charged.
 */
static bool
try_body(struct visit *v, size_t len, const char *size)
{
	char *body = malloc(len);
	bool arrived;

	if (!body)
		return false;
	memset(body, ' ', len);
	body[0] = '{';
	ask(v, CHAT, (struct probe){ .key = v->key ? v->key : UNKNOWN_KEY,
	    .body = body, .body_len = len });
	free(body);
	/* Apache's LimitRequestBody passes the request on without its body. */
	arrived = is_ours(v) && (v->reply.http == 413 ||
	    v->reply.http == (v->key ? 400 : 401)) &&
	    !strstr(v->reply.body, "body is empty");
	if (!arrived)
		doctor_blame(v->d, FINDING_PROBLEM, "body", TROUBLE_BODY,
		    "a request of %s is answered %d before it arrives", size,
		    v->reply.http);
	return arrived;
}

static void
try_bodies(struct visit *v)
{
	if (try_body(v, 300 * 1024, "300 KB") &&
	    try_body(v, 2048 * 1024, "2 MB"))
		doctor_say(v->d, FINDING_GOOD, "body", "2 MB arrive%s",
		    v->key ? "" : ", as far as can be told without a key");
}

static void
try_slash(struct visit *v)
{
	ask(v, "/v1/models/a%2Fb", (struct probe){ .key = UNKNOWN_KEY });
	if (is_ours(v))
		doctor_say(v->d, FINDING_GOOD, "slash",
		    "%%2F in a model ID arrives");
	else
		doctor_blame(v->d, v->d->no_slashes ? FINDING_NOTE :
		    FINDING_PROBLEM, "slash", TROUBLE_SLASH,
		    "%%2F in a model ID is answered %d before it arrives%s",
		    v->reply.http, v->d->no_slashes ?
		    "; no model here has a slash" : "");
}

static void
try_preflight(struct visit *v)
{
	char allowed[VALUE_SIZE] = "";

	ask(v, CHAT, (struct probe){ .method = "OPTIONS", .headers = {
	    "Origin: https://example.com",
	    "Access-Control-Request-Method: POST",
	    "Access-Control-Request-Headers: authorization, x-doctor" } });
	probe_header(&v->reply, "access-control-allow-headers", allowed,
	    sizeof(allowed));
	if (is_ours(v) && strstr(allowed, "x-doctor"))
		doctor_say(v->d, FINDING_GOOD, "preflight",
		    "OPTIONS is answered for browsers");
	else if (is_ours(v))
		doctor_say(v->d, FINDING_NOTE, "preflight", "browsers may not "
		    "use it: cors_origin is empty, or a proxy takes the "
		    "headers away");
	else
		doctor_blame(v->d, FINDING_PROBLEM, "preflight",
		    TROUBLE_PREFLIGHT, "OPTIONS is answered %d before it "
		    "arrives, so that no browser can use it", v->reply.http);
}

static void
try_not_found(struct visit *v)
{
	ask(v, "/v1/doctor", (struct probe){ .key = UNKNOWN_KEY });
	if (is_ours(v) && is_error(v, "not_found"))
		doctor_say(v->d, FINDING_GOOD, "routes",
		    "all of /v1 is the gateway's");
	else
		doctor_blame(v->d, FINDING_PROBLEM, "routes", TROUBLE_ROUTE,
		    "/v1/doctor is answered %d by something else",
		    v->reply.http);
}

/* No server takes a header of 40 KB. */
static void
try_errors(struct visit *v)
{
	char *header = malloc(HEADER_BYTES);

	if (!header)
		return;
	memset(header, 'x', HEADER_BYTES);
	memcpy(header, "X-Doctor: ", strlen("X-Doctor: "));
	header[HEADER_BYTES - 1] = '\0';
	ask(v, "/v1/models", (struct probe){ .headers = { header },
	    .http1 = true });
	free(header);
	if (is_ours(v) || is_error(v, NULL))
		doctor_say(v->d, FINDING_GOOD, "errors",
		    "the web server's own errors are JSON");
	else if (v->reply.http > 0)
		doctor_blame(v->d, FINDING_NOTE, "errors", TROUBLE_ERRORS,
		    "the web server's own error %d is not JSON, and some "
		    "SDKs cannot read it", v->reply.http);
}

/* The model to try a stream with: the first that the key may use. */
static bool
choose_model(struct visit *v, char model[VALUE_SIZE])
{
	const char *named = v->d->s->args->value[FLAG_MODEL], *id;
	json_t *document;

	if (named)
		return snprintf(model, VALUE_SIZE, "%s", named) < VALUE_SIZE;
	if (!ask(v, "/v1/models", (struct probe){ .key = v->key }))
		return false;
	document = json_parse_answer(v->reply.body, strlen(v->reply.body));
	id = json_string_value(json_object_get(json_array_get(
	    json_object_get(document, "data"), 0), "id"));
	if (id)
		snprintf(model, VALUE_SIZE, "%s", id);
	json_decref(document);
	return id != NULL;
}

/* Milliseconds from when the gateway sent the first event, by its own account,
 * to when it arrived. */
static int64_t
held_back_ms(const struct visit *v)
{
	char value[VALUE_SIZE];
	int64_t ms = (v->reply.first_event_us - v->reply.started_us) / 1000;

	if (!probe_header(&v->reply, "x-*-latency-ms", value, sizeof(value)))
		return 0;
	return ms - strtoll(value, NULL, 10);
}

static void
judge_stream(struct visit *v, const char *model)
{
	int64_t took_ms = (v->reply.ended_us - v->reply.started_us) / 1000;
	int64_t spread_ms =
	    (v->reply.last_event_us - v->reply.first_event_us) / 1000;

	if (v->reply.http != 200 || v->reply.events == 0)
		doctor_say(v->d, FINDING_PROBLEM, "stream", "a stream of %s "
		    "is answered %d; the gateway's log tells why", model,
		    v->reply.http);
	else if (held_back_ms(v) > HELD_BACK_MS && spread_ms < took_ms / 4)
		doctor_blame(v->d, FINDING_PROBLEM, "stream", TROUBLE_BUFFER,
		    "%d events of %s arrive at once, %" PRId64 " ms after "
		    "the first was sent", v->reply.events, model,
		    held_back_ms(v));
	else if (spread_ms < HELD_BACK_MS)
		doctor_say(v->d, FINDING_NOTE, "stream", "%s answers too "
		    "quickly to tell whether events are held back; name a "
		    "slower one with --model", model);
	else
		doctor_say(v->d, FINDING_GOOD, "stream", "%d events of %s "
		    "arrive over %" PRId64 " ms", v->reply.events, model,
		    spread_ms);
}

/* Costs what a few words cost. */
static void
try_stream(struct visit *v)
{
	char model[VALUE_SIZE] = "", *body;
	json_t *request;

	if (!choose_model(v, model)) {
		doctor_say(v->d, FINDING_NOTE, "stream", "the key may use no "
		    "model to try it with");
		return;
	}
	request = json_pack("{s:s, s:b, s:i, s:[{s:s, s:s}]}", "model", model,
	    "stream", 1, "max_tokens", 64, "messages", "role", "user",
	    "content", "Count from 1 to 20, in words.");
	body = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!body)
		return;
	ask(v, CHAT, (struct probe){ .key = v->key, .body = body,
	    .body_len = strlen(body) });
	free(body);
	judge_stream(v, model);
}

/* What cannot be tried is at least said. */
static void
say_untried(struct visit *v)
{
	if (!v->key)
		doctor_say(v->d, FINDING_NOTE, "stream", "not tried: it needs "
		    "a key, and costs what a few words cost; give it with "
		    "--key or $FAREBOX_KEY");
	doctor_blame(v->d, FINDING_NOTE, "silence", TROUBLE_SILENCE,
	    "not tried, because it would take a slow answer: models may think "
	    "for over 60 s, and some web servers do not wait that long");
}

static bool
set_base(struct visit *v, const char *url)
{
	size_t len = strlen(url);

	if (len >= URL_SIZE || !probe_url_is_fit(url))
		return false;
	memcpy(v->base, url, len + 1);
	while (len > 0 && v->base[len - 1] == '/')
		v->base[--len] = '\0';
	if (len > 3 && strcmp(v->base + len - 3, "/v1") == 0)
		v->base[len - 3] = '\0';
	return true;
}

static bool
is_fit_key(const char *key)
{
	return *key && strspn(key, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(key);
}

static void
visit_all(struct visit *v)
{
	if (!try_reach(v))
		return;
	try_key(v);
	try_tls(v);
	try_http2(v);
	if (v->key)
		try_key_given(v);
	try_bodies(v);
	try_slash(v);
	try_preflight(v);
	try_not_found(v);
	try_errors(v);
	if (v->key)
		try_stream(v);
	say_untried(v);
}

void
doctor_look_there(struct doctor *d, const char *url)
{
	struct visit v = { .d = d, .key = d->s->args->value[FLAG_KEY] };

	if (!v.key)
		v.key = getenv("FAREBOX_KEY");
	if (v.key && !is_fit_key(v.key)) {
		doctor_say(d, FINDING_PROBLEM, "your key", "that is no key");
		v.key = NULL;
	}
	if (set_base(&v, url))
		visit_all(&v);
	else
		doctor_say(d, FINDING_PROBLEM, "reach", "'%s' is no URL; give "
		    "one such as https://llm.example.com/v1", url);
	probe_clear(&v.reply);
}
