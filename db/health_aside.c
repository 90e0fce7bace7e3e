/* health_aside.c: providers and keys that are left alone for a while, and what
 * an operator sees of a provider. */
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "db/health_private.h"

enum { ASIDE_MS_MAX = 600000 };

/* A number that tells a key from others, and nothing about it. */
static uint64_t
print_of(const struct health_rule *rule, size_t index)
{
	unsigned char digest[DIGEST_BYTES];
	uint64_t print = 0;

	if (index < rule->n_keys && digest_sha256(rule->keys[index],
	    strlen(rule->keys[index]), digest))
		memcpy(&print, digest, sizeof(print));
	return print;
}

static int64_t
key_aside_ms(const struct health_row *row, const struct health_rule *rule,
    size_t index, int64_t now_us)
{
	const struct health_key *key = &row->keys[index];
	int64_t left_ms = health_left_ms(key->aside_us, now_us);

	return left_ms > 0 && key->print == print_of(rule, index) ?
	    left_ms : 0;
}

/* A provider without keys has one in name. */
static size_t
n_keys(const struct health_rule *rule)
{
	return rule->n_keys ? rule->n_keys : 1;
}

int64_t
health_aside_ms(const struct health_row *row, const struct health_rule *rule,
    int64_t now_us)
{
	int64_t provider_ms = health_left_ms(row->aside_us, now_us);
	int64_t least_ms = INT64_MAX;

	for (size_t i = 0; i < n_keys(rule); i++) {
		int64_t key_ms = key_aside_ms(row, rule, i, now_us);

		if (key_ms < least_ms)
			least_ms = key_ms;
	}
	return provider_ms > least_ms ? provider_ms : least_ms;
}

size_t
health_next_key(struct health_row *row, const struct health_rule *rule,
    int64_t now_us)
{
	int64_t least_ms = INT64_MAX;
	size_t best = 0;

	for (size_t i = 0; i < n_keys(rule); i++) {
		size_t index = (size_t)((row->turn + i) % n_keys(rule));
		int64_t key_ms = key_aside_ms(row, rule, index, now_us);

		if (key_ms < least_ms) {
			least_ms = key_ms;
			best = index;
		}
	}
	row->turn = best + 1;
	return best;
}

void
health_set_aside(struct health_row *row, const struct health_rule *rule,
    const struct health_pass *pass, const struct health_result *result,
    int64_t now_us)
{
	int64_t ms = result->pause_ms > 0 ? result->pause_ms :
	    rule->key_pause_ms;

	if (ms > ASIDE_MS_MAX && result->pause_ms > 0)
		ms = ASIDE_MS_MAX;
	if (!result->key_refused)
		row->aside_us = now_us + ms * 1000;
	else
		row->keys[pass->key] = (struct health_key){
			.print = print_of(rule, pass->key),
			.aside_us = now_us + ms * 1000,
		};
}

static int64_t
age_ms(int64_t then_us, int64_t now_us)
{
	return then_us ? (now_us - then_us) / 1000 : -1;
}

static void
fill_view(const struct health_row *row, const struct health_rule *rule,
    int64_t now_us, struct health_view *view)
{
	*view = (struct health_view){
		.open = row->open,
		.pin = (enum health_pin)row->pin,
		.failures_running = row->running,
		.opened = row->opened,
		.probes = (int64_t)row->probes,
		.changed_age_ms = age_ms(row->changed_us, now_us),
		.probe_wait_ms = row->open ?
		    health_shut_ms(row, rule, now_us) : 0,
		.aside_ms = health_aside_ms(row, rule, now_us),
		.why_age_ms = age_ms(row->why_us, now_us),
	};
	health_count(row, now_us, &view->calls, &view->failures);
	for (size_t i = 0; i < n_keys(rule); i++)
		view->keys_aside += key_aside_ms(row, rule, i, now_us) > 0;
	memcpy(view->why, row->why, sizeof(view->why));
}

bool
health_show(struct health *health, const struct health_rule *rule,
    struct health_view *view)
{
	struct health_table *table = health ? shared_lock(health->shared) :
	    NULL;
	const struct health_row *row;

	if (!table)
		return false;
	row = health_row(table, rule->provider, false);
	if (row)
		fill_view(row, rule, clock_mono_us(), view);
	shared_unlock(health->shared);
	return row != NULL;
}
