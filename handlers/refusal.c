/* refusal.c: a provider's complaint about a request, retold to the client. */
#include "handlers/refusal.h"

#include <string.h>

enum { MESSAGE_BYTES_MAX = 2000, WORD_BYTES_MAX = 100 };

/*
 * Some providers say these with a 400, as a type or as a code; they are never
 * about the request.
 */
static const char *const operator_codes[] = {
	"invalid_api_key",
	"authentication_error",
	"permission_error",
	"insufficient_quota",
	"billing_hard_limit_reached",
	"account_deactivated",
	"rate_limit_error",
	"rate_limit_exceeded",
	"model_not_found",
};

enum {
	N_OPERATOR_CODES = sizeof(operator_codes) / sizeof(operator_codes[0]),
};

bool
refusal_is_operators(const char *type, const char *code)
{
	for (size_t i = 0; i < N_OPERATOR_CODES; i++)
		if (strcmp(code, operator_codes[i]) == 0 ||
		    strcmp(type, operator_codes[i]) == 0)
			return true;
	return false;
}

/* A text that may be told: bounded, and without the provider's key. */
static const char *
told(struct exchange *x, const char *text, size_t bytes_max)
{
	const char *key = x->route_key;
	size_t len;

	if (!text || text[0] == '\0' || (key && key[0] && strstr(text, key)))
		return NULL;
	len = strlen(text);
	if (len > bytes_max) {
		len = bytes_max;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	return arena_strndup(x->arena, text, len);
}

/* The same for what programs read: a word such as messages[0].role. */
static const char *
told_word(struct exchange *x, const char *word)
{
	const char *text = told(x, word, WORD_BYTES_MAX);

	for (const char *at = text; at && *at; at++)
		if (*at <= ' ' || *at >= 0x7f)
			return NULL;
	return text;
}

/*
 * {"error":{...}} of OpenAI; {"error":"..."} and a bare {"message":...} of
 * servers that nearly follow it.
 */
static const json_t *
error_of(const json_t *body)
{
	const json_t *error = json_object_get(body, "error");

	return json_is_object(error) ? error : body;
}

static const json_t *
message_of(const json_t *body)
{
	const json_t *error = json_object_get(body, "error");

	return json_is_string(error) ? error :
	    json_object_get(error_of(body), "message");
}

/* A member that is a string, or "". */
static const char *
word_of(const json_t *object, const char *name)
{
	const char *word = json_string_value(json_object_get(object, name));

	return word ? word : "";
}

void
refusal_words(struct exchange *x, int http, const char *message,
    const char *type, const char *code)
{
	message = told(x, message, MESSAGE_BYTES_MAX);
	exchange_fail(x, ERR_UPSTREAM_REFUSED, NULL, message ? "%s" : NULL,
	    message);
	x->err_http = http;
	x->err_type = told_word(x, type);
	x->err_code = told_word(x, code);
}

bool
refusal_relay(struct exchange *x, const struct upstream_answer *answer)
{
	json_t *body = answer->body ?
	    json_parse_answer(answer->body, answer->body_len) : NULL;
	const json_t *error = error_of(body);
	const char *type = word_of(error, "type");
	const char *code = word_of(error, "code");

	if (refusal_is_operators(type, code)) {
		json_decref(body);
		return false;
	}
	refusal_words(x, answer->http, json_string_value(message_of(body)),
	    type, code);
	x->err_param = told_word(x, word_of(error, "param"));
	json_decref(body);
	return true;
}
