/* error.c: the table that error.def makes. */
#include "base/error.h"

#include <assert.h>

static const struct err_row rows[ERR__COUNT] = {
#define ERROR(name, http, type, code, nemo, retry, message) \
	[ERR_##name] = { #name, http, type, { code, nemo }, \
		ERR_RETRY_##retry, message },
#include "base/error.def"
#undef ERROR
};

const struct err_row *
err_row(enum err err)
{
	assert(err > ERR_NONE && err < ERR__COUNT);
	return &rows[err];
}
