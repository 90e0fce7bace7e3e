/* credit.c: `farebox credit`: moves money into and out of balances. */
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/object.h"
#include "admin/print.h"
#include "db/ledger.h"

static enum outcome
read_note(const struct session *s, const char **note)
{
	*note = s->args->value[FLAG_NOTE];
	if (!*note)
		return OUTCOME_OK;
	if (strlen(*note) >= LEDGER_NOTE_SIZE)
		return fail_usage(s, "a note has at most %d bytes",
		    LEDGER_NOTE_SIZE - 1);
	for (const char *c = *note; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return fail_usage(s, "a note is one line without "
			    "control characters");
	return OUTCOME_OK;
}

static enum outcome
fail_credit(struct session *s, enum store_rc rc, const char *name,
    money amount)
{
	char text[MONEY_TEXT_SIZE];

	money_format(amount, text);
	if (rc == STORE_NO_BALANCE)
		return fail(OUTCOME_CONFLICT, "account %s cannot give up %s "
		    "USD: a balance does not go below what is held, or zero; "
		    "see: %s account show %s", name, text + 1,
		    s->args->program, name);
	if (rc == STORE_OUT_OF_RANGE)
		return fail(OUTCOME_CONFLICT, "the balance of account %s "
		    "cannot hold %s USD more; see: "
		    "%s account show %s", name, text, s->args->program, name);
	return fail_store(s, rc);
}

static enum outcome
move(struct session *s, enum entry_kind kind, money amount)
{
	struct account account;
	char text[MONEY_TEXT_SIZE], balance[MONEY_TEXT_SIZE];
	const char *note;
	enum outcome outcome = read_note(s, &note);
	enum store_rc rc;

	if (outcome == OUTCOME_OK)
		outcome = find_account(s, operand(s, 0), &account);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = ledger_credit(s->store, account.number, kind, amount, note,
	    &account);
	if (rc != STORE_OK)
		return fail_credit(s, rc, account.name, amount);
	tell(s, "moved %s USD; the balance of account %s is %s USD; see: "
	    "%s credit history %s", money_format(amount, text),
	    account.name, money_format(account.balance, balance),
	    s->args->program, account.name);
	return object_print_json(s, account_object(&account));
}

enum outcome
credit_add_run(struct session *s)
{
	const char *text = operand(s, 1);
	money amount;

	if (!money_parse(text, &amount))
		return fail_usage(s, "USD is an amount such as 5 or 0.25, not "
		    "'%s'", text);
	if (amount.nano <= 0)
		return fail(OUTCOME_USAGE, "a deposit is above zero, and '%s' "
		    "is not; to take credit away, type: "
		    "%s credit adjust %s -- -USD", text, s->args->program,
		    operand(s, 0));
	return move(s, ENTRY_DEPOSIT, amount);
}

enum outcome
credit_adjust_run(struct session *s)
{
	const char *text = operand(s, 1);
	money amount;

	if (!money_parse(text, &amount))
		return fail_usage(s, "USD is an amount such as 5 or -0.25, "
		    "not '%s'", text);
	if (amount.nano == 0)
		return fail_usage(s, "an adjustment is not zero");
	return move(s, ENTRY_ADJUSTMENT, amount);
}

static bool
add_entry(const struct entry *entry, void *context)
{
	return listing_add(context, entry_object(entry));
}

enum outcome
credit_history_run(struct session *s)
{
	static const struct column columns[] = {
		{ "number", "NUMBER", COLUMN_NUMBER },
		{ "time", "TIME", COLUMN_TEXT },
		{ "kind", "KIND", COLUMN_TEXT },
		{ "amount", "AMOUNT", COLUMN_MONEY },
		{ "balance", "BALANCE", COLUMN_MONEY },
		{ "key", "KEY", COLUMN_NUMBER },
		{ "request_id", "REQUEST", COLUMN_TEXT },
		{ "note", "NOTE", COLUMN_TEXT },
	};
	struct account account;
	struct listing listing;
	size_t limit;
	enum outcome outcome = read_limit(s, &limit);
	enum store_rc rc;

	if (outcome == OUTCOME_OK)
		outcome = find_account(s, operand(s, 0), &account);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!listing_begin(&listing, limit))
		return fail_memory(s);
	rc = ledger_history(s->store, account.number, add_entry, &listing);
	if (rc != STORE_OK) {
		listing_drop(&listing);
		return fail_store(s, rc);
	}
	return listing_print(s, &listing, COLUMNS(columns),
	    "no money has moved yet; add some with",
	    "credit add ACCOUNT USD");
}
