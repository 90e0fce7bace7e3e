/* object.c: what records look like in JSON, and so in tables too. */
#include "admin/object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/print.h"
#include "base/clock.h"

/* json_pack() takes over references, and gives them back when it fails. */
#define TEXT(text) json_of_text(text)
#define MONEY(sum) json_of_money(sum)
#define TIME(ms) json_of_time(ms)
#define COUNT(number) ((json_int_t)(number))

json_t *
account_object(const struct account *account)
{
	return json_pack("{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, "
	    "s:o, s:o}",
	    "number", COUNT(account->number),
	    "account", TEXT(account->name),
	    "state", account_state_name(account->state),
	    "plan", TEXT(*account->plan ? account->plan : "default"),
	    "balance", MONEY(account->balance),
	    "held", MONEY(account->held),
	    "available", MONEY(account_available(account)),
	    "spent", MONEY(account->spent),
	    "deposited", MONEY(account->deposited),
	    "entries", COUNT(account->entries),
	    "created", TIME(account->created_ms),
	    "updated", TIME(account->updated_ms));
}

const char *
key_state_now(const struct key *key)
{
	if (key->state != KEY_REVOKED && key->expires_ms &&
	    key->expires_ms <= clock_wall_ms())
		return "expired";
	return key_state_name(key->state);
}

json_t *
key_object(const struct key *key, const char *account, json_t *models)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, "
	    "s:o, s:o, s:o, s:o}",
	    "number", COUNT(key->number),
	    "account", account ? TEXT(account) : json_integer(key->account),
	    "label", TEXT(key->label),
	    "last4", TEXT(key->last4),
	    "state", key_state_now(key),
	    "scope", key_scope_name(key->scope),
	    "models", models ? models : json_null(),
	    "budget", key->has_budget ? MONEY(key->budget) : json_null(),
	    "spent", MONEY(key->spent),
	    "held", MONEY(key->held),
	    "created", TIME(key->created_ms),
	    "expires", TIME(key->expires_ms),
	    "last_used", TIME(key->last_used_ms),
	    "rotated", TIME(key->rotated_ms));
}

json_t *
entry_object(const struct entry *entry)
{
	char id[REQUEST_ID_TEXT_SIZE];
	bool settled = entry->kind == ENTRY_SETTLEMENT;

	return json_pack("{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "number", COUNT(entry->number),
	    "time", TIME(entry->wall_ms),
	    "kind", entry_kind_name(entry->kind),
	    "amount", MONEY(entry->amount),
	    "balance", MONEY(entry->balance),
	    "shortfall", settled ? MONEY(entry->shortfall) : json_null(),
	    "key", settled ? json_integer(entry->key) : json_null(),
	    "request_id", settled ?
		json_string(request_id_format(&entry->id, id)) : json_null(),
	    "note", *entry->note ? TEXT(entry->note) : json_null());
}

/* The names of the flags that are set. */
static json_t *
usage_flags_array(unsigned flags)
{
	static const struct {
		enum usage_flag flag;
		const char *name;
	} names[] = {
		{ USAGE_ESTIMATED, "estimated" },
		{ USAGE_CAPPED, "capped" },
		{ USAGE_SHORTFALL, "shortfall" },
		{ USAGE_ORPHANED, "orphaned" },
		{ USAGE_STREAMED, "streamed" },
		{ USAGE_CLIENT_LEFT, "client_left" },
		{ USAGE_REPLAYED, "replayed" },
	};
	json_t *array = json_array();

	for (size_t i = 0; array && i < sizeof(names) / sizeof(names[0]); i++)
		if ((flags & names[i].flag) &&
		    json_array_append_new(array,
			json_string(names[i].name)) != 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

/* What was counted that is no token, for people; "" for nothing. */
static json_t *
other_counts(const struct usage *usage)
{
	char text[64] = "";

	if (usage->images > 0)
		snprintf(text, sizeof(text), "%" PRId64 " images",
		    usage->images);
	else if (usage->characters > 0)
		snprintf(text, sizeof(text), "%" PRId64 " characters",
		    usage->characters);
	else if (usage->audio_ms > 0)
		snprintf(text, sizeof(text), "%" PRId64 ".%03d s",
		    usage->audio_ms / 1000, (int)(usage->audio_ms % 1000));
	return json_string(text);
}

/* One "route:outcome:ms" of struct usage. */
static json_t *
attempt_object(const char *text, size_t len)
{
	const char *end = text + len, *ms = end, *outcome;

	while (ms > text && ms[-1] != ':')
		ms--;
	outcome = ms > text ? ms - 1 : text;
	while (outcome > text && outcome[-1] != ':')
		outcome--;
	if (outcome == text)
		return json_pack("{s:n, s:s%, s:n}", "route", "outcome", text,
		    len, "ms");
	return json_pack("{s:s%, s:s%, s:I}",
	    "route", text, (size_t)(outcome - text - 1),
	    "outcome", outcome, (size_t)(ms - outcome - 1),
	    "ms", (json_int_t)strtoll(ms, NULL, 10));
}

static json_t *
attempts_array(const char *text)
{
	json_t *array = json_array();

	while (array && *text) {
		size_t len = strcspn(text, ",");

		if (json_array_append_new(array, attempt_object(text, len))) {
			json_decref(array);
			return NULL;
		}
		text += len + (text[len] == ',');
	}
	return array;
}

/* What is left of what was charged, where the operator's cost is known. */
static json_t *
margin_of(const struct usage *usage)
{
	money margin;

	return usage->has_upstream_cost && money_sub(usage->cost,
	    usage->upstream_cost, &margin) ? MONEY(margin) : json_null();
}

json_t *
usage_object(const struct usage *usage)
{
	char id[REQUEST_ID_TEXT_SIZE];

	json_t *object = json_pack("{s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, "
	    "s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
	    "request_id", request_id_format(&usage->id, id),
	    "time", TIME(request_id_wall_ms(&usage->id)),
	    "key", COUNT(usage->key),
	    "http", COUNT(usage->http),
	    "code", *usage->code ? TEXT(usage->code) : json_null(),
	    "model", *usage->model ? TEXT(usage->model) : json_null(),
	    "cost", MONEY(usage->cost),
	    "hold", MONEY(usage->hold),
	    "latency_ms", COUNT(usage->latency_ms),
	    "upstream_ms", COUNT(usage->upstream_ms),
	    "flags", usage_flags_array(usage->flags),
	    "other", other_counts(usage),
	    "attempts", attempts_array(usage->attempts),
	    "upstream_cost", usage->has_upstream_cost ?
	    MONEY(usage->upstream_cost) : json_null(),
	    "margin", margin_of(usage));

	/* NULL is left NULL. */
#define AMOUNT(name, doc) \
	json_object_set_new(object, #name, json_integer(COUNT(usage->name)));
#include "base/amount.def"
#undef AMOUNT
	return object;
}

json_t *
totals_object(const struct ledger_totals *totals)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
	    "ok", totals->wrong == 0,
	    "wrong", COUNT(totals->wrong),
	    "accounts", COUNT(totals->accounts),
	    "keys", COUNT(totals->keys),
	    "entries", COUNT(totals->entries),
	    "holds", COUNT(totals->holds),
	    "deposited", MONEY(totals->deposited),
	    "balance", MONEY(totals->balance),
	    "spent", MONEY(totals->spent),
	    "held", MONEY(totals->held));
}
