/* json_view.c: JSON text taken apart where it lies, without a tree of it. */
#include "base/json_view.h"

#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_view_private.h"

enum {
	DEPTH_MAX = 2048, /* Jansson's; a value in the object is at 2 */
	PARTS_FIRST = 64,
	DIGITS_SAFE = 18, /* as many fit an int64_t */
	REAL_SAFE = 300,  /* no number of so many bytes is out of range */
};

struct reader {
	struct json_view *view;
	const char *at, *end;
	int depth, depth_kept;
	bool has_nul; /* the last string had */
};

/* In place of a place among the parts: this one is not kept. */
#define NOT_KEPT SIZE_MAX

/* Times a byte: eight of it. */
#define EACH_BYTE UINT64_C(0x0101010101010101)

static bool read_value(struct reader *r);

/* Begins a part where the reader is. False when memory runs out. */
static bool
begin(struct reader *r, json_type type, size_t *place)
{
	struct json_view *view = r->view;
	struct json_part *grown;

	*place = NOT_KEPT;
	if (r->depth > r->depth_kept)
		return true;
	view->overfull = view->parts_most > 0 &&
	    view->n_parts == view->parts_most;
	if (view->overfull)
		return false;
	if (view->n_parts == view->parts_max) {
		size_t n = view->parts_max ? 2 * view->parts_max : PARTS_FIRST;

		grown = realloc(view->part, n * sizeof(*grown));
		if (!grown)
			return false;
		view->part = grown;
		view->parts_max = n;
	}
	*place = view->n_parts++;
	view->part[*place].start = (uint32_t)(r->at - view->text);
	view->part[*place].type = type;
	return true;
}

/* Ends it before the byte where the reader is. */
static bool
end(struct reader *r, size_t place, size_t size)
{
	struct json_view *view = r->view;
	struct json_part *part;

	if (place == NOT_KEPT)
		return true;
	part = &view->part[place];
	part->end = (uint32_t)(r->at - view->text);
	part->parts = (uint32_t)(view->n_parts - place);
	part->size = (uint32_t)size;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next byte that is no blank; '\0' at the end, where none can stand. */
static char
look(struct reader *r)
{
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

/* The same, behind the byte that was looked at. */
static char
look_on(struct reader *r)
{
	r->at++;
	return look(r);
}

/* One character that is not plain; adds to what the string means. */
static bool
read_odd(struct reader *r, size_t *size)
{
	char utf8[4];
	size_t len;

	if ((unsigned char)*r->at < ' ')
		return false;
	if (*r->at == '\\') {
		len = json_read_escape(&r->at, r->end, utf8);
		r->has_nul |= len == 1 && utf8[0] == '\0';
	} else {
		len = json_utf8_len(r->at, r->end);
		r->at += len;
	}
	*size += len;
	return len > 0;
}

static bool
is_plain(char c)
{
	return (signed char)c >= ' ' && c != '"' && c != '\\';
}

/* The highest bit of each byte of the word that is zero, and of some behind
 * it: the first one is right. */
static uint64_t
zeros(uint64_t word)
{
	return (word - EACH_BYTE) & ~word & EACH_BYTE << 7;
}

/* The same of each byte that is not plain. */
static uint64_t
odd_bytes(uint64_t word)
{
	return ((word | (word - EACH_BYTE * ' ')) & EACH_BYTE << 7) |
	    zeros(word ^ EACH_BYTE * '"') | zeros(word ^ EACH_BYTE * '\\');
}

/* To the first byte that is not plain: eight at a time, for prompts are long
 * and an event is one of many. */
static const char *
skip_plain(const char *at, const char *end)
{
	for (uint64_t word; end - at >= (ptrdiff_t)sizeof(word); at += 8) {
		memcpy(&word, at, sizeof(word));
		word = odd_bytes(le64toh(word));
		if (word)
			return at + __builtin_ctzll(word) / 8;
	}
	while (at < end && is_plain(*at))
		at++;
	return at;
}

static bool
read_string(struct reader *r)
{
	size_t size = 0;
	size_t place;

	if (!begin(r, JSON_STRING, &place))
		return false;
	r->has_nul = false;
	r->at++;
	for (;;) {
		const char *at = skip_plain(r->at, r->end);

		size += (size_t)(at - r->at);
		r->at = at;
		if (at == r->end)
			return false;
		if (*at == '"')
			break;
		if (!read_odd(r, &size))
			return false;
	}
	r->at++;
	return end(r, place, size);
}

static size_t
skip_digits(struct reader *r)
{
	const char *first = r->at;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return (size_t)(r->at - first);
}

static bool
take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* Jansson refuses numbers that C cannot hold, so it is asked. */
static bool
is_in_range(const char *text, size_t len)
{
	json_t *number = json_loadb(text, len, JSON_DECODE_ANY, NULL);

	json_decref(number);
	return number != NULL;
}

static bool
read_number(struct reader *r)
{
	const char *first = r->at;
	bool is_real = false, has_exponent;
	size_t place;
	size_t len;

	if (!begin(r, JSON_INTEGER, &place))
		return false;
	take(r, '-');
	if (!take(r, '0') && skip_digits(r) == 0)
		return false;
	if (take(r, '.')) {
		is_real = true;
		if (skip_digits(r) == 0)
			return false;
	}
	has_exponent = take(r, 'e') || take(r, 'E');
	if (has_exponent) {
		if (!take(r, '+'))
			take(r, '-');
		if (skip_digits(r) == 0)
			return false;
	}
	is_real |= has_exponent;
	len = (size_t)(r->at - first);
	if ((has_exponent || len > (is_real ? REAL_SAFE : DIGITS_SAFE)) &&
	    !is_in_range(first, len))
		return false;
	if (is_real && place != NOT_KEPT)
		r->view->part[place].type = JSON_REAL;
	return end(r, place, 0);
}

static bool
read_word(struct reader *r, const char *word, json_type type)
{
	size_t len = strlen(word);
	size_t place;

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0 ||
	    !begin(r, type, &place))
		return false;
	r->at += len;
	return end(r, place, 0);
}

/* Takes a comma, behind which something must stand. */
static bool
take_comma(struct reader *r)
{
	if (look(r) != ',')
		return false;
	look_on(r);
	return true;
}

/* A name is as deep as its value, and may be empty. */
static bool
read_member(struct reader *r)
{
	bool good;

	if (look(r) != '"')
		return false;
	r->depth++;
	good = read_string(r);
	r->depth--;
	if (!good || r->has_nul || look(r) != ':')
		return false;
	look_on(r);
	return read_value(r);
}

/* An array or an object: what stands between commas, up to that bracket. */
static bool
read_list(struct reader *r, json_type type, char bracket,
    bool (*read_one)(struct reader *r))
{
	size_t size = 0;
	size_t place;

	if (!begin(r, type, &place))
		return false;
	if (look_on(r) != bracket) {
		do {
			if (!read_one(r))
				return false;
			size++;
		} while (take_comma(r));
	}
	if (look(r) != bracket)
		return false;
	r->at++;
	return end(r, place, size);
}

static bool
read_by_first(struct reader *r)
{
	switch (r->at < r->end ? *r->at : '\0') {
	case '{':
		return read_list(r, JSON_OBJECT, '}', read_member);
	case '[':
		return read_list(r, JSON_ARRAY, ']', read_value);
	case '"':
		return read_string(r);
	case 't':
		return read_word(r, "true", JSON_TRUE);
	case 'f':
		return read_word(r, "false", JSON_FALSE);
	case 'n':
		return read_word(r, "null", JSON_NULL);
	default:
		return read_number(r);
	}
}

static bool
read_value(struct reader *r)
{
	bool good = r->depth++ < DEPTH_MAX && read_by_first(r);

	r->depth--;
	return good;
}

bool
json_view(struct json_view *view, const char *text, size_t len, int depth)
{
	struct reader r = {
		.view = view,
		.at = text,
		.end = text + len,
		.depth_kept = depth,
	};

	view->text = text;
	view->len = len;
	view->n_parts = 0;
	view->overfull = false;
	return len <= UINT32_MAX && look(&r) == '{' && read_value(&r) &&
	       look(&r) == '\0' && r.at == r.end;
}

void
json_view_clear(struct json_view *view)
{
	free(view->part);
	*view = (struct json_view){ 0 };
}

/* Whether a string with escapes in it means a text of as many bytes. */
static bool
means(const struct json_view *view, const struct json_part *part,
    const char *text)
{
	const char *at = view->text + part->start + 1;
	const char *end = view->text + part->end - 1;
	char utf8[4];

	while (at < end) {
		size_t n = 1;

		if (*at == '\\')
			n = json_read_escape(&at, end, utf8);
		else
			utf8[0] = *at++;
		if (memcmp(text, utf8, n) != 0)
			return false;
		text += n;
	}
	return true;
}

static bool
is_string(const struct json_view *view, const struct json_part *part,
    const char *text, size_t len)
{
	if (part->size != len)
		return false;
	return part->end - part->start == len + 2 ?
	    memcmp(view->text + part->start + 1, text, len) == 0 :
	    means(view, part, text);
}

bool
json_view_says(const struct json_view *view, const struct json_part *part,
    const char *text)
{
	return part && part->type == JSON_STRING &&
	       is_string(view, part, text, strlen(text));
}

const struct json_part *
json_view_member(const struct json_view *view,
    const struct json_part *object, const char *name)
{
	const struct json_part *found = NULL, *part, *behind;
	size_t len = strlen(name);

	if (!object || object->type != JSON_OBJECT)
		return NULL;
	behind = object + object->parts;
	for (part = object + 1; part < behind; part += 1 + part[1].parts)
		if (is_string(view, part, name, len))
			found = part + 1;
	return found;
}

const struct json_part *
json_view_first(const struct json_part *array)
{
	return array && array->type == JSON_ARRAY && array->parts > 1 ?
	    array + 1 : NULL;
}

const struct json_part *
json_view_next(const struct json_part *array, const struct json_part *element)
{
	element += element->parts;
	return element < array + array->parts ? element : NULL;
}

uint32_t
json_view_size(const struct json_part *part, json_type type)
{
	return part && part->type == type ? part->size : 0;
}
