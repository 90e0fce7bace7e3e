/* endpoint.c: the table of endpoints, and how a path finds its row. */
#include "handlers/endpoint.h"

#include <stdio.h>
#include <string.h>

enum { LIST_SIZE = 1024, ALLOW_SIZE = 64 };

const struct endpoint endpoints[] = {
#define ENDPOINT(method, path, needs, prepare, handle, doc) \
	{ METHOD_##method, path, needs, prepare, handle, doc },
#include "base/endpoint.def"
#undef ENDPOINT
};

const size_t n_endpoints = sizeof(endpoints) / sizeof(endpoints[0]);

/* A browser's question before it sends the request itself, on any path. */
static const struct endpoint preflight = {
	METHOD_OPTIONS, "*", 0, NULL, preflight_handle,
	"Answers a browser's preflight request.",
};

static const char *const method_names[METHOD__COUNT] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_OPTIONS] = "OPTIONS",
	[METHOD_OTHER] = "OTHER",
};

const char *
method_name(enum method method)
{
	return method_names[method];
}

enum method
method_parse(const char *name)
{
	for (int method = 0; method < METHOD_OTHER; method++)
		if (strcmp(name, method_names[method]) == 0)
			return (enum method)method;
	return METHOD_OTHER;
}

/* Whether the path is the endpoint's; *rest is then what {id} stands for. */
static bool
path_matches(const struct endpoint *endpoint, const char *path,
    const char **rest)
{
	const char *brace = strchr(endpoint->path, '{');
	size_t len = brace ? (size_t)(brace - endpoint->path) :
	    strlen(endpoint->path);

	if (strncmp(path, endpoint->path, len) != 0)
		return false;
	*rest = brace ? path + len : NULL;
	return (path[len] != '\0') == (brace != NULL);
}

static int
hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* Decodes %XX in place; false for a bad escape or an escaped NUL. */
static bool
percent_decode(char *text)
{
	char *out = text;
	int high, low;

	for (; *text; text++) {
		if (*text != '%') {
			*out++ = *text;
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || high + low == 0)
			return false;
		*out++ = (char)(high * 16 + low);
		text += 2;
	}
	*out = '\0';
	return true;
}

/* "POST /v1/chat/completions, GET /v1/models, ..." */
static void
endpoint_names(char list[LIST_SIZE])
{
	size_t len = 0;

	list[0] = '\0';
	for (size_t i = 0; i < n_endpoints && len < LIST_SIZE; i++)
		len += (size_t)snprintf(list + len, LIST_SIZE - len,
		    "%s%s %s", i > 0 ? ", " : "",
		    method_name(endpoints[i].method), endpoints[i].path);
}

/* A path may hold any byte; what is not printable ASCII becomes '?'. */
static const char *
path_excerpt(struct exchange *x)
{
	size_t len = strnlen(x->path, EXCERPT_BYTES_MAX);
	char *copy = arena_strndup(x->arena, x->path, len);

	if (!copy)
		return "?";
	for (size_t i = 0; i < len; i++)
		if (copy[i] <= ' ' || copy[i] >= 0x7f)
			copy[i] = '?';
	return copy;
}

static bool
not_found(struct exchange *x)
{
	char list[LIST_SIZE];

	endpoint_names(list);
	return exchange_fail(x, ERR_NOT_FOUND, NULL,
	    "There is no endpoint %s. This gateway has: %s.",
	    path_excerpt(x), list);
}

static bool
method_not_allowed(struct exchange *x, unsigned allowed)
{
	char list[ALLOW_SIZE] = "";
	size_t len = 0;

	for (int method = 0; method < METHOD_OTHER; method++)
		if (allowed & 1u << method)
			len += (size_t)snprintf(list + len, sizeof(list) - len,
			    "%s, ", method_name((enum method)method));
	snprintf(list + len, sizeof(list) - len, "OPTIONS");
	exchange_header(x, "Allow", list);
	return exchange_fail(x, ERR_METHOD_NOT_ALLOWED, NULL,
	    "%s does not take that method. It takes: %s.",
	    path_excerpt(x), list);
}

static bool
take(struct exchange *x, const struct endpoint *endpoint, const char *rest)
{
	char *argument = arena_strdup(x->arena, rest);

	if (rest && !argument)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	if (argument && !percent_decode(argument))
		return not_found(x);
	x->endpoint = endpoint;
	x->argument = argument;
	return true;
}

bool
endpoint_find(struct exchange *x)
{
	enum method method = x->method == METHOD_HEAD ? METHOD_GET : x->method;
	unsigned allowed = 0;
	const char *rest;

	if (method == METHOD_OPTIONS)
		return take(x, &preflight, NULL);
	for (size_t i = 0; i < n_endpoints; i++) {
		if (!path_matches(&endpoints[i], x->path, &rest))
			continue;
		if (endpoints[i].method == method)
			return take(x, &endpoints[i], rest);
		allowed |= 1u << endpoints[i].method;
		if (endpoints[i].method == METHOD_GET)
			allowed |= 1u << METHOD_HEAD;
	}
	return allowed ? method_not_allowed(x, allowed) : not_found(x);
}
