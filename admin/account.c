/* account.c: `farebox account`: makes, lists, suspends accounts. */
#include <string.h>

#include "admin/admin.h"
#include "admin/object.h"
#include "admin/plan.h"
#include "admin/print.h"
#include "db/account.h"

static bool
add_account(const struct account *account, void *context)
{
	return listing_add(context, account_object(account));
}

enum outcome
account_create_run(struct session *s)
{
	const char *name = operand(s, 0);
	const char *program = s->args->program;
	const char *plan = s->args->value[FLAG_PLAN];
	struct account account;
	enum outcome outcome = OUTCOME_OK;
	enum store_rc rc;

	if (!account_name_is_valid(name))
		return fail_usage(s, "'%s' is no name for an account; it is 1 "
		    "to 63 letters, digits, '.', '_', '-' or '@', begins with "
		    "a letter or digit, and is not a number", name);
	if (plan)
		outcome = plan_find(s, plan, &plan);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = account_create_on(s->store, name, plan ? plan : "", &account);
	if (rc == STORE_EXISTS)
		return fail(OUTCOME_CONFLICT, "account %s exists already; look "
		    "at it with: %s account show %s", name, program, name);
	if (rc != STORE_OK)
		return fail_store(s, rc);
	tell(s, "made account %s (number %u); add credit with: "
	    "%s credit add %s USD", name, account.number, program, name);
	return object_print_json(s, account_object(&account));
}

enum outcome
account_list_run(struct session *s)
{
	static const struct column columns[] = {
		{ "number", "NUMBER", COLUMN_NUMBER },
		{ "account", "ACCOUNT", COLUMN_TEXT },
		{ "state", "STATE", COLUMN_TEXT },
		{ "plan", "PLAN", COLUMN_TEXT },
		{ "balance", "BALANCE", COLUMN_MONEY },
		{ "held", "HELD", COLUMN_MONEY },
		{ "spent", "SPENT", COLUMN_MONEY },
		{ "deposited", "DEPOSITED", COLUMN_MONEY },
		{ "created", "CREATED", COLUMN_TEXT },
	};
	struct listing listing;
	enum store_rc rc;

	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	rc = account_list(s->store, add_account, &listing);
	if (rc != STORE_OK) {
		listing_drop(&listing);
		return fail_store(s, rc);
	}
	return listing_print(s, &listing, COLUMNS(columns),
	    "there are no accounts; make one with", "account create NAME");
}

enum outcome
account_show_run(struct session *s)
{
	struct account account;
	enum outcome outcome = find_account(s, operand(s, 0), &account);

	if (outcome != OUTCOME_OK)
		return outcome;
	plan_of(s, &account);
	return object_print(s, account_object(&account));
}

static enum outcome
set_state(struct session *s, enum account_state state, const char *next)
{
	struct account account;
	enum outcome outcome = find_account(s, operand(s, 0), &account);
	enum store_rc rc;

	if (outcome != OUTCOME_OK)
		return outcome;
	rc = account_set_state(s->store, account.number, state, &account);
	if (rc != STORE_OK)
		return fail_store(s, rc);
	tell(s, "account %s is %s; undo it with: %s account %s %s",
	    account.name, account_state_name(state), s->args->program, next,
	    account.name);
	return object_print_json(s, account_object(&account));
}

enum outcome
account_suspend_run(struct session *s)
{
	return set_state(s, ACCOUNT_SUSPENDED, "resume");
}

enum outcome
account_resume_run(struct session *s)
{
	return set_state(s, ACCOUNT_ACTIVE, "suspend");
}
