/* record.c: between what lies in the tables and what the program works with. */
#include "db/record_private.h"

#include <assert.h>
#include <string.h>
#include <sys/types.h>

void
put_be32(uint8_t out[4], uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

void
put_be64(uint8_t out[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint32_t
get_be32(const uint8_t in[4])
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | in[i];
	return value;
}

uint64_t
get_be64(const uint8_t in[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | in[i];
	return value;
}

/* Promises 2 and 7 of the product, for one account. */
static bool
account_adds_up(const struct account *account)
{
	money sum;

	return account->balance.nano >= 0 && account->held.nano >= 0 &&
	       account->spent.nano >= 0 &&
	       money_compare(account->held, account->balance) <= 0 &&
	       money_add(account->balance, account->spent, &sum) &&
	       money_compare(sum, account->deposited) == 0;
}

void
account_encode(const struct account *account, struct account_record *record)
{
	assert(account_adds_up(account));
	*record = (struct account_record){
		.version = RECORD_VERSION,
		.state = (uint8_t)account->state,
		.number = account->number,
		.balance = account->balance.nano,
		.held = account->held.nano,
		.spent = account->spent.nano,
		.deposited = account->deposited.nano,
		.entries = account->entries,
		.created_ms = account->created_ms,
		.updated_ms = account->updated_ms,
	};
	memcpy(record->name, account->name, sizeof(record->name));
	memcpy(record->plan, account->plan, sizeof(record->plan));
}

bool
account_decode(const struct account_record *record, struct account *account)
{
	if (record->version != RECORD_VERSION ||
	    record->state >= ACCOUNT_STATE__COUNT ||
	    memchr(record->name, '\0', sizeof(record->name)) == NULL ||
	    memchr(record->plan, '\0', sizeof(record->plan)) == NULL)
		return false;
	*account = (struct account){
		.number = record->number,
		.state = (enum account_state)record->state,
		.balance = { record->balance },
		.held = { record->held },
		.spent = { record->spent },
		.deposited = { record->deposited },
		.entries = record->entries,
		.created_ms = record->created_ms,
		.updated_ms = record->updated_ms,
	};
	memcpy(account->name, record->name, sizeof(account->name));
	memcpy(account->plan, record->plan, sizeof(account->plan));
	return account_adds_up(account);
}

/*
 * A budget may be lowered below what was spent; then nothing more is held. So
 * only the signs are certain.
 */
static bool
key_adds_up(const struct key *key)
{
	return key->spent.nano >= 0 && key->held.nano >= 0 &&
	       key->budget.nano >= 0;
}

/* A byte that was never written means that the plan decides. */
static uint32_t
limit_encode(int64_t limit)
{
	assert(limit >= KEY_LIMIT_PLAN && limit < UINT32_MAX);
	return (uint32_t)(limit + 1);
}

static int64_t
limit_decode(uint32_t limit)
{
	return (int64_t)limit - 1;
}

void
key_encode(const struct key *key, struct key_record *record)
{
	assert(key_adds_up(key));
	record->version = RECORD_VERSION;
	record->state = (uint8_t)key->state;
	record->scope = (uint8_t)key->scope;
	record->has_budget = key->has_budget;
	record->account = key->account;
	record->number = key->number;
	record->budget = key->budget.nano;
	record->spent = key->spent.nano;
	record->held = key->held.nano;
	record->created_ms = key->created_ms;
	record->expires_ms = key->expires_ms;
	record->last_used_ms = key->last_used_ms;
	record->rotated_ms = key->rotated_ms;
	record->has_addresses = key->has_addresses;
	record->rpm = limit_encode(key->limits.rpm);
	record->tpm = limit_encode(key->limits.tpm);
	record->tps = limit_encode(key->limits.tps);
	record->concurrency = limit_encode(key->limits.concurrency);
	memcpy(record->label, key->label, sizeof(record->label));
	memcpy(record->last4, key->last4, sizeof(key->last4));
}

bool
key_decode(const struct key_record *record, struct key *key)
{
	if (record->version != RECORD_VERSION ||
	    record->state >= KEY_STATE__COUNT ||
	    record->scope >= KEY_SCOPE__COUNT ||
	    memchr(record->label, '\0', sizeof(record->label)) == NULL ||
	    record->last4[KEY_LAST4_SIZE - 1] != '\0')
		return false;
	*key = (struct key){
		.number = record->number,
		.account = record->account,
		.state = (enum key_state)record->state,
		.scope = (enum key_scope)record->scope,
		.has_budget = record->has_budget != 0,
		.budget = { record->budget },
		.spent = { record->spent },
		.held = { record->held },
		.created_ms = record->created_ms,
		.expires_ms = record->expires_ms,
		.last_used_ms = record->last_used_ms,
		.rotated_ms = record->rotated_ms,
		.has_addresses = record->has_addresses != 0,
		.limits = {
			.rpm = limit_decode(record->rpm),
			.tpm = limit_decode(record->tpm),
			.tps = limit_decode(record->tps),
			.concurrency = limit_decode(record->concurrency),
		},
	};
	memcpy(key->label, record->label, sizeof(key->label));
	memcpy(key->last4, record->last4, sizeof(key->last4));
	return key_adds_up(key);
}

size_t
entry_encode(const struct entry *entry, unsigned char out[ENTRY_BYTES_MAX])
{
	size_t note_len = strnlen(entry->note, LEDGER_NOTE_SIZE - 1);
	struct entry_record record = {
		.version = RECORD_VERSION,
		.kind = (uint8_t)entry->kind,
		.key = entry->key,
		.amount = entry->amount.nano,
		.balance = entry->balance.nano,
		.shortfall = entry->shortfall.nano,
		.wall_ms = entry->wall_ms,
		.id = entry->id,
	};

	assert(entry->balance.nano >= 0 && entry->shortfall.nano >= 0);
	memcpy(out, &record, sizeof(record));
	memcpy(out + sizeof(record), entry->note, note_len);
	return sizeof(record) + note_len;
}

bool
entry_decode(const struct entry_key *key, const void *data, size_t len,
    struct entry *entry)
{
	struct entry_record record;
	size_t note_len = len - sizeof(record);

	if (len < sizeof(record) || note_len >= LEDGER_NOTE_SIZE)
		return false;
	memcpy(&record, data, sizeof(record));
	if (record.version != RECORD_VERSION || record.kind < ENTRY_DEPOSIT ||
	    record.kind > ENTRY_SETTLEMENT)
		return false;
	*entry = (struct entry){
		.account = get_be32(key->account),
		.number = get_be64(key->number),
		.kind = (enum entry_kind)record.kind,
		.key = record.key,
		.amount = { record.amount },
		.balance = { record.balance },
		.shortfall = { record.shortfall },
		.wall_ms = record.wall_ms,
		.id = record.id,
	};
	memcpy(entry->note, (const char *)data + sizeof(record), note_len);
	return true;
}

static unsigned char *
put_bytes(unsigned char *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

/* Writes the amounts that are not zero, and which those are. */
static unsigned char *
put_amounts(const struct usage *usage, unsigned char *at, uint32_t *amounts)
{
	*amounts = 0;
#define AMOUNT(name, doc) \
	if (usage->name != 0) { \
		*amounts |= UINT32_C(1) << USAGE_AMOUNT_##name; \
		at = put_bytes(at, &usage->name, sizeof(usage->name)); \
	}
#include "base/amount.def"
#undef AMOUNT
	return at;
}

size_t
usage_encode(const struct usage *usage, unsigned char out[USAGE_BYTES_MAX])
{
	size_t code_len = strnlen(usage->code, USAGE_CODE_SIZE - 1);
	size_t model_len = strnlen(usage->model, USAGE_MODEL_SIZE - 1);
	size_t attempts_len = strnlen(usage->attempts,
	    USAGE_ATTEMPTS_SIZE - 1);
	struct usage_record record = {
		.version = USAGE_RECORD_VERSION,
		.code_len = (uint8_t)code_len,
		.model_len = (uint8_t)model_len,
		.attempts_len = (uint8_t)attempts_len,
		.http = (uint16_t)usage->http,
		.flags = (uint16_t)usage->flags,
		.key = usage->key,
		.latency_ms = (uint32_t)usage->latency_ms,
		.upstream_ms = (uint32_t)usage->upstream_ms,
		.cost = usage->cost.nano,
		.hold = usage->hold.nano,
	};
	unsigned char *at = put_amounts(usage, out + sizeof(record),
	    &record.amounts);

	memcpy(out, &record, sizeof(record));
	at = put_bytes(at, usage->code, code_len);
	at = put_bytes(at, usage->model, model_len);
	at = put_bytes(at, usage->attempts, attempts_len);
	if (usage->has_upstream_cost)
		at = put_bytes(at, &usage->upstream_cost.nano,
		    sizeof(usage->upstream_cost.nano));
	return (size_t)(at - out);
}

static const unsigned char *
take_bytes(const unsigned char *at, void *bytes, size_t len)
{
	memcpy(bytes, at, len);
	return at + len;
}

static const unsigned char *
take_amounts(struct usage *usage, const unsigned char *at, uint32_t amounts)
{
#define AMOUNT(name, doc) \
	if (amounts & UINT32_C(1) << USAGE_AMOUNT_##name) \
		at = take_bytes(at, &usage->name, sizeof(usage->name));
#include "base/amount.def"
#undef AMOUNT
	return at;
}

/* What of a record of len bytes is behind the texts, or -1. */
static ssize_t
rest_of(const struct usage_record *record, size_t len)
{
	size_t known = sizeof(*record) + record->code_len +
	    record->model_len + record->attempts_len +
	    (size_t)__builtin_popcount(record->amounts) * sizeof(int64_t);

	return len < known ? -1 : (ssize_t)(len - known);
}

bool
usage_decode(const struct usage_key *key, const void *data, size_t len,
    struct usage *usage)
{
	struct usage_record record;
	const unsigned char *at = data;
	ssize_t rest;

	if (len < sizeof(record))
		return false;
	at = take_bytes(at, &record, sizeof(record));
	if (record.version == USAGE_RECORD_VERSION_1)
		record.amounts = USAGE_AMOUNTS_1;
	else if (record.version != USAGE_RECORD_VERSION)
		return false;
	rest = rest_of(&record, len);
	if (record.code_len >= USAGE_CODE_SIZE ||
	    record.model_len >= USAGE_MODEL_SIZE ||
	    record.attempts_len >= USAGE_ATTEMPTS_SIZE ||
	    record.amounts >> USAGE_AMOUNT__COUNT != 0 ||
	    (rest != 0 && rest != (ssize_t)sizeof(int64_t)))
		return false;
	*usage = (struct usage){
		.id = key->id,
		.account = get_be32(key->account),
		.key = record.key,
		.http = record.http,
		.cost = { record.cost },
		.hold = { record.hold },
		.latency_ms = record.latency_ms,
		.upstream_ms = record.upstream_ms,
		.flags = record.flags,
		.has_upstream_cost = rest > 0,
	};
	at = take_amounts(usage, at, record.amounts);
	at = take_bytes(at, usage->code, record.code_len);
	at = take_bytes(at, usage->model, record.model_len);
	at = take_bytes(at, usage->attempts, record.attempts_len);
	if (rest > 0)
		take_bytes(at, &usage->upstream_cost.nano, (size_t)rest);
	return true;
}
