/* row_read.c: records out of their text. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "db/row_private.h"

/* One row; the first member that is not right is remembered. */
struct reader {
	const json_t *row;
	const char *fault;
};

static void
blame(struct reader *reader, const char *name)
{
	if (!reader->fault)
		reader->fault = name;
}

static int64_t
read_number(struct reader *reader, const char *name, int64_t min, int64_t max)
{
	const json_t *value = json_object_get(reader->row, name);
	int64_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < min || number > max) {
		blame(reader, name);
		return min;
	}
	return number;
}

static uint32_t
read_u32(struct reader *reader, const char *name, uint32_t min)
{
	return (uint32_t)read_number(reader, name, min, UINT32_MAX);
}

static int64_t
read_time(struct reader *reader, const char *name)
{
	return read_number(reader, name, 0, INT64_MAX);
}

static money
read_sum(struct reader *reader, const char *name)
{
	const char *text = json_string_value(json_object_get(reader->row,
	    name));
	money amount = MONEY_ZERO;

	if (!text || !money_parse(text, &amount))
		blame(reader, name);
	return amount;
}

/* A sum that is never below zero. */
static money
read_positive(struct reader *reader, const char *name)
{
	money amount = read_sum(reader, name);

	if (amount.nano < 0)
		blame(reader, name);
	return amount.nano < 0 ? MONEY_ZERO : amount;
}

static int
hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Exactly len bytes. */
static bool
read_hex(const char *hex, unsigned char *out, size_t len)
{
	if (!hex || strlen(hex) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i +
		    1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* Text that fits into size bytes with its NUL; out is all zero before. */
static bool
text_of(const json_t *value, char *out, size_t size)
{
	const char *hex = json_string_value(json_object_get(value, "hex"));
	size_t len = hex ? strlen(hex) / 2 : json_string_length(value);

	if ((!hex && !json_is_string(value)) || len >= size)
		return false;
	if (hex)
		return read_hex(hex, (unsigned char *)out, len) &&
		       strlen(out) == len;
	memcpy(out, json_string_value(value), len);
	return strlen(out) == len;
}

static void
read_text(struct reader *reader, const char *name, char *out, size_t size)
{
	if (!text_of(json_object_get(reader->row, name), out, size))
		blame(reader, name);
}

static void
read_id(struct reader *reader, const char *name, struct request_id *id)
{
	const char *text = json_string_value(json_object_get(reader->row,
	    name));

	if (!text || !request_id_parse(text, id))
		blame(reader, name);
}

/* Which of the names a member is: from first to last. */
static int
read_word(struct reader *reader, const char *name,
    const char *(*word)(int value), int first, int last)
{
	const char *text = json_string_value(json_object_get(reader->row,
	    name));

	for (int value = first; text && value <= last; value++)
		if (strcmp(text, word(value)) == 0)
			return value;
	blame(reader, name);
	return first;
}

static const char *
account_state_word(int state)
{
	return account_state_name((enum account_state)state);
}

static const char *
key_state_word(int state)
{
	return key_state_name((enum key_state)state);
}

static const char *
key_scope_word(int scope)
{
	return key_scope_name((enum key_scope)scope);
}

static const char *
entry_kind_word(int kind)
{
	return entry_kind_name((enum entry_kind)kind);
}

const char *
row_read_account(const json_t *row, struct account *account)
{
	struct reader reader = { .row = row };

	*account = (struct account){
		.number = read_u32(&reader, "number", 1),
		.state = (enum account_state)read_word(&reader, "state",
		    account_state_word, 0, ACCOUNT_STATE__COUNT - 1),
		.balance = read_positive(&reader, "balance"),
		.spent = read_positive(&reader, "spent"),
		.deposited = read_positive(&reader, "deposited"),
		.entries = (uint64_t)read_time(&reader, "entries"),
		.created_ms = read_time(&reader, "created_ms"),
		.updated_ms = read_time(&reader, "updated_ms"),
	};
	read_text(&reader, "name", account->name, sizeof(account->name));
	read_text(&reader, "plan", account->plan, sizeof(account->plan));
	if (!account_name_is_valid(account->name))
		blame(&reader, "name");
	if (!plan_name_is_valid(account->plan))
		blame(&reader, "plan");
	return reader.fault;
}

/* A number, or null for what the plan says. */
static int64_t
read_limit(struct reader *reader, const char *name, int64_t max)
{
	if (json_is_null(json_object_get(reader->row, name)))
		return KEY_LIMIT_PLAN;
	return read_number(reader, name, 0, max);
}

static void
read_limits(struct reader *reader, struct key_limits *limits)
{
	const struct key_limits *max = &key_limits_max;

	*limits = (struct key_limits){
		.rpm = read_limit(reader, "rpm", max->rpm),
		.tpm = read_limit(reader, "tpm", max->tpm),
		.tps = read_limit(reader, "tps", max->tps),
		.concurrency = read_limit(reader, "concurrency",
		    max->concurrency),
	};
}

const char *
row_read_key(const json_t *row, struct key *key)
{
	struct reader reader = { .row = row };

	*key = (struct key){
		.number = read_u32(&reader, "number", 1),
		.account = read_u32(&reader, "account", 1),
		.state = (enum key_state)read_word(&reader, "state",
		    key_state_word, 0, KEY_STATE__COUNT - 1),
		.scope = (enum key_scope)read_word(&reader, "scope",
		    key_scope_word, 0, KEY_SCOPE__COUNT - 1),
		.has_budget = !json_is_null(json_object_get(row, "budget")),
		.spent = read_positive(&reader, "spent"),
		.created_ms = read_time(&reader, "created_ms"),
		.expires_ms = read_time(&reader, "expires_ms"),
		.last_used_ms = read_time(&reader, "last_used_ms"),
		.rotated_ms = read_time(&reader, "rotated_ms"),
		.has_addresses = json_array_size(json_object_get(row,
		    "addresses")) > 0,
	};
	if (key->has_budget)
		key->budget = read_positive(&reader, "budget");
	read_limits(&reader, &key->limits);
	read_text(&reader, "label", key->label, sizeof(key->label));
	read_text(&reader, "last4", key->last4, sizeof(key->last4));
	if (!key_label_is_valid(key->label))
		blame(&reader, "label");
	if (!json_is_array(json_object_get(row, "models")))
		blame(&reader, "models");
	if (!json_is_array(json_object_get(row, "addresses")) ||
	    json_array_size(json_object_get(row, "addresses")) >
	    KEY_ADDRESSES_MAX)
		blame(&reader, "addresses");
	return reader.fault;
}

const char *
row_read_hash(const json_t *row, struct hash_row *hash)
{
	struct reader reader = { .row = row };

	*hash = (struct hash_row){
		.key = read_u32(&reader, "key", 1),
		.pepper = read_u32(&reader, "pepper", 0),
		.expires_ms = read_time(&reader, "expires_ms"),
	};
	if (!read_hex(json_string_value(json_object_get(row, "hash")),
	    hash->hash, sizeof(hash->hash)))
		blame(&reader, "hash");
	return reader.fault;
}

const char *
row_read_entry(const json_t *row, struct entry *entry)
{
	struct reader reader = { .row = row };

	*entry = (struct entry){
		.account = read_u32(&reader, "account", 1),
		.number = (uint64_t)read_number(&reader, "number", 1,
		    INT64_MAX),
		.kind = (enum entry_kind)read_word(&reader, "kind",
		    entry_kind_word, ENTRY_DEPOSIT, ENTRY_SETTLEMENT),
		.key = read_u32(&reader, "key", 0),
		.amount = read_sum(&reader, "amount"),
		.balance = read_positive(&reader, "balance"),
		.shortfall = read_positive(&reader, "shortfall"),
		.wall_ms = read_time(&reader, "time_ms"),
	};
	read_id(&reader, "request_id", &entry->id);
	read_text(&reader, "note", entry->note, sizeof(entry->note));
	return reader.fault;
}

const char *
row_read_usage(const json_t *row, struct usage *usage)
{
	struct reader reader = { .row = row };

	*usage = (struct usage){
		.account = read_u32(&reader, "account", 1),
		.key = read_u32(&reader, "key", 0),
		.http = (int)read_number(&reader, "http", 0, UINT16_MAX),
#define AMOUNT(name, doc) \
		.name = read_number(&reader, #name, INT64_MIN, INT64_MAX),
#include "base/amount.def"
#undef AMOUNT
		.cost = read_sum(&reader, "cost"),
		.hold = read_sum(&reader, "hold"),
		.latency_ms = read_u32(&reader, "latency_ms", 0),
		.upstream_ms = read_u32(&reader, "upstream_ms", 0),
		.flags = (unsigned)read_number(&reader, "flags", 0,
		    UINT16_MAX),
	};
	read_id(&reader, "request_id", &usage->id);
	read_text(&reader, "code", usage->code, sizeof(usage->code));
	read_text(&reader, "model", usage->model, sizeof(usage->model));
	/* An export of an older version has neither. */
	if (json_object_get(row, "attempts"))
		read_text(&reader, "attempts", usage->attempts,
		    sizeof(usage->attempts));
	usage->has_upstream_cost = json_is_string(json_object_get(row,
	    "upstream_cost"));
	if (usage->has_upstream_cost)
		usage->upstream_cost = read_sum(&reader, "upstream_cost");
	return reader.fault;
}

bool
row_key_model(const json_t *row, size_t index, char model[KEY_MODEL_SIZE])
{
	memset(model, 0, KEY_MODEL_SIZE);
	return text_of(json_array_get(json_object_get(row, "models"), index),
	    model, KEY_MODEL_SIZE) && *model;
}

bool
row_key_address(const json_t *row, size_t index, struct address_range *range)
{
	const char *text = json_string_value(json_array_get(
	    json_object_get(row, "addresses"), index));

	return text && address_range_parse(text, strlen(text), range);
}
