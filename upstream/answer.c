/* answer.c: what gathers an answer while it arrives. */
#include "upstream/answer_private.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/clock.h"

enum {
	FIRST_SIZE = 4096,
	RETRY_AFTER_SECONDS_MAX = 86400,
	HEADER_VALUE_MAX = 128,
	LENGTH_DIGITS_MAX = 15,
	ENCODED = -2, /* in place of a length, whichever comes first */
};

void
answer_init(struct upstream_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->retry_after_ms = -1;
	answer->length = -1;
}

void
upstream_answer_clear(struct upstream_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
	answer->body_len = 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The value of a header when it has that name, cut to what value holds. */
static bool
take_value(const char *line, size_t len, const char *name,
    char value[HEADER_VALUE_MAX])
{
	size_t start = strlen(name), n = 0;

	if (len <= start || line[start] != ':' ||
	    strncasecmp(line, name, start) != 0)
		return false;
	start++;
	while (start < len && is_blank(line[start]))
		start++;
	while (len > start && is_blank(line[len - 1]))
		len--;
	for (; start < len && n < HEADER_VALUE_MAX - 1; start++, n++) {
		unsigned char c = (unsigned char)line[start];

		value[n] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	value[n] = '\0';
	return true;
}

/* Seconds or milliseconds as digits, or -1; a fraction is left out. */
static int64_t
read_wait_ms(const char *text, int64_t unit_ms)
{
	const int64_t max_ms = (int64_t)RETRY_AFTER_SECONDS_MAX * 1000;
	int64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return -1;
	for (; isdigit((unsigned char)*text) && value <= max_ms; text++)
		value = value * 10 + (*text - '0');
	if (*text != '\0' && *text != '.' && value <= max_ms)
		return -1;
	return value < max_ms / unit_ms ? value * unit_ms : max_ms;
}

/* How far away a date is; 0 when it is over, -1 when it is none. */
static int64_t
read_date_ms(const char *text)
{
	const int64_t max_ms = (int64_t)RETRY_AFTER_SECONDS_MAX * 1000;
	time_t date = curl_getdate(text, NULL);
	int64_t wait_ms;

	if (date < 0)
		return -1;
	wait_ms = (int64_t)date * 1000 - clock_wall_ms();
	if (wait_ms < 0)
		return 0;
	return wait_ms < max_ms ? wait_ms : max_ms;
}

/* Digits, or -1. */
static int64_t
read_length(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > LENGTH_DIGITS_MAX || text[digits])
		return -1;
	return strtoll(text, NULL, 10);
}

void
answer_take_header(struct upstream_answer *answer, const char *line,
    size_t len)
{
	char value[HEADER_VALUE_MAX];
	int64_t wait_ms;

	_Static_assert(sizeof(answer->content_type) == sizeof(value),
	    "a value fits");
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		answer->content_type[0] = '\0';
		answer->retry_after_ms = -1;
		answer->length = -1;
	} else if (take_value(line, len, "content-length", value)) {
		if (answer->length == -1)
			answer->length = read_length(value);
	} else if (take_value(line, len, "content-encoding", value)) {
		if (strcasecmp(value, "identity") != 0)
			answer->length = ENCODED;
	} else if (take_value(line, len, "content-type", value)) {
		memcpy(answer->content_type, value, sizeof(value));
	} else if (take_value(line, len, "retry-after-ms", value)) {
		wait_ms = read_wait_ms(value, 1);
		if (wait_ms >= 0)
			answer->retry_after_ms = wait_ms;
	} else if (take_value(line, len, "retry-after", value)) {
		wait_ms = read_wait_ms(value, 1000);
		if (wait_ms < 0)
			wait_ms = read_date_ms(value);
		/* The finer one wins where both are there. */
		if (answer->retry_after_ms < 0)
			answer->retry_after_ms = wait_ms;
	}
}

/* Makes room for need bytes and a terminator. */
static bool
grow(struct upstream_answer *answer, size_t *size, size_t need, size_t max)
{
	size_t wanted = *size ? *size : FIRST_SIZE;
	char *body;

	if (*size > need)
		return true;
	while (wanted <= need)
		wanted *= 2;
	if (wanted - 1 > max)
		wanted = max + 1;
	body = realloc(answer->body, wanted);
	if (!body)
		return false;
	answer->body = body;
	*size = wanted;
	return true;
}

enum answer_add
answer_add(struct upstream_answer *answer, size_t *size, size_t max,
    const char *data, size_t len)
{
	enum answer_add result = ANSWER_ADDED;

	if (len > max - answer->body_len) {
		len = max - answer->body_len;
		result = ANSWER_FULL;
	}
	if (!grow(answer, size, answer->body_len + len, max))
		return ANSWER_NO_MEMORY;
	memcpy(answer->body + answer->body_len, data, len);
	answer->body_len += len;
	answer->body[answer->body_len] = '\0';
	return result;
}

void
answer_set_detail(struct upstream_answer *answer, const char *secret,
    const char *format, ...)
{
	char text[512];
	va_list args;
	size_t n = 0;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (secret && *secret && strstr(text, secret))
		return;
	for (; text[n] && n < sizeof(answer->detail) - 1; n++) {
		unsigned char c = (unsigned char)text[n];

		answer->detail[n] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	answer->detail[n] = '\0';
}
