/* json.h: reading JSON that strangers sent, editing it, writing it; the home
 * of Jansson. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Names and values of a request. Each takes up to 250 bytes of memory. */
enum { JSON_REQUEST_PARTS_MAX = 1 << 19 };

/*
 * Parses text as one JSON object. Returns a new reference, or NULL with a
 * sentence for people in why. Refused: anything but an object, duplicate keys,
 * bad UTF-8, raw NUL bytes, numbers out of range, nesting beyond Jansson's
 * limit (2048), more than JSON_REQUEST_PARTS_MAX names and values. "\u0000"
 * inside a string is allowed.
 */
json_t *json_parse_request(const char *text, size_t len, char *why,
    size_t why_size);

/* The same for a provider's answer, where a later duplicate key wins. */
json_t *json_parse_answer(const char *text, size_t len);

enum json_read { JSON_ABSENT, JSON_READ, JSON_WRONG };

/*
 * Reads an optional member. JSON null counts as absent; *value is only
 * touched by JSON_READ. An integral real such as 5.0 is an integer.
 */
enum json_read json_read_integer(const json_t *object, const char *name,
    int64_t *value);
enum json_read json_read_number(const json_t *object, const char *name,
    double *value);
enum json_read json_read_boolean(const json_t *object, const char *name,
    bool *value);

enum { JSON_EDITS_MAX = 64 };

/* One change to the top level of an object; a NULL value removes a member. */
struct json_edit {
	const char *name;  /* ASCII without anything JSON escapes; each once */
	const char *value; /* JSON text */
};

/*
 * A copy of an object's text with its top-level members changed and every
 * other byte as it was; members that were not there are put in first. The text
 * must have been parsed already. A removed member takes its comma and its
 * blanks along; of members with one name, however spelt, all are edited.
 * Returns terminated text that the caller frees and *edited_len, or NULL when
 * memory runs out. At most JSON_EDITS_MAX edits.
 */
char *json_edit_members(const char *text, size_t len,
    const struct json_edit *edits, size_t n_edits, size_t *edited_len);

/*
 * Writes a JSON string literal of text[0..len) to out, terminated; false when
 * it does not fit or is not UTF-8.
 */
bool json_quote(const char *text, size_t len, char *out, size_t out_size);

#endif
