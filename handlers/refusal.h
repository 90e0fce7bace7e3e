/* refusal.h: a provider's complaint about a request, retold to the client. */
#ifndef HANDLERS_REFUSAL_H
#define HANDLERS_REFUSAL_H

#include "handlers/exchange.h"

/*
 * Notes UPSTREAM_REFUSED with the provider's status, and its message, type,
 * param and code as far as they are there and fit to be passed on. False, and
 * nothing noted, when the complaint is about the operator's account there, not
 * about the request.
 */
bool refusal_relay(struct exchange *x, const struct upstream_answer *answer);

/* Notes the same of words that stood in a stream; "" for those not there. */
void refusal_words(struct exchange *x, int http, const char *message,
    const char *type, const char *code);

/* Whether a complaint of that type or code is about the operator's account. */
bool refusal_is_operators(const char *type, const char *code);

#endif
