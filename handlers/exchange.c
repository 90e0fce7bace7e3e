/* exchange.c: one request and its answer, as every step of its life sees it. */
#include "handlers/exchange.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
exchange_fail(struct exchange *x, enum err err, const char *param,
    const char *format, ...)
{
	va_list args;

	if (x->err != ERR_NONE)
		return false;
	x->err = err;
	x->err_param = param;
	if (format) {
		va_start(args, format);
		x->err_message = arena_vprintf(x->arena, format, args);
		va_end(args);
	}
	return false;
}

void
exchange_detail(struct exchange *x, const char *format, ...)
{
	va_list args;

	if (x->detail)
		return;
	va_start(args, format);
	x->detail = arena_vprintf(x->arena, format, args);
	va_end(args);
}

void
exchange_forgive(struct exchange *x)
{
	if (x->detail && x->earlier)
		x->earlier = arena_printf(x->arena, "%s; %s", x->earlier,
		    x->detail);
	else if (x->detail)
		x->earlier = x->detail;
	x->detail = NULL;
	x->err = ERR_NONE;
	x->err_param = x->err_message = x->err_type = x->err_code = NULL;
	x->err_http = 0;
	x->retry_after_ms = 0;
	x->used = (struct amounts){ 0 };
	x->produced = false;
	x->usage_flags &= USAGE_STREAMED;
	free(x->usage_chunk);
	free(x->usage_text);
	x->usage_chunk = x->usage_text = NULL;
}

const char *
exchange_excerpt(struct exchange *x, const char *text, size_t len)
{
	char *copy;

	if (len > EXCERPT_BYTES_MAX) {
		len = EXCERPT_BYTES_MAX;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	copy = arena_strndup(x->arena, text, len);
	if (!copy)
		return "?";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
			copy[i] = '?';
	return copy;
}

void
exchange_header(struct exchange *x, const char *name, const char *value)
{
	struct header *header = &x->headers[x->n_headers];

	assert(x->n_headers < EXCHANGE_HEADERS_MAX);
	header->name = name;
	header->value = arena_strdup(x->arena, value);
	/* Rather an answer without the header than none at all. */
	if (header->value)
		x->n_headers++;
}

bool
exchange_answer_json(struct exchange *x, int http, json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	if (!text) {
		exchange_detail(x, "an answer could not be written as JSON");
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	}
	exchange_answer_owned(x, http, "application/json", text, strlen(text));
	return true;
}

void
exchange_answer_owned(struct exchange *x, int http, const char *content_type,
    char *text, size_t len)
{
	free(x->answer_owned);
	x->http = http;
	x->content_type = content_type;
	x->answer_owned = text;
	x->answer = text;
	x->answer_len = len;
}

enum interrupt
exchange_interrupt(const struct exchange *x)
{
	return x->interrupt ? x->interrupt(x->interrupt_context) :
	    INTERRUPT_NONE;
}

const char *
exchange_variable(struct exchange *x, const char *name)
{
	return x->client->variable(x->client, name);
}

void
exchange_clear(struct exchange *x)
{
	free(x->answer_owned);
	free(x->body_owned);
	free(x->usage_chunk);
	free(x->usage_text);
	json_decref(x->json);
	if (x->form && x->form->fd >= 0)
		close(x->form->fd);
	x->form = NULL;
	x->answer_owned = NULL;
	x->answer = NULL;
	x->body_owned = NULL;
	x->body = NULL;
	x->usage_chunk = NULL;
	x->usage_text = NULL;
	x->json = NULL;
}
