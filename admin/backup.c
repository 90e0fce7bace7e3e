/* backup.c: `farebox store backup` and `restore`. */
#include "db/backup.h"

#include <stdio.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/proof.h"

static const char *
megabytes(int64_t bytes, char text[32])
{
	snprintf(text, 32, "%lld.%lld MB", (long long)(bytes / 1000000),
	    (long long)(bytes / 100000 % 10));
	return text;
}

enum outcome
store_backup_run(struct session *s)
{
	bool with_pepper = s->args->value[FLAG_WITH_PEPPER] != NULL;
	const char *dir = operand(s, 0);
	struct proof proof;
	struct proof_report report;
	char size[32];
	enum store_rc rc;

	if (!proof_begin(&report))
		return fail_memory(s);
	rc = store_backup(s->store, dir, with_pepper, &report.complaints,
	    &proof);
	if (rc != STORE_OK) {
		proof_drop(&report);
		return fail(OUTCOME_UNUSABLE, "no backup was made: %s; when "
		    "that is mended, try again: %s store backup DIR",
		    store_why(s->store), s->args->program);
	}
	tell(s, "%s %llu accounts, %llu keys and %llu ledger entries (%s) "
	    "are in %s%s", proof_is_good(&proof) ? "backed up and proved:" :
	    "backed up, but not right:",
	    (unsigned long long)proof.totals.accounts,
	    (unsigned long long)proof.totals.keys,
	    (unsigned long long)proof.totals.entries,
	    megabytes(proof.bytes, size), dir, with_pepper ?
	    "; with the pepper: keep it where no one else can read it" :
	    "; without the pepper, so keep that (the file pepper in the "
	    "store's directory) elsewhere: no key is recognised without it");
	return proof_print(s, &report, &proof, "backup", dir);
}

enum outcome
store_restore_run(struct session *s)
{
	const char *backup = operand(s, 0), *dir = s->args->value[FLAG_TO];
	char why[STORE_WHY_SIZE];
	struct proof proof;
	struct proof_report report;
	enum store_rc rc;

	if (!dir)
		return fail_usage(s, "--to must name the directory of the "
		    "store to be");
	if (!proof_begin(&report))
		return fail_memory(s);
	rc = store_restore(backup, dir, &report.complaints, &proof, why);
	if (rc != STORE_OK) {
		proof_drop(&report);
		return fail(OUTCOME_UNUSABLE, "nothing was restored: %s; then "
		    "try again: %s store restore BACKUP --to DIR", why,
		    s->args->program);
	}
	tell(s, "restored %llu accounts, %llu keys and %llu ledger entries to "
	    "%s; %llu holds of that time were released",
	    (unsigned long long)proof.totals.accounts,
	    (unsigned long long)proof.totals.keys,
	    (unsigned long long)proof.totals.entries, dir,
	    (unsigned long long)proof.released);
	if (proof.has_pepper)
		tell(s, "name it in the configuration (store = %s), then look "
		    "at it with: %s account list", dir, s->args->program);
	else
		tell(s, "the backup has no pepper: copy the old store's to "
		    "%s/pepper (mode 600), name %s in the configuration, then "
		    "look at it with: %s account list", dir, dir,
		    s->args->program);
	return proof_print(s, &report, &proof, "store", dir);
}
