/* digest.c: tests of base/digest.h. */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *
hex(const unsigned char digest[DIGEST_BYTES])
{
	static char text[2 * DIGEST_BYTES + 1];

	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

/* The examples of FIPS 180-2. */
static void
sha256_is_that_of_the_standard(void **state)
{
	unsigned char digest[DIGEST_BYTES];

	(void)state;
	assert_true(digest_sha256("", 0, digest));
	assert_string_equal(hex(digest), "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	assert_true(digest_sha256("abc", 3, digest));
	assert_string_equal(hex(digest), "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
}

/* Cases 1, 2 and 6 of RFC 4231: keys of 20, 4 and 131 bytes. */
static void
hmac_is_that_of_the_standard(void **state)
{
	unsigned char digest[DIGEST_BYTES], key[131];

	(void)state;
	memset(key, 0x0b, 20);
	assert_true(digest_hmac(key, 20, "Hi There", 8, digest));
	assert_string_equal(hex(digest), "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7");
	assert_true(digest_hmac("Jefe", 4, "what do ya want for nothing?", 28,
	    digest));
	assert_string_equal(hex(digest), "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	assert_true(digest_hmac(key, sizeof(key), "Test Using Larger Than "
	    "Block-Size Key - Hash Key First", 54, digest));
	assert_string_equal(hex(digest), "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54");
}

static void
digests_are_compared(void **state)
{
	(void)state;
	assert_true(digest_equal("abc", "abc", 3));
	assert_false(digest_equal("abc", "abd", 3));
	assert_false(digest_equal("xbc", "abc", 3));
	assert_true(digest_equal("abc", "xyz", 0));
}

static void
random_bytes_differ(void **state)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_true(random_bytes(a, sizeof(a)));
	assert_true(random_bytes(b, sizeof(b)));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_false(random_bytes(a, (size_t)1 << 32));
}

static void
secrets_are_base62_and_differ(void **state)
{
	static char secrets[200][SECRET_DIGITS + 1];
	bool seen[62] = { false };

	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_true(random_secret(secrets[i]));
		assert_int_equal(strlen(secrets[i]), SECRET_DIGITS);
		assert_int_equal(strspn(secrets[i], base62), SECRET_DIGITS);
		/* 2^256 / 62^42 is about 60.8: the first digit's limit. */
		assert_true(strchr(base62, secrets[i][0]) - base62 <= 60);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(secrets[i], secrets[j]);
		for (int k = 0; k < SECRET_DIGITS; k++)
			seen[strchr(base62, secrets[i][k]) - base62] = true;
	}
	for (int i = 0; i < 62; i++)
		assert_true(seen[i]);
}

static void
request_ids_make_the_round_trip(void **state)
{
	char text[REQUEST_ID_TEXT_SIZE];

	(void)state;
	for (int64_t ms = 0; ms < 500; ms++) {
		struct request_id id, again;
		int64_t wall_ms = 1750161600000 + ms * 86400000;

		assert_true(request_id_make(&id, wall_ms));
		assert_int_equal(request_id_wall_ms(&id), wall_ms);
		request_id_format(&id, text);
		assert_int_equal(strlen(text), REQUEST_ID_TEXT_SIZE - 1);
		assert_true(request_id_parse(text, &again));
		assert_memory_equal(&id, &again, sizeof(id));
	}
}

static void
request_ids_at_the_edges(void **state)
{
	struct request_id id, again;
	char text[REQUEST_ID_TEXT_SIZE];

	(void)state;
	memset(&id, 0, sizeof(id));
	assert_string_equal(request_id_format(&id, text),
	    "req_00000000000000000000000000");
	memset(&id, 0xff, sizeof(id));
	assert_string_equal(request_id_format(&id, text),
	    "req_7zzzzzzzzzzzzzzzzzzzzzzzzz");
	assert_true(request_id_parse(text, &again));
	assert_memory_equal(&id, &again, sizeof(id));
	assert_int_equal(request_id_wall_ms(&id), ((int64_t)1 << 48) - 1);
}

static void
request_ids_sort_by_time(void **state)
{
	char last[REQUEST_ID_TEXT_SIZE] = "", text[REQUEST_ID_TEXT_SIZE];

	(void)state;
	for (int64_t ms = 1; ms < 100000000000000; ms = ms * 3 + 1) {
		struct request_id id;

		assert_true(request_id_make(&id, ms));
		request_id_format(&id, text);
		assert_true(strcmp(last, text) < 0);
		memcpy(last, text, sizeof(last));
	}
}

static void
other_texts_are_no_request_ids(void **state)
{
	static const char *const texts[] = {
		"", "req_", "req_0000000000000000000000000",
		"req_000000000000000000000000000",
		"req_80000000000000000000000000",
		"req_0000000000000000000000000u",
		"req_0000000000000000000000000A",
		"req_0000000000000000000000000-",
		"Req_00000000000000000000000000",
		"xyz_00000000000000000000000000",
	};
	struct request_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (request_id_parse(texts[i], &id))
			fail_msg("'%s' was taken for a request ID", texts[i]);
}

static void
secrets_are_wiped(void **state)
{
	char secret[] = "hidden";

	(void)state;
	secret_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, "\0\0\0\0\0\0\0", sizeof(secret));
}

static void
a_digest_is_made_bit_by_bit(void **state)
{
	static const char text[] = "What comes in pieces.";
	unsigned char whole[DIGEST_BYTES], pieces[DIGEST_BYTES];
	struct digest_run *run = digest_begin();

	(void)state;
	assert_non_null(run);
	for (size_t i = 0; i < sizeof(text); i++)
		digest_add(run, text + i, 1);
	assert_true(digest_end(run, pieces));
	assert_true(digest_sha256(text, sizeof(text), whole));
	assert_memory_equal(whole, pieces, DIGEST_BYTES);
	assert_false(digest_end(NULL, pieces));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_is_made_bit_by_bit),
		cmocka_unit_test(sha256_is_that_of_the_standard),
		cmocka_unit_test(hmac_is_that_of_the_standard),
		cmocka_unit_test(digests_are_compared),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(secrets_are_base62_and_differ),
		cmocka_unit_test(request_ids_make_the_round_trip),
		cmocka_unit_test(request_ids_at_the_edges),
		cmocka_unit_test(request_ids_sort_by_time),
		cmocka_unit_test(other_texts_are_no_request_ids),
		cmocka_unit_test(secrets_are_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
