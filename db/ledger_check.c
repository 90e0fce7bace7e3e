/* ledger_check.c: the proof, at any moment, that the books add up. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/ledger.h"
#include "db/record_private.h"
#include "db/store_private.h"

/*
 * An account is looked at in two steps. First a snapshot, in one transaction:
 * the account, its keys and its holds; nothing of these changes while the
 * account is locked. Then the entries up to the snapshot's count are replayed
 * without any lock, because entries never change.
 */
enum { PAGE_ENTRIES = 2000 };

struct key_sum {
	uint32_t key;
	money spent, held;          /* as the key says */
	money entries_spent, holds_held; /* as entries and holds say */
};

struct check {
	struct store *store;
	void (*complain)(const char *sentence, void *context);
	void *context;
	struct ledger_totals *totals;

	struct account account;     /* the snapshot's */
	struct key_sum *keys;
	size_t n_keys, keys_size;
	bool no_memory;
	money held;                 /* sum of the holds */
	uint64_t n_holds;

	uint64_t next;              /* entry to be replayed */
	money balance, deposited, spent; /* of the replayed entries */
};

static void complain(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct check *check, const char *format, ...)
{
	char sentence[256];
	int len = snprintf(sentence, sizeof(sentence), "account %u (%s): ",
	    check->account.number, check->account.name);
	va_list args;

	va_start(args, format);
	vsnprintf(sentence + len, sizeof(sentence) - (size_t)len, format, args);
	va_end(args);
	check->totals->wrong++;
	check->complain(sentence, check->context);
}

/* Compares two sums that should be one. */
static void
expect_equal(struct check *check, const char *what, money is, money should)
{
	char is_text[MONEY_TEXT_SIZE], should_text[MONEY_TEXT_SIZE];

	if (money_compare(is, should) != 0)
		complain(check, "%s is %s and should be %s USD", what,
		    money_format(is, is_text),
		    money_format(should, should_text));
}

/* Adds up; a sum that does not fit is wrong as well. */
static void
add(struct check *check, money *sum, money amount)
{
	if (!money_add(*sum, amount, sum))
		complain(check, "a sum is beyond all bounds");
}

static struct key_sum *
sum_of_key(struct check *check, uint32_t key)
{
	size_t low = 0, high = check->n_keys;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (check->keys[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < check->n_keys && check->keys[low].key == key)
		return &check->keys[low];
	return NULL;
}

/* Keys come in the order of their numbers. */
static bool
append_key(struct check *check, const struct key *key)
{
	if (check->n_keys == check->keys_size) {
		size_t size = check->keys_size ? check->keys_size * 2 : 16;
		struct key_sum *keys = reallocarray(check->keys, size,
		    sizeof(*keys));

		if (!keys)
			return false;
		check->keys = keys;
		check->keys_size = size;
	}
	check->keys[check->n_keys++] = (struct key_sum){
		.key = key->number,
		.spent = key->spent,
		.held = key->held,
	};
	return true;
}

static enum store_rc
snapshot_keys(struct check *check, DB_TXN *txn)
{
	struct store *store = check->store;
	struct account_key_key from = { .key = { 0 } };
	struct tree_walk walk;
	enum store_rc result = STORE_OK;
	int rc;

	put_be32(from.account, check->account.number);
	if (walk_open(store, txn, TABLE_ACCOUNT_KEYS, &walk))
		return store_broken(store, "cannot list the keys");
	rc = walk_seek(store, &walk, &from, sizeof(from));
	while (rc == 0 && result == STORE_OK &&
	    memcmp(walk.key_bytes, from.account, 4) == 0) {
		struct key key;

		result = key_read(store, txn, get_be32(walk.key_bytes + 4),
		    &key, DB_READ_COMMITTED);
		if (result == STORE_OK && !append_key(check, &key)) {
			check->no_memory = true;
			result = STORE_UNAVAILABLE;
		}
		if (result == STORE_OK)
			rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot list the keys");
	return result;
}

static void
count_hold(struct check *check, const struct hold_record *record)
{
	struct key_sum *key = sum_of_key(check, record->key);

	if (!record->outstanding ||
	    record->account != check->account.number)
		return;
	check->n_holds++;
	add(check, &check->held, (money){ record->amount });
	if (key)
		add(check, &key->holds_held, (money){ record->amount });
	else
		complain(check, "a hold is of key %u, which is not its own",
		    record->key);
}

static enum store_rc
snapshot_holds(struct check *check, DB_TXN *txn)
{
	struct store *store = check->store;
	struct tree_walk walk;
	int rc;

	if (walk_open(store, txn, TABLE_HOLDS, &walk))
		return store_broken(store, "cannot list the holds");
	while ((rc = walk_step(store, &walk, DB_NEXT)) == 0) {
		struct hold_record record;

		memcpy(&record, walk.data_bytes, sizeof(record));
		count_hold(check, &record);
	}
	walk_close(&walk);
	return rc == DB_NOTFOUND ? STORE_OK
	                         : store_broken(store, "cannot list the holds");
}

static enum store_rc
snapshot_body(struct store *store, DB_TXN *txn, void *context)
{
	struct check *check = context;
	uint32_t number = check->account.number;
	enum store_rc rc;

	/* It may run more than once. */
	check->n_keys = 0;
	check->held = MONEY_ZERO;
	check->n_holds = 0;
	rc = account_read(store, txn, number, &check->account, 0);
	if (rc == STORE_OK)
		rc = snapshot_keys(check, txn);
	if (rc == STORE_OK)
		rc = snapshot_holds(check, txn);
	if (rc != STORE_OK)
		check->account.number = number;
	return rc;
}

static void
replay_entry(struct check *check, const struct entry *entry)
{
	struct key_sum *key;

	add(check, &check->balance, entry->amount);
	if (money_compare(entry->balance, check->balance) != 0)
		complain(check, "entry %llu says that the balance after it is "
		    "another than the entries before it make",
		    (unsigned long long)entry->number);
	if (entry->kind != ENTRY_SETTLEMENT) {
		add(check, &check->deposited, entry->amount);
		return;
	}
	add(check, &check->spent, (money){ -entry->amount.nano });
	key = sum_of_key(check, entry->key);
	if (key)
		add(check, &key->entries_spent, (money){ -entry->amount.nano });
	else
		complain(check, "entry %llu is of key %u, which is not its own",
		    (unsigned long long)entry->number, entry->key);
}

/* A page of entries; what is wrong is told, and ends the replay. */
static enum store_rc
replay_body(struct store *store, DB_TXN *txn, void *context)
{
	struct check *check = context;
	struct entry_key key;
	struct tree_walk walk;
	uint64_t end = check->next + PAGE_ENTRIES;
	int rc;

	if (end > check->account.entries + 1)
		end = check->account.entries + 1;
	put_be32(key.account, check->account.number);
	put_be64(key.number, check->next);
	if (walk_open(store, txn, TABLE_LEDGER, &walk))
		return store_broken(store, "cannot read the ledger");
	rc = walk_seek(store, &walk, &key, sizeof(key));
	while (rc == 0 && check->next < end) {
		struct entry entry;

		memcpy(&key, walk.key_bytes, sizeof(key));
		if (!entry_decode(&key, walk.data_bytes, walk.data.size,
		    &entry) || entry.account != check->account.number ||
		    entry.number != check->next)
			break;
		replay_entry(check, &entry);
		check->next++;
		if (check->next < end)
			rc = walk_step(store, &walk, DB_NEXT);
	}
	walk_close(&walk);
	if (rc && rc != DB_NOTFOUND)
		return store_broken(store, "cannot read the ledger");
	return check->next == end ? STORE_OK : STORE_NOT_FOUND;
}

static enum store_rc
replay(struct check *check)
{
	enum store_rc rc = STORE_OK;

	check->next = 1;
	check->balance = check->deposited = check->spent = MONEY_ZERO;
	while (rc == STORE_OK && check->next <= check->account.entries)
		rc = store_transact(check->store, STORE_READ, replay_body,
		    check);
	if (rc != STORE_NOT_FOUND)
		return rc;
	complain(check, "entry %llu is missing or damaged",
	    (unsigned long long)check->next);
	return STORE_OK;
}

static void
compare(struct check *check)
{
	struct account *account = &check->account;
	money sum;

	expect_equal(check, "balance", account->balance, check->balance);
	expect_equal(check, "deposited", account->deposited, check->deposited);
	expect_equal(check, "spent", account->spent, check->spent);
	expect_equal(check, "held", account->held, check->held);
	if (money_add(account->balance, account->spent, &sum))
		expect_equal(check, "balance + spent", sum,
		    account->deposited);
	for (size_t i = 0; i < check->n_keys; i++) {
		struct key_sum *key = &check->keys[i];
		char what[32];

		snprintf(what, sizeof(what), "spent of key %u", key->key);
		expect_equal(check, what, key->spent, key->entries_spent);
		snprintf(what, sizeof(what), "held of key %u", key->key);
		expect_equal(check, what, key->held, key->holds_held);
	}
}

static void
add_totals(struct check *check)
{
	struct ledger_totals *totals = check->totals;

	totals->accounts++;
	totals->keys += check->n_keys;
	totals->entries += check->account.entries;
	totals->holds += check->n_holds;
	add(check, &totals->deposited, check->account.deposited);
	add(check, &totals->balance, check->account.balance);
	add(check, &totals->spent, check->account.spent);
	add(check, &totals->held, check->account.held);
}

static enum store_rc
check_account(struct check *check, uint32_t number)
{
	enum store_rc rc;

	check->account = (struct account){ .number = number };
	rc = store_transact(check->store, STORE_SNAPSHOT, snapshot_body,
	    check);
	if (rc == STORE_CORRUPT) {
		complain(check, "%s", store_why(check->store));
		return STORE_OK;
	}
	if (rc == STORE_OK)
		rc = replay(check);
	if (rc != STORE_OK)
		return rc;
	compare(check);
	add_totals(check);
	return STORE_OK;
}

static enum store_rc
last_body(struct store *store, DB_TXN *txn, void *context)
{
	if (counter_last(store, txn, "accounts", context, 0))
		return store_broken(store, "cannot count the accounts");
	return STORE_OK;
}

enum store_rc
ledger_check(struct store *store,
    void (*complain_to)(const char *sentence, void *context), void *context,
    struct ledger_totals *totals)
{
	struct check check = {
		.store = store,
		.complain = complain_to,
		.context = context,
		.totals = totals,
	};
	uint32_t last;
	enum store_rc rc;

	*totals = (struct ledger_totals){ 0 };
	rc = store_transact(store, STORE_READ, last_body, &last);
	for (uint32_t n = 1; rc == STORE_OK && n <= last; n++)
		rc = check_account(&check, n);
	if (check.no_memory)
		snprintf(store->why, sizeof(store->why), "out of memory");
	free(check.keys);
	return rc;
}
