/* scratch.h: a store of its own for a test, and rows in it. */
#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

#include "db/account.h"
#include "db/key.h"
#include "db/ledger.h"
#include "db/store.h"

/* Makes a temporary directory with an empty store in it; ends the program
 * when it cannot. */
void scratch_init(char dir[64]);
void scratch_remove(const char *dir);

struct store *scratch_open(const char *dir);

/* After a recovery by this process: lets go of the memory of before, which
 * Berkeley DB cannot, and which a worker ends for. */
void scratch_drop_memory(const char *dir);

/* An active account with that balance, and an unlimited key of it. */
struct account scratch_account(struct store *store, const char *name,
    money balance);
struct key scratch_key(struct store *store, uint32_t account,
    const char *label);
struct key scratch_budget_key(struct store *store, uint32_t account,
    const char *label, money budget);

/* A hold of a fresh request. */
struct hold scratch_hold(const struct key *key, money amount);

/* A usage record that asks for that cost. */
struct usage scratch_usage(const struct hold *hold, money cost);

/* What Berkeley DB counts of its locks: who may hold one, and how often one
 * was waited for. */
struct scratch_locks {
	unsigned lockers;
	uint64_t waits;
};
struct scratch_locks scratch_locks(struct store *store);

/* Runs ledger_check, prints what it complains about, and returns how many
 * statements do not hold; totals may be NULL. */
uint64_t scratch_check(struct store *store, struct ledger_totals *totals);

#endif
