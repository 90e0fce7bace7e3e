/* json_char.c: single characters of JSON strings. */
#include <string.h>

#include "base/json_view_private.h"

/* Four hex digits, or -1. */
static long
read_hex4(const char *at, const char *end)
{
	long number = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];

		if (c >= '0' && c <= '9')
			number = number << 4 | (c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			number = number << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return number;
}

static size_t
encode_utf8(long code, char utf8[4])
{
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n - 1; i > 0; i--, code >>= 6)
		utf8[i] = (char)(0x80 | (code & 0x3f));
	utf8[0] = (char)(leads[n] | code);
	return n;
}

/* Decodes what follows "\u", and moves on; 0 when it is nothing. */
static size_t
decode_unicode(const char **at, const char *end, char utf8[4])
{
	long code = read_hex4(*at, end), low;

	if (code < 0 || (code >= 0xdc00 && code < 0xe000))
		return 0;
	*at += 4;
	if (code >= 0xd800 && code < 0xdc00) {
		if (end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
			return 0;
		low = read_hex4(*at + 2, end);
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		*at += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return encode_utf8(code, utf8);
}

size_t
json_read_escape(const char **at, const char *end, char utf8[4])
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	char c;

	if (end - *at < 2)
		return 0;
	c = (*at)[1];
	*at += 2;
	if (c == 'u')
		return decode_unicode(at, end, utf8);
	letter = memchr(letters, c, sizeof(letters) - 1);
	if (!letter)
		return 0;
	utf8[0] = meant[letter - letters];
	return 1;
}

size_t
json_utf8_len(const char *text, const char *end)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] < 0xc2 || at[0] > 0xf4 || (size_t)(end - text) < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Too long for what it is, a surrogate, beyond the last one. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) ||
	    (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}
