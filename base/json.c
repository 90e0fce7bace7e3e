/* json.c: reading JSON that strangers sent, and writing it. */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include "base/json_view_private.h"

/* What to do about each kind of fault that Jansson finds. */
static const struct {
	enum json_error_code code;
	const char *advice;
} advices[] = {
	{ json_error_stack_overflow, "Nest arrays and objects less deeply." },
	{ json_error_invalid_utf8, "Encode the body as UTF-8." },
	{ json_error_premature_end_of_input, "Send the whole body." },
	{ json_error_end_of_input_expected,
	    "Send one JSON object and nothing behind it." },
	{ json_error_null_byte_in_key, "Leave \\u0000 out of names." },
	{ json_error_duplicate_key, "Give each name once." },
	{ json_error_numeric_overflow, "Send a number that fits 64 bits." },
	{ json_error_out_of_memory, "Make the body smaller." },
};

static const char *
advice_for(enum json_error_code code)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (advices[i].code == code)
			return advices[i].advice;
	return "Correct it and send it again.";
}

/* Jansson quotes up to 160 bytes of the text; not all of them are ASCII. */
static void
make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void
explain(json_error_t *error, char *why, size_t why_size)
{
	make_printable(error->text);
	snprintf(why, why_size,
	    "The body is not valid JSON: %s (line %d, column %d). %s",
	    error->text, error->line, error->column,
	    advice_for(json_error_code(error)));
}

/* True for faults that Jansson would describe less well, told in why. */
static bool
is_hopeless(const char *text, size_t len, char *why, size_t why_size)
{
	const char *nul = len ? memchr(text, '\0', len) : NULL;
	size_t blank = 0;

	while (blank < len && strchr(" \t\r\n", text[blank]) && text[blank])
		blank++;
	if (blank == len) {
		snprintf(why, why_size,
		    "The body is empty. Send a JSON object.");
		return true;
	}
	if (nul) {
		snprintf(why, why_size,
		    "The body is not valid JSON: byte %zu is NUL. Send text, "
		    "with a NUL in a string written as \\u0000.",
		    (size_t)(nul - text) + 1);
		return true;
	}
	if (!strchr("{[", text[blank])) {
		snprintf(why, why_size,
		    "The body is not a JSON object: it does not begin with "
		    "'{'. Send a JSON object in UTF-8, without a byte order "
		    "mark.");
		return true;
	}
	return false;
}

/*
 * Reads a request; json_view.c is many times as fast as Jansson's lexer. NULL
 * when it has too many parts, or for a reason that Jansson can tell.
 */
static json_t *
read_request(const char *text, size_t len, bool *overfull)
{
	struct json_view view = { .parts_most = JSON_REQUEST_PARTS_MAX };
	json_t *value = NULL;

	if (json_view(&view, text, len, JSON_VIEW_ALL))
		value = json_view_load_unique(&view);
	*overfull = view.overfull;
	json_view_clear(&view);
	return value;
}

json_t *
json_parse_request(const char *text, size_t len, char *why, size_t why_size)
{
	json_error_t error;
	json_t *value;
	bool overfull;

	if (is_hopeless(text, len, why, why_size))
		return NULL;
	value = read_request(text, len, &overfull);
	if (value)
		return value;
	if (overfull) {
		snprintf(why, why_size,
		    "The body has more than %d names and values. Send fewer.",
		    JSON_REQUEST_PARTS_MAX);
		return NULL;
	}
	value = json_loadb(text, len,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!value) {
		explain(&error, why, why_size);
		return NULL;
	}
	if (!json_is_object(value)) {
		snprintf(why, why_size,
		    "The body is a JSON array. Send a JSON object.");
		json_decref(value);
		return NULL;
	}
	return value;
}

json_t *
json_parse_answer(const char *text, size_t len)
{
	struct json_view view = { 0 };
	json_t *value = NULL;

	if (json_view(&view, text, len, JSON_VIEW_ALL))
		value = json_view_load(&view, view.part);
	json_view_clear(&view);
	return value;
}

/* The member, or NULL when it is absent or null. */
static const json_t *
member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

enum json_read
json_read_integer(const json_t *object, const char *name, int64_t *value)
{
	const json_t *found = member(object, name);
	double real;

	if (!found)
		return JSON_ABSENT;
	if (json_is_integer(found)) {
		*value = json_integer_value(found);
		return JSON_READ;
	}
	if (!json_is_real(found))
		return JSON_WRONG;
	real = json_real_value(found);
	/* -2^63 is a double, and so is 2^63, the first that does not fit. */
	if (!(real >= -0x1p63 && real < 0x1p63) ||
	    (double)(int64_t)real != real)
		return JSON_WRONG;
	*value = (int64_t)real;
	return JSON_READ;
}

enum json_read
json_read_number(const json_t *object, const char *name, double *value)
{
	const json_t *found = member(object, name);

	if (!found)
		return JSON_ABSENT;
	if (!json_is_number(found))
		return JSON_WRONG;
	*value = json_number_value(found);
	return JSON_READ;
}

enum json_read
json_read_boolean(const json_t *object, const char *name, bool *value)
{
	const json_t *found = member(object, name);

	if (!found)
		return JSON_ABSENT;
	if (!json_is_boolean(found))
		return JSON_WRONG;
	*value = json_is_true(found);
	return JSON_READ;
}

bool
json_quote(const char *text, size_t len, char *out, size_t out_size)
{
	json_t *string = json_stringn(text, len);
	size_t need;

	if (!string)
		return false;
	need = json_dumpb(string, out, out_size, JSON_ENCODE_ANY);
	json_decref(string);
	if (need == 0 || need >= out_size)
		return false;
	out[need] = '\0';
	return true;
}
