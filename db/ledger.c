/* ledger.c: the append-only entries, and the money that the operator moves. */
#include "db/ledger.h"

#include <string.h>

#include "base/clock.h"
#include "db/record_private.h"
#include "db/store_private.h"

enum { PAGE_ENTRIES = 64 };

static const char *const kind_names[] = {
	[ENTRY_DEPOSIT] = "deposit",
	[ENTRY_ADJUSTMENT] = "adjustment",
	[ENTRY_SETTLEMENT] = "settlement",
};

const char *
entry_kind_name(enum entry_kind kind)
{
	return kind_names[kind];
}

static struct entry_key
key_of(uint32_t account, uint64_t number)
{
	struct entry_key key;

	put_be32(key.account, account);
	put_be64(key.number, number);
	return key;
}

enum store_rc
entry_write(struct store *store, DB_TXN *txn, const struct entry *entry)
{
	struct entry_key key = key_of(entry->account, entry->number);
	unsigned char data[ENTRY_BYTES_MAX];
	size_t len = entry_encode(entry, data);
	int rc = tree_put(store, txn, TABLE_LEDGER, &key, sizeof(key), data,
	    len, DB_NOOVERWRITE);

	if (rc == DB_KEYEXIST)
		return store_corrupt(store, "account %u has an entry %llu "
		    "already", entry->account,
		    (unsigned long long)entry->number);
	if (rc)
		return store_broken(store, "cannot write a ledger entry");
	return STORE_OK;
}

enum store_rc
entry_read(struct store *store, DB_TXN *txn, uint32_t account,
    uint64_t number, struct entry *entry)
{
	struct entry_key key = key_of(account, number);
	unsigned char data[ENTRY_BYTES_MAX];
	size_t len;
	int rc = tree_get(store, txn, TABLE_LEDGER, &key, sizeof(key), data,
	    sizeof(data), &len, 0);

	if (rc == DB_NOTFOUND)
		return STORE_NOT_FOUND;
	if (rc)
		return store_broken(store, "cannot read a ledger entry");
	if (!entry_decode(&key, data, len, entry))
		return store_corrupt(store, "entry %llu of account %u is "
		    "damaged", (unsigned long long)number, account);
	return STORE_OK;
}

struct credit {
	uint32_t number;
	struct entry entry;
	bool tried;
	struct account *account;
};

/* Whether an earlier try, whose outcome was unknown, did it. */
static bool
was_done(struct store *store, DB_TXN *txn, const struct credit *credit)
{
	struct entry found;

	return credit->tried &&
	       entry_read(store, txn, credit->number, credit->entry.number,
	           &found) == STORE_OK &&
	       memcmp(&found.id, &credit->entry.id, sizeof(found.id)) == 0;
}

static enum store_rc
credit_body(struct store *store, DB_TXN *txn, void *context)
{
	struct credit *credit = context;
	struct account *account = credit->account;
	struct entry *entry = &credit->entry;
	money available;
	enum store_rc rc;

	rc = account_read(store, txn, credit->number, account, DB_RMW);
	if (rc != STORE_OK || was_done(store, txn, credit))
		return rc;
	available = account_available(account);
	if (!money_add(available, entry->amount, &available) ||
	    !money_add(account->balance, entry->amount, &account->balance) ||
	    !money_add(account->deposited, entry->amount,
	    &account->deposited))
		return STORE_OUT_OF_RANGE;
	if (available.nano < 0)
		return STORE_NO_BALANCE;
	entry->number = ++account->entries;
	entry->balance = account->balance;
	account->updated_ms = entry->wall_ms;
	credit->tried = true;
	rc = account_write(store, txn, account);
	return rc == STORE_OK ? entry_write(store, txn, entry) : rc;
}

enum store_rc
ledger_credit(struct store *store, uint32_t account_number,
    enum entry_kind kind, money amount, const char *note,
    struct account *account)
{
	struct credit credit = {
		.number = account_number,
		.entry = {
			.account = account_number,
			.kind = kind,
			.amount = amount,
			.wall_ms = clock_wall_ms(),
		},
		.account = account,
	};
	size_t note_len = note ? strlen(note) : 0;

	if (note_len >= LEDGER_NOTE_SIZE || amount.nano == 0 ||
	    (kind == ENTRY_DEPOSIT && amount.nano < 0) ||
	    kind == ENTRY_SETTLEMENT)
		return STORE_OUT_OF_RANGE;
	if (note)
		memcpy(credit.entry.note, note, note_len);
	if (!request_id_make(&credit.entry.id, credit.entry.wall_ms))
		return STORE_UNAVAILABLE;
	return store_transact(store, STORE_DURABLE, credit_body, &credit);
}

struct page {
	uint32_t account;
	uint64_t next;          /* the number to begin with, going down */
	struct entry entries[PAGE_ENTRIES];
	int n;
};

static enum store_rc
page_body(struct store *store, DB_TXN *txn, void *context)
{
	struct page *page = context;

	for (page->n = 0; page->n < PAGE_ENTRIES &&
	     (uint64_t)page->n < page->next; page->n++) {
		enum store_rc rc = entry_read(store, txn, page->account,
		    page->next - (uint64_t)page->n, &page->entries[page->n]);

		if (rc != STORE_OK)
			return rc;
	}
	return STORE_OK;
}

enum store_rc
ledger_history(struct store *store, uint32_t account_number,
    bool (*visit)(const struct entry *entry, void *context), void *context)
{
	struct account account;
	struct page page = { .account = account_number };
	enum store_rc rc = account_get(store, account_number, &account);

	page.next = rc == STORE_OK ? account.entries : 0;
	while (rc == STORE_OK && page.next > 0) {
		rc = store_transact(store, STORE_READ, page_body, &page);
		for (int i = 0; rc == STORE_OK && i < page.n; i++)
			if (!visit(&page.entries[i], context))
				return STORE_OK;
		page.next -= (uint64_t)page.n;
	}
	return rc;
}
