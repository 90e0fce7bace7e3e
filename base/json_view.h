/* json_view.h: JSON text taken apart where it lies, without a tree of it. */
#ifndef BASE_JSON_VIEW_H
#define BASE_JSON_VIEW_H

#include "base/json.h"

/* A value, or a member's name, which is a string before its value. */
struct json_part {
	uint32_t start, end; /* in the text; of a string, with its quotes */
	uint32_t parts; /* itself and all within: how far the next one is */
	uint32_t size;  /* elements, members, or bytes that a string means */
	json_type type;
};

/*
 * All zero at first, but for parts_most. The memory is kept from one text to
 * the next.
 */
struct json_view {
	const char *text;
	size_t len;
	struct json_part *part; /* the first one is the object */
	size_t n_parts, parts_max;
	size_t parts_most; /* as many may be kept; 0: all */
	bool overfull;     /* there were more */
};

/* How deep a view is: the object and its members, or all there is. */
enum { JSON_VIEW_MEMBERS = 2, JSON_VIEW_ALL = 1 << 20 };

/*
 * Takes one object apart, which it accepts if and only if Jansson does, with
 * "\u0000" allowed in strings and no raw NUL anywhere. The text must outlive
 * the view. What lies deeper than depth is checked and not kept. False when it
 * is no object, has too many parts, or memory runs out.
 */
bool json_view(struct json_view *view, const char *text, size_t len,
    int depth);

/* Gives the memory back; harmless to repeat. */
void json_view_clear(struct json_view *view);

/*
 * The member with that name, however it is spelt; the last one of several.
 * NULL when there is none, or no object, which may be NULL.
 */
const struct json_part *json_view_member(const struct json_view *view,
    const struct json_part *object, const char *name);

/* Whether a part, which may be NULL, is this string, however it is spelt. */
bool json_view_says(const struct json_view *view,
    const struct json_part *part, const char *text);

/* The first element of an array, and the one behind another; or NULL. */
const struct json_part *json_view_first(const struct json_part *array);
const struct json_part *json_view_next(const struct json_part *array,
    const struct json_part *element);

/* Its size, when it is there and of that type; else 0. */
uint32_t json_view_size(const struct json_part *part, json_type type);

/* Text that grows; all zero at first, and the bytes are given to free(). */
struct json_text {
	char *bytes;
	size_t len, size;
};

/*
 * json_edit_members() of a text that was taken apart, members at least. What
 * *out holds is written over. False when memory runs out.
 */
bool json_view_edit(const struct json_view *view,
    const struct json_edit *edits, size_t n_edits, struct json_text *out);

/*
 * A new reference to the value of a part, none of which lies deeper than what
 * was kept, or NULL when memory runs out. Of members with one name there is the
 * last one.
 */
json_t *json_view_load(const struct json_view *view,
    const struct json_part *part);

#endif
