/* give.c: hands a body over to libcurl that is not in memory. */
#include <stdio.h>

#include "upstream/answer_private.h"
#include "upstream/call_private.h"

size_t
call_give_body(char *data, size_t one, size_t size, void *context)
{
	struct call *call = context;
	const struct upstream_request *request = call->request;
	int64_t left = (int64_t)request->body_len - call->given_bytes;
	ssize_t got;

	(void)one;
	if (left == 0)
		return 0;
	if ((int64_t)size > left)
		size = (size_t)left;
	got = request->read_body(call->given_bytes, data, size,
	    request->body_context);
	if (got <= 0) {
		answer_set_detail(call->answer, NULL,
		    "the body could not be read again");
		call_end(call, UPSTREAM_NO_MEMORY);
		return CURL_READFUNC_ABORT;
	}
	call->given_bytes += got;
	return (size_t)got;
}

/* A kept connection ended before the request was used: it is sent again. */
int
call_seek_body(void *context, curl_off_t offset, int origin)
{
	struct call *call = context;

	if (origin != SEEK_SET || offset < 0 ||
	    offset > (curl_off_t)call->request->body_len)
		return CURL_SEEKFUNC_CANTSEEK;
	call->given_bytes = offset;
	return CURL_SEEKFUNC_OK;
}
