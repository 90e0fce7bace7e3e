/* proof.c: what was found out about a store, for people and for programs. */
#include "admin/proof.h"

#include <stdio.h>

#include "admin/command.h"
#include "admin/object.h"

static void
add_complaint(const char *sentence, void *context)
{
	struct listing *sentences = context;

	if (json_array_append_new(sentences->rows,
		json_of_text(sentence)) != 0)
		sentences->failed = true;
}

bool
proof_begin(struct proof_report *report)
{
	report->complaints = (struct complaints){
		.complain = add_complaint,
		.context = &report->sentences,
	};
	return listing_begin(&report->sentences, 0);
}

void
proof_drop(struct proof_report *report)
{
	listing_drop(&report->sentences);
}

/* A new object, or NULL. */
static json_t *
make_object(const struct proof_report *report, const struct proof *proof,
    const char *what, const char *dir)
{
	json_t *object = totals_object(&proof->totals);

	if (!object || report->sentences.failed ||
	    json_object_set_new(object, "ok",
		json_boolean(proof_is_good(proof))) != 0 ||
	    /* Without bytes it was only the ledger that was looked at. */
	    ((proof->bytes || proof->damaged) && json_object_set_new(object,
		"damaged", json_integer(proof->damaged)) != 0) ||
	    json_object_set_new(object, what, json_of_text(dir)) != 0 ||
	    json_object_set(object, "complaints",
		report->sentences.rows) != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static enum outcome
fail_proof(const struct session *s, const struct proof *proof,
    const char *dir)
{
	if (proof->damaged)
		return fail(OUTCOME_WRONG, "the structure of %u tables is "
		    "damaged; stop the gateway, keep a copy of %s, and put a "
		    "backup in its place with: %s store restore BACKUP "
		    "--to DIR", proof->damaged, dir, s->args->program);
	return fail(OUTCOME_WRONG, "%llu statements about the books do not "
	    "hold; stop the gateway, keep a copy of %s, and look at the "
	    "accounts with: %s account list",
	    (unsigned long long)proof->totals.wrong, dir, s->args->program);
}

enum outcome
proof_print(const struct session *s, struct proof_report *report,
    const struct proof *proof, const char *what, const char *dir)
{
	json_t *object = make_object(report, proof, what, dir);
	const json_t *sentence;
	enum outcome outcome;
	size_t i;

	json_array_foreach(report->sentences.rows, i, sentence)
		fprintf(stderr, "%s\n", json_string_value(sentence));
	outcome = object_print(s, object);
	proof_drop(report);
	if (outcome != OUTCOME_OK || proof_is_good(proof))
		return outcome;
	return fail_proof(s, proof, dir);
}
