/* error_body.h: how a failure is told to the client. */
#ifndef HANDLERS_ERROR_BODY_H
#define HANDLERS_ERROR_BODY_H

#include "handlers/exchange.h"

/*
 * The HTTP status and the code of the noted failure, in the dialect of the
 * configuration: what the client reads and what the usage record keeps.
 */
int error_body_http(const struct exchange *x);
const char *error_body_code(const struct exchange *x);

/*
 * The noted failure as a JSON body with all four members, which the caller
 * frees; NULL when memory runs out: then error_body_no_memory says so. Of an
 * answer that broke off when something was charged it says that, too.
 */
char *error_body_text(const struct exchange *x);
extern const char error_body_no_memory[];

/*
 * Makes the noted failure the answer: the JSON body with all four members, and
 * the headers that tell a client whether and when to try again. It replaces
 * whatever answer there was, and cannot fail.
 */
void error_body_answer(struct exchange *x);

#endif
