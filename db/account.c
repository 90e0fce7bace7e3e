/* account.c: who pays: a balance that keys share. */
#include "db/account.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/record_private.h"
#include "db/store_private.h"

static const char *const state_names[ACCOUNT_STATE__COUNT] = {
	[ACCOUNT_ACTIVE] = "active",
	[ACCOUNT_SUSPENDED] = "suspended",
};

static const char letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char digits[] = "0123456789";

const char *
account_state_name(enum account_state state)
{
	return state_names[state];
}

money
account_available(const struct account *account)
{
	money available;

	/* Cannot fail: 0 <= held <= balance. */
	if (!money_sub(account->balance, account->held, &available))
		return MONEY_ZERO;
	return available;
}

bool
account_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= ACCOUNT_NAME_SIZE ||
	    strspn(name, digits) == len)
		return false;
	if (!strchr(letters, *name) && !strchr(digits, *name))
		return false;
	for (; *name; name++)
		if (!strchr(letters, *name) && !strchr(digits, *name) &&
		    !strchr("._-@", *name))
			return false;
	return true;
}

bool
plan_name_is_valid(const char *plan)
{
	size_t len = strlen(plan);

	if (len >= PLAN_NAME_SIZE)
		return false;
	for (; *plan; plan++)
		if (!strchr(letters, *plan) && !strchr(digits, *plan) &&
		    !strchr("._-", *plan))
			return false;
	return true;
}

enum store_rc
account_read(struct store *store, DB_TXN *txn, uint32_t number,
    struct account *account, uint32_t flags)
{
	struct account_record record;
	int rc = queue_get(store, txn, TABLE_ACCOUNTS, number, &record,
	    sizeof(record), flags);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	if (rc)
		return store_broken(store, "cannot read an account");
	if (!account_decode(&record, account) || account->number != number)
		return store_corrupt(store, "account %u is damaged", number);
	return STORE_OK;
}

enum store_rc
account_write(struct store *store, DB_TXN *txn, const struct account *account)
{
	struct account_record record;

	account_encode(account, &record);
	if (queue_put(store, txn, TABLE_ACCOUNTS, account->number, &record,
	    sizeof(record)))
		return store_broken(store, "cannot write an account");
	return STORE_OK;
}

struct create {
	const char *name;
	struct account *account;
	bool tried;
};

static enum store_rc
number_of_name(struct store *store, DB_TXN *txn, const char *name,
    uint32_t *number)
{
	size_t len;
	int rc = tree_get(store, txn, TABLE_ACCOUNT_NAMES, name, strlen(name),
	    number, sizeof(*number), &len, 0);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	if (rc)
		return store_broken(store, "cannot read an account's name");
	return STORE_OK;
}

static enum store_rc
create_body(struct store *store, DB_TXN *txn, void *context)
{
	struct create *create = context;
	struct account *account = create->account;
	uint32_t number;
	enum store_rc rc;

	rc = number_of_name(store, txn, create->name, &number);
	/* A try whose outcome was unknown may have made it. */
	if (rc == STORE_OK && create->tried && number == account->number)
		return STORE_OK;
	if (rc != STORE_NOT_FOUND)
		return rc == STORE_OK ? STORE_EXISTS : rc;
	if (counter_next(store, txn, "accounts", &account->number) ||
	    tree_put(store, txn, TABLE_ACCOUNT_NAMES, create->name,
	    strlen(create->name), &account->number, sizeof(account->number),
	    0))
		return store_broken(store, "cannot name an account");
	create->tried = true;
	return account_write(store, txn, account);
}

enum store_rc
account_create_on(struct store *store, const char *name, const char *plan,
    struct account *account)
{
	struct create create = { .name = name, .account = account };

	if (!account_name_is_valid(name) || !plan_name_is_valid(plan))
		return STORE_OUT_OF_RANGE;
	*account = (struct account){ .created_ms = clock_wall_ms() };
	account->updated_ms = account->created_ms;
	memcpy(account->name, name, strlen(name));
	memcpy(account->plan, plan, strlen(plan));
	return store_transact(store, STORE_DURABLE, create_body, &create);
}

enum store_rc
account_create(struct store *store, const char *name, struct account *account)
{
	return account_create_on(store, name, "", account);
}

struct find {
	const char *name;
	uint32_t number;
	struct account *account;
};

static enum store_rc
find_body(struct store *store, DB_TXN *txn, void *context)
{
	struct find *find = context;

	if (find->name) {
		enum store_rc rc = number_of_name(store, txn, find->name,
		    &find->number);

		if (rc != STORE_OK)
			return rc;
	}
	return account_read(store, txn, find->number, find->account, 0);
}

enum store_rc
account_get(struct store *store, uint32_t number, struct account *account)
{
	struct find find = { .number = number, .account = account };

	return store_transact(store, STORE_READ, find_body, &find);
}

enum store_rc
account_find(struct store *store, const char *name, struct account *account)
{
	struct find find = { .name = name, .account = account };

	if (*name && strspn(name, digits) == strlen(name)) {
		errno = 0;
		unsigned long number = strtoul(name, NULL, 10);

		if (errno || number > UINT32_MAX)
			return STORE_NOT_FOUND;
		return account_get(store, (uint32_t)number, account);
	}
	if (!account_name_is_valid(name))
		return STORE_NOT_FOUND;
	return store_transact(store, STORE_READ, find_body, &find);
}

struct change_state {
	uint32_t number;
	enum account_state state;
	struct account *account;
};

static enum store_rc
change_state_body(struct store *store, DB_TXN *txn, void *context)
{
	struct change_state *change = context;
	enum store_rc rc = account_read(store, txn, change->number,
	    change->account, DB_RMW);

	if (rc != STORE_OK)
		return rc;
	change->account->state = change->state;
	change->account->updated_ms = clock_wall_ms();
	return account_write(store, txn, change->account);
}

enum store_rc
account_set_state(struct store *store, uint32_t number,
    enum account_state state, struct account *account)
{
	struct change_state change = { number, state, account };

	return store_transact(store, STORE_DURABLE, change_state_body,
	    &change);
}

struct change_plan {
	uint32_t number;
	const char *plan;
	struct account *account;
};

static enum store_rc
change_plan_body(struct store *store, DB_TXN *txn, void *context)
{
	struct change_plan *change = context;
	struct account *account = change->account;
	enum store_rc rc = account_read(store, txn, change->number, account,
	    DB_RMW);

	if (rc != STORE_OK)
		return rc;
	memset(account->plan, 0, sizeof(account->plan));
	memcpy(account->plan, change->plan, strlen(change->plan));
	account->updated_ms = clock_wall_ms();
	return account_write(store, txn, account);
}

enum store_rc
account_set_plan(struct store *store, uint32_t number, const char *plan,
    struct account *account)
{
	struct change_plan change = { number, plan, account };

	if (!plan_name_is_valid(plan))
		return STORE_OUT_OF_RANGE;
	return store_transact(store, STORE_DURABLE, change_plan_body,
	    &change);
}

static enum store_rc
last_body(struct store *store, DB_TXN *txn, void *context)
{
	if (counter_last(store, txn, "accounts", context, 0))
		return store_broken(store, "cannot count the accounts");
	return STORE_OK;
}

enum store_rc
account_list(struct store *store,
    bool (*visit)(const struct account *account, void *context),
    void *context)
{
	uint32_t last;
	enum store_rc rc = store_transact(store, STORE_READ, last_body, &last);

	for (uint32_t n = 1; rc == STORE_OK && n <= last; n++) {
		struct account account;

		rc = account_get(store, n, &account);
		if (rc == STORE_OK && !visit(&account, context))
			break;
		if (rc == STORE_NOT_FOUND)
			rc = STORE_OK;
	}
	return rc;
}
