/* limit.h: the limits of a key: its own, and those in force. */
#ifndef ADMIN_LIMIT_H
#define ADMIN_LIMIT_H

#include "admin/admin.h"
#include "base/json.h"
#include "db/key.h"

/*
 * Changes what --rpm, --tpm, --tps and --concurrency name, and leaves the rest
 * as it is. A failure is told.
 */
enum outcome limit_read(struct session *s, struct key_limits *limits);

/* A limit that is in force: for people, "none" stands for 0. NULL without
 * memory. */
json_t *limit_value(const struct session *s, int64_t limit);

/* Adds a key's own limits as members; null, and for people "plan", is what the
 * plan says. False without memory. */
bool limit_describe(const struct session *s, const struct key_limits *limits,
    json_t *object);

#endif
