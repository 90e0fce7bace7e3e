/* serve_answer.c: what the client is told in the end. */
#include "fcgi/serve_private.h"
#include "handlers/error_body.h"
#include "handlers/response.h"

/* What began well and then failed has sent its 200; the log shows how it went
 * on. */
static void
end_stream(struct exchange *x)
{
	response_end(x);
	if (x->err != ERR_NONE)
		x->http = error_body_http(x);
}

void
serve_respond(struct exchange *x)
{
	if (x->began) {
		end_stream(x);
	} else {
		if (x->err != ERR_NONE)
			error_body_answer(x);
		response_whole(x);
	}
	x->responded = true;
}
