/* json_tree.c: Jansson's values of a text that was taken apart. */
#include <stdlib.h>
#include <string.h>

#include "base/json_view_private.h"

enum { NUMBER_SIZE = 64 }; /* longer ones are rare */

struct growth {
	const struct json_view *view;
	const struct json_part *part; /* the next one */
	bool unique;                  /* or the last one of a name counts */
	struct json_text text;        /* a string without its escapes */
};

static json_t *grow(struct growth *g);

/* What a string with escapes means goes to g->text, terminated. */
static bool
decode(struct growth *g, const struct json_part *string)
{
	const char *at = g->view->text + string->start + 1;
	const char *end = g->view->text + string->end - 1;
	struct json_text *out = &g->text;
	const char *escape;
	size_t plain;
	char *bytes;

	if (out->size <= string->size) {
		bytes = realloc(out->bytes, (size_t)string->size + 1);
		if (!bytes)
			return false;
		out->bytes = bytes;
		out->size = (size_t)string->size + 1;
	}
	out->len = 0;
	while (at < end) {
		escape = memchr(at, '\\', (size_t)(end - at));
		plain = (size_t)((escape ? escape : end) - at);
		memcpy(out->bytes + out->len, at, plain);
		out->len += plain;
		at += plain;
		if (escape) {
			char utf8[4];
			size_t len = json_read_escape(&at, end, utf8);

			memcpy(out->bytes + out->len, utf8, len);
			out->len += len;
		}
	}
	out->bytes[out->len] = '\0';
	return true;
}

static json_t *
grow_string(struct growth *g, const struct json_part *part)
{
	const char *inside = g->view->text + part->start + 1;

	/* An escape is longer than what it means. */
	if (part->end - part->start == part->size + 2)
		return json_stringn_nocheck(inside, part->size);
	return decode(g, part) ?
	    json_stringn_nocheck(g->text.bytes, g->text.len) : NULL;
}

static json_t *
grow_array(struct growth *g, uint32_t size)
{
	json_t *array = json_array();

	for (; size > 0 && array; size--)
		if (json_array_append_new(array, grow(g)) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static bool
grow_member(struct growth *g, json_t *object)
{
	const struct json_part *name = g->part++;
	json_t *value = grow(g);

	/* Only now, because what the value holds is decoded there, too. */
	if (value && decode(g, name))
		return json_object_set_new_nocheck(object, g->text.bytes,
		    value) == 0;
	json_decref(value);
	return false;
}

static json_t *
grow_object(struct growth *g, uint32_t size)
{
	json_t *object = json_object();
	bool good = object != NULL;

	for (uint32_t i = 0; i < size && good; i++)
		good = grow_member(g, object);
	if (good && (!g->unique || json_object_size(object) == size))
		return object;
	json_decref(object);
	return NULL;
}

/* It is in range: the view has seen to that. */
static json_t *
make_number(json_type type, const char *text, size_t len)
{
	char digits[NUMBER_SIZE];

	if (len >= sizeof(digits))
		return json_loadb(text, len, JSON_DECODE_ANY, NULL);
	/* What reads numbers wants a string, with an end. */
	memcpy(digits, text, len);
	digits[len] = '\0';
	return type == JSON_INTEGER ? json_integer(strtoll(digits, NULL, 10)) :
				      json_real(strtod(digits, NULL));
}

/* Of the next part and all within. */
static json_t *
grow(struct growth *g)
{
	const struct json_part *part = g->part++;

	switch (part->type) {
	case JSON_OBJECT:
		return grow_object(g, part->size);
	case JSON_ARRAY:
		return grow_array(g, part->size);
	case JSON_STRING:
		return grow_string(g, part);
	case JSON_INTEGER:
	case JSON_REAL:
		return make_number(part->type, g->view->text + part->start,
		    part->end - part->start);
	case JSON_TRUE:
		return json_true();
	case JSON_FALSE:
		return json_false();
	default:
		return json_null();
	}
}

static json_t *
load(const struct json_view *view, const struct json_part *part, bool unique)
{
	struct growth g = { .view = view, .part = part, .unique = unique };
	json_t *value = grow(&g);

	free(g.text.bytes);
	return value;
}

json_t *
json_view_load(const struct json_view *view, const struct json_part *part)
{
	return load(view, part, false);
}

json_t *
json_view_load_unique(const struct json_view *view)
{
	return load(view, view->part, true);
}
