/* json_same.h: whether a view of a text says what Jansson says. */
#ifndef TESTS_UNIT_JSON_SAME_H
#define TESTS_UNIT_JSON_SAME_H

#include <stdlib.h>
#include <string.h>

#include "base/json_view.h"

/* What Jansson makes of an object. It overlooks a NUL behind a number. */
static inline json_t *
json_same_load(const char *text, size_t len, size_t flags)
{
	json_t *value = len && !memchr(text, '\0', len) ?
	    json_loadb(text, len, JSON_ALLOW_NUL | flags, NULL) : NULL;

	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

/* Whether sizes and types are right, and members found by their names. */
static inline bool
json_same_part(const struct json_view *view, const struct json_part *part,
    const json_t *value)
{
	const struct json_part *at;
	const char *name;
	json_t *member;
	size_t i = 0;

	if (!part || part->type != json_typeof(value))
		return false;
	if (part->type == JSON_STRING &&
	    (part->size != json_string_length(value) ||
	    (strlen(json_string_value(value)) == part->size &&
	    !json_view_says(view, part, json_string_value(value)))))
		return false;
	if (part->type == JSON_ARRAY) {
		if (part->size != json_array_size(value))
			return false;
		for (at = json_view_first(part); at;
		    at = json_view_next(part, at))
			if (!json_same_part(view, at,
			    json_array_get(value, i++)))
				return false;
		return i == part->size;
	}
	/* Of several with one name, Jansson has the last one. */
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
		if (!json_same_part(view, json_view_member(view, part, name),
		    member))
			return false;
	return part->type != JSON_OBJECT ||
	       part->size >= json_object_size(value);
}

/* Whether a value, which it lets go, is what Jansson makes of the text. */
static inline bool
json_same_value(json_t *value, const char *text, size_t len, size_t flags)
{
	json_t *right = json_same_load(text, len, flags);
	bool same = right ? json_equal(value, right) : !value;

	json_decref(value);
	json_decref(right);
	return same;
}

/* Whether both refuse the text, or both find the same in it. */
static inline bool
json_same(struct json_view *view, const char *text, size_t len)
{
	char why[512];
	json_t *value = json_same_load(text, len, 0);
	bool good = json_view(view, text, len, JSON_VIEW_ALL), same;

	if (!json_same_value(json_parse_request(text, len, why, sizeof(why)),
	    text, len, JSON_REJECT_DUPLICATES) ||
	    !json_same_value(json_parse_answer(text, len), text, len, 0) ||
	    good != (value != NULL)) {
		json_decref(value);
		return false;
	}
	/* What is not kept is checked all the same. */
	same = !good || json_same_part(view, view->part, value);
	same &= json_view(view, text, len, JSON_VIEW_MEMBERS) == good;
	same &= !good || view->part->size >= json_object_size(value);
	json_decref(value);
	return same;
}

#endif
