/* export.c: `farebox store export` and `import`: the books as text. */
#include "db/export.h"

#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/print.h"
#include "admin/proof.h"

static enum outcome
read_format(const struct session *s, enum export_format *format)
{
	const char *text = s->args->value[FLAG_FORMAT];

	*format = EXPORT_JSONL;
	if (!text)
		return OUTCOME_OK;
	for (int i = 0; i < EXPORT_FORMAT__COUNT; i++) {
		*format = (enum export_format)i;
		if (strcmp(text, export_format_name(*format)) == 0)
			return OUTCOME_OK;
	}
	return fail_usage(s, "--format is jsonl or csv, not '%s'", text);
}

static void
tell_counts(const struct session *s, const char *what,
    const struct export_counts *counts)
{
	tell(s, "%s %llu accounts, %llu keys, %llu ledger entries and %llu "
	    "usage records", what,
	    (unsigned long long)counts->rows[EXPORT_ACCOUNT],
	    (unsigned long long)counts->rows[EXPORT_KEY],
	    (unsigned long long)counts->rows[EXPORT_ENTRY],
	    (unsigned long long)counts->rows[EXPORT_USAGE]);
}

enum outcome
store_export_run(struct session *s)
{
	const char *dir = operand(s, 0);
	struct export_options options = {
		.dir = strcmp(dir, "-") == 0 ? NULL : dir,
		.out = stdout,
		.keep_hashes = s->args->value[FLAG_KEEP_HASHES] != NULL,
		.work = s->args->value[FLAG_WORK],
	};
	struct export_counts counts;
	enum outcome outcome = read_format(s, &options.format);

	if (outcome != OUTCOME_OK)
		return outcome;
	if (!options.dir && options.format == EXPORT_CSV)
		return fail_usage(s, "CSV of several kinds cannot share "
		    "standard output; name a directory, or use jsonl");
	if (store_export(s->store, &options, &counts) != STORE_OK)
		return fail(OUTCOME_UNUSABLE, "nothing was exported: %s; when "
		    "that is mended, try again: %s store export DIR",
		    store_why(s->store), s->args->program);
	tell_counts(s, "exported", &counts);
	return OUTCOME_OK;
}

static enum outcome
fail_import(const struct session *s, enum store_rc rc)
{
	const char *why = store_why(s->store);

	if (rc == STORE_EXISTS)
		return fail(OUTCOME_CONFLICT, "nothing was imported: %s; make "
		    "an empty one with: %s store init --dir DIR", why,
		    s->args->program);
	return fail(rc == STORE_OUT_OF_RANGE ? OUTCOME_WRONG :
	    OUTCOME_UNUSABLE, "the import was not finished, and what is in "
	    "%s now is good for nothing: %s; remove it, and begin again "
	    "with: %s store init", s->dir, why, s->args->program);
}

enum outcome
store_import_run(struct session *s)
{
	const char *dir = operand(s, 0);
	struct export_counts counts;
	struct proof proof = { 0 };
	struct proof_report report;
	enum store_rc rc = store_import(s->store,
	    strcmp(dir, "-") == 0 ? NULL : dir, stdin, &counts);

	if (rc != STORE_OK)
		return fail_import(s, rc);
	tell_counts(s, "imported", &counts);
	if (counts.keys_without_hash)
		tell(s, "%llu keys came without the hash of their secret, and "
		    "work again when each has a new one, from: %s key rotate "
		    "KEY", (unsigned long long)counts.keys_without_hash,
		    s->args->program);
	else if (counts.rows[EXPORT_KEY])
		tell(s, "the keys work when the old store's pepper is put in "
		    "the place of %s/pepper (mode 600)", s->dir);
	if (!proof_begin(&report))
		return fail_memory(s);
	rc = ledger_check(s->store, report.complaints.complain,
	    report.complaints.context, &proof.totals);
	if (rc == STORE_OK)
		return proof_print(s, &report, &proof, "store", s->dir);
	proof_drop(&report);
	return fail_store(s, rc);
}
