/* proof.h: what was found out about a store, for people and for programs. */
#ifndef ADMIN_PROOF_H
#define ADMIN_PROOF_H

#include "admin/admin.h"
#include "admin/print.h"
#include "db/backup.h"

/* Gathers complaints while they are made. */
struct proof_report {
	struct listing sentences;
	struct complaints complaints;
};

/* False when there is no memory. */
bool proof_begin(struct proof_report *report);
void proof_drop(struct proof_report *report);

/*
 * Ends the report: totals on standard output, complaints on standard error.
 * what and dir name the store or the backup that it is about. Fails when the
 * proof is not good.
 */
enum outcome proof_print(const struct session *s, struct proof_report *report,
    const struct proof *proof, const char *what, const char *dir);

#endif
