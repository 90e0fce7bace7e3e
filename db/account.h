/* account.h: who pays: a balance that keys share. */
#ifndef DB_ACCOUNT_H
#define DB_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "db/store.h"

enum {
	ACCOUNT_NAME_SIZE = 64,
	PLAN_NAME_SIZE = 24,
};

enum account_state { ACCOUNT_ACTIVE, ACCOUNT_SUSPENDED, ACCOUNT_STATE__COUNT };

/*
 * deposited = balance + spent, and 0 <= held <= balance, at any moment. What
 * can be spent is balance - held.
 */
struct account {
	uint32_t number; /* 1, 2, 3 ... never used again */
	char name[ACCOUNT_NAME_SIZE];
	enum account_state state;
	char plan[PLAN_NAME_SIZE]; /* "" is the default plan */
	money balance;
	money held;
	money spent;
	money deposited;  /* deposits and adjustments, summed */
	uint64_t entries; /* in the ledger */
	int64_t created_ms;
	int64_t updated_ms;
};

/* What can be spent: balance - held. */
money account_available(const struct account *account);

const char *account_state_name(enum account_state state);

/*
 * Names are 1 to 63 letters, digits, '.', '_', '-' or '@', beginning with a
 * letter or digit, and not a number.
 */
bool account_name_is_valid(const char *name);

/* "", or 1 to 23 letters, digits, '.', '_' or '-'. */
bool plan_name_is_valid(const char *plan);

/* STORE_EXISTS when the name is taken; STORE_OUT_OF_RANGE for a bad name. */
enum store_rc account_create(struct store *store, const char *name,
    struct account *account);

/* The same on a plan, see account_set_plan(). */
enum store_rc account_create_on(struct store *store, const char *name,
    const char *plan, struct account *account);

/* By name, or by number written in decimal. */
enum store_rc account_find(struct store *store, const char *name,
    struct account *account);
enum store_rc account_get(struct store *store, uint32_t number,
    struct account *account);

enum store_rc account_set_state(struct store *store, uint32_t number,
    enum account_state state, struct account *account);

/* "" is the default plan. Whether there is such a plan, the configuration
 * says, not the store; STORE_OUT_OF_RANGE for a bad name. */
enum store_rc account_set_plan(struct store *store, uint32_t number,
    const char *plan, struct account *account);

/* Calls visit for each account by number, until it returns false. */
enum store_rc account_list(struct store *store,
    bool (*visit)(const struct account *account, void *context),
    void *context);

#endif
