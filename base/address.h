/* address.h: Internet addresses, ranges of them, and whose request it is. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADDRESS_BYTES = 16,
	ADDRESS_TEXT_SIZE = 46,
	ADDRESS_RANGE_TEXT_SIZE = ADDRESS_TEXT_SIZE + 4,
};

enum address_family { ADDRESS_V4 = 4, ADDRESS_V6 = 6 };

/*
 * An address. An IPv4 address mapped into IPv6 (::ffff:192.0.2.1) is that
 * IPv4 address. Bytes that the family does not use are zero, so that equal
 * addresses have equal bytes.
 */
struct address {
	uint8_t family; /* enum address_family */
	uint8_t byte[ADDRESS_BYTES];
};

/* All addresses that share the first `bits` bits; the others are zero. */
struct address_range {
	struct address first;
	uint8_t bits; /* 0..32 or 0..128 */
};

/*
 * An address as text of a given length: dotted decimal without leading zeros,
 * or IPv6 without brackets, zone or port. False for anything else.
 */
bool address_parse(const char *text, size_t len, struct address *address);

/*
 * "192.0.2.0/24", "2001:db8::/32", or an address alone, which is a range of
 * one. False for anything else, also for a range with bits set beyond its
 * length.
 */
bool address_range_parse(const char *text, size_t len,
    struct address_range *range);

bool address_range_holds(const struct address_range *range,
    const struct address *address);

/* The text that is parsed to the same; a range of one has no length. */
char *address_format(const struct address *address,
    char text[ADDRESS_TEXT_SIZE]);
char *address_range_format(const struct address_range *range,
    char text[ADDRESS_RANGE_TEXT_SIZE]);

/*
 * A list of ranges with blanks or commas between them; may be empty. Returns
 * NULL when all are ranges, or the first that is none, and its length.
 */
const char *address_list_fault(const char *list, size_t *len);

/* Whether a range of the list holds the address. What is no range does not. */
bool address_list_holds(const char *list, const struct address *address);

/*
 * Who sent a request: the peer, unless that is one of the trusted proxies
 * (a list); then the last address in `forwarded`, the value of
 * X-Forwarded-For, that is not itself a trusted proxy, or its first address
 * when all are. False when that cannot be told: the peer, or what would have
 * to be read of the header, is no address. peer and forwarded may be NULL.
 */
bool address_of_client(const char *peer, const char *forwarded,
    const char *trusted, struct address *client);

#endif
