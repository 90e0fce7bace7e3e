/* error.h: the errors a client can see; error.def is their only source. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum err {
	ERR_NONE,
#define ERROR(name, http, type, code, nemo, retry, message) ERR_##name,
#include "base/error.def"
#undef ERROR
	ERR__COUNT
};

enum err_retry { ERR_RETRY_USUAL, ERR_RETRY_NEVER, ERR_RETRY_AFTER };

/* Which of the two sets of names the seeds use; the option `dialect`. */
enum dialect { DIALECT_NEXOROUTER, DIALECT_NEMOROUTER, DIALECT__COUNT };

struct err_row {
	const char *name;  /* "INVALID_REQUEST" */
	int http;
	const char *type;
	const char *code[DIALECT__COUNT];
	enum err_retry retry;
	const char *message;
};

/* The row of an error; not of ERR_NONE or ERR__COUNT. Never NULL. */
const struct err_row *err_row(enum err err);

#endif
