/* json_edit.c: changing members of an object's text and nothing else in it. */
#include "base/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * The text has been parsed, so a scanner need not find faults; but it must
 * never leave the text, whatever that is. A position equal to len is its end.
 */
struct text {
	const char *byte;
	size_t len;
};

/* Counts bytes, and writes them once there is a buffer. */
struct out {
	char *buffer;
	size_t len;
};

/* One member, with the blanks on both sides of it. */
struct member {
	size_t start, end;     /* from behind '{' or ',' to ',' or '}' */
	size_t name, name_end; /* with the quotation marks */
	size_t value, value_end;
};

static void
put(struct out *out, const char *bytes, size_t len)
{
	if (out->buffer && len)
		memcpy(out->buffer + out->len, bytes, len);
	out->len += len;
}

static size_t
skip_blanks(const struct text *text, size_t at)
{
	while (at < text->len && memchr(" \t\r\n", text->byte[at], 4))
		at++;
	return at;
}

/*
 * From a '"' to behind its twin: the next one that an even number of
 * backslashes stands before. A prompt is long, so its bytes are not looked at
 * one by one.
 */
static size_t
skip_string(const struct text *text, size_t at)
{
	const char *start = text->byte + at + 1;
	const char *end = text->byte + text->len, *quote = start;

	while (quote < end &&
	    (quote = memchr(quote, '"', (size_t)(end - quote)))) {
		const char *run = quote;

		while (run > start && run[-1] == '\\')
			run--;
		quote++;
		if ((quote - run) % 2 == 1)
			return (size_t)(quote - text->byte);
	}
	return text->len;
}

/* From a '{' or '[' to behind its twin. */
static size_t
skip_nested(const struct text *text, size_t at)
{
	size_t depth = 0;

	while (at < text->len) {
		switch (text->byte[at]) {
		case '"':
			at = skip_string(text, at);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return at + 1;
			break;
		default:
			break;
		}
		at++;
	}
	return text->len;
}

static size_t
skip_value(const struct text *text, size_t at)
{
	if (at < text->len && text->byte[at] == '"')
		return skip_string(text, at);
	if (at < text->len && memchr("{[", text->byte[at], 2))
		return skip_nested(text, at);
	while (at < text->len && !memchr(",}] \t\r\n", text->byte[at], 7))
		at++;
	return at;
}

/* Finds the member that begins at a place. False when there is none. */
static bool
find_member(const struct text *text, size_t start, struct member *member)
{
	member->start = start;
	member->name = skip_blanks(text, start);
	if (member->name >= text->len || text->byte[member->name] != '"')
		return false;
	member->name_end = skip_string(text, member->name);
	member->value = skip_blanks(text, member->name_end);
	if (member->value >= text->len || text->byte[member->value] != ':')
		return false;
	member->value = skip_blanks(text, member->value + 1);
	member->value_end = skip_value(text, member->value);
	member->end = skip_blanks(text, member->value_end);
	return member->end < text->len && member->value_end > member->value &&
	    memchr(",}", text->byte[member->end], 2);
}

/* Four hex digits, or -1. */
static long
read_hex4(const struct text *text, size_t at)
{
	static const char digits[] = "0123456789abcdef";
	long number = 0;

	if (text->len < 4 || at > text->len - 4)
		return -1;
	for (size_t end = at + 4; at < end; at++) {
		int c = text->byte[at];
		const char *digit = memchr(digits,
		    c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);

		if (!digit)
			return -1;
		number = number << 4 | (digit - digits);
	}
	return number;
}

static size_t
encode_utf8(long code, char utf8[4])
{
	if (code < 0x80) {
		utf8[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		utf8[0] = (char)(0xc0 | code >> 6);
		utf8[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		utf8[0] = (char)(0xe0 | code >> 12);
		utf8[1] = (char)(0x80 | (code >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	utf8[0] = (char)(0xf0 | code >> 18);
	utf8[1] = (char)(0x80 | (code >> 12 & 0x3f));
	utf8[2] = (char)(0x80 | (code >> 6 & 0x3f));
	utf8[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Decodes what follows "\u"; 0 for what Jansson would have refused. */
static size_t
decode_unicode(const struct text *text, size_t *at, char utf8[4])
{
	long code = read_hex4(text, *at), low;

	if (code < 0)
		return 0;
	*at += 4;
	if (code >= 0xd800 && code < 0xdc00) {
		low = read_hex4(text, *at + 2);
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		*at += 6;
	}
	return encode_utf8(code, utf8);
}

/* Decodes one character of a string at *at, and moves on. */
static size_t
decode_character(const struct text *text, size_t *at, char utf8[4])
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *letter;
	char c = text->byte[(*at)++];

	if (c == '\\' && *at < text->len) {
		c = text->byte[(*at)++];
		if (c == 'u')
			return decode_unicode(text, at, utf8);
		letter = memchr(letters, c, sizeof(letters) - 1);
		if (letter)
			c = meant[letter - letters];
	}
	utf8[0] = c;
	return 1;
}

/*
 * Compares what the name means, not how it is spelt: otherwise "\u006dodel"
 * would be a second "model" that only the provider sees.
 */
static bool
is_named(const struct text *text, const struct member *member,
    const char *name)
{
	size_t at = member->name + 1, end = member->name_end - 1;
	size_t left = strlen(name);
	char utf8[4];

	while (at < end) {
		size_t n = decode_character(text, &at, utf8);

		if (n == 0 || n > left || memcmp(name, utf8, n) != 0)
			return false;
		name += n;
		left -= n;
	}
	return left == 0;
}

/* Which edit a member is for; n_edits when it is for none. */
static size_t
find_edit(const struct text *text, const struct member *member,
    const struct json_edit *edits, size_t n_edits)
{
	size_t i = 0;

	while (i < n_edits && !is_named(text, member, edits[i].name))
		i++;
	return i;
}

static void
put_new(struct out *out, const struct json_edit *edits, size_t n_edits,
    uint64_t found, bool *is_first)
{
	for (size_t i = 0; i < n_edits; i++) {
		if (found >> i & 1 || !edits[i].value)
			continue;
		put(out, ",", !*is_first);
		put(out, "\"", 1);
		put(out, edits[i].name, strlen(edits[i].name));
		put(out, "\":", 2);
		put(out, edits[i].value, strlen(edits[i].value));
		*is_first = false;
	}
}

static void
put_member(struct out *out, const struct text *text,
    const struct member *member, const char *value, bool *is_first)
{
	put(out, ",", !*is_first);
	*is_first = false;
	put(out, text->byte + member->start, member->value - member->start);
	if (value)
		put(out, value, strlen(value));
	else
		put(out, text->byte + member->value,
		    member->value_end - member->value);
	put(out, text->byte + member->value_end,
	    member->end - member->value_end);
}

/*
 * Writes the object, from its '{' at open to the end of the text. *found has
 * a bit for each edit that a member is there for, and gets those it meets.
 */
static bool
put_object(struct out *out, const struct text *text, size_t open,
    const struct json_edit *edits, size_t n_edits, uint64_t *found)
{
	struct member member = { 0 };
	size_t close = skip_blanks(text, open + 1);
	size_t at = open + 1;
	bool is_first = true, is_last = false;

	put(out, "{", 1);
	put_new(out, edits, n_edits, *found, &is_first);
	/* An empty object keeps its blanks. */
	if (close < text->len && text->byte[close] == '}')
		is_last = true;
	for (; !is_last; at = member.end + !is_last) {
		size_t i;

		if (!find_member(text, at, &member))
			return false;
		is_last = text->byte[member.end] == '}';
		i = find_edit(text, &member, edits, n_edits);
		if (i < n_edits)
			*found |= (uint64_t)1 << i;
		if (i == n_edits || edits[i].value)
			put_member(out, text, &member,
			    i < n_edits ? edits[i].value : NULL, &is_first);
	}
	put(out, text->byte + at, text->len - at);
	return true;
}

char *
json_edit_members(const char *text, size_t len, const struct json_edit *edits,
    size_t n_edits, size_t *edited_len)
{
	const struct text whole = { text, len };
	size_t open = skip_blanks(&whole, 0);
	struct out out = { 0 };
	uint64_t found = 0;
	char *edited;

	assert(n_edits <= JSON_EDITS_MAX);
	if (open == len || text[open] != '{')
		return NULL;
	/* The first pass only finds members and counts, putting in too many. */
	if (!put_object(&out, &whole, open, edits, n_edits, &found))
		return NULL;
	edited = malloc(open + out.len + 1);
	if (!edited)
		return NULL;
	memcpy(edited, text, open);
	out = (struct out){ edited + open, 0 };
	put_object(&out, &whole, open, edits, n_edits, &found);
	*edited_len = open + out.len;
	edited[*edited_len] = '\0';
	return edited;
}
