/* plan.c: `farebox plan` and `farebox account plan`: what accounts have
 * bought. */
#include "admin/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/limit.h"
#include "admin/object.h"
#include "admin/print.h"

/* Their names with commas between. Allocated; NULL without memory. */
static char *
names_of_plans(const struct conf *conf)
{
	char *names = strdup(""), *longer;

	for (size_t i = 0; names && i < conf->n_plans; i++) {
		if (asprintf(&longer, "%s%s%s", names, i > 0 ? ", " : "",
			conf->plans[i].name) < 0)
			longer = NULL;
		free(names);
		names = longer;
	}
	return names;
}

/* The default plan is also what every account has that was given none. */
static bool
is_default(const struct conf *conf, const struct plan *plan)
{
	return plan == conf_plan_of(conf, "");
}

enum outcome
plan_find(struct session *s, const char *name, const char **plan)
{
	const struct plan *found = conf_plan(s->conf, name);
	char *names;

	if (found) {
		*plan = is_default(s->conf, found) ? "" : found->name;
		return OUTCOME_OK;
	}
	names = names_of_plans(s->conf);
	if (!names)
		return fail_memory(s);
	fail(OUTCOME_NOT_FOUND, "the configuration has no plan '%s'; it has "
	    "%s; look at them with: %s plan list", name, names,
	    s->args->program);
	free(names);
	return OUTCOME_NOT_FOUND;
}

const struct plan *
plan_of(const struct session *s, const struct account *account)
{
	const struct plan *plan = conf_plan_of(s->conf, account->plan);

	if (*account->plan && !conf_plan(s->conf, account->plan))
		tell(s, "the configuration lacks the plan '%s' of account %s, "
		    "which has the limits of '%s' until it gets another "
		    "with: %s account plan %s PLAN", account->plan,
		    account->name, plan->name, s->args->program,
		    account->name);
	return plan;
}

enum outcome
account_plan_run(struct session *s)
{
	struct account account;
	const char *plan;
	enum outcome outcome = find_account(s, operand(s, 0), &account);
	enum store_rc rc;

	if (outcome == OUTCOME_OK)
		outcome = plan_find(s, operand(s, 1), &plan);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = account_set_plan(s->store, account.number, plan, &account);
	if (rc != STORE_OK)
		return fail_store(s, rc);
	tell(s, "account %s has the plan '%s'; look at the plans with: "
	    "%s plan list", account.name, plan_of(s, &account)->name,
	    s->args->program);
	return object_print_json(s, account_object(&account));
}

/* A plan, and who has it. */
struct tally {
	const struct plan *plan; /* NULL: the configuration lacks it */
	char name[PLAN_NAME_SIZE];
	uint64_t accounts;
	char first[ACCOUNT_NAME_SIZE]; /* the name of one of them */
};

struct tallies {
	const struct conf *conf;
	struct tally *tally;
	size_t n;
	bool failed;
};

static struct tally *
add_tally(struct tallies *tallies, const char *name)
{
	struct tally *longer = reallocarray(tallies->tally, tallies->n + 1,
	    sizeof(*longer));
	struct tally *tally;

	tallies->failed |= !longer;
	if (!longer)
		return NULL;
	tallies->tally = longer;
	tally = &longer[tallies->n++];
	*tally = (struct tally){ .plan = conf_plan(tallies->conf, name) };
	snprintf(tally->name, sizeof(tally->name), "%s", name);
	return tally;
}

static bool
count_account(const struct account *account, void *context)
{
	struct tallies *tallies = context;
	const char *name = *account->plan ? account->plan :
	    conf_plan_of(tallies->conf, "")->name;
	struct tally *tally = NULL;

	for (size_t i = 0; i < tallies->n && !tally; i++)
		if (strcmp(tallies->tally[i].name, name) == 0)
			tally = &tallies->tally[i];
	if (!tally)
		tally = add_tally(tallies, name);
	if (!tally)
		return false;
	if (tally->accounts++ == 0)
		memcpy(tally->first, account->name, sizeof(tally->first));
	return true;
}

static json_t *
tally_object(const struct session *s, const struct tally *tally)
{
	const struct plan *plan = tally->plan;

	if (!plan)
		return json_pack("{s:s, s:b, s:n, s:n, s:n, s:n, s:n, s:n, "
		    "s:I}",
		    "plan", tally->name, "configured", false, "rpm", "tpm",
		    "tps", "concurrency", "account_concurrency", "per_model",
		    "accounts", (json_int_t)tally->accounts);
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:I}",
	    "plan", tally->name,
	    "configured", true,
	    "rpm", limit_value(s, plan->rpm),
	    "tpm", limit_value(s, plan->tpm),
	    "tps", limit_value(s, plan->tps),
	    "concurrency", limit_value(s, plan->concurrency),
	    "account_concurrency", limit_value(s, plan->account_concurrency),
	    "per_model", plan->per_model == PER_MODEL_YES,
	    "accounts", (json_int_t)tally->accounts);
}

static void
tell_lacking(const struct session *s, const struct tallies *tallies)
{
	for (size_t i = 0; i < tallies->n; i++) {
		const struct tally *tally = &tallies->tally[i];

		if (tally->plan)
			continue;
		tell(s, "the configuration lacks the plan '%s' of %llu "
		    "account%s (%s%s), with the limits of '%s' until there is "
		    "another; give one another with: %s account plan %s PLAN",
		    tally->name, (unsigned long long)tally->accounts,
		    tally->accounts == 1 ? "" : "s", tally->first,
		    tally->accounts == 1 ? "" : ", ...",
		    conf_plan_of(s->conf, "")->name, s->args->program,
		    tally->first);
	}
}

static enum outcome
print_tallies(const struct session *s, const struct tallies *tallies)
{
	static const struct column columns[] = {
		{ "plan", "PLAN", COLUMN_TEXT },
		{ "rpm", "RPM", COLUMN_NUMBER },
		{ "tpm", "TPM", COLUMN_NUMBER },
		{ "tps", "TPS", COLUMN_NUMBER },
		{ "concurrency", "CONCURRENCY", COLUMN_NUMBER },
		{ "account_concurrency", "OF ACCOUNT", COLUMN_NUMBER },
		{ "per_model", "PER MODEL", COLUMN_TEXT },
		{ "accounts", "ACCOUNTS", COLUMN_NUMBER },
	};
	struct listing listing;
	enum outcome outcome;

	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (size_t i = 0; i < tallies->n; i++)
		if (!listing_add(&listing, tally_object(s, &tallies->tally[i])))
			break;
	outcome = listing_print(s, &listing, COLUMNS(columns), NULL, NULL);
	if (outcome == OUTCOME_OK)
		tell_lacking(s, tallies);
	return outcome;
}

enum outcome
plan_list_run(struct session *s)
{
	struct tallies tallies = { .conf = s->conf };
	enum outcome outcome;
	enum store_rc rc = STORE_OK;

	for (size_t i = 0; i < s->conf->n_plans && !tallies.failed; i++)
		add_tally(&tallies, s->conf->plans[i].name);
	if (!tallies.failed)
		rc = account_list(s->store, count_account, &tallies);
	if (tallies.failed)
		outcome = fail_memory(s);
	else if (rc != STORE_OK)
		outcome = fail_store(s, rc);
	else
		outcome = print_tallies(s, &tallies);
	free(tallies.tally);
	return outcome;
}
