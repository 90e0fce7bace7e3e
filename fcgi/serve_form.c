/* serve_form.c: reads a body that is a form, and keeps none of it in memory. */
#include "fcgi/serve_private.h"

enum { PIECE_BYTES = 16384 };

/* Reads to the end of the body; false with a failure noted. */
static bool
read_all(struct exchange *x, struct form_maker *maker, int64_t length)
{
	char piece[PIECE_BYTES];
	int64_t limit = x->conf->upload_bytes_max, total = 0;
	ssize_t got;

	while (length < 0 || total < length) {
		size_t size = sizeof(piece);

		if (length >= 0 && (int64_t)size > length - total)
			size = (size_t)(length - total);
		got = x->client->read(x->client, piece, size);
		if (got < 0)
			return exchange_fail(x, ERR_REQUEST_TIMEOUT, NULL,
			    NULL);
		if (got == 0)
			break;
		total += got;
		if (total > limit)
			return serve_body_too_large(x, limit);
		if (!form_add(maker, piece, (size_t)got))
			return false;
	}
	return total >= length || serve_body_cut(x, total, length);
}

bool
serve_form(struct exchange *x)
{
	struct form_maker *maker;
	int64_t length;

	if (!serve_body_length(x, x->conf->upload_bytes_max, &length))
		return false;
	maker = form_begin(x);
	if (!maker)
		return false;
	read_all(x, maker, length);
	return form_end(maker);
}
