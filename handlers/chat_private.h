/* chat_private.h: what the files of the endpoints that make text, chat and
 * completions, tell one another. */
#ifndef HANDLERS_CHAT_PRIVATE_H
#define HANDLERS_CHAT_PRIVATE_H

#include "handlers/exchange.h"
#include "upstream/sse.h"
#include "upstream/usage_scan.h"

enum { CHAT_N_MAX = 128 };

/* What a request asks for, where it does. */
struct chat_ask {
	int64_t n;             /* 1 when it does not say */
	int64_t output_tokens; /* per choice; 0 when it does not say */
};

/*
 * Checks the documented fields of x->json that are not null, against x->model
 * where they are about it, and tells what they ask for. Everything else is
 * the provider's business. False with INVALID_REQUEST noted.
 */
bool chat_check(struct exchange *x, struct chat_ask *ask);

/* The same without the messages. */
bool chat_check_common(struct exchange *x, struct chat_ask *ask);

enum { CHAT_EDITS_MAX = 4, CHAT_NUMBER_SIZE = 24 };

/*
 * What is changed of the client's body, whichever provider sees it, and the
 * texts that are put in.
 */
struct chat_edits {
	struct json_edit list[CHAT_EDITS_MAX];
	size_t n;
	char n_choices[CHAT_NUMBER_SIZE], best_of[CHAT_NUMBER_SIZE];
	char tokens[CHAT_NUMBER_SIZE], newer_tokens[CHAT_NUMBER_SIZE];
	char *stream_options; /* what asks for the usage of a stream */
};

/*
 * Fills in the output bound that is held, output_tokens where the client names
 * none, and for a stream the wish for its usage. Reads x->json, and does not
 * need it afterwards. False with a failure noted; chat_edits_clear() is due
 * whatever the result.
 */
bool chat_edits_make(struct exchange *x, bool stream, int64_t output_tokens,
    struct chat_edits *edits);
void chat_edits_clear(struct chat_edits *edits);

/* What is not the same for a conversation and a text that is completed. */
struct chat_kind {
	const char *path;         /* at the provider */
	const char *chunk_object; /* what an event of its stream is called */
	bool has_messages;        /* its choices have one, not a text */
};

extern const struct chat_kind chat_kind_chat, chat_kind_completion;

/* What the calls for one request have in common. */
struct chat_call {
	const struct chat_kind *kind;
	const struct chat_edits *edits;
	int64_t estimate; /* of the input, where the provider does not say */
	bool usage_asked; /* the client wants the usage chunk of a stream */
};

/*
 * Takes a provider's 2xx answer: notes what it used, and makes it the
 * client's answer. `estimate` is what the input likely was, in case the
 * provider does not say. False with a failure noted.
 */
bool chat_answer(struct exchange *x, const char *text, size_t len,
    int64_t estimate);

/* What an answer holds, and what its provider says that it used. */
struct chat_yield {
	int64_t text_bytes; /* produced */
	bool more;          /* and something that is not text */
	const struct token_usage *usage; /* NULL: none that makes sense */
	int64_t uncounted_bytes; /* of text, came after that usage */
};

/*
 * Notes what is billed, the same for whole answers and for streams, be they
 * complete or broken off by any side: the provider's counts. What they do not
 * cover, or all of it where they are missing or nonsense, is estimated and
 * marked so: the input as `estimate` says, and a token for each three bytes of
 * output, no more than was held. Where nothing was produced nothing is billed.
 */
void chat_bill(struct exchange *x, const struct chat_yield *yield,
    int64_t estimate);

/*
 * Makes the call and relays its events as they arrive, until the last chunk;
 * the rest, which needs the cost, is left to response_end(). The client of a
 * stream that has not begun is answered like any other. False with a failure
 * noted.
 */
bool chat_stream(struct exchange *x, const struct chat_call *call);

/*
 * A provider that does not know streams answers a whole JSON document. This
 * tells it as the events of a stream, the last of which is "[DONE]"; an answer
 * without choices, such as an error, is told as it is. False when event() said
 * so, or memory ran out.
 */
bool chat_recast(const struct chat_kind *kind, const char *text, size_t len,
    sse_event_fn *event, void *context);

/*
 * Makes the answer, whole or as a stream, as x->json asks, of which nothing is
 * left afterwards. output_tokens is the bound for a request that has none.
 */
bool chat_make(struct exchange *x, const struct chat_kind *kind,
    int64_t output_tokens);

#endif
