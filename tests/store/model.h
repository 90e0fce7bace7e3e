/* model.h: what a store should do, without one. */
#ifndef TESTS_STORE_MODEL_H
#define TESTS_STORE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "db/key.h"
#include "db/ledger.h"

enum { MODEL_ACCOUNTS = 12, MODEL_KEYS = 40 };

struct model_account {
	uint32_t number;
	bool suspended;
	int64_t balance, held, spent, deposited;
	uint64_t entries;
};

struct model_key {
	uint32_t number;
	struct model_account *account;
	enum key_state state;
	bool has_budget;
	int64_t budget, spent, held, expires_ms;
};

/* The hold of this process: the present one, or how the last one ended. */
struct model_hold {
	struct model_account *account; /* NULL: there never was one */
	struct model_key *key;
	struct request_id id;
	int64_t amount;
	bool outstanding;
	bool recorded;                 /* it ended with a usage record */
	int64_t cost;
	unsigned flags;
};

struct model {
	struct model_account accounts[MODEL_ACCOUNTS];
	struct model_key keys[MODEL_KEYS];
	int n_accounts, n_keys;
	struct model_hold hold;
};

/* What a settlement answers. */
struct model_bill {
	enum store_rc rc;
	int64_t cost;
	unsigned flags;
};

struct model_account *model_account(struct model *model);
struct model_key *model_key(struct model *model, struct model_account *account,
    bool has_budget, int64_t budget, int64_t expires_ms);
int64_t model_budget_left(const struct model_key *key);
enum store_rc model_credit(struct model_account *account,
    enum entry_kind kind, int64_t amount);
enum store_rc model_hold(struct model *model, struct model_account *account,
    struct model_key *key, const struct hold *hold, int64_t now_ms);
struct model_bill model_settle(struct model_hold *hold, bool extend,
    int64_t cost);
void model_release(struct model_hold *hold, bool recorded);

#endif
