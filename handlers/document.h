/* document.h: endpoints that send JSON and get one JSON document back. */
#ifndef HANDLERS_DOCUMENT_H
#define HANDLERS_DOCUMENT_H

#include "handlers/exchange.h"

struct document_call {
	const char *path; /* at the provider */
	/* What is changed of the request, besides the model. */
	const struct json_edit *edits;
	size_t n_edits;
	/*
	 * Notes in x->used what a 2xx answer used. NULL, or why it is no
	 * answer, for the log.
	 */
	const char *(*count)(struct exchange *x, const json_t *answer,
	    void *context);
	void *context;
};

/*
 * Asks the provider, and makes its answer the client's, byte for byte but for
 * the model's ID where the answer names one. x->json is gone before that.
 * False with a failure noted.
 */
bool document_make(struct exchange *x, const struct document_call *call);

/*
 * The second half of it, for an answer that was got otherwise: a copy of the
 * provider's text with the public model ID.
 */
bool document_answer(struct exchange *x, const json_t *answer,
    const char *content_type, const char *text, size_t len);

/* Notes why an answer that arrived is none. Returns false. */
bool document_unusable(struct exchange *x, const char *why);

#endif
