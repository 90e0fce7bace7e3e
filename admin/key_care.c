/* key_care.c: `farebox key`: replaces secrets, sets ends, binds to
 * addresses. */
#include <string.h>

#include "admin/admin.h"
#include "admin/key.h"
#include "admin/key_spec.h"
#include "admin/object.h"
#include "base/clock.h"

static void
tell_rotated(struct session *s, const struct key *key)
{
	int64_t ends_ms[KEY_OLD_SECRETS_MAX];
	char when[CLOCK_TEXT_SIZE];
	size_t n;

	if (key_old_secrets(s->store, key->number, ends_ms, &n) != STORE_OK)
		return;
	if (n == 0)
		tell(s, "key %u (%s) has a new secret, which is not shown "
		    "again; the old one has ended", key->number, key->label);
	else
		tell(s, "key %u (%s) has a new secret, which is not shown "
		    "again; the old one ends at %s. To end it now, rotate "
		    "again with: %s key rotate %u --grace 0", key->number,
		    key->label, clock_format(ends_ms[n - 1], when),
		    s->args->program, key->number);
	if (key->state != KEY_ACTIVE || strcmp(key_state_now(key),
		key_state_name(key->state)) != 0)
		tell(s, "the key is %s; see: %s key show %u",
		    key_state_now(key), s->args->program, key->number);
}

enum outcome
key_rotate_run(struct session *s)
{
	char secret[KEY_SECRET_SIZE];
	struct key key;
	int64_t grace_ms;
	enum outcome outcome = key_find(s, operand(s, 0), &key);
	enum store_rc rc;

	if (outcome == OUTCOME_OK)
		outcome = key_read_grace(s, &grace_ms);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = key_rotate(s->store, key.number, s->conf->brand, grace_ms,
	    secret, &key);
	if (rc == STORE_OK)
		outcome = key_print_secret(s, &key, secret);
	else
		outcome = key_fail_change(s, &key, rc);
	secret_wipe(secret, sizeof(secret));
	if (outcome == OUTCOME_OK)
		tell_rotated(s, &key);
	return outcome;
}

enum outcome
key_expire_run(struct session *s)
{
	const char *text = operand(s, 1);
	char when[CLOCK_TEXT_SIZE];
	struct key key;
	int64_t ends_ms = 0;
	enum outcome outcome = key_find(s, operand(s, 0), &key);
	enum store_rc rc;

	if (outcome != OUTCOME_OK)
		return outcome;
	if (strcmp(text, "now") == 0)
		ends_ms = clock_wall_ms();
	else if (strcmp(text, "never") != 0)
		outcome = key_read_time(s, "TIME", text, &ends_ms);
	if (outcome != OUTCOME_OK)
		return outcome;
	rc = key_set_expiry(s->store, key.number, ends_ms, &key);
	if (rc != STORE_OK)
		return key_fail_change(s, &key, rc);
	if (ends_ms)
		tell(s, "key %u (%s) %s at %s; undo it with: %s key expire %u "
		    "never", key.number, key.label,
		    strcmp(text, "now") == 0 ? "has expired" : "expires",
		    clock_format(ends_ms, when), s->args->program,
		    key.number);
	else
		tell(s, "key %u (%s) does not expire", key.number, key.label);
	return key_print_change(s, &key);
}

static enum outcome
read_ranges(struct session *s, struct address_range *ranges, size_t *n)
{
	const char *text;

	for (*n = 0; (text = operand(s, *n + 1)) != NULL; ++*n)
		if (!address_range_parse(text, strlen(text), &ranges[*n]))
			return fail_usage(s, "'%s' is no address, and no "
			    "range such as 192.0.2.0/24 or 2001:db8::/32 with "
			    "no bit set beyond its length", text);
	return OUTCOME_OK;
}

static enum outcome
tell_bound(struct session *s, const struct key *key)
{
	struct address_range ranges[KEY_ADDRESSES_MAX];
	size_t n;
	enum store_rc rc = key_addresses(s->store, key->number, ranges, &n);

	if (rc != STORE_OK)
		return fail_store(s, rc);
	if (n == 0)
		tell(s, "key %u (%s) may be used from any address",
		    key->number, key->label);
	else
		tell(s, "key %u (%s) may be used from %zu %s only; undo it "
		    "with: %s key allow %u --clear", key->number, key->label,
		    n, n == 1 ? "address or range" : "addresses or ranges",
		    s->args->program, key->number);
	return OUTCOME_OK;
}

enum outcome
key_allow_run(struct session *s)
{
	bool clear = s->args->value[FLAG_CLEAR] != NULL;
	struct address_range ranges[OPERANDS_MAX];
	struct key key;
	size_t n = 0;
	enum outcome outcome = key_find(s, operand(s, 0), &key);
	enum store_rc rc;

	if (outcome == OUTCOME_OK)
		outcome = read_ranges(s, ranges, &n);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (n == 0 && !clear)
		return fail_usage(s, "it needs a RANGE, or --clear");
	rc = key_bind(s->store, key.number, ranges, n, clear, &key);
	if (rc == STORE_OUT_OF_RANGE)
		return fail(OUTCOME_CONFLICT, "a key is bound to %d ranges at "
		    "most; see: %s key show %u", KEY_ADDRESSES_MAX,
		    s->args->program, key.number);
	if (rc != STORE_OK)
		return key_fail_change(s, &key, rc);
	outcome = tell_bound(s, &key);
	return outcome == OUTCOME_OK ? key_print_change(s, &key) : outcome;
}
