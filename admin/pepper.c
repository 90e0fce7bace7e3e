/* pepper.c: `farebox pepper`: what secrets of keys are hashed with. */
#include "db/pepper.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/print.h"

enum outcome
pepper_list_run(struct session *s)
{
	static const struct column columns[] = {
		{ "number", "NUMBER", COLUMN_NUMBER },
		{ "newest", "NEWEST", COLUMN_TEXT },
		{ "secrets", "SECRETS", COLUMN_NUMBER },
		{ "usable", "USABLE", COLUMN_NUMBER },
	};
	struct pepper_use uses[PEPPERS_MAX];
	struct listing listing;
	size_t n;
	enum store_rc rc = pepper_list(s->store, uses, &n);

	if (rc != STORE_OK)
		return fail_store(s, rc);
	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (size_t i = 0; i < n; i++)
		listing_add(&listing, json_pack("{s:I, s:b, s:I, s:I}",
		    "number", (json_int_t)uses[i].number, "newest", i == 0,
		    "secrets", (json_int_t)uses[i].secrets,
		    "usable", (json_int_t)uses[i].usable));
	return listing_print(s, &listing, COLUMNS(columns), NULL, NULL);
}

static enum outcome
print_number(struct session *s, uint32_t number)
{
	return object_print_json(s, json_pack("{s:I}", "number",
	    (json_int_t)number));
}

enum outcome
pepper_rotate_run(struct session *s)
{
	uint32_t number;
	enum store_rc rc = pepper_rotate(s->store, &number);

	if (rc == STORE_OUT_OF_RANGE)
		return fail(OUTCOME_CONFLICT, "there are %d peppers already; "
		    "find one that can be dropped with: %s pepper list",
		    PEPPERS_MAX, s->args->program);
	if (rc != STORE_OK)
		return fail_store(s, rc);
	tell(s, "made pepper %u; new secrets are hashed with it, and older "
	    "ones when they are next shown. Copy %s/pepper to where you keep "
	    "it. How many secrets have moved is told by: %s pepper list",
	    number, s->dir, s->args->program);
	return print_number(s, number);
}

static enum outcome
read_number(struct session *s, uint32_t *number)
{
	const char *text = operand(s, 0);
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno ||
	    value > UINT32_MAX)
		return fail_usage(s, "'%s' is not the number of a pepper",
		    text);
	*number = (uint32_t)value;
	return OUTCOME_OK;
}

enum outcome
pepper_drop_run(struct session *s)
{
	uint32_t number = 0;
	enum outcome outcome = read_number(s, &number);
	enum store_rc rc;

	if (outcome != OUTCOME_OK)
		return outcome;
	rc = pepper_drop(s->store, number, s->args->value[FLAG_FORCE]);
	if (rc == STORE_NOT_FOUND)
		return fail(OUTCOME_NOT_FOUND, "there is no pepper %u; list "
		    "them with: %s pepper list", number, s->args->program);
	if (rc == STORE_OUT_OF_RANGE)
		return fail(OUTCOME_CONFLICT, "pepper %u is the newest; make "
		    "another first with: %s pepper rotate", number,
		    s->args->program);
	if (rc == STORE_NOT_ACTIVE)
		return fail(OUTCOME_CONFLICT, "usable secrets depend on "
		    "pepper %u, and would stop working (--force drops it all "
		    "the same); see: %s pepper list", number,
		    s->args->program);
	if (rc != STORE_OK)
		return fail_store(s, rc);
	tell(s, "pepper %u is forgotten", number);
	return print_number(s, number);
}
