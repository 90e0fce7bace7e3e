/* limit.c: `farebox key limits`: a key's own limits, and those in force. */
#include "admin/limit.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/key.h"
#include "admin/plan.h"
#include "admin/print.h"

/* The limits that a key may have of its own, as a plan may. */
static const struct row {
	const char *name; /* of the option, and in option.def */
	enum flag flag;
	size_t in_key, in_plan;
} rows[] = {
#define ROW(name, flag) \
	{ #name, flag, offsetof(struct key_limits, name), \
		offsetof(struct plan, name) }
	ROW(rpm, FLAG_RPM),
	ROW(tpm, FLAG_TPM),
	ROW(tps, FLAG_TPS),
	ROW(concurrency, FLAG_CONCURRENCY),
#undef ROW
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int64_t
number_at(const void *of, size_t offset)
{
	int64_t number;

	memcpy(&number, (const char *)of + offset, sizeof(number));
	return number;
}

static void
put_number(void *of, size_t offset, int64_t number)
{
	memcpy((char *)of + offset, &number, sizeof(number));
}

static bool
parse_limit(const char *text, int64_t max, int64_t *limit)
{
	char *end;

	if (strcmp(text, "plan") == 0) {
		*limit = KEY_LIMIT_PLAN;
		return true;
	}
	if (strcmp(text, "none") == 0) {
		*limit = 0;
		return true;
	}
	errno = 0;
	*limit = strtoll(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno &&
	       *limit >= 0 && *limit <= max;
}

enum outcome
limit_read(struct session *s, struct key_limits *limits)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *text = s->args->value[rows[i].flag];
		int64_t max = number_at(&key_limits_max, rows[i].in_key);
		int64_t limit;

		if (!text)
			continue;
		if (!parse_limit(text, max, &limit))
			return fail_usage(s, "--%s is a number from 1 to %lld, "
			    "'none' for no limit, or 'plan' for that of the "
			    "plan, not '%s'", rows[i].name, (long long)max,
			    text);
		put_number(limits, rows[i].in_key, limit);
	}
	return OUTCOME_OK;
}

json_t *
limit_value(const struct session *s, int64_t limit)
{
	return limit == 0 && !s->args->value[FLAG_JSON] ?
	    json_string("none") : json_integer(limit);
}

bool
limit_describe(const struct session *s, const struct key_limits *limits,
    json_t *object)
{
	bool for_people = !s->args->value[FLAG_JSON];

	for (size_t i = 0; i < ROWS; i++) {
		int64_t limit = number_at(limits, rows[i].in_key);
		json_t *value = limit != KEY_LIMIT_PLAN ?
		    limit_value(s, limit) :
		    for_people ? json_string("plan") : json_null();

		if (json_object_set_new(object, rows[i].name, value) != 0)
			return false;
	}
	return true;
}

static const char *
unit_of(const char *name)
{
	for (size_t i = 0; i < n_option_rows; i++)
		if (option_rows[i].section == OPTION_SECTION_PLAN &&
		    strcmp(option_rows[i].name, name) == 0)
			return option_rows[i].unit;
	return "";
}

static bool
add_limit(const struct session *s, struct listing *listing, const char *name,
    int64_t limit, const char *from, const struct plan *plan,
    const char *for_each)
{
	return listing_add(listing, json_pack("{s:s, s:o, s:s, s:s, s:s, s:s}",
	    "limit", name,
	    "value", limit_value(s, limit),
	    "unit", unit_of(name),
	    "for_each", for_each,
	    "from", from,
	    "plan", plan->name));
}

static bool
add_limits(const struct session *s, struct listing *listing,
    const struct key_limits *own, const struct plan *plan)
{
	const char *for_each = plan->per_model == PER_MODEL_YES ?
	    "key and model" : "key";

	for (size_t i = 0; i < ROWS; i++) {
		int64_t limit = number_at(own, rows[i].in_key);
		bool is_own = limit != KEY_LIMIT_PLAN;

		if (!is_own)
			limit = number_at(plan, rows[i].in_plan);
		if (!add_limit(s, listing, rows[i].name, limit,
			is_own ? "key" : "plan", plan,
			rows[i].flag == FLAG_CONCURRENCY ? "key" : for_each))
			return false;
	}
	return add_limit(s, listing, "account_concurrency",
	    plan->account_concurrency, "plan", plan, "account");
}

static enum outcome
print_limits(struct session *s, const struct key *key)
{
	static const struct column columns[] = {
		{ "limit", "LIMIT", COLUMN_TEXT },
		{ "value", "VALUE", COLUMN_NUMBER },
		{ "unit", "UNIT", COLUMN_TEXT },
		{ "for_each", "FOR EACH", COLUMN_TEXT },
		{ "from", "FROM", COLUMN_TEXT },
		{ "plan", "PLAN", COLUMN_TEXT },
	};
	struct listing listing;
	struct account account;
	enum store_rc rc = account_get(s->store, key->account, &account);

	if (rc != STORE_OK)
		return fail_store(s, rc);
	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	add_limits(s, &listing, &key->limits, plan_of(s, &account));
	return listing_print(s, &listing, COLUMNS(columns), NULL, NULL);
}

enum outcome
key_limits_run(struct session *s)
{
	struct key_limits limits;
	struct key key;
	bool changes = false;
	enum outcome outcome = key_find(s, operand(s, 0), &key);
	enum store_rc rc;

	for (size_t i = 0; i < ROWS; i++)
		changes |= s->args->value[rows[i].flag] != NULL;
	if (outcome != OUTCOME_OK || !changes)
		return outcome == OUTCOME_OK ? print_limits(s, &key) : outcome;
	limits = key.limits;
	outcome = limit_read(s, &limits);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = key_set_limits(s->store, key.number, &limits, &key);
	if (rc != STORE_OK)
		return key_fail_change(s, &key, rc);
	tell(s, "key %u (%s) has these limits from its next request on; leave "
	    "one to the plan again with, say: %s key limits %u --rpm plan",
	    key.number, key.label, s->args->program, key.number);
	return print_limits(s, &key);
}
