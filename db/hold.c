/* hold.c: a hold is taken, settled or released; each exactly once. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/gate.h"
#include "db/ledger.h"
#include "db/record_private.h"
#include "db/space.h"
#include "db/store_private.h"

/*
 * The three records that a hold touches, read for update in the order in which
 * every transaction locks them.
 */
struct books {
	struct account account;
	struct key key;
	struct key_record key_record; /* as it was read */
	struct hold_record record;
	uint32_t slot;
};

static bool
record_is_sound(const struct hold_record *record)
{
	return record->version == RECORD_VERSION && record->amount >= 0 &&
	       memchr(record->model, '\0', sizeof(record->model)) != NULL;
}

enum store_rc
hold_read(struct store *store, DB_TXN *txn, uint32_t slot,
    struct hold_record *record, uint32_t flags)
{
	int rc = queue_get(store, txn, TABLE_HOLDS, slot + 1, record,
	    sizeof(*record), txn ? flags : 0);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	if (rc)
		return store_broken(store, "cannot read a hold");
	if (!record_is_sound(record))
		return store_corrupt(store, "the hold of slot %u is damaged",
		    slot);
	return STORE_OK;
}

/* A slot's record, when it does not hold. */
static int
put_empty(struct store *store, DB_TXN *txn, uint32_t slot)
{
	static const struct hold_record empty = { .version = RECORD_VERSION };

	return queue_put(store, txn, TABLE_HOLDS, slot + 1, &empty,
	    sizeof(empty));
}

int
hold_put_first(struct store *store)
{
	return put_empty(store, NULL, 0);
}

static enum store_rc
make_record_body(struct store *store, DB_TXN *txn, void *context)
{
	uint32_t slot = *(uint32_t *)context;
	struct hold_record record;
	enum store_rc rc = hold_read(store, txn, slot, &record, 0);

	if (rc != STORE_NOT_FOUND)
		return rc;
	rc = hold_read(store, txn, 0, &record, DB_RMW);
	if (rc == STORE_NOT_FOUND)
		return store_corrupt(store, "holds.db has no first record: "
		    "export the store with the Farebox that made it, and "
		    "import it here");
	if (rc == STORE_OK && put_empty(store, txn, slot))
		rc = store_broken(store, "cannot make room for a hold");
	return rc;
}

/*
 * Before its first hold a process sees that its slot has a record, and makes
 * it, one process at a time: who locks the first one. When two move the end of
 * a Queue at once, Berkeley DB 5.3 may set it back (__qamc_put() decides again
 * without forgetting what it decided before it had the page), and then does not
 * find what lies behind.
 */
static enum store_rc
make_record(struct store *store)
{
	uint32_t slot = gate_slot(store->gate);
	enum store_rc rc;

	if (store->can_hold)
		return STORE_OK;
	rc = store_transact(store, STORE_WRITE, make_record_body, &slot);
	store->can_hold = rc == STORE_OK;
	return rc;
}

static enum store_rc
books_read(struct store *store, DB_TXN *txn, uint32_t account, uint32_t key,
    struct books *books)
{
	enum store_rc rc = account_read(store, txn, account, &books->account,
	    DB_RMW);

	if (rc == STORE_OK)
		rc = key_read_record(store, txn, key, &books->key_record,
		    &books->key, DB_RMW);
	if (rc != STORE_OK)
		return rc;
	rc = hold_read(store, txn, books->slot, &books->record, DB_RMW);
	if (rc == STORE_NOT_FOUND)
		return store_corrupt(store, "slot %u has no record",
		    books->slot);
	return rc;
}

static enum store_rc
books_write(struct store *store, DB_TXN *txn, struct books *books)
{
	enum store_rc rc = account_write(store, txn, &books->account);

	if (rc == STORE_OK)
		rc = key_write_record(store, txn, &books->key,
		    &books->key_record);
	if (rc == STORE_OK && queue_put(store, txn, TABLE_HOLDS,
	    books->slot + 1, &books->record, sizeof(books->record)))
		rc = store_broken(store, "cannot write a hold");
	return rc;
}

static bool
is_hold_of(const struct hold_record *record, const struct request_id *id)
{
	return record->outstanding &&
	       memcmp(&record->id, id, sizeof(*id)) == 0;
}

/* What is left of a key's budget; without one, what any sum fits into. */
static money
budget_left(const struct key *key)
{
	money left = { INT64_MAX };

	if (!key->has_budget)
		return left;
	if (!money_sub(key->budget, key->spent, &left) ||
	    !money_sub(left, key->held, &left) || left.nano < 0)
		return MONEY_ZERO;
	return left;
}

/* Adds to what account and key hold; amount may be below zero. */
static bool
add_held(struct books *books, money amount)
{
	return money_add(books->account.held, amount, &books->account.held) &&
	       money_add(books->key.held, amount, &books->key.held);
}

static enum store_rc
take(struct books *books, struct hold *hold)
{
	if (books->account.state != ACCOUNT_ACTIVE ||
	    books->key.state != KEY_ACTIVE ||
	    books->key.account != books->account.number ||
	    (books->key.expires_ms &&
	    books->key.expires_ms <= clock_wall_ms()))
		return STORE_NOT_ACTIVE;
	hold->left = account_available(&books->account);
	if (money_compare(hold->amount, hold->left) > 0)
		return STORE_NO_BALANCE;
	hold->left = budget_left(&books->key);
	if (money_compare(hold->amount, hold->left) > 0)
		return STORE_NO_BUDGET;
	if (!add_held(books, hold->amount))
		return STORE_OUT_OF_RANGE;
	books->record = (struct hold_record){
		.version = RECORD_VERSION,
		.outstanding = 1,
		.account = hold->account,
		.key = hold->key,
		.amount = hold->amount.nano,
		.id = hold->id,
	};
	memcpy(books->record.model, hold->model, sizeof(hold->model));
	memcpy(books->record.body, hold->body, sizeof(hold->body));
	return STORE_OK;
}

static enum store_rc
hold_body(struct store *store, DB_TXN *txn, void *context)
{
	struct hold *hold = context;
	struct books books = { .slot = gate_slot(store->gate) };
	enum store_rc rc;

	rc = books_read(store, txn, hold->account, hold->key, &books);
	if (rc != STORE_OK)
		return rc;
	/* A try whose outcome was unknown may have taken it. */
	if (is_hold_of(&books.record, &hold->id))
		return STORE_OK;
	if (books.record.outstanding)
		return store_corrupt(store, "slot %u holds for another "
		    "request", books.slot);
	rc = take(&books, hold);
	if (rc == STORE_OK)
		rc = books_write(store, txn, &books);
	if (rc == STORE_OK && hold->claim)
		rc = answer_begin(store, txn, hold->claim, &hold->id,
		    books.slot);
	return rc;
}

enum store_rc
ledger_hold(struct store *store, struct hold *hold)
{
	enum store_rc rc;

	if (hold->amount.nano < 0)
		return STORE_OUT_OF_RANGE;
	if (gate_flush_failed(store->gate)) {
		snprintf(store->why, sizeof(store->why), "a flush to disk has "
		    "failed; look at the disk, then run: farebox store check");
		return STORE_UNAVAILABLE;
	}
	if (space_is_low(store)) {
		snprintf(store->why, sizeof(store->why), "the disk of %s is "
		    "nearly full; make room there", store->dir);
		return STORE_UNAVAILABLE;
	}
	/* The last request's hold, which could not be ended then. */
	if (store->held) {
		rc = ledger_release(store, &store->hold, NULL);
		if (rc != STORE_OK)
			return rc;
	}
	rc = make_record(store);
	if (rc != STORE_OK)
		return rc;
	/* Noted before the outcome is known: releasing it is harmless. */
	store->hold = *hold;
	store->held = true;
	rc = store_transact_on(store, STORE_WRITE, hold->account, hold_body,
	    hold);
	/* Any answer but these two says that nothing was taken. */
	if (rc != STORE_OK && rc != STORE_UNAVAILABLE)
		store->held = false;
	return rc;
}

struct settle {
	uint32_t slot;
	uint32_t account, key;
	struct request_id id;
	bool charge;           /* settle; else release */
	enum ledger_excess excess;
	money cost;            /* as asked for */
	struct usage *usage;   /* NULL: no record; cost and flags are set */
	const struct answer_claim *claim;
	struct answer *keep;   /* NULL: none */
};

/* How much is charged, of what was asked for; the hold is no longer held. */
static money
charged(const struct books *books, const struct settle *settle)
{
	money hold = { books->record.amount }, most;

	if (settle->excess == LEDGER_CAP)
		return money_min(settle->cost, hold);
	most = money_min(account_available(&books->account),
	    budget_left(&books->key));
	/* A budget lowered meanwhile does not undo what was agreed. */
	if (money_compare(most, hold) < 0)
		most = hold;
	return money_min(settle->cost, most);
}

/* Moves the charge from balance to spent, and notes it in the ledger. */
static enum store_rc
pay(struct store *store, DB_TXN *txn, struct books *books, money amount,
    money shortfall)
{
	struct account *account = &books->account;
	struct key *key = &books->key;
	struct entry entry = {
		.account = account->number,
		.kind = ENTRY_SETTLEMENT,
		.key = key->number,
		.amount = { -amount.nano },
		.shortfall = shortfall,
		.wall_ms = clock_wall_ms(),
		.id = books->record.id,
	};

	if (!money_sub(account->balance, amount, &account->balance) ||
	    !money_add(account->spent, amount, &account->spent) ||
	    !money_add(key->spent, amount, &key->spent))
		return STORE_OUT_OF_RANGE;
	account->updated_ms = key->last_used_ms = entry.wall_ms;
	if (amount.nano == 0 && shortfall.nano == 0)
		return STORE_OK;
	entry.number = ++account->entries;
	entry.balance = account->balance;
	return entry_write(store, txn, &entry);
}

static enum store_rc
end_hold(struct store *store, DB_TXN *txn, struct settle *settle,
    struct books *books)
{
	money hold = { books->record.amount }, amount = MONEY_ZERO;
	money shortfall = MONEY_ZERO;
	unsigned flags = 0;
	enum store_rc rc;

	if (!add_held(books, (money){ -hold.nano }))
		return STORE_OUT_OF_RANGE;
	if (settle->charge) {
		amount = charged(books, settle);
		if (!money_sub(settle->cost, amount, &shortfall))
			return STORE_OUT_OF_RANGE;
		if (shortfall.nano > 0)
			flags = settle->excess == LEDGER_CAP ? USAGE_CAPPED :
			    USAGE_SHORTFALL;
		/* What is capped is not owed: it was more than agreed. */
		if (settle->excess == LEDGER_CAP)
			shortfall = MONEY_ZERO;
		rc = pay(store, txn, books, amount, shortfall);
		if (rc != STORE_OK)
			return rc;
	}
	books->record.outstanding = 0;
	rc = books_write(store, txn, books);
	if (rc != STORE_OK || !settle->usage)
		return rc;
	settle->usage->cost = amount;
	settle->usage->hold = hold;
	settle->usage->flags |= flags;
	rc = usage_write(store, txn, settle->usage);
	if (rc != STORE_OK || !settle->keep)
		return rc;
	settle->keep->cost = amount;
	return answer_write(store, txn, settle->claim, settle->keep);
}

static enum store_rc
settle_body(struct store *store, DB_TXN *txn, void *context)
{
	struct settle *settle = context;
	struct books books = { .slot = settle->slot };
	struct usage done;
	enum store_rc rc;

	rc = books_read(store, txn, settle->account, settle->key, &books);
	if (rc != STORE_OK)
		return rc;
	if (is_hold_of(&books.record, &settle->id)) {
		/* The account and key that were held, not those of a guess. */
		assert(books.record.account == settle->account &&
		    books.record.key == settle->key);
		return end_hold(store, txn, settle, &books);
	}
	/* It has ended: by an earlier try, whose record says how. */
	if (!settle->charge)
		return STORE_OK;
	rc = usage_read(store, txn, settle->account, &settle->id, &done);
	if (rc == STORE_OK) {
		settle->usage->cost = done.cost;
		settle->usage->hold = done.hold;
		settle->usage->flags = done.flags;
	}
	return rc;
}

enum store_rc
ledger_settle(struct store *store, const struct hold *hold,
    enum ledger_excess excess, struct usage *usage, struct answer *keep)
{
	struct settle settle = {
		.slot = gate_slot(store->gate),
		.account = hold->account,
		.key = hold->key,
		.id = hold->id,
		.charge = true,
		.excess = excess,
		.cost = usage->cost,
		.usage = usage,
		.claim = hold->claim,
		.keep = hold->claim ? keep : NULL,
	};
	enum store_rc rc;

	if (usage->cost.nano < 0)
		return STORE_OUT_OF_RANGE;
	rc = store_transact_on(store, STORE_DURABLE, hold->account,
	    settle_body, &settle);
	if (rc == STORE_OK)
		store->held = false;
	return rc;
}

enum store_rc
ledger_release(struct store *store, const struct hold *hold,
    const struct usage *usage)
{
	struct usage copy;
	struct settle settle = {
		.slot = gate_slot(store->gate),
		.account = hold->account,
		.key = hold->key,
		.id = hold->id,
		.usage = usage ? &copy : NULL,
	};
	enum store_rc rc;

	if (usage)
		copy = *usage;
	rc = store_transact_on(store, STORE_WRITE, hold->account, settle_body,
	    &settle);
	if (rc == STORE_OK)
		store->held = false;
	return rc;
}

struct orphan {
	uint32_t slot;
	struct hold_record record;
};

static enum store_rc
orphan_body(struct store *store, DB_TXN *txn, void *context)
{
	struct orphan *orphan = context;
	enum store_rc rc = hold_read(store, txn, orphan->slot, &orphan->record,
	    0);

	/* No process with this slot has held. */
	if (rc == STORE_NOT_FOUND)
		orphan->record.outstanding = 0;
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

bool
hold_release_orphan(uint32_t slot, void *context)
{
	struct store *store = context;
	struct orphan orphan = { .slot = slot };
	const struct hold_record *record = &orphan.record;
	struct usage usage;
	struct settle settle;

	/* Its process is dead: nobody else writes this record now. */
	if (store_transact(store, STORE_READ, orphan_body, &orphan) !=
	    STORE_OK)
		return false;
	if (!record->outstanding)
		return true;
	usage = (struct usage){
		.id = record->id,
		.account = record->account,
		.key = record->key,
		.http = 500,
		.code = "gateway_error",
		.latency_ms = clock_wall_ms() -
		    request_id_wall_ms(&record->id),
		.flags = USAGE_ORPHANED,
	};
	memcpy(usage.model, record->model, sizeof(usage.model));
	settle = (struct settle){
		.slot = slot,
		.account = record->account,
		.key = record->key,
		.id = record->id,
		.usage = &usage,
	};
	if (store_transact(store, STORE_WRITE, settle_body, &settle) !=
	    STORE_OK)
		return false;
	store->orphans_released++;
	return true;
}
