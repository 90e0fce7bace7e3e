/* response.c: an answer on its way to the client, whole or event by event. */
#include "handlers/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/error_body.h"

enum { LINE_SIZE = 512, MS_PER_S = 1000 };

/* The statuses that error.def and the handlers use. */
static const struct {
	int http;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 451, "Unavailable For Legal Reasons" },
	{ 499, "Client Closed Request" },
	{ 500, "Internal Server Error" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

enum { N_REASONS = sizeof(reasons) / sizeof(reasons[0]) };

/* What a script in a browser may read; the brand's own are added to it. */
static const char *const exposed[] = {
	"x-request-id",
	"x-ratelimit-limit",
	"x-ratelimit-remaining",
	"x-ratelimit-limit-requests",
	"x-ratelimit-remaining-requests",
	"x-ratelimit-reset-requests",
	"x-ratelimit-limit-tokens",
	"x-ratelimit-remaining-tokens",
	"x-ratelimit-reset-tokens",
	"retry-after",
	"retry-after-ms",
	"x-should-retry",
};

static const char *const exposed_of_brand[] = {
	"request-id",
	"latency-ms",
	"request-cost",
	"guardrails-applied",
	"prompt-version",
	"ab-test",
	"cache",
};

enum {
	N_EXPOSED = sizeof(exposed) / sizeof(exposed[0]),
	N_EXPOSED_OF_BRAND =
	    sizeof(exposed_of_brand) / sizeof(exposed_of_brand[0]),
};

static const char *
reason_of(int http)
{
	for (size_t i = 0; i < N_REASONS; i++)
		if (reasons[i].http == http)
			return reasons[i].reason;
	return "Status";
}

/* A client that is gone is found out by the flush; nothing is lost by then. */
static void
put(struct exchange *x, const char *text)
{
	x->client->write(x->client, text, strlen(text));
}

static void
put_header(struct exchange *x, const char *name, const char *value)
{
	put(x, name);
	put(x, ": ");
	put(x, value);
	put(x, "\r\n");
}

static void
put_number(struct exchange *x, const char *name, int64_t value)
{
	char text[LINE_SIZE];

	snprintf(text, sizeof(text), "%s: %" PRId64 "\r\n", name, value);
	put(x, text);
}

/* x-<brand>-<name> */
static void
put_brand_header(struct exchange *x, const char *name, const char *value)
{
	put(x, "x-");
	put(x, x->conf->brand);
	put(x, "-");
	put_header(x, name, value);
}

static void
put_cors(struct exchange *x)
{
	if (x->conf->cors_origin[0] == '\0')
		return;
	put_header(x, "Access-Control-Allow-Origin", x->conf->cors_origin);
	put(x, "Access-Control-Expose-Headers: ");
	for (size_t i = 0; i < N_EXPOSED; i++) {
		put(x, exposed[i]);
		put(x, ", ");
	}
	for (size_t i = 0; i < N_EXPOSED_OF_BRAND; i++) {
		put(x, i > 0 ? ", x-" : "x-");
		put(x, x->conf->brand);
		put(x, "-");
		put(x, exposed_of_brand[i]);
	}
	put(x, "\r\n");
}

/* Which request it was, how long it took and what it cost. */
static void
put_facts(struct exchange *x)
{
	char number[LINE_SIZE], cost[MONEY_TEXT_SIZE];
	int64_t ms = (clock_mono_us() - x->started_us) / 1000;

	put_header(x, "x-request-id", x->id_text);
	put_brand_header(x, "request-id", x->id_text);
	snprintf(number, sizeof(number), "%" PRId64, ms);
	put_brand_header(x, "latency-ms", number);
	if (x->has_cost)
		put_brand_header(x, "request-cost",
		    money_format(x->cost, cost));
}

/* As OpenAI writes it: "20ms", "7.66s", "1m0.5s"; out has LINE_SIZE bytes. */
static const char *
format_wait(int64_t ms, char *out)
{
	int64_t seconds = ms / MS_PER_S, rest = ms % MS_PER_S;
	char fraction[8] = "";
	size_t len;

	if (seconds == 0) {
		snprintf(out, LINE_SIZE, "%" PRId64 "ms", rest);
		return out;
	}
	if (rest) {
		snprintf(fraction, sizeof(fraction), ".%03d", (int)rest);
		len = strlen(fraction);
		while (fraction[len - 1] == '0')
			fraction[--len] = '\0';
	}
	if (seconds < 60)
		snprintf(out, LINE_SIZE, "%" PRId64 "%ss", seconds, fraction);
	else
		snprintf(out, LINE_SIZE, "%" PRId64 "m%" PRId64 "%ss",
		    seconds / 60, seconds % 60, fraction);
	return out;
}

/* The key's limits, and what the present minute leaves of them. */
static void
put_limits(struct exchange *x)
{
	const struct limit_state *left = &x->limits_left;
	char wait[LINE_SIZE];

	if (!x->has_limits)
		return;
	format_wait(left->empty_ms, wait);
	if (x->limits.rpm) {
		put_number(x, "x-ratelimit-limit", x->limits.rpm);
		put_number(x, "x-ratelimit-remaining", left->requests_left);
		put_number(x, "x-ratelimit-limit-requests", x->limits.rpm);
		put_number(x, "x-ratelimit-remaining-requests",
		    left->requests_left);
		put_header(x, "x-ratelimit-reset-requests", wait);
	}
	if (x->limits.tpm) {
		put_number(x, "x-ratelimit-limit-tokens", x->limits.tpm);
		put_number(x, "x-ratelimit-remaining-tokens",
		    left->tokens_left);
		put_header(x, "x-ratelimit-reset-tokens", wait);
	}
}

static void
put_whole_headers(struct exchange *x)
{
	if (x->content_type)
		put_number(x, "Content-Length", (int64_t)x->answer_len);
	put_header(x, "Cache-Control",
	    x->cache_control && x->err == ERR_NONE ? x->cache_control :
	    "no-store");
}

/* What keeps nginx, and proxies before it, from collecting events. */
static void
put_stream_headers(struct exchange *x)
{
	put_header(x, "Cache-Control", "no-cache, no-store");
	put_header(x, "X-Accel-Buffering", "no");
}

static void
put_head(struct exchange *x)
{
	char status[LINE_SIZE];

	snprintf(status, sizeof(status), "%d %s", x->http, reason_of(x->http));
	put_header(x, "Status", status);
	if (x->content_type)
		put_header(x, "Content-Type", x->content_type);
	if (x->began)
		put_stream_headers(x);
	else
		put_whole_headers(x);
	put_facts(x);
	put_limits(x);
	put_cors(x);
	for (size_t i = 0; i < x->n_headers; i++)
		put_header(x, x->headers[i].name, x->headers[i].value);
	put(x, "\r\n");
}

void
response_whole(struct exchange *x)
{
	put_head(x);
	if (x->content_type && x->method != METHOD_HEAD)
		x->client->write(x->client, x->answer, x->answer_len);
	if (!x->client->end(x->client)) {
		x->undelivered = true;
		exchange_detail(x, "the client was gone");
	}
}

void
response_begin(struct exchange *x)
{
	x->http = 200;
	x->content_type = "text/event-stream; charset=utf-8";
	x->began = true;
	put_head(x);
}

void
response_begin_bytes(struct exchange *x, const char *content_type,
    int64_t length)
{
	char text[LINE_SIZE];

	x->http = 200;
	x->content_type = content_type;
	x->began = true;
	x->bytes = true;
	if (length >= 0) {
		snprintf(text, sizeof(text), "%" PRId64, length);
		exchange_header(x, "Content-Length", text);
	}
	put_head(x);
}

bool
response_bytes(struct exchange *x, const char *data, size_t len)
{
	struct client *client = x->client;

	if (len == 0)
		return true;
	if (x->has_last_byte && !client->write(client, &x->last_byte, 1))
		return false;
	x->has_last_byte = true;
	x->last_byte = data[len - 1];
	return client->write(client, data, len - 1);
}

bool
response_event(struct exchange *x, const char *data, size_t len)
{
	struct client *client = x->client;

	return client->write(client, "data: ", strlen("data: ")) &&
	       client->write(client, data, len) &&
	       client->write(client, "\n\n", 2);
}

bool
response_comment(struct exchange *x, const char *text)
{
	struct client *client = x->client;

	return client->write(client, ": ", 2) &&
	       client->write(client, text, strlen(text)) &&
	       client->write(client, "\n\n", 2);
}

bool
response_flush(struct exchange *x)
{
	return x->client->flush(x->client);
}

/* ": x-<brand>-request-cost 0.000123", which a client may read or not. */
static void
put_cost(struct exchange *x)
{
	char text[LINE_SIZE], cost[MONEY_TEXT_SIZE];

	if (!x->has_cost)
		return;
	snprintf(text, sizeof(text), "x-%s-request-cost %s", x->conf->brand,
	    money_format(x->cost, cost));
	response_comment(x, text);
}

/*
 * The usage chunk with the cost in its usage: as text, because a JSON library
 * would take the sum through floating point. NULL when memory runs out.
 */
static char *
priced_chunk(const struct exchange *x, size_t *len)
{
	char cost[MONEY_TEXT_SIZE];
	struct json_edit edit = { "cost", money_format(x->cost, cost) };
	char *usage, *chunk;

	usage = json_edit_members(x->usage_text, strlen(x->usage_text), &edit,
	    1, len);
	if (!usage)
		return NULL;
	edit = (struct json_edit){ "usage", usage };
	chunk = json_edit_members(x->usage_chunk, strlen(x->usage_chunk),
	    &edit, 1, len);
	free(usage);
	return chunk;
}

static void
end_well(struct exchange *x)
{
	static const char done[] = "[DONE]";
	size_t len = 0;
	char *chunk = x->usage_chunk ? priced_chunk(x, &len) : NULL;

	if (chunk)
		response_event(x, chunk, len);
	free(chunk);
	put_cost(x);
	response_event(x, done, strlen(done));
}

static void
end_badly(struct exchange *x)
{
	char *text = error_body_text(x);

	put_cost(x);
	if (text)
		response_event(x, text, strlen(text));
	else
		response_event(x, error_body_no_memory,
		    strlen(error_body_no_memory));
	free(text);
}

static void
end_bytes(struct exchange *x)
{
	if (x->err == ERR_NONE && x->has_last_byte)
		x->client->write(x->client, &x->last_byte, 1);
}

void
response_end(struct exchange *x)
{
	if (x->err == ERR_CLIENT_LEFT)
		return;
	if (x->bytes)
		end_bytes(x);
	else if (x->err == ERR_NONE)
		end_well(x);
	else
		end_badly(x);
	if (!x->client->end(x->client)) {
		x->undelivered = true;
		exchange_detail(x, "the client was gone at the end");
	}
}
