/* store.c: `farebox store init|recover|check` and `farebox ledger check`. */
#include "db/store.h"

#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/object.h"
#include "admin/print.h"
#include "admin/proof.h"
#include "db/ledger.h"

/* A new object that names the store, or NULL. */
static json_t *
dir_object(const struct session *s)
{
	return json_pack("{s:o}", "store", json_of_text(s->dir));
}

enum outcome
store_init_run(struct session *s)
{
	char why[STORE_WHY_SIZE];
	bool named = s->args->value[FLAG_DIR] != NULL;

	switch (store_init(s->dir, why)) {
	case STORE_OK:
		tell(s, "made the store %s; it belongs to you, so the gateway "
		    "must run as you; now make an account with: "
		    "%s account create NAME", s->dir, s->args->program);
		return object_print_json(s, dir_object(s));
	case STORE_EXISTS:
		return fail(OUTCOME_CONFLICT, "there is a store in %s already; "
		    "look at it with: %s store check%s%s", s->dir,
		    s->args->program, named ? " --dir " : "",
		    named ? s->dir : "");
	default:
		return fail(OUTCOME_UNUSABLE, "the store cannot be made: %s; "
		    "then try again: %s store init%s%s", why, s->args->program,
		    named ? " --dir " : "", named ? s->dir : "");
	}
}

enum outcome
store_recover_run(struct session *s)
{
	char why[STORE_WHY_SIZE];
	bool force = s->args->value[FLAG_FORCE] != NULL;

	if (store_recover(s->dir, force, why) != STORE_OK)
		return fail(OUTCOME_UNUSABLE, "%s; then try again: "
		    "%s store recover --dir %s", why, s->args->program,
		    s->dir);
	tell(s, "the store %s is sound; check its books with: "
	    "%s ledger check", s->dir, s->args->program);
	return object_print_json(s, dir_object(s));
}

enum outcome
ledger_check_run(struct session *s)
{
	struct proof_report report;
	struct proof proof = { 0 };
	enum store_rc rc;

	if (!proof_begin(&report))
		return fail_memory(s);
	rc = ledger_check(s->store, report.complaints.complain,
	    report.complaints.context, &proof.totals);
	if (rc == STORE_OK)
		return proof_print(s, &report, &proof, "store", s->dir);
	proof_drop(&report);
	return fail_store(s, rc);
}

enum outcome
store_check_run(struct session *s)
{
	struct proof_report report;
	struct proof proof;
	enum store_rc rc;

	if (!proof_begin(&report))
		return fail_memory(s);
	rc = store_check(s->store, s->args->value[FLAG_WORK],
	    &report.complaints, &proof);
	if (rc != STORE_OK) {
		proof_drop(&report);
		return fail(OUTCOME_UNUSABLE, "the store cannot be checked: "
		    "%s; what can be told without a copy of it is told by: "
		    "%s ledger check", store_why(s->store), s->args->program);
	}
	if (proof.flush_cleared)
		tell(s, "a flush to disk had failed, but all is there; "
		    "requests are taken again");
	return proof_print(s, &report, &proof, "store", s->dir);
}
