/* model_ledger.c: the books as a few sums in memory, to compare with. */
#include "tests/store/model.h"

#include <string.h>

/* Wide enough for any sum that is made here. */
typedef __int128 wide;

struct model_account *
model_account(struct model *model)
{
	struct model_account *account = &model->accounts[model->n_accounts++];

	*account = (struct model_account){
		.number = (uint32_t)model->n_accounts,
	};
	return account;
}

struct model_key *
model_key(struct model *model, struct model_account *account, bool has_budget,
    int64_t budget, int64_t expires_ms)
{
	struct model_key *key = &model->keys[model->n_keys++];

	*key = (struct model_key){
		.number = (uint32_t)model->n_keys,
		.account = account,
		.has_budget = has_budget,
		.budget = budget,
		.expires_ms = expires_ms,
	};
	return key;
}

int64_t
model_budget_left(const struct model_key *key)
{
	wide left = (wide)key->budget - key->spent - key->held;

	if (!key->has_budget)
		return INT64_MAX;
	return left < 0 ? 0 : (int64_t)left;
}

enum store_rc
model_credit(struct model_account *account, enum entry_kind kind,
    int64_t amount)
{
	if (amount == 0 || (kind == ENTRY_DEPOSIT && amount < 0))
		return STORE_OUT_OF_RANGE;
	if ((wide)account->balance + amount > INT64_MAX ||
	    (wide)account->deposited + amount > INT64_MAX ||
	    (wide)account->balance + amount < INT64_MIN ||
	    (wide)account->deposited + amount < INT64_MIN)
		return STORE_OUT_OF_RANGE;
	if ((wide)account->balance - account->held + amount < 0)
		return STORE_NO_BALANCE;
	account->balance += amount;
	account->deposited += amount;
	account->entries++;
	return STORE_OK;
}

enum store_rc
model_hold(struct model *model, struct model_account *account,
    struct model_key *key, const struct hold *hold, int64_t now_ms)
{
	int64_t amount = hold->amount.nano;

	if (amount < 0)
		return STORE_OUT_OF_RANGE;
	/* A process has one hold: the one before is released. */
	model_release(&model->hold, false);
	if (account->suspended || key->state != KEY_ACTIVE ||
	    key->account != account ||
	    (key->expires_ms != 0 && now_ms >= key->expires_ms))
		return STORE_NOT_ACTIVE;
	if (amount > account->balance - account->held)
		return STORE_NO_BALANCE;
	if (amount > model_budget_left(key))
		return STORE_NO_BUDGET;
	account->held += amount;
	key->held += amount;
	model->hold = (struct model_hold){
		.account = account,
		.key = key,
		.id = hold->id,
		.amount = amount,
		.outstanding = true,
	};
	return STORE_OK;
}

static int64_t
chargeable(const struct model_hold *hold, bool extend)
{
	int64_t most = hold->account->balance - hold->account->held;

	if (!extend)
		return hold->amount;
	if (most > model_budget_left(hold->key))
		most = model_budget_left(hold->key);
	return most > hold->amount ? most : hold->amount;
}

struct model_bill
model_settle(struct model_hold *hold, bool extend, int64_t cost)
{
	int64_t most, charged;

	if (cost < 0)
		return (struct model_bill){ .rc = STORE_OUT_OF_RANGE };
	if (!hold->outstanding)
		return (struct model_bill){
			.rc = hold->recorded ? STORE_OK : STORE_NOT_FOUND,
			.cost = hold->cost,
			.flags = hold->flags,
		};
	model_release(hold, true);
	most = chargeable(hold, extend);
	charged = cost < most ? cost : most;
	hold->cost = charged;
	if (cost > charged)
		hold->flags = extend ? USAGE_SHORTFALL : USAGE_CAPPED;
	hold->account->balance -= charged;
	hold->account->spent += charged;
	hold->key->spent += charged;
	/* What was capped is not owed; a shortfall is noted. */
	if (charged > 0 || (extend && cost > charged))
		hold->account->entries++;
	return (struct model_bill){ STORE_OK, charged, hold->flags };
}

void
model_release(struct model_hold *hold, bool recorded)
{
	if (!hold->outstanding)
		return;
	hold->outstanding = false;
	hold->recorded = recorded;
	hold->account->held -= hold->amount;
	hold->key->held -= hold->amount;
}
