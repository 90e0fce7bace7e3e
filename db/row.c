/* row.c: records as text. */
#include <stdlib.h>
#include <string.h>

#include "db/row_private.h"

enum { HEX_SIZE = DIGEST_BYTES * 2 + 1 };

static const struct {
	const char *record; /* the member "record" of its rows */
	const char *name;
	const char *members[24];
} kinds[EXPORT_KIND__COUNT] = {
	[EXPORT_ACCOUNT] = { "account", "accounts", {
		"number", "name", "state", "plan", "balance", "spent",
		"deposited", "entries", "created_ms", "updated_ms" } },
	[EXPORT_KEY] = { "key", "keys", {
		"number", "account", "label", "last4", "state", "scope",
		"models", "addresses", "budget", "rpm", "tpm", "tps",
		"concurrency", "spent", "created_ms", "expires_ms",
		"last_used_ms", "rotated_ms" } },
	[EXPORT_HASH] = { "hash", "hashes", {
		"key", "hash", "pepper", "expires_ms" } },
	[EXPORT_ENTRY] = { "entry", "ledger", {
		"account", "number", "kind", "amount", "balance", "shortfall",
		"key", "time_ms", "request_id", "note" } },
	[EXPORT_USAGE] = { "usage", "usage", {
		"account", "request_id", "key", "http", "code", "model",
		"cost", "hold", "latency_ms", "upstream_ms", "flags",
		"attempts", "upstream_cost",
#define AMOUNT(name, doc) #name,
#include "base/amount.def"
#undef AMOUNT
		} },
};

static const char *const formats[EXPORT_FORMAT__COUNT] = {
	[EXPORT_JSONL] = "jsonl",
	[EXPORT_CSV] = "csv",
};

const char *
export_kind_name(enum export_kind kind)
{
	return kinds[kind].name;
}

const char *
export_format_name(enum export_format format)
{
	return formats[format];
}

const char *const *
row_members(enum export_kind kind)
{
	return kinds[kind].members;
}

enum export_kind
row_kind(const json_t *row)
{
	const char *record = json_string_value(json_object_get(row, "record"));
	int kind = 0;

	while (kind < EXPORT_KIND__COUNT &&
	    (!record || strcmp(record, kinds[kind].record) != 0))
		kind++;
	return (enum export_kind)kind;
}

static void
write_hex(const void *data, size_t len, char *out)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", byte[i]);
}

json_t *
row_text(const char *text)
{
	json_t *value = json_string(text);
	size_t len = strlen(text);
	char *hex;

	if (value)
		return value;
	hex = malloc(2 * len + 1);
	if (!hex)
		return NULL;
	write_hex(text, len, hex);
	value = json_pack("{s:s}", "hex", hex);
	free(hex);
	return value;
}

static json_t *
sum(money amount)
{
	char text[MONEY_TEXT_SIZE];

	return json_string(money_format(amount, text));
}

static json_t *
limit(int64_t value)
{
	return value == KEY_LIMIT_PLAN ? json_null() : json_integer(value);
}

static json_t *
id_text(const struct request_id *id)
{
	char text[REQUEST_ID_TEXT_SIZE];

	return json_string(request_id_format(id, text));
}

json_t *
row_of_account(const struct account *account)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, "
	    "s:I}",
	    "record", kinds[EXPORT_ACCOUNT].record,
	    "number", (json_int_t)account->number,
	    "name", account->name,
	    "state", account_state_name(account->state),
	    "plan", row_text(account->plan),
	    "balance", sum(account->balance),
	    "spent", sum(account->spent),
	    "deposited", sum(account->deposited),
	    "entries", (json_int_t)account->entries,
	    "created_ms", (json_int_t)account->created_ms,
	    "updated_ms", (json_int_t)account->updated_ms);
}

json_t *
row_of_key(const struct key *key, json_t *models, json_t *addresses)
{
	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:s, s:s, s:o, s:o, s:o, "
	    "s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}",
	    "record", kinds[EXPORT_KEY].record,
	    "number", (json_int_t)key->number,
	    "account", (json_int_t)key->account,
	    "label", row_text(key->label),
	    "last4", row_text(key->last4),
	    "state", key_state_name(key->state),
	    "scope", key_scope_name(key->scope),
	    "models", models,
	    "addresses", addresses,
	    "budget", key->has_budget ? sum(key->budget) : json_null(),
	    "rpm", limit(key->limits.rpm),
	    "tpm", limit(key->limits.tpm),
	    "tps", limit(key->limits.tps),
	    "concurrency", limit(key->limits.concurrency),
	    "spent", sum(key->spent),
	    "created_ms", (json_int_t)key->created_ms,
	    "expires_ms", (json_int_t)key->expires_ms,
	    "last_used_ms", (json_int_t)key->last_used_ms,
	    "rotated_ms", (json_int_t)key->rotated_ms);
}

json_t *
row_of_hash(const struct hash_row *hash)
{
	char hex[HEX_SIZE];

	write_hex(hash->hash, sizeof(hash->hash), hex);
	return json_pack("{s:s, s:I, s:s, s:I, s:I}",
	    "record", kinds[EXPORT_HASH].record,
	    "key", (json_int_t)hash->key,
	    "hash", hex,
	    "pepper", (json_int_t)hash->pepper,
	    "expires_ms", (json_int_t)hash->expires_ms);
}

json_t *
row_of_entry(const struct entry *entry)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:I, s:I, s:o, "
	    "s:o}",
	    "record", kinds[EXPORT_ENTRY].record,
	    "account", (json_int_t)entry->account,
	    "number", (json_int_t)entry->number,
	    "kind", entry_kind_name(entry->kind),
	    "amount", sum(entry->amount),
	    "balance", sum(entry->balance),
	    "shortfall", sum(entry->shortfall),
	    "key", (json_int_t)entry->key,
	    "time_ms", (json_int_t)entry->wall_ms,
	    "request_id", id_text(&entry->id),
	    "note", row_text(entry->note));
}

/* False without memory. */
static bool
add_amounts(json_t *row, const struct usage *usage)
{
#define AMOUNT(name, doc) \
	if (json_object_set_new(row, #name, json_integer( \
	    (json_int_t)usage->name)) != 0) \
		return false;
#include "base/amount.def"
#undef AMOUNT
	return true;
}

json_t *
row_of_usage(const struct usage *usage)
{
	json_t *row = json_pack("{s:s, s:I, s:o, s:I, s:i, s:o, s:o, s:o, "
	    "s:o, s:I, s:I, s:i, s:o, s:o}",
	    "record", kinds[EXPORT_USAGE].record,
	    "account", (json_int_t)usage->account,
	    "request_id", id_text(&usage->id),
	    "key", (json_int_t)usage->key,
	    "http", usage->http,
	    "code", row_text(usage->code),
	    "model", row_text(usage->model),
	    "cost", sum(usage->cost),
	    "hold", sum(usage->hold),
	    "latency_ms", (json_int_t)usage->latency_ms,
	    "upstream_ms", (json_int_t)usage->upstream_ms,
	    "flags", (int)usage->flags,
	    "attempts", row_text(usage->attempts),
	    "upstream_cost", usage->has_upstream_cost ?
	    sum(usage->upstream_cost) : json_null());

	if (row && add_amounts(row, usage))
		return row;
	json_decref(row);
	return NULL;
}

/* Quoted whenever a reader might see more than one field. */
static void
write_field(FILE *out, const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void
row_write_csv(FILE *out, const json_t *value)
{
	const json_t *element;
	size_t i;

	if (json_is_string(value))
		write_field(out, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_object(value))
		write_field(out, json_string_value(json_object_get(value,
		    "hex")));
	/* Neither model IDs nor addresses have blanks in them. */
	json_array_foreach(value, i, element) {
		if (i > 0)
			fputc(' ', out);
		row_write_csv(out, element);
	}
}
