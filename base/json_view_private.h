/* json_view_private.h: what the parts of json_view.h share. */
#ifndef BASE_JSON_VIEW_PRIVATE_H
#define BASE_JSON_VIEW_PRIVATE_H

#include "base/json_view.h"

/*
 * json_char.c: decodes the escape that a backslash at *at begins, and moves
 * behind it, both halves of a pair. How many bytes it means; 0 when it is none
 * that Jansson takes.
 */
size_t json_read_escape(const char **at, const char *end, char utf8[4]);

/* How many bytes the character there has, above ASCII; 0 when it is none. */
size_t json_utf8_len(const char *text, const char *end);

/*
 * json_tree.c: json_view_load() of the whole object; NULL also when it, or one
 * within, has a name twice.
 */
json_t *json_view_load_unique(const struct json_view *view);

#endif
