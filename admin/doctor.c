/* doctor.c: `farebox doctor`: every problem at once, and what mends it. */
#include "admin/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const states[FINDING__COUNT] = {
	[FINDING_GOOD] = "ok",
	[FINDING_NOTE] = "note",
	[FINDING_PROBLEM] = "problem",
};

/* {"server": ..., "directive": ...} for each server that it may be. */
static json_t *
mends(const struct doctor *d, enum trouble trouble)
{
	json_t *array = json_array();

	for (int host = 0; host < HOST__COUNT; host++) {
		const char *text = advice((enum host)host, trouble);

		if (array && text && d->hosts & 1U << host)
			json_array_append_new(array, json_pack("{s:s, s:s}",
			    "server", advice_host_name((enum host)host),
			    "directive", text));
	}
	return array;
}

static void __attribute__((format(printf, 5, 0)))
add(struct doctor *d, enum finding finding, const char *check, json_t *mend,
    const char *format, va_list list)
{
	char *detail;

	d->problems += finding == FINDING_PROBLEM;
	if (vasprintf(&detail, format, list) < 0) {
		json_decref(mend);
		d->findings.failed = true;
		return;
	}
	listing_add(&d->findings, json_pack("{s:s, s:s, s:o, s:o}",
	    "state", states[finding], "check", check,
	    "detail", json_of_text(detail), "mend", mend));
	free(detail);
}

void
doctor_say(struct doctor *d, enum finding finding, const char *check,
    const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(d, finding, check, json_array(), format, list);
	va_end(list);
}

void
doctor_blame(struct doctor *d, enum finding finding, const char *check,
    enum trouble trouble, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(d, finding, check, mends(d, trouble), format, list);
	va_end(list);
}

static const char *
member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void
print_finding(const json_t *finding)
{
	const json_t *mend;
	size_t i;

	printf("%-8s %-14s %s\n", member(finding, "state"),
	    member(finding, "check"), member(finding, "detail"));
	json_array_foreach(json_object_get(finding, "mend"), i, mend)
		printf("%-23s %s: %s\n", "", member(mend, "server"),
		    member(mend, "directive"));
}

/* For people a table would be too wide. */
static enum outcome
print(struct doctor *d)
{
	const json_t *finding;
	size_t i;

	if (d->s->args->value[FLAG_JSON] || d->findings.failed)
		return listing_print(d->s, &d->findings, NULL, 0, NULL, NULL);
	json_array_foreach(d->findings.rows, i, finding)
		print_finding(finding);
	listing_drop(&d->findings);
	return OUTCOME_OK;
}

enum outcome
doctor_run(struct session *s)
{
	struct doctor d = { .s = s };
	const char *url = operand(s, 0);
	enum outcome outcome;

	if (!listing_begin(&d.findings, 0))
		return fail_memory(s);
	doctor_look_here(&d);
	if (url)
		doctor_look_there(&d, url);
	outcome = print(&d);
	if (outcome == OUTCOME_OK && d.problems > 0)
		return fail(OUTCOME_WRONG, "problems: %zu; when they are "
		    "mended, look again with: %s doctor%s%s", d.problems,
		    s->args->program, url ? " " : "", url ? url : "");
	if (outcome == OUTCOME_OK && !url)
		tell(s, "nothing is wrong here; try it as a client does with: "
		    "%s doctor URL", s->args->program);
	return outcome;
}
