/* ledger.h: holds, settlements, deposits, and the proof that they add up. */
#ifndef DB_LEDGER_H
#define DB_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/money.h"
#include "db/account.h"
#include "db/answer.h"
#include "db/store.h"
#include "db/usage.h"

enum { LEDGER_NOTE_SIZE = 64 };

/*
 * A reservation on an account's balance and on a key's budget. A process has
 * at most one, because it serves one request at a time; it ends by
 * ledger_settle(), by ledger_release(), or by whoever finds the process dead.
 */
struct hold {
	struct request_id id;
	uint32_t account;
	uint32_t key;
	money amount;      /* not negative; zero is allowed */
	char model[USAGE_MODEL_SIZE]; /* recorded, should the process die */
	unsigned char body[DIGEST_BYTES]; /* for answer_twin() */
	const struct answer_claim *claim; /* NULL: the request has no name */
	money left;        /* when it is refused: what might have been held */
};

/*
 * Takes the hold, or nothing at all: STORE_NO_BALANCE and STORE_NO_BUDGET,
 * which set hold->left, STORE_NOT_ACTIVE, STORE_UNAVAILABLE, and STORE_EXISTS
 * when a request of that name is running or was answered: answer_find() says
 * which. Not flushed: a hold need not survive what its process does not
 * survive.
 */
enum store_rc ledger_hold(struct store *store, struct hold *hold);

/* How an amount above the hold is treated. */
enum ledger_excess {
	LEDGER_CAP,   /* the hold is all that is charged */
	LEDGER_EXTEND /* the rest comes from what else may be spent */
};

/*
 * Ends a hold by charging usage->cost, and appends the usage record, in one
 * transaction. On return usage->cost is what was charged and usage->flags says
 * USAGE_CAPPED or USAGE_SHORTFALL where that was less than asked. Durable as
 * store_options.flush says once it returns STORE_OK. Idempotent: settled again
 * after an unknown outcome, the same hold is charged once. keep, when it is not
 * NULL, is kept under the hold's claim in the same transaction, with the cost
 * that was charged.
 */
enum store_rc ledger_settle(struct store *store, const struct hold *hold,
    enum ledger_excess excess, struct usage *usage, struct answer *keep);

/* Ends a hold without a charge, and appends the usage record. Idempotent. */
enum store_rc ledger_release(struct store *store, const struct hold *hold,
    const struct usage *usage);

/* What moved money; the values are on disk. */
enum entry_kind {
	ENTRY_DEPOSIT = 1,    /* the operator added credit */
	ENTRY_ADJUSTMENT = 2, /* the operator corrected a balance, either way */
	ENTRY_SETTLEMENT = 3, /* a request was paid for */
};

struct entry {
	uint32_t account;
	uint64_t number;      /* 1, 2, 3 ... within the account, no gap */
	enum entry_kind kind;
	uint32_t key;         /* of a settlement */
	money amount;         /* its effect on the balance */
	money balance;        /* afterwards */
	money shortfall;      /* of a settlement: what could not be charged */
	int64_t wall_ms;
	struct request_id id; /* of a settlement */
	char note[LEDGER_NOTE_SIZE];
};

const char *entry_kind_name(enum entry_kind kind);

/*
 * Moves money in or, for an adjustment, out: an adjustment below zero takes
 * what is not held at most, else STORE_NO_BALANCE. A deposit is above zero.
 * account gets the state after it.
 */
enum store_rc ledger_credit(struct store *store, uint32_t account_number,
    enum entry_kind kind, money amount, const char *note,
    struct account *account);

/* An account's entries, newest first, until visit returns false. */
enum store_rc ledger_history(struct store *store, uint32_t account,
    bool (*visit)(const struct entry *entry, void *context), void *context);

struct ledger_totals {
	uint64_t accounts, keys, entries, holds;
	uint64_t wrong; /* statements that do not hold */
	money deposited, balance, spent, held;
};

/*
 * Replays every account from its entries and compares: the balance and the
 * balance after each entry, spent, deposited, entries without a gap, holds
 * with held, each key's spent and held. Calls complain with a sentence for
 * each statement that does not hold. Works beside a running pool.
 */
enum store_rc ledger_check(struct store *store,
    void (*complain)(const char *sentence, void *context), void *context,
    struct ledger_totals *totals);

#endif
