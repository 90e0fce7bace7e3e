/* preflight.c: OPTIONS: what a browser may send, told before authentication. */
#include <string.h>

#include "handlers/endpoint.h"

enum { REQUESTED_BYTES_MAX = 4096 };

#define METHODS "GET, HEAD, POST, OPTIONS"

/* Field names and the commas between them; nothing that could end a line. */
static bool
is_header_list(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~, ";
	size_t len = strlen(text);

	return len > 0 && len <= REQUESTED_BYTES_MAX &&
	       strspn(text, allowed) == len;
}

bool
preflight_handle(struct exchange *x)
{
	const char *requested = exchange_variable(x,
	    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS");

	exchange_header(x, "Allow", METHODS);
	if (x->conf->cors_origin[0] != '\0') {
		exchange_header(x, "Access-Control-Allow-Methods", METHODS);
		/* The SDKs send headers of their own, more with each release:
		 * what is asked for is allowed. */
		exchange_header(x, "Access-Control-Allow-Headers",
		    requested && is_header_list(requested) ? requested :
		    "Authorization, Content-Type");
		exchange_header(x, "Access-Control-Max-Age", "86400");
	}
	x->http = 204;
	return true;
}
