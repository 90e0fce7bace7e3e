/* serve_key.c: who asks: the key of the Authorization header. */
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/serve_private.h"

enum { HINT_PAUSE_US = 60 * 1000000 };

/* Which directive lets the header through, by what SERVER_SOFTWARE holds. */
static const struct {
	const char *server;
	const char *hint;
} hints[] = {
	{ "Apache", "Apache hides it unless 'CGIPassAuth On' stands in the "
	    "<Directory> or <Location> of the gateway (mod_fcgid: or "
	    "'FcgidPassHeader Authorization')" },
	{ "nginx", "nginx passes it on unless 'fastcgi_pass_request_headers' "
	    "is off; 'fastcgi_param HTTP_AUTHORIZATION $http_authorization;' "
	    "passes it in any case" },
	{ "lighttpd", "lighttpd passes it on by itself" },
};

enum { N_HINTS = sizeof(hints) / sizeof(hints[0]) };

/*
 * That a header is missing is the client's doing or the web server's, and from
 * here it looks the same. Once a minute, because a stranger can cause it.
 */
static void
hint_at_directive(struct exchange *x)
{
	static int64_t quiet_until_us;
	const char *server = exchange_variable(x, "SERVER_SOFTWARE");
	const char *hint = "the web server must pass it on as "
	    "HTTP_AUTHORIZATION or REDIRECT_HTTP_AUTHORIZATION";
	int64_t now = clock_mono_us();

	if (now < quiet_until_us)
		return;
	quiet_until_us = now + HINT_PAUSE_US;
	for (size_t i = 0; server && i < N_HINTS; i++)
		if (strstr(server, hints[i].server))
			hint = hints[i].hint;
	log_line(LOG_LEVEL_WARNING, "request=%s msg=\"no Authorization header "
	    "arrived; if the client did send one: %s\"", x->id_text, hint);
}

/* The key in the header, or NULL with a failure noted. */
static const char *
shown_key(struct exchange *x)
{
	const char *header = exchange_variable(x, "HTTP_AUTHORIZATION");

	if (!header || !*header)
		header = exchange_variable(x, "REDIRECT_HTTP_AUTHORIZATION");
	if (!header || !*header) {
		hint_at_directive(x);
		exchange_fail(x, ERR_INVALID_API_KEY, NULL,
		    "The Authorization header is missing. Send "
		    "'Authorization: Bearer KEY' with a key of this gateway.");
		return NULL;
	}
	if (strncasecmp(header, "Bearer", 6) != 0 ||
	    (header[6] != ' ' && header[6] != '\0')) {
		exchange_fail(x, ERR_INVALID_API_KEY, NULL,
		    "The Authorization header does not begin with 'Bearer'. "
		    "Send 'Authorization: Bearer KEY'.");
		return NULL;
	}
	if (header[6] == '\0' || header[7] == '\0' || header[7] == ' ') {
		exchange_fail(x, ERR_INVALID_API_KEY, NULL,
		    "'Bearer' must be followed by one space and the key. Send "
		    "'Authorization: Bearer KEY'.");
		return NULL;
	}
	return header + 7;
}

static bool
refuse(struct exchange *x, const char *why)
{
	return exchange_fail(x, ERR_INVALID_API_KEY, NULL, "%s", why);
}

/* A known key may still not be used. */
static bool
check_states(struct exchange *x)
{
	switch (x->key.state) {
	case KEY_ACTIVE:
		break;
	case KEY_DISABLED:
		return refuse(x, "This API key is disabled. Use another key, "
		    "or ask the operator to enable it.");
	case KEY_REVOKED:
		return refuse(x, "This API key was revoked. Use another key.");
	case KEY_STATE__COUNT:
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	}
	if (x->key.expires_ms != 0 && x->key.expires_ms <= x->wall_ms)
		return refuse(x, "This API key has expired. Use another key.");
	if (x->key.secret_expires_ms != 0 &&
	    x->key.secret_expires_ms <= x->wall_ms)
		return refuse(x, "This secret of the API key was replaced by "
		    "a new one, and has expired. Use the new one.");
	if (x->account.state != ACCOUNT_ACTIVE)
		return refuse(x, "The account of this API key is suspended. "
		    "Ask the operator.");
	return true;
}

static bool
store_failed(struct exchange *x, enum store_rc rc)
{
	exchange_detail(x, "the key: %s: %s", store_rc_text(rc),
	    x->store ? store_why(x->store) : "it is not open");
	return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL, NULL);
}

/* A key may be bound to addresses. */
static bool
check_address(struct exchange *x)
{
	const char *peer = exchange_variable(x, "REMOTE_ADDR");
	const char *forwarded = exchange_variable(x, "HTTP_X_FORWARDED_FOR");
	char text[ADDRESS_TEXT_SIZE] = "which nobody can tell";
	struct address client;
	bool is_known;
	enum store_rc rc;

	if (!x->key.has_addresses)
		return true;
	is_known = address_of_client(peer, forwarded,
	    x->conf->trusted_proxies, &client);
	rc = key_allows(x->store, x->key.number, is_known ? &client : NULL);
	if (rc == STORE_OK)
		return true;
	if (rc != STORE_NOT_FOUND)
		return store_failed(x, rc);
	if (is_known)
		address_format(&client, text);
	exchange_detail(x, "the key is not bound to the client's address, %s",
	    text);
	return refuse(x, "This key may not be used from this address.");
}

bool
serve_authenticate(struct exchange *x)
{
	const char *secret = shown_key(x);
	enum store_rc rc = STORE_UNAVAILABLE;

	if (!secret)
		return false;
	if (x->store)
		rc = key_authenticate(x->store, secret, &x->key, &x->account);
	if (rc == STORE_NOT_FOUND)
		return exchange_fail(x, ERR_INVALID_API_KEY, NULL,
		    "This API key is not known here. Check that it was copied "
		    "whole and belongs to this gateway, not to another "
		    "provider.");
	if (rc != STORE_OK)
		return store_failed(x, rc);
	x->authenticated = check_states(x) && check_address(x);
	return x->authenticated;
}
