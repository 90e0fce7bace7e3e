/* endpoint.h: the table of endpoints: who answers what, and what it needs. */
#ifndef HANDLERS_ENDPOINT_H
#define HANDLERS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/exchange.h"

/* What a request must have before its handler runs. */
enum endpoint_needs {
	NEEDS_KEY = 1,    /* authentication */
	NEEDS_JSON = 2,   /* a JSON object as its body */
	NEEDS_FORM = 8,   /* a form as its body: multipart/form-data */
	NEEDS_CREDIT = 4, /* a hold; it is metered and leaves a usage record */
};

struct endpoint {
	enum method method;
	const char *path;  /* "/v1/models/{id}": {id} is the rest of the path */
	unsigned needs;    /* of enum endpoint_needs */
	/*
	 * Checks the body and fills model and worst, before the hold; NULL
	 * for endpoints without credit. False with a failure noted.
	 */
	bool (*prepare)(struct exchange *x);
	/* Makes the answer. False with a failure noted. */
	bool (*handle)(struct exchange *x);
	const char *doc;   /* one line, for people */
};

/* As base/endpoint.def lists them; OPTIONS is not among them. */
extern const struct endpoint endpoints[];
extern const size_t n_endpoints;

/*
 * Finds the endpoint of x->path and x->method; sets x->endpoint and
 * x->argument (percent-decoded). HEAD is GET, and OPTIONS is a preflight on
 * any path. False with NOT_FOUND noted, in a sentence that names the
 * endpoints, or METHOD_NOT_ALLOWED with an Allow header.
 */
bool endpoint_find(struct exchange *x);

/* "GET", "POST" ... */
const char *method_name(enum method method);
enum method method_parse(const char *name);

/* What the table names; those with a {id} find it in x->argument. */
bool chat_prepare(struct exchange *x);
bool chat_handle(struct exchange *x);
bool completion_prepare(struct exchange *x);
bool completion_handle(struct exchange *x);
bool embedding_prepare(struct exchange *x);
bool embedding_handle(struct exchange *x);
bool image_prepare(struct exchange *x);
bool image_handle(struct exchange *x);
bool speech_prepare(struct exchange *x);
bool speech_handle(struct exchange *x);
bool transcription_prepare(struct exchange *x);
bool transcription_handle(struct exchange *x);
bool models_handle(struct exchange *x);
bool model_handle(struct exchange *x);
bool balance_handle(struct exchange *x);
bool status_handle(struct exchange *x);
bool healthz_handle(struct exchange *x);
bool preflight_handle(struct exchange *x);

#endif
