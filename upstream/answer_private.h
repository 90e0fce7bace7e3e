/* answer_private.h: what gathers an answer while it arrives. */
#ifndef UPSTREAM_ANSWER_PRIVATE_H
#define UPSTREAM_ANSWER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/call.h"

/* Makes the answer an empty one. */
void answer_init(struct upstream_answer *answer);

/*
 * Takes over what is of use in one line of a head; len leaves out the end of
 * the line. A status line begins a new head and forgets the one before.
 */
void answer_take_header(struct upstream_answer *answer, const char *line,
    size_t len);

enum answer_add { ANSWER_ADDED, ANSWER_FULL, ANSWER_NO_MEMORY };

/*
 * Adds to the body, which grows up to max bytes; *size is that of its memory,
 * 0 at first. When it becomes full, as much as fits has been added.
 */
enum answer_add answer_add(struct upstream_answer *answer, size_t *size,
    size_t max, const char *data, size_t len);

/*
 * Sets the detail, made printable. When it would contain the secret (NULL:
 * there is none), it is not set.
 */
void answer_set_detail(struct upstream_answer *answer, const char *secret,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
