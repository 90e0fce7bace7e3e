/* plan.h: the plans of the configuration, and which one an account has. */
#ifndef ADMIN_PLAN_H
#define ADMIN_PLAN_H

#include "admin/admin.h"

/*
 * Finds a plan by name; *plan is what an account is to be given for it, valid
 * as long as the configuration. A failure is told, with the plans that there
 * are.
 */
enum outcome plan_find(struct session *s, const char *name,
    const char **plan);

/* The plan whose limits an account's keys have; that the configuration lacks
 * the account's is told. */
const struct plan *plan_of(const struct session *s,
    const struct account *account);

#endif
