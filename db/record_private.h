/* record_private.h: what lies in the tables, byte for byte. */
#ifndef DB_RECORD_PRIVATE_H
#define DB_RECORD_PRIVATE_H

#include <stdint.h>

#include "base/address.h"
#include "db/account.h"
#include "db/answer.h"
#include "db/key.h"
#include "db/ledger.h"
#include "db/usage.h"

/*
 * Records are fixed in size but for a tail of text, in the machine's byte
 * order (`farebox store export` is what moves to another), begin with a
 * version, and leave unused bytes zero. Keys of Btrees are big-endian, so that
 * they sort. Every 512-byte page bears a checksum.
 */
enum {
	RECORD_VERSION = 1,
	USAGE_RECORD_VERSION = 2,
	/* It had the amounts that there were then, and no bits: still read. */
	USAGE_RECORD_VERSION_1 = 1,
	USAGE_AMOUNTS_1 = 0x1ff,
	MODEL_BYTES = 128,
	HASH_BYTES = DIGEST_BYTES,
};

struct account_record {
	uint8_t version, state;
	uint8_t unused[2];
	uint32_t number;
	int64_t balance, held, spent, deposited;
	uint64_t entries;
	int64_t created_ms, updated_ms;
	char name[ACCOUNT_NAME_SIZE];
	char plan[PLAN_NAME_SIZE];
	uint8_t spare[72];
};

struct key_record {
	uint8_t version, state, scope, has_budget;
	uint32_t account;
	uint32_t number;
	uint32_t pepper;            /* that hashed it; 0: it has no secret */
	uint8_t hash[HASH_BYTES];
	char label[KEY_LABEL_SIZE];
	char last4[8];
	int64_t budget, spent, held;
	int64_t created_ms, expires_ms, last_used_ms;
	int64_t rotated_ms;
	uint8_t has_addresses;
	uint8_t unused[3];
	uint32_t rpm, tpm, tps, concurrency; /* and 1; 0: as the plan says */
	uint8_t spare[12];
};

/* What a secret's hash leads to. */
struct key_hash_record {
	uint8_t version;
	uint8_t unused[3];
	uint32_t key;
	uint32_t pepper;
	uint32_t spare;
	int64_t expires_ms;         /* of this secret alone; 0: never */
};

/* One per slot of the gate: the complete list of outstanding holds. */
struct hold_record {
	uint8_t version, outstanding;
	uint8_t unused[2];
	uint32_t account, key;
	uint32_t spare;
	int64_t amount;
	struct request_id id;
	uint8_t body[HASH_BYTES];   /* of the request, to know its twin by */
	char model[MODEL_BYTES];
};

struct entry_record {
	uint8_t version, kind;
	uint8_t unused[2];
	uint32_t key;
	int64_t amount, balance, shortfall;
	int64_t wall_ms;
	struct request_id id;
	/* the note's bytes follow */
};

/*
 * There is one for each request, for ever. In a page of 512 bytes up to 110 of
 * a record lie beside others; a longer one takes a page of its own. So what is
 * zero is left out, and most records are shorter.
 */
struct usage_record {
	uint8_t version, code_len, model_len, attempts_len;
	uint16_t http, flags;
	uint32_t key;
	uint32_t latency_ms, upstream_ms;
	uint32_t amounts; /* a bit for each of amount.def that is not zero */
	int64_t cost, hold;
	/*
	 * The amounts that have a bit follow, of 8 bytes each; then the bytes
	 * of code, model and attempts; then, where it is known, the operator's
	 * cost: 8 bytes.
	 */
};

/* A request with a name: running, or answered. */
struct answer_record {
	uint8_t version, state;     /* enum answer_record_state */
	uint16_t http;
	uint32_t slot;              /* of the hold, while it is running */
	struct request_id id;
	uint8_t body[HASH_BYTES];   /* of the request */
	int64_t cost;
	int64_t expires_ms;
	uint32_t answer_len;
	uint32_t has_answer;
	char content_type[ANSWER_TYPE_SIZE];
	/* the answer's bytes follow */
};

enum answer_record_state { ANSWER_RECORD_RUNNING = 1, ANSWER_RECORD_KEPT };

_Static_assert(sizeof(struct account_record) == 224, "on disk");
_Static_assert(sizeof(struct key_record) == 192, "on disk");
_Static_assert(sizeof(struct key_hash_record) == 24, "on disk");
_Static_assert(sizeof(struct hold_record) == 200, "on disk");
_Static_assert(sizeof(struct answer_record) == 144, "on disk");
_Static_assert(sizeof(struct entry_record) == 56, "on disk");
_Static_assert(sizeof(struct usage_record) == 40, "on disk");

/* Big-endian keys of the Btrees. */
struct entry_key {
	uint8_t account[4], number[8];
};

struct usage_key {
	uint8_t account[4];
	struct request_id id;
};

struct answer_key {
	uint8_t key[4];
	uint8_t digest[HASH_BYTES];
};

struct answer_time_key {
	uint8_t expires_ms[8];
	struct answer_key answer;
};

struct key_model_key {
	uint8_t key[4];
	char model[MODEL_BYTES];    /* only strlen(model) bytes are written */
};

/* A range of addresses that a key is bound to. */
struct key_address_key {
	uint8_t key[4];
	uint8_t family;             /* enum address_family */
	uint8_t first[ADDRESS_BYTES];
	uint8_t bits;
};

/* A secret that was replaced, by when it ends. */
struct old_secret_key {
	uint8_t key[4], expires_ms[8];
	uint8_t hash[HASH_BYTES];
};

struct account_key_key {
	uint8_t account[4], key[4];
};

void put_be32(uint8_t out[4], uint32_t value);
void put_be64(uint8_t out[8], uint64_t value);
uint32_t get_be32(const uint8_t in[4]);
uint64_t get_be64(const uint8_t in[8]);

/*
 * Between records and their structs. A decoder returns false for a record of
 * another version, of the wrong size, or that breaks an invariant; an encoder
 * asserts the same of what it is given.
 */
void account_encode(const struct account *account,
    struct account_record *record);
bool account_decode(const struct account_record *record,
    struct account *account);

/* Keeps the record's hash and pepper as they are. */
void key_encode(const struct key *key, struct key_record *record);
bool key_decode(const struct key_record *record, struct key *key);

enum usage_amount {
#define AMOUNT(name, doc) USAGE_AMOUNT_##name,
#include "base/amount.def"
#undef AMOUNT
	USAGE_AMOUNT__COUNT
};

_Static_assert(USAGE_AMOUNT__COUNT < 32, "a bit for each");

enum {
	ENTRY_BYTES_MAX = sizeof(struct entry_record) + LEDGER_NOTE_SIZE,
	USAGE_BYTES_MAX = sizeof(struct usage_record) +
	                  USAGE_AMOUNT__COUNT * sizeof(int64_t) +
	                  USAGE_CODE_SIZE + USAGE_MODEL_SIZE +
	                  USAGE_ATTEMPTS_SIZE + sizeof(int64_t),
};

size_t entry_encode(const struct entry *entry,
    unsigned char out[ENTRY_BYTES_MAX]);
bool entry_decode(const struct entry_key *key, const void *data, size_t len,
    struct entry *entry);

size_t usage_encode(const struct usage *usage,
    unsigned char out[USAGE_BYTES_MAX]);
bool usage_decode(const struct usage_key *key, const void *data, size_t len,
    struct usage *usage);

#endif
