/* json_same.h: whether a view of a text says what Jansson says. */
#ifndef TESTS_UNIT_JSON_SAME_H
#define TESTS_UNIT_JSON_SAME_H

#include <stdlib.h>
#include <string.h>

#include "base/json_view.h"

/* The tree of a part, by the functions of the view; Jansson's of a leaf. */
static inline json_t *
json_same_tree(const struct json_view *view, const struct json_part *part)
{
	const struct json_part *at, *end = part + part->parts;
	json_t *tree, *name;

	if (part->type == JSON_ARRAY) {
		tree = json_array();
		for (at = json_view_first(part); at;
		    at = json_view_next(part, at))
			json_array_append_new(tree, json_same_tree(view, at));
		return tree;
	}
	if (part->type != JSON_OBJECT)
		return json_view_load(view, part);
	tree = json_object();
	for (at = part + 1; at < end; at += 1 + at[1].parts) {
		name = json_view_load(view, at);
		json_object_set_new(tree, json_string_value(name),
		    json_same_tree(view, at + 1));
		json_decref(name);
	}
	return tree;
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

/* Whether both refuse the text, or both find the same in it. */
static inline bool
json_same(struct json_view *view, const char *text, size_t len)
{
	json_t *value = json_parse_answer(text, len), *tree;
	bool good = json_view(view, text, len, JSON_VIEW_ALL), same;

	if (!good || !value) {
		same = !good && !value;
		json_decref(value);
		/* What is not kept is checked all the same. */
		return same && !json_view(view, text, len, JSON_VIEW_MEMBERS);
	}
	tree = json_same_tree(view, view->part);
	same = json_equal(tree, value) &&
	       json_same_part(view, view->part, value) &&
	       json_view(view, text, len, JSON_VIEW_MEMBERS) &&
	       view->part->size >= json_object_size(value);
	json_decref(tree);
	json_decref(value);
	return same;
}

#endif
