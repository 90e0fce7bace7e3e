/* ask.h: reading what a request asks for, the same at every endpoint. */
#ifndef HANDLERS_ASK_H
#define HANDLERS_ASK_H

#include "handlers/exchange.h"

/* All return false with a failure noted, whose param is the field's name. */

/*
 * Sets x->model to the one that x->json names. One of another kind than the
 * endpoint's is refused in a sentence that says where it belongs: a chat model
 * is no completion model, since its provider would have to make a conversation
 * of the text, and each does so in a way of its own.
 */
bool ask_model(struct exchange *x, enum model_kind kind);

/* The same for a name that stands elsewhere; NULL: there is none. */
bool ask_model_named(struct exchange *x, const char *id, size_t id_len,
    enum model_kind kind);

/*
 * Reads fields of x->json, of which null is as good as none. A positive
 * integer of at most max; *value is 0 if there is none.
 */
bool ask_count(struct exchange *x, const char *name, int64_t max,
    int64_t *value);
bool ask_number(struct exchange *x, const char *name, double min, double max);
bool ask_boolean(struct exchange *x, const char *name, bool *value);
/* *text is NULL if there is none. */
bool ask_text(struct exchange *x, const char *name, const char **text);

/* One that must be there, and not be empty. */
bool ask_text_needed(struct exchange *x, const char *name, const char **text);

bool ask_is_given(const struct exchange *x, const char *name);

/* What a prompt or input is: a text, texts, tokens, or lists of tokens. */
struct ask_texts {
	int64_t n;        /* how many texts */
	int64_t estimate; /* the tokens that they likely are */
};

/* Reads one that must be there; at most n_max texts, none of them empty. */
bool ask_texts(struct exchange *x, const char *name, int64_t n_max,
    struct ask_texts *texts);

/*
 * What n texts of a request can be at most, in tokens: a token is never less
 * than a byte of the body, where a number that stands for one has a digit.
 * With hold_input = estimate, what they likely are. And never more than n
 * times the longest that the model takes.
 */
int64_t ask_worst_input(const struct exchange *x,
    const struct ask_texts *texts);

#endif
