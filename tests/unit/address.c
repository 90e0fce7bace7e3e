/* address.c: tests of base/address.h. */
#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *back;
	} rows[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "2001:DB8:0:0::1", "2001:db8::1" },
		{ "2001:db8::192.0.2.1", "2001:db8::c000:201" },
		/* What is mapped is what it maps. */
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::FFFF:c000:0201", "192.0.2.1" },
		{ "0:0:0:0:0:ffff:0:0", "0.0.0.0" },
	};
	struct address address;
	char back[ADDRESS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!address_parse(rows[i].text, strlen(rows[i].text),
		    &address))
			fail_msg("%s is not read", rows[i].text);
		assert_string_equal(address_format(&address, back),
		    rows[i].back);
	}
}

static void
other_texts_are_no_addresses(void **state)
{
	static const char *const rows[] = { "", " ", "1", "1.2.3", "1.2.3.4.5",
		"01.2.3.4", "256.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80",
		"1.2.3.-4", "0x1.2.3.4", "[::1]", "[::1]:80", "fe80::1%eth0",
		"fe80::1%1", ":::", "1::2::3", "12345::", "::g", "::1/128",
		"1.2.3.4/32", "localhost", "unknown", "unix:", "_hidden",
		"::ffff:1.2.3", "\"::1\"",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	struct address address;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (address_parse(rows[i], strlen(rows[i]), &address))
			fail_msg("'%s' is read", rows[i]);
	/* A NUL ends nothing. */
	assert_false(address_parse("1.2.3.4\0x", 9, &address));
	assert_true(address_parse("1.2.3.4\0x", 7, &address));
	assert_true(address_parse("1.2.3.45", 7, &address));
}

static void
ranges_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *back;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1/32", "192.0.2.1" },
		{ "128.0.0.0/1", "128.0.0.0/1" },
		{ "::/0", "::/0" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "2001:db8::1/128", "2001:db8::1" },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24" },
		{ "::ffff:0:0/96", "0.0.0.0/0" },
	};
	static const char *const bad[] = { "", "/", "/8", "1.2.3.4/", "::/",
		"1.2.3.4/33", "::/129", "1.2.3.0/024", "1.2.3.0/+24",
		"1.2.3.0/-1", "1.2.3.0/24 ", "1.2.3.0/24/8", "1.2.3.0/2x",
		"1.2.3.0/4294967320", "1.2.3.0/255.255.255.0",
		/* Bits beyond the length. */
		"192.0.2.1/24", "128.0.0.0/0", "192.0.2.2/30", "::1/127",
		"2001:db8::/28",
		/* Both kinds at once. */
		"::ffff:0:0/95", "::ffff:192.0.2.0/24" };
	struct address_range range;
	char back[ADDRESS_RANGE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!address_range_parse(rows[i].text, strlen(rows[i].text),
		    &range))
			fail_msg("%s is not read", rows[i].text);
		assert_string_equal(address_range_format(&range, back),
		    rows[i].back);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (address_range_parse(bad[i], strlen(bad[i]), &range))
			fail_msg("'%s' is read", bad[i]);
}

static void
a_list_holds_what_its_ranges_hold(void **state)
{
	static const struct {
		const char *list, *address;
		bool holds;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0", true },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/24", "192.0.1.255", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.7", true },
		{ "::ffff:192.0.2.0/120", "192.0.2.7", true },
		{ "192.0.2.8/29", "192.0.2.15", true },
		{ "192.0.2.8/29", "192.0.2.16", false },
		{ "192.0.2.8/29", "192.0.2.7", false },
		{ "0.0.0.0/0", "8.8.8.8", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "8.8.8.8", false },
		{ "2001:db8:8000::/33", "2001:db8:ffff::", true },
		{ "2001:db8:8000::/33", "2001:db8:7fff::", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false },
		{ "", "::1", false },
		{ " , ", "::1", false },
		{ "192.0.2.1,::1", "::1", true },
		{ "192.0.2.1 ,\t::1 ,", "::1", true },
		{ "192.0.2.1 ::2", "::1", false },
		{ "nonsense ::1", "::1", true },
		{ "192.0.2.1/24 ::2", "192.0.2.1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct address address;

		assert_true(address_parse(rows[i].address,
		    strlen(rows[i].address), &address));
		if (address_list_holds(rows[i].list, &address) !=
		    rows[i].holds)
			fail_msg("'%s' and %s", rows[i].list,
			    rows[i].address);
	}
}

static void
the_first_bad_word_of_a_list_is_named(void **state)
{
	static const char bad[] = "::1, 10.0.0.1/8 x";
	size_t len;

	(void)state;
	assert_null(address_list_fault("", &len));
	assert_null(address_list_fault(" ", &len));
	assert_null(address_list_fault("127.0.0.1, ::1 10.0.0.0/8", &len));
	assert_ptr_equal(address_list_fault(bad, &len), bad + 5);
	assert_int_equal(len, 10);
}

/* Proxies are 10.0.0.0/8 and 2001:db8:a::/48. */
static const struct {
	const char *peer, *forwarded;
	const char *client; /* NULL: cannot be told */
} clients[] = {
	{ "192.0.2.1", NULL, "192.0.2.1" },
	{ "::ffff:192.0.2.1", NULL, "192.0.2.1" },
	{ "2001:db8::1", "", "2001:db8::1" },
	/* Whom nobody trusts may write what he likes. */
	{ "192.0.2.1", "10.0.0.1", "192.0.2.1" },
	{ "192.0.2.1", "junk", "192.0.2.1" },
	{ "11.0.0.1", "192.0.2.9", "11.0.0.1" },
	/* A proxy that says nothing asks for itself. */
	{ "10.0.0.1", NULL, "10.0.0.1" },
	{ "10.0.0.1", "", "10.0.0.1" },
	{ "10.0.0.1", "192.0.2.1", "192.0.2.1" },
	{ "::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1" },
	{ "2001:db8:a::1", "2001:db8::2", "2001:db8::2" },
	{ "10.0.0.1", " 192.0.2.1 ", "192.0.2.1" },
	{ "10.0.0.1", "1.2.3.4, 192.0.2.1", "192.0.2.1" },
	{ "10.0.0.1", "1.2.3.4,192.0.2.1,\t10.0.0.2", "192.0.2.1" },
	{ "10.0.0.1", "junk, 192.0.2.1, 10.0.0.2", "192.0.2.1" },
	{ "10.0.0.1", "192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1" },
	{ "10.0.0.1", "192.0.2.1, 10.0.0.2, 2001:db8:a::1", "192.0.2.1" },
	/* When all are proxies, the first of them asked. */
	{ "10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9" },
	/* What is no address hides who asked. */
	{ "10.0.0.1", "192.0.2.1:4711", NULL },
	{ "10.0.0.1", "[2001:db8::1]", NULL },
	{ "10.0.0.1", "[2001:db8::1]:4711", NULL },
	{ "10.0.0.1", "2001:db8::1%eth0", NULL },
	{ "10.0.0.1", "192.0.2.1, unknown", NULL },
	{ "10.0.0.1", "192.0.2.1,", NULL },
	{ "10.0.0.1", ",", NULL },
	{ "10.0.0.1", " ", NULL },
	{ "10.0.0.1", ", 10.0.0.2", NULL },
	{ "10.0.0.1", "192.0.2.1 10.0.0.2", NULL },
	{ "10.0.0.1", "192.0.2.1, junk, 10.0.0.2", NULL },
	{ "10.0.0.1", "for=192.0.2.1", NULL },
	{ NULL, "192.0.2.1", NULL },
	{ "", "192.0.2.1", NULL },
	{ "localhost", NULL, NULL },
	{ "fe80::1%eth0", NULL, NULL },
};

static void
the_client_is_found_behind_proxies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(clients); i++) {
		struct address client;
		char text[ADDRESS_TEXT_SIZE];
		bool found = address_of_client(clients[i].peer,
		    clients[i].forwarded, "10.0.0.0/8, 2001:db8:a::/48",
		    &client);
		const char *got = found ? address_format(&client, text) :
		    "nobody";

		if (strcmp(got, clients[i].client ? clients[i].client :
		    "nobody") != 0)
			fail_msg("%zu: %s", i, got);
	}
}

static void
nobody_is_trusted_by_default(void **state)
{
	struct address client;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_true(address_of_client("127.0.0.1", "192.0.2.1", "", &client));
	assert_string_equal(address_format(&client, text), "127.0.0.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(other_texts_are_no_addresses),
		cmocka_unit_test(ranges_are_read_and_written),
		cmocka_unit_test(a_list_holds_what_its_ranges_hold),
		cmocka_unit_test(the_first_bad_word_of_a_list_is_named),
		cmocka_unit_test(the_client_is_found_behind_proxies),
		cmocka_unit_test(nobody_is_trusted_by_default),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
