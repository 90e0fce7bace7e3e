/* serve_body.c: reads a request's body, as long as it is allowed to be. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/serve_private.h"

enum { FIRST_BYTES = 16384 };

/* A media type that is JSON: application/json, application/....+json. */
static bool
is_json(const char *type)
{
	static const char application[] = "application/";
	size_t len = strcspn(type, "; \t,");
	size_t prefix = sizeof(application) - 1;

	if (len <= prefix || strncasecmp(type, application, prefix) != 0)
		return false;
	type += prefix;
	len -= prefix;
	if (len == 4)
		return strncasecmp(type, "json", 4) == 0;
	return len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0;
}

static bool
check_type(struct exchange *x)
{
	const char *type = exchange_variable(x, "CONTENT_TYPE");

	if (!type || *type == '\0' || is_json(type))
		return true;
	return exchange_fail(x, ERR_UNSUPPORTED_MEDIA_TYPE, NULL, NULL);
}

bool
serve_body_too_large(struct exchange *x, int64_t limit)
{
	return exchange_fail(x, ERR_REQUEST_TOO_LARGE, NULL,
	    "The body is larger than %" PRId64 " bytes, the most that this "
	    "gateway takes. Make it smaller; sending it again does not help.",
	    limit);
}

/*
 * CONTENT_LENGTH, or -1 when there is none: a chunked body, which ends where
 * it ends.
 */
bool
serve_body_length(struct exchange *x, int64_t limit, int64_t *length)
{
	const char *text = exchange_variable(x, "CONTENT_LENGTH");

	*length = -1;
	if (!text || *text == '\0')
		return true;
	if (strspn(text, "0123456789") != strlen(text))
		return exchange_fail(x, ERR_INVALID_REQUEST, NULL,
		    "Content-Length is not a number.");
	*length = 0;
	for (; *text; text++) {
		*length = *length * 10 + (*text - '0');
		/* Seen before it can overflow: the limit is far below. */
		if (*length > limit)
			return serve_body_too_large(x, limit);
	}
	return true;
}

/* Room for another piece and the NUL behind it. */
static bool
grow(struct exchange *x, size_t *size, size_t size_max)
{
	size_t wanted = *size ? *size * 2 : FIRST_BYTES;
	char *grown;

	if (x->body_len + 1 < *size)
		return true;
	if (wanted > size_max)
		wanted = size_max;
	grown = realloc(x->body_owned, wanted);
	if (!grown) {
		exchange_detail(x, "no memory for a body of %zu bytes",
		    wanted);
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	}
	x->body_owned = grown;
	*size = wanted;
	return true;
}

/*
 * Reads up to `most` bytes, or to the body's end. What is allocated follows
 * what has arrived, not what was announced.
 */
static bool
read_up_to(struct exchange *x, size_t most)
{
	size_t size = 0;
	ssize_t got = 0;

	do {
		if (!grow(x, &size, most + 1))
			return false;
		if (x->body_len == most)
			break;
		got = x->client->read(x->client, x->body_owned + x->body_len,
		    size - 1 - x->body_len);
		if (got < 0)
			return exchange_fail(x, ERR_REQUEST_TIMEOUT, NULL,
			    NULL);
		x->body_len += (size_t)got;
	} while (got > 0);
	x->body_owned[x->body_len] = '\0';
	x->body = x->body_owned;
	return true;
}

bool
serve_body_cut(struct exchange *x, int64_t got, int64_t length)
{
	return exchange_fail(x, ERR_INVALID_REQUEST, NULL,
	    "The body ended after %" PRId64 " of the %" PRId64 " bytes that "
	    "Content-Length announced. Send it again.", got, length);
}

bool
serve_body(struct exchange *x)
{
	size_t limit = (size_t)x->conf->body_bytes_max;
	int64_t length;

	if (!check_type(x) ||
	    !serve_body_length(x, x->conf->body_bytes_max, &length))
		return false;
	/* One byte more than is allowed tells a body that is too long. */
	if (!read_up_to(x, length >= 0 ? (size_t)length : limit + 1))
		return false;
	if (x->body_len > limit)
		return serve_body_too_large(x, x->conf->body_bytes_max);
	if (length >= 0 && x->body_len < (size_t)length)
		return serve_body_cut(x, (int64_t)x->body_len, length);
	return true;
}
