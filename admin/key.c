/* key.c: `farebox key`: makes, lists, disables and revokes keys. */
#include "admin/key.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/key_spec.h"
#include "admin/limit.h"
#include "admin/object.h"
#include "admin/print.h"

static bool
add_model(const char *model, void *context)
{
	return json_array_append_new(context, json_of_text(model)) == 0;
}

/* The ranges that a key is bound to; null when it is to none. */
static json_t *
describe_addresses(struct session *s, const struct key *key,
    enum store_rc *rc)
{
	struct address_range ranges[KEY_ADDRESSES_MAX];
	char text[ADDRESS_RANGE_TEXT_SIZE];
	json_t *array;
	size_t n;

	if (!key->has_addresses)
		return json_null();
	*rc = key_addresses(s->store, key->number, ranges, &n);
	array = json_array();
	for (size_t i = 0; array && i < n; i++)
		json_array_append_new(array,
		    json_string(address_range_format(&ranges[i], text)));
	return array;
}

/* When the secrets that were replaced end; null when there are none. */
static json_t *
describe_old_secrets(struct session *s, const struct key *key,
    enum store_rc *rc)
{
	int64_t ends_ms[KEY_OLD_SECRETS_MAX];
	json_t *array;
	size_t n = 0;

	if (key->rotated_ms)
		*rc = key_old_secrets(s->store, key->number, ends_ms, &n);
	if (n == 0)
		return json_null();
	array = json_array();
	for (size_t i = 0; array && i < n; i++)
		json_array_append_new(array, json_of_time(ends_ms[i]));
	return array;
}

/* Takes over object. */
static json_t *
describe_care(struct session *s, const struct key *key, json_t *object,
    enum store_rc *rc)
{
	enum store_rc secrets = STORE_OK, addresses = STORE_OK;

	if (object &&
	    json_object_set_new(object, "old_secrets_end",
		describe_old_secrets(s, key, &secrets)) == 0 &&
	    json_object_set_new(object, "addresses",
		describe_addresses(s, key, &addresses)) == 0 &&
	    limit_describe(s, &key->limits, object) &&
	    secrets == STORE_OK && addresses == STORE_OK)
		return object;
	json_decref(object);
	*rc = secrets == STORE_OK ? addresses : secrets;
	return NULL;
}

json_t *
key_describe(struct session *s, const struct key *key, enum store_rc *rc)
{
	struct account account;
	json_t *models = NULL;

	*rc = account_get(s->store, key->account, &account);
	if (*rc == STORE_OK && key->scope == KEY_SCOPE_LIST) {
		models = json_array();
		if (models)
			*rc = key_models(s->store, key->number, add_model,
			    models);
	}
	if (*rc == STORE_OK)
		return describe_care(s, key,
		    key_object(key, account.name, models), rc);
	json_decref(models);
	return NULL;
}

/* One key of an account that bears a label. */
struct search {
	const char *label;
	struct key found;
	unsigned usable, ended;
};

/* A revoked key is only meant where no other bears the label. */
static bool
match_label(const struct key *key, void *context)
{
	struct search *search = context;

	if (strcmp(key->label, search->label) != 0)
		return true;
	if (key->state == KEY_REVOKED) {
		if (search->ended++ == 0 && search->usable == 0)
			search->found = *key;
	} else if (search->usable++ == 0) {
		search->found = *key;
	}
	return true;
}

static enum outcome
find_labelled(struct session *s, const char *name, const char *slash,
    struct key *key)
{
	struct search search = { .label = slash + 1 };
	struct account account;
	char *owner = strndup(name, (size_t)(slash - name));
	enum outcome outcome;
	enum store_rc rc;

	if (!owner)
		return fail_memory(s);
	outcome = find_account(s, owner, &account);
	free(owner);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = key_list(s->store, account.number, match_label, &search);
	if (rc != STORE_OK)
		return fail_store(s, rc);
	*key = search.found;
	if (search.usable > 1 || (search.usable == 0 && search.ended > 1))
		return fail(OUTCOME_USAGE, "more than one key of %s is called "
		    "'%s'; name it by its number; see: %s key list %s",
		    account.name, slash + 1, s->args->program, account.name);
	if (search.usable == 0 && search.ended == 0)
		return fail(OUTCOME_NOT_FOUND, "no key of %s is called '%s'; "
		    "list them with: %s key list %s", account.name,
		    slash + 1, s->args->program, account.name);
	return OUTCOME_OK;
}

enum outcome
key_find(struct session *s, const char *name, struct key *key)
{
	const char *slash = strchr(name, '/');
	unsigned long long number;
	enum store_rc rc;
	char *end;

	if (slash)
		return find_labelled(s, name, slash, key);
	errno = 0;
	number = strtoull(name, &end, 10);
	if (!isdigit((unsigned char)*name) || *end)
		return fail_usage(s, "'%s' names no key; write its number, or "
		    "ACCOUNT/LABEL", name);
	rc = errno || number < 1 || number > UINT32_MAX ? STORE_NOT_FOUND :
	    key_get(s->store, (uint32_t)number, key);
	if (rc == STORE_NOT_FOUND)
		return fail(OUTCOME_NOT_FOUND, "there is no key %s; list "
		    "them with: %s key list", name, s->args->program);
	return rc == STORE_OK ? OUTCOME_OK : fail_store(s, rc);
}

enum outcome
key_print_secret(struct session *s, const struct key *key, const char *secret)
{
	enum store_rc rc = STORE_OK;
	json_t *object;

	if (!s->args->value[FLAG_JSON]) {
		puts(secret);
		return OUTCOME_OK;
	}
	object = key_describe(s, key, &rc);
	if (object && json_object_set_new(object, "secret",
		json_string(secret)) != 0) {
		json_decref(object);
		object = NULL;
	}
	return rc == STORE_OK ? object_print(s, object) : fail_store(s, rc);
}

static void
tell_new_key(struct session *s, const struct key *key)
{
	struct account account;

	if (account_get(s->store, key->account, &account) != STORE_OK)
		return;
	tell(s, "made key %u (%s/%s); its secret is not shown again. It goes "
	    "where an SDK wants its API key.", key->number, account.name,
	    key->label);
	if (account_available(&account).nano <= 0)
		tell(s, "account %s has no credit; add some with: "
		    "%s credit add %s USD", account.name, s->args->program,
		    account.name);
	if (account.state != ACCOUNT_ACTIVE)
		tell(s, "account %s is suspended; resume it with: "
		    "%s account resume %s", account.name, s->args->program,
		    account.name);
}

enum outcome
key_new_run(struct session *s)
{
	struct key_draft draft = { 0 };
	struct account account;
	struct key key;
	char secret[KEY_SECRET_SIZE];
	enum outcome outcome = find_account(s, operand(s, 0), &account);
	enum store_rc rc;

	if (outcome == OUTCOME_OK)
		outcome = key_draft_read(s, &draft);
	if (outcome == OUTCOME_OK) {
		draft.spec.account = account.number;
		rc = key_create(s->store, &draft.spec, secret, &key);
		if (rc == STORE_OUT_OF_RANGE)
			outcome = fail_usage(s, "the store does not take such "
			    "a key");
		else if (rc != STORE_OK)
			outcome = fail_store(s, rc);
		else
			outcome = key_print_secret(s, &key, secret);
		secret_wipe(secret, sizeof(secret));
	}
	if (outcome == OUTCOME_OK)
		tell_new_key(s, &key);
	key_draft_clear(&draft);
	return outcome;
}

/* Rows want names of accounts, which the walk over keys does not read. */
struct collected {
	struct key *keys;
	size_t n, room;
	bool failed;
};

static bool
collect_key(const struct key *key, void *context)
{
	struct collected *collected = context;
	size_t room = collected->room ? collected->room * 2 : 64;
	struct key *keys;

	if (collected->n == collected->room) {
		keys = reallocarray(collected->keys, room, sizeof(*keys));
		collected->failed = !keys;
		if (!keys)
			return false;
		collected->keys = keys;
		collected->room = room;
	}
	collected->keys[collected->n++] = *key;
	return true;
}

static enum store_rc
list_keys(struct session *s, uint32_t account, struct listing *listing)
{
	struct collected collected = { 0 };
	enum store_rc rc = key_list(s->store, account, collect_key,
	    &collected);

	for (size_t i = 0; rc == STORE_OK && i < collected.n; i++) {
		json_t *row = key_describe(s, &collected.keys[i], &rc);

		if (rc == STORE_OK && !listing_add(listing, row))
			break;
	}
	listing->failed |= collected.failed;
	free(collected.keys);
	return rc;
}

enum outcome
key_list_run(struct session *s)
{
	static const struct column columns[] = {
		{ "number", "NUMBER", COLUMN_NUMBER },
		{ "account", "ACCOUNT", COLUMN_TEXT },
		{ "label", "LABEL", COLUMN_TEXT },
		{ "last4", "LAST4", COLUMN_TEXT },
		{ "state", "STATE", COLUMN_TEXT },
		{ "scope", "SCOPE", COLUMN_TEXT },
		{ "budget", "BUDGET", COLUMN_MONEY },
		{ "spent", "SPENT", COLUMN_MONEY },
		{ "expires", "EXPIRES", COLUMN_TEXT },
		{ "last_used", "LAST USED", COLUMN_TEXT },
	};
	struct account account = { 0 };
	struct listing listing;
	enum outcome outcome = operand(s, 0) ?
	    find_account(s, operand(s, 0), &account) : OUTCOME_OK;
	enum store_rc rc;

	if (outcome != OUTCOME_OK)
		return outcome;
	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	rc = list_keys(s, account.number, &listing);
	if (rc != STORE_OK) {
		listing_drop(&listing);
		return fail_store(s, rc);
	}
	return listing_print(s, &listing, COLUMNS(columns),
	    "there are no keys; make one with", "key new ACCOUNT");
}

enum outcome
key_show_run(struct session *s)
{
	struct key key;
	enum outcome outcome = key_find(s, operand(s, 0), &key);
	enum store_rc rc;
	json_t *object;

	if (outcome != OUTCOME_OK)
		return outcome;
	object = key_describe(s, &key, &rc);
	return rc == STORE_OK ? object_print(s, object) : fail_store(s, rc);
}

enum outcome
key_fail_change(struct session *s, const struct key *key, enum store_rc rc)
{
	if (rc == STORE_NOT_ACTIVE)
		return fail(OUTCOME_CONFLICT, "key %u is revoked, and that "
		    "cannot be undone; make another with: %s key new %u",
		    key->number, s->args->program, key->account);
	return fail_store(s, rc);
}

enum outcome
key_print_change(struct session *s, const struct key *key)
{
	enum store_rc rc;
	json_t *object = key_describe(s, key, &rc);

	return rc == STORE_OK ? object_print_json(s, object) :
	    fail_store(s, rc);
}

/* next says what can be done afterwards. */
static enum outcome
set_state(struct session *s, enum key_state state, const char *next)
{
	struct key key;
	enum outcome outcome = key_find(s, operand(s, 0), &key);
	enum store_rc rc;

	if (outcome != OUTCOME_OK)
		return outcome;
	rc = key_set_state(s->store, key.number, state, &key);
	if (rc != STORE_OK)
		return key_fail_change(s, &key, rc);
	tell(s, "key %u (%s) is %s; %s: %s key %s %u", key.number, key.label,
	    key_state_now(&key), state == KEY_REVOKED ? "make another with" :
	    "undo it with", s->args->program, next,
	    state == KEY_REVOKED ? key.account : key.number);
	return key_print_change(s, &key);
}

enum outcome
key_disable_run(struct session *s)
{
	return set_state(s, KEY_DISABLED, "enable");
}

enum outcome
key_enable_run(struct session *s)
{
	return set_state(s, KEY_ACTIVE, "disable");
}

enum outcome
key_revoke_run(struct session *s)
{
	return set_state(s, KEY_REVOKED, "new");
}
