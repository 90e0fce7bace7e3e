/* store_private.h: transactions and tables, for the files of this room. */
#ifndef DB_STORE_PRIVATE_H
#define DB_STORE_PRIVATE_H

#include <sys/stat.h>

#include <db.h>

#include "base/digest.h"
#include "db/answer.h"
#include "db/gate.h"
#include "db/key.h"
#include "db/ledger.h"
#include "db/pepper.h"
#include "db/shared.h"
#include "db/store.h"

/*
 * The order is the lock order: a transaction reads for update in this order
 * only, with DB_RMW, so that none waits for another in a circle.
 */
enum table {
	TABLE_META,          /* Btree: name -> counter */
	TABLE_ACCOUNTS,      /* Queue: account number -> account_record */
	TABLE_KEYS,          /* Queue: key number -> key_record */
	TABLE_HOLDS,         /* Queue: slot + 1 -> hold_record */
	TABLE_ANSWERS,       /* Btree: answer_key -> answer_record, answer */
	TABLE_ANSWER_TIMES,  /* Btree: answer_time_key -> nothing */
	TABLE_LEDGER,        /* Btree: entry_key -> entry_record, note */
	TABLE_USAGE,         /* Btree: usage_key -> usage_record, texts */
	TABLE_ACCOUNT_NAMES, /* Btree: name -> account number */
	TABLE_OLD_SECRETS,   /* Btree: old_secret_key -> nothing */
	TABLE_KEY_HASHES,    /* Btree: keyed hash -> key_hash_record */
	TABLE_KEY_MODELS,    /* Btree: key_model_key -> nothing */
	TABLE_KEY_ADDRESSES, /* Btree: key_address_key -> nothing */
	TABLE_ACCOUNT_KEYS,  /* Btree: account_key_key -> nothing */
	TABLE__COUNT
};

enum {
	PEPPER_BYTES = 32,
	/* Recovery mends a page that was half written only when it is no
	 * larger than what a disk writes at once. */
	TABLE_PAGE_BYTES = 512,
};

struct hold_record;
struct key_record;

struct pepper {
	uint32_t number;
	unsigned char secret[PEPPER_BYTES];
};

/* By what a changed file is known. */
struct pepper_stamp {
	dev_t device;
	ino_t inode;
	off_t bytes;
	struct timespec changed;
};

struct store {
	char *dir;
	bool flush;
	bool lean;                 /* tables are opened when they are used */
	/* NULL for a copy that no other process knows: see copy_private.h. */
	struct gate *gate;
	DB_ENV *env;               /* NULL until opened, and after a recovery */
	DB *tables[TABLE__COUNT];  /* NULL: not opened yet */
	struct pepper peppers[PEPPERS_MAX]; /* the newest first */
	size_t n_peppers;
	struct pepper_stamp pepper_stamp; /* of the file they came from */
	bool held;                 /* this process has an outstanding hold */
	struct hold hold;
	bool can_hold;             /* the slot has a record for it */
	struct shared *limits;     /* of limit.c; NULL until it is needed */
	bool retire;
	uint64_t orphans_released;
	int64_t free_bytes_min;    /* 0: no guard */
	int64_t space_looked_us;   /* when it was looked at; 0: never */
	bool space_is_low;         /* what was seen then */
	uint64_t reads;            /* of records, for tests to count */
	uint32_t found[TABLE__COUNT]; /* the highest number read in a Queue */
	int error;                 /* of Berkeley DB, in the current section */
	char why[STORE_WHY_SIZE];
};

/* The reads and writes of one transaction. When one of them fails, body
 * returns store_broken(). */
typedef enum store_rc (*store_body)(struct store *store, DB_TXN *txn,
    void *context);

enum store_write {
	STORE_READ,    /* nothing is written; body gets no transaction */
	STORE_UPKEEP,  /* the same, and it may take as long as GATE_SLOW */
	STORE_SNAPSHOT, /* nothing is written; what is read stays as it is */
	STORE_WRITE,   /* survives the death of any process */
	STORE_DURABLE, /* and, with store_options.flush, a power cut */
};

/*
 * Runs body as one transaction in one section of the gate. It is run again
 * when it met a deadlock or when the store had to be recovered, also after a
 * commit of unknown outcome: a body must therefore be idempotent. Any result
 * but STORE_OK aborts. It comes after those who write to the account already,
 * see gate_line_up(); 0: no account.
 */
enum store_rc store_transact_on(struct store *store, enum store_write write,
    uint32_t account, store_body body, void *context);

static inline enum store_rc
store_transact(struct store *store, enum store_write write, store_body body,
    void *context)
{
	return store_transact_on(store, write, 0, body, context);
}

/* Recovers the store and has it reopened; the caller is outside. */
bool store_bring_back(struct store *store);

/* A checkpoint, in a body of STORE_UPKEEP. A flush that fails counts. */
int store_checkpoint(struct store *store, uint32_t flags);

/* What a body returns when a get or put failed. */
enum store_rc store_broken(struct store *store, const char *what);

/* What a body returns for a record that breaks an invariant. */
enum store_rc store_corrupt(struct store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * One record by number (Queue). 0, DB_NOTFOUND, or an error that was noted.
 * flags: DB_RMW when it will be written. Who puts a record behind the last one
 * must hold a lock that keeps others from it until it commits: a counter's, or
 * that of the first record of TABLE_HOLDS. See make_record() in hold.c.
 */
int queue_get(struct store *store, DB_TXN *txn, enum table table,
    uint32_t number, void *record, size_t size, uint32_t flags);
int queue_put(struct store *store, DB_TXN *txn, enum table table,
    uint32_t number, const void *record, size_t size);

/* One record by key (Btree). get sets *len to the size found, at most size. */
int tree_get(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t key_len, void *data, size_t size, size_t *len,
    uint32_t flags);
/* The bytes from offset on of a record that has at least offset + len. */
int tree_get_part(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t key_len, void *data, size_t offset, size_t len,
    uint32_t flags);
/* flags: DB_NOOVERWRITE gives DB_KEYEXIST when there is one. */
int tree_put(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t key_len, const void *data, size_t len,
    uint32_t flags);
int tree_delete(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t key_len);

/* A walk through a table; a Queue's keys are its record numbers. What has been
 * passed is no longer locked. */
struct tree_walk {
	DBC *cursor;
	DBT key, data;
	unsigned char key_bytes[256], data_bytes[512];
};

int walk_open(struct store *store, DB_TXN *txn, enum table table,
    struct tree_walk *walk);
/* To the first record whose key is not below key[0..len). */
int walk_seek(struct store *store, struct tree_walk *walk, const void *key,
    size_t len);
/* flags: DB_FIRST, DB_NEXT, DB_PREV, DB_LAST. 0, DB_NOTFOUND or an error. */
int walk_step(struct store *store, struct tree_walk *walk, uint32_t flags);
void walk_close(struct tree_walk *walk);

/* The next number of a counter of TABLE_META: 1, 2, 3 ... */
int counter_next(struct store *store, DB_TXN *txn, const char *name,
    uint32_t *number);

/* The highest number given out so far, 0 for none. flags: DB_RMW. */
int counter_last(struct store *store, DB_TXN *txn, const char *name,
    uint32_t *number, uint32_t flags);

enum store_rc account_read(struct store *store, DB_TXN *txn, uint32_t number,
    struct account *account, uint32_t flags);
enum store_rc account_write(struct store *store, DB_TXN *txn,
    const struct account *account);

enum store_rc key_read(struct store *store, DB_TXN *txn, uint32_t number,
    struct key *key, uint32_t flags);
/* The record must exist: its hash stays as it is. */
enum store_rc key_write(struct store *store, DB_TXN *txn,
    const struct key *key);
/* The same with the record as it was read, which is not read again then. */
enum store_rc key_read_record(struct store *store, DB_TXN *txn,
    uint32_t number, struct key_record *record, struct key *key,
    uint32_t flags);
enum store_rc key_write_record(struct store *store, DB_TXN *txn,
    const struct key *key, struct key_record *record);

/* Appends; STORE_CORRUPT when there is an entry of that number. */
enum store_rc entry_write(struct store *store, DB_TXN *txn,
    const struct entry *entry);
enum store_rc entry_read(struct store *store, DB_TXN *txn, uint32_t account,
    uint64_t number, struct entry *entry);

enum store_rc usage_write(struct store *store, DB_TXN *txn,
    const struct usage *usage);
enum store_rc usage_read(struct store *store, DB_TXN *txn, uint32_t account,
    const struct request_id *id, struct usage *usage);

/* Notes in the same transaction that a named request is being worked on.
 * STORE_EXISTS when it is already, was answered, or is another's name. */
enum store_rc answer_begin(struct store *store, DB_TXN *txn,
    const struct answer_claim *claim, const struct request_id *id,
    uint32_t slot);

/* Keeps an answer in the transaction that charges for it. */
enum store_rc answer_write(struct store *store, DB_TXN *txn,
    const struct answer_claim *claim, const struct answer *answer);

/* The hold of a slot; STORE_NOT_FOUND when no process with it ever held. */
enum store_rc hold_read(struct store *store, DB_TXN *txn, uint32_t slot,
    struct hold_record *record, uint32_t flags);

/* In an empty table of holds: the first record, which those lock that make
 * others. 0 or an error of Berkeley DB. */
int hold_put_first(struct store *store);

/* Releases what the dead process of a slot had held; true when nothing is
 * left. */
bool hold_release_orphan(uint32_t slot, void *store);

/* A secret that nobody knows yet. */
struct new_secret {
	char last4[KEY_LAST4_SIZE];
	unsigned char hash[DIGEST_BYTES]; /* by the newest pepper */
	uint32_t pepper;
};

/* Makes a secret of 256 random bits; false without these, or memory. */
bool secret_make(struct store *store, const char *brand,
    char secret[KEY_SECRET_SIZE], struct new_secret *made);

/* peppers: the secrets that keys are hashed with. */
bool pepper_create(const char *dir, char why[STORE_WHY_SIZE]);
/* On failure those that were loaded before stay. */
bool pepper_load(struct store *store, char why[STORE_WHY_SIZE]);
/* Loads them again if the file has changed; true when it had. */
bool pepper_refresh(struct store *store);

/* What a body returns when Berkeley DB failed with rc. */
enum store_rc store_failed(struct store *store, int rc, const char *what);

/* environment.c: Berkeley DB's own side. */
bool environment_create(const char *dir, char why[STORE_WHY_SIZE]);
/* Recovers the store in dir, on a full disk as far as the ballast goes; after a
 * failed flush, all that the kernel may not have written is written again. For
 * a process that does nothing else: it ends where memory is not there, or the
 * disk cannot be read. */
bool environment_repair(const char *dir, bool doubtful);
/* A checkpoint. One with DB_FORCE flushes also after a failed flush. */
int environment_checkpoint(struct store *store, uint32_t flags);
/* "accounts.db" */
const char *environment_file(enum table table);
/* Recovers and opens a copy for this process alone, as store->dir says. flags:
 * DB_RECOVER, or DB_RECOVER_FATAL for one that was taken from a live store. */
int environment_open_copy(struct store *store, uint32_t flags);
/* Removes the log files that no recovery needs; inside the gate. */
int environment_prune(struct store *store);
/* Opens env and tables; 0 or Berkeley DB's error. Inside the gate. */
int environment_open(struct store *store);
/* A table, opened when it is not yet. 0 or Berkeley DB's error. Inside the
 * gate. */
int environment_table(struct store *store, enum table table, DB **opened);
void environment_close(struct store *store);
/* Lets go of handles into an environment that was recovered: touching them
 * could wait for a mutex that nobody will unlock. */
void environment_abandon(struct store *store);

#endif
