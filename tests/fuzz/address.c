/* address.c: a libFuzzer harness: an address and a range are what they say.
 *
 * clang -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *     -I. tests/fuzz/address.c base/address.c
 */
#include "base/address.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_address(const char *text, size_t len)
{
	struct address address, again;
	char back[ADDRESS_TEXT_SIZE];

	if (!address_parse(text, len, &address))
		return;
	address_format(&address, back);
	if (!address_parse(back, strlen(back), &again) ||
	    memcmp(&address, &again, sizeof(address)) != 0)
		abort();
}

static void
check_range(const char *text, size_t len)
{
	struct address_range range, again;
	char back[ADDRESS_RANGE_TEXT_SIZE];

	if (!address_range_parse(text, len, &range))
		return;
	address_range_format(&range, back);
	if (!address_range_holds(&range, &range.first) ||
	    !address_range_parse(back, strlen(back), &again) ||
	    memcmp(&range.first, &again.first, sizeof(range.first)) != 0 ||
	    range.bits != again.bits)
		abort();
}

/* The peer, the header and the list of proxies, a line each. */
static void
check_client(char *text)
{
	char *forwarded = strchr(text, '\n'), *trusted;
	struct address client, peer;
	size_t len;

	if (!forwarded || !(trusted = strchr(forwarded + 1, '\n')))
		return;
	*forwarded++ = '\0';
	*trusted++ = '\0';
	address_list_fault(trusted, &len);
	if (!address_of_client(text, forwarded, trusted, &client))
		return;
	/* Whom nobody trusts is asked nothing. */
	if (!address_parse(text, strlen(text), &peer) ||
	    (!address_list_holds(trusted, &peer) &&
		memcmp(&peer, &client, sizeof(peer)) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_address(text, size);
	check_range(text, size);
	check_client(text);
	free(text);
	return 0;
}
