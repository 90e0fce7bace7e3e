/* key_spec.h: a key to be, read from the options of `farebox key new`. */
#ifndef ADMIN_KEY_SPEC_H
#define ADMIN_KEY_SPEC_H

#include "admin/admin.h"
#include "db/key.h"

/* A key to be, and what it points to. */
struct key_draft {
	struct key_spec spec;
	char *scope;         /* --scope, cut at its commas */
	const char **models; /* into scope */
	struct key_limits limits;
};

/*
 * Fills all of draft->spec but the account from the options. A failure is told.
 * The caller gives draft to key_draft_clear() whatever the outcome.
 */
enum outcome key_draft_read(struct session *s, struct key_draft *draft);
void key_draft_clear(struct key_draft *draft);

/*
 * A time to come, as --expires takes it; "what" is what the text is called. A
 * failure is told.
 */
enum outcome key_read_time(struct session *s, const char *what,
    const char *text, int64_t *then_ms);

/* --grace, or the default when it was not given. A failure is told. */
enum outcome key_read_grace(struct session *s, int64_t *grace_ms);

#endif
