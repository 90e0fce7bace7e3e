/* address.c: Internet addresses, ranges of them, and whose request it is. */
#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { V4_BYTES = 4, V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96 };

static const uint8_t mapped[V6_BITS / 8 - V4_BYTES] = { [10] = 0xff, 0xff };
static const char list_gaps[] = " \t,";

static int
bits_of(const struct address *address)
{
	return address->family == ADDRESS_V4 ? V4_BITS : V6_BITS;
}

static bool
is_mapped(const struct address *address)
{
	return address->family == ADDRESS_V6 &&
	       memcmp(address->byte, mapped, sizeof(mapped)) == 0;
}

static void
unmap(struct address *address)
{
	struct address v4 = { .family = ADDRESS_V4 };

	memcpy(v4.byte, address->byte + sizeof(mapped), V4_BYTES);
	*address = v4;
}

/* As it is written: a mapped address stays one. */
static bool
parse_written(const char *text, size_t len, struct address *address)
{
	char copy[ADDRESS_TEXT_SIZE];

	/* A NUL inside would end the copy, and so hide what follows it. */
	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*address = (struct address){ .family = ADDRESS_V4 };
	if (inet_pton(AF_INET, copy, address->byte) == 1)
		return true;
	*address = (struct address){ .family = ADDRESS_V6 };
	return inet_pton(AF_INET6, copy, address->byte) == 1;
}

bool
address_parse(const char *text, size_t len, struct address *address)
{
	if (!parse_written(text, len, address))
		return false;
	if (is_mapped(address))
		unmap(address);
	return true;
}

/* Up to three decimal digits without leading zeros, at most most. */
static bool
parse_bits(const char *text, size_t len, int most, int *bits)
{
	*bits = 0;
	if (len == 0 || len > 3 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*bits = *bits * 10 + (text[i] - '0');
	}
	return *bits <= most;
}

/* Whether the first bits are the same. */
static bool
begins_alike(const uint8_t *a, const uint8_t *b, int bits)
{
	size_t whole = (size_t)bits / 8;
	int rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Whether nothing is set beyond the first bits. */
static bool
ends_empty(const struct address *address, int bits)
{
	for (int i = bits; i < bits_of(address); i++)
		if (address->byte[i / 8] & (0x80 >> i % 8))
			return false;
	return true;
}

bool
address_range_parse(const char *text, size_t len, struct address_range *range)
{
	const char *slash = memchr(text, '/', len);
	size_t address_len = slash ? (size_t)(slash - text) : len;
	int bits;

	if (!parse_written(text, address_len, &range->first))
		return false;
	bits = bits_of(&range->first);
	if (slash && !parse_bits(slash + 1, len - address_len - 1, bits,
	    &bits))
		return false;
	if (!ends_empty(&range->first, bits))
		return false;
	if (is_mapped(&range->first)) {
		/* A shorter one would hold addresses of both kinds. */
		if (bits < MAPPED_BITS)
			return false;
		unmap(&range->first);
		bits -= MAPPED_BITS;
	}
	range->bits = (uint8_t)bits;
	return true;
}

bool
address_range_holds(const struct address_range *range,
    const struct address *address)
{
	return range->first.family == address->family &&
	       begins_alike(range->first.byte, address->byte, range->bits);
}

char *
address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	const char *written = inet_ntop(address->family == ADDRESS_V4 ?
	    AF_INET : AF_INET6, address->byte, text, ADDRESS_TEXT_SIZE);

	assert(written);
	return text;
}

char *
address_range_format(const struct address_range *range,
    char text[ADDRESS_RANGE_TEXT_SIZE])
{
	size_t len;

	address_format(&range->first, text);
	len = strlen(text);
	if (range->bits < bits_of(&range->first))
		snprintf(text + len, ADDRESS_RANGE_TEXT_SIZE - len, "/%u",
		    (unsigned)range->bits);
	return text;
}

/* The next word of a list and its length; NULL at the end. */
static const char *
next_word(const char *list, size_t *len)
{
	list += strspn(list, list_gaps);
	*len = strcspn(list, list_gaps);
	return *len ? list : NULL;
}

const char *
address_list_fault(const char *list, size_t *len)
{
	struct address_range range;
	const char *word = next_word(list, len);

	while (word && address_range_parse(word, *len, &range))
		word = next_word(word + *len, len);
	return word;
}

bool
address_list_holds(const char *list, const struct address *address)
{
	struct address_range range;
	const char *word;
	size_t len;

	while ((word = next_word(list, &len)) != NULL) {
		if (address_range_parse(word, len, &range) &&
		    address_range_holds(&range, address))
			return true;
		list = word + len;
	}
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Each proxy appends whom it was asked by, so the header is read from its end,
 * and only as far as those who wrote it can be trusted.
 */
static bool
walk_back(const char *forwarded, const char *trusted, struct address *client)
{
	const char *end = forwarded + strlen(forwarded);

	for (;;) {
		const char *from = end, *to = end;
		bool is_first;

		while (from > forwarded && from[-1] != ',')
			from--;
		is_first = from == forwarded;
		if (!is_first)
			end = from - 1; /* the comma before it */
		while (from < to && is_blank(*from))
			from++;
		while (from < to && is_blank(to[-1]))
			to--;
		if (!address_parse(from, (size_t)(to - from), client))
			return false;
		if (is_first || !address_list_holds(trusted, client))
			return true;
	}
}

bool
address_of_client(const char *peer, const char *forwarded,
    const char *trusted, struct address *client)
{
	if (!peer || !address_parse(peer, strlen(peer), client))
		return false;
	if (!forwarded || !*forwarded || !address_list_holds(trusted, client))
		return true;
	return walk_back(forwarded, trusted, client);
}
