/* key_use.c: replaced secrets, and keys that are bound to addresses. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

static const char wrong_address[] =
    "This key may not be used from this address.";

/* Replaces the secret; the request that follows still shows the old one. */
static void
rotate(struct gateway *g, int64_t grace_ms, char secret[KEY_SECRET_SIZE])
{
	assert_int_equal(key_rotate(g->store, g->key.number, "test", grace_ms,
	    secret, &g->key), STORE_OK);
}

static void
assert_refused(const struct reply *reply, const char *words)
{
	assert_error(reply, 401, "invalid_api_key", NULL);
	if (!strstr(reply_error(reply, "message"), words))
		fail_msg("no '%s' in %s", words, reply->body);
	assert_int_equal(fake_upstream.calls, 0);
}

static void
an_old_secret_works_in_its_grace_period(void **state)
{
	struct gateway *g = *state;
	char secret[KEY_SECRET_SIZE];

	rotate(g, 3600000, secret);
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	snprintf(g->authorization, sizeof(g->authorization), "Bearer %s",
	    secret);
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	assert_int_equal(gateway_key(g).spent.nano, 2 * 33000);
	gateway_check_ledger(g);
}

static void
an_old_secret_is_told_that_it_was_replaced(void **state)
{
	struct gateway *g = *state;
	char secret[KEY_SECRET_SIZE];

	rotate(g, 1, secret);
	while (clock_wall_ms() <= g->key.rotated_ms + 1)
		continue;
	assert_refused(gateway_chat(g, good_request), "was replaced");
	rotate(g, 0, secret);
	assert_refused(gateway_chat(g, good_request), "not known here");
	snprintf(g->authorization, sizeof(g->authorization), "Bearer %s",
	    secret);
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
}

static void
bind_key(struct gateway *g, const char *text)
{
	struct address_range range;

	assert_true(address_range_parse(text, strlen(text), &range));
	assert_int_equal(key_bind(g->store, g->key.number, &range, 1, false,
	    &g->key), STORE_OK);
}

static const struct reply *
ask_from(struct gateway *g, const char *peer, const char *forwarded)
{
	fake_upstream.calls = 0;
	return gateway_ask(g, (struct ask){ .body = good_request,
	    .variables = { "REMOTE_ADDR", peer, "HTTP_X_FORWARDED_FOR",
	    forwarded } });
}

static void
assert_good(struct gateway *g, const char *peer, const char *forwarded)
{
	const struct reply *reply = ask_from(g, peer, forwarded);

	if (reply->http != 200)
		fail_msg("%s (%s): %s", peer, forwarded ? forwarded : "",
		    reply->body);
}

static void
assert_bad(struct gateway *g, const char *peer, const char *forwarded)
{
	assert_refused(ask_from(g, peer, forwarded), wrong_address);
}

static void
a_bound_key_is_refused_from_elsewhere(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	bind_key(g, "192.0.2.0/24");
	bind_key(g, "2001:db8::/32");
	assert_good(g, "192.0.2.77", NULL);
	assert_good(g, "::ffff:192.0.2.77", NULL);
	assert_good(g, "2001:db8::77", NULL);
	assert_bad(g, "192.0.3.77", NULL);
	assert_bad(g, "2001:db9::77", NULL);
	assert_bad(g, "", NULL);
	assert_bad(g, "localhost", NULL);
	assert_bad(g, "fe80::1%eth0", NULL);
	/* The header is anybody's. */
	assert_bad(g, "192.0.3.77", "192.0.2.77");
	assert_good(g, "192.0.2.77", "192.0.3.77");
	assert_good(g, "192.0.2.77", "junk");
	/* It is refused what costs nothing, too. */
	fake_upstream.calls = 0;
	reply = gateway_ask(g, (struct ask){ .uri = "/v1/models",
	    .variables = { "REMOTE_ADDR", "198.51.100.9" } });
	assert_refused(reply, wrong_address);
	assert_non_null(strstr(reply->log, "198.51.100.9"));
	assert_null(strstr(reply->body, "198.51.100.9"));
	assert_int_equal(key_bind(g->store, g->key.number, NULL, 0, true,
	    &g->key), STORE_OK);
	assert_good(g, "198.51.100.9", NULL);
	assert_good(g, "", NULL);
}

static void
a_trusted_proxy_says_who_asked(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "trusted_proxies = 10.0.0.0/8, ::1\n");
	bind_key(g, "192.0.2.0/24");
	assert_good(g, "10.0.0.1", "192.0.2.77");
	assert_good(g, "::1", "198.51.100.9, 192.0.2.77, 10.0.0.2");
	assert_good(g, "192.0.2.77", NULL);
	assert_bad(g, "10.0.0.1", NULL);
	assert_bad(g, "10.0.0.1", "192.0.2.77, 198.51.100.9");
	assert_bad(g, "10.0.0.1", "192.0.2.77:4711");
	assert_bad(g, "10.0.0.1", "192.0.2.77, unknown");
	assert_bad(g, "10.0.0.1", "192.0.2.77, ");
	assert_bad(g, "198.51.100.9", "192.0.2.77");
}

static void
a_free_key_does_not_care(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "trusted_proxies = 10.0.0.0/8\n");
	assert_good(g, "10.0.0.1", "junk");
	assert_good(g, "", NULL);
}

/* A key that may not be used says so before its address is looked at. */
static void
a_state_comes_before_an_address(void **state)
{
	struct gateway *g = *state;

	bind_key(g, "192.0.2.0/24");
	assert_int_equal(key_set_state(g->store, g->key.number, KEY_DISABLED,
	    &g->key), STORE_OK);
	assert_refused(ask_from(g, "198.51.100.9", NULL), "disabled");
}

static void
only_what_is_settled_uses_a_key(void **state)
{
	struct gateway *g = *state;

	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "/v1/models" })->http, 200);
	assert_int_equal(gateway_ask(g, (struct ask){
	    .uri = "/v1/balance" })->http, 200);
	assert_int_equal(gateway_key(g).last_used_ms, 0);
	assert_int_equal(gateway_chat(g, good_request)->http, 200);
	assert_true(gateway_key(g).last_used_ms > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(an_old_secret_works_in_its_grace_period),
		GATEWAY_TEST(an_old_secret_is_told_that_it_was_replaced),
		GATEWAY_TEST(a_bound_key_is_refused_from_elsewhere),
		GATEWAY_TEST(a_trusted_proxy_says_who_asked),
		GATEWAY_TEST(a_free_key_does_not_care),
		GATEWAY_TEST(a_state_comes_before_an_address),
		GATEWAY_TEST(only_what_is_settled_uses_a_key),
	};

	return cmocka_run_group_tests_name("key_use", tests, NULL, NULL);
}
