/* error_body.c: how a failure is told to the client. */
#include "handlers/error_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	/*
	 * Small, because clients take it at its word: one SDK was seen to wait
	 * 75 s when told to.
	 */
	RETRY_AFTER_USUAL_MS = 1000,
	RETRY_AFTER_MAX_MS = 30000,
	NUMBER_TEXT_SIZE = 24,
};

const char error_body_no_memory[] =
    "{\"error\":{\"message\":\"The gateway ran out of memory. Try again.\","
    "\"type\":\"server_error\",\"param\":null,\"code\":\"gateway_error\"}}";

int
error_body_http(const struct exchange *x)
{
	return x->err_http ? x->err_http : err_row(x->err)->http;
}

const char *
error_body_code(const struct exchange *x)
{
	return x->err_code ? x->err_code :
	    err_row(x->err)->code[x->conf->dialect];
}

static void
retry_after(struct exchange *x)
{
	int64_t ms = x->retry_after_ms > 0 ? x->retry_after_ms :
	    RETRY_AFTER_USUAL_MS;
	char text[NUMBER_TEXT_SIZE];

	/* When a limit lets a request in is known, and earlier is in vain. */
	if (ms > RETRY_AFTER_MAX_MS && err_row(x->err)->http != 429)
		ms = RETRY_AFTER_MAX_MS;
	snprintf(text, sizeof(text), "%" PRId64, (ms + 999) / 1000);
	exchange_header(x, "Retry-After", text);
	snprintf(text, sizeof(text), "%" PRId64, ms);
	exchange_header(x, "Retry-After-Ms", text);
}

static void
error_headers(struct exchange *x)
{
	switch (err_row(x->err)->retry) {
	case ERR_RETRY_USUAL:
		if (x->retry_after_ms > 0)
			retry_after(x);
		break;
	case ERR_RETRY_NEVER:
		exchange_header(x, "x-should-retry", "false");
		break;
	case ERR_RETRY_AFTER:
		retry_after(x);
		break;
	}
	if (x->err == ERR_INVALID_API_KEY)
		exchange_header(x, "WWW-Authenticate", "Bearer");
}

/* The body, or NULL where a text is not UTF-8 or memory runs out. */
static char *
error_text(const struct exchange *x, const char *message, const char *param)
{
	const struct err_row *row = err_row(x->err);
	char *text = NULL;
	json_t *body;

	body = json_pack("{s:{s:s, s:s, s:s?, s:s}}", "error",
	    "message", message,
	    "type", x->err_type ? x->err_type : row->type,
	    "param", param, "code", error_body_code(x));
	if (body)
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

/*
 * What the table says of a failure ends in "Nothing was charged", which is not
 * so where a part of an answer was delivered.
 */
static const struct {
	enum err err;
	const char *message;
} charged_messages[] = {
	{ ERR_UPSTREAM_BODY_TIMEOUT, "The provider's answer stalled. What was "
	    "delivered was charged; try again or use another model." },
	{ ERR_UPSTREAM_REQUEST_TIMEOUT, "The provider did not finish in time. "
	    "What was delivered was charged; ask for fewer tokens or use "
	    "another model." },
	{ ERR_GATEWAY_BUSY, "The gateway is being restarted, and broke the "
	    "answer off. What was delivered was charged; try again." },
};

enum {
	N_CHARGED_MESSAGES =
	    sizeof(charged_messages) / sizeof(charged_messages[0]),
};

static const char *
usual_message(const struct exchange *x)
{
	if (!x->has_cost || x->cost.nano == 0)
		return err_row(x->err)->message;
	for (size_t i = 0; i < N_CHARGED_MESSAGES; i++)
		if (charged_messages[i].err == x->err)
			return charged_messages[i].message;
	return "The answer broke off. What was delivered was charged; try "
	    "again or use another model.";
}

char *
error_body_text(const struct exchange *x)
{
	const char *usual = usual_message(x);
	char *text;

	text = error_text(x, x->err_message ? x->err_message : usual,
	    x->err_param);
	return text ? text : error_text(x, usual, NULL);
}

void
error_body_answer(struct exchange *x)
{
	char *text = error_body_text(x);

	exchange_answer_owned(x, error_body_http(x), "application/json", text,
	    text ? strlen(text) : 0);
	if (!text) {
		x->answer = error_body_no_memory;
		x->answer_len = strlen(error_body_no_memory);
	}
	error_headers(x);
}
