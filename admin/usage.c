/* usage.c: `farebox usage`: what an account's keys asked for, and its price. */
#include "db/usage.h"

#include <stdio.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/object.h"
#include "admin/print.h"
#include "db/key.h"

enum { NUMBER_TEXT_SIZE = 16 };

static bool
add_usage(const struct usage *usage, void *context)
{
	return listing_add(context, usage_object(usage));
}

/* Gathers an object: the keys' numbers, and how each is told. */
static bool
add_key(const struct key *key, void *context)
{
	char number[NUMBER_TEXT_SIZE];

	snprintf(number, sizeof(number), "%u", key->number);
	return json_object_set_new(context, number,
		   json_pack("{s:o, s:o}", "key_label",
		       json_of_text(key->label), "key_last4",
		       json_of_text(key->last4))) == 0;
}

/* A row has its key's number; people know the label and the last digits. */
static bool
name_keys(json_t *rows, const json_t *keys)
{
	char number[NUMBER_TEXT_SIZE];
	json_t *row, *names;
	size_t i;

	json_array_foreach(rows, i, row) {
		snprintf(number, sizeof(number), "%lld", (long long)
		    json_integer_value(json_object_get(row, "key")));
		names = json_object_get(keys, number);
		if (names && json_object_update(row, names) != 0)
			return false;
	}
	return true;
}

static enum outcome
list(struct session *s, uint32_t account, const struct request_id *before,
    struct listing *listing)
{
	json_t *keys = json_object();
	enum store_rc rc;

	if (!keys)
		return fail_memory(s);
	rc = usage_list(s->store, account, before, add_usage, listing);
	if (rc == STORE_OK)
		rc = key_list(s->store, account, add_key, keys);
	if (rc == STORE_OK)
		listing->failed |= !name_keys(listing->rows, keys);
	json_decref(keys);
	return rc == STORE_OK ? OUTCOME_OK : fail_store(s, rc);
}

enum outcome
usage_list_run(struct session *s)
{
	static const struct column columns[] = {
		{ "time", "TIME", COLUMN_TEXT },
		{ "request_id", "REQUEST", COLUMN_TEXT },
		{ "key_label", "KEY", COLUMN_TEXT },
		{ "key_last4", "LAST4", COLUMN_TEXT },
		{ "model", "MODEL", COLUMN_TEXT },
		{ "http", "HTTP", COLUMN_NUMBER },
		{ "code", "CODE", COLUMN_TEXT },
		{ "input_tokens", "IN", COLUMN_NUMBER },
		{ "output_tokens", "OUT", COLUMN_NUMBER },
		{ "other", "OTHER", COLUMN_TEXT },
		{ "cost", "COST", COLUMN_MONEY },
		{ "latency_ms", "MS", COLUMN_NUMBER },
		{ "flags", "FLAGS", COLUMN_TEXT },
	};
	const char *before_text = s->args->value[FLAG_BEFORE];
	struct request_id before;
	struct account account;
	struct listing listing;
	size_t limit;
	enum outcome outcome = read_limit(s, &limit);

	if (outcome != OUTCOME_OK)
		return outcome;
	if (before_text && !request_id_parse(before_text, &before))
		return fail_usage(s, "--before is a request ID (req_ and 26 "
		    "characters), not '%s'", before_text);
	outcome = find_account(s, operand(s, 0), &account);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!listing_begin(&listing, limit))
		return fail_memory(s);
	outcome = list(s, account.number, before_text ? &before : NULL,
	    &listing);
	if (outcome != OUTCOME_OK) {
		listing_drop(&listing);
		return outcome;
	}
	return listing_print(s, &listing, COLUMNS(columns),
	    "there are no such requests; make a key with",
	    "key new ACCOUNT");
}
