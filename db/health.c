/* health.c: how providers have been doing: the table, and the breaker. */
#include "db/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/health_private.h"

static void
clear(void *data, size_t bytes)
{
	/* It is zero, and so nobody is known. */
	(void)data;
	(void)bytes;
}

/* Half a row is as good as none: what is wrong in it goes away by itself. */
static bool
mend(void *data, size_t bytes)
{
	struct health_table *table = data;

	(void)bytes;
	for (size_t i = 0; i < HEALTH_PROVIDERS_MAX; i++) {
		struct health_row *row = &table->rows[i];

		row->name[HEALTH_NAME_SIZE - 1] = '\0';
		row->why[HEALTH_WHY_SIZE - 1] = '\0';
	}
	return true;
}

static const struct shared_kind kind = {
	.name = "health.shared",
	.version = 1,
	.bytes = sizeof(struct health_table),
	.bytes_max = sizeof(struct health_table),
	.clear = clear,
	.mend = mend,
};

struct health *
health_open(const char *dir)
{
	struct health *health = calloc(1, sizeof(*health));

	if (!health)
		return NULL;
	health->shared = shared_open(dir, &kind);
	if (health->shared)
		return health;
	free(health);
	return NULL;
}

void
health_close(struct health *health)
{
	if (!health)
		return;
	shared_close(health->shared);
	free(health);
}

struct health_rule
health_rule_of(const struct provider *provider)
{
	return (struct health_rule){
		.provider = provider->name,
		.keys = provider->keys,
		.n_keys = provider->n_keys,
		.failures = provider->breaker_failures,
		.share = provider->breaker_share,
		.calls_min = provider->breaker_calls_min,
		.pause_ms = provider->breaker_pause_ms,
		.key_pause_ms = provider->key_pause_ms,
	};
}

struct health_row *
health_row(struct health_table *table, const char *provider, bool make)
{
	struct health_row *oldest = &table->rows[0];

	for (size_t i = 0; i < HEALTH_PROVIDERS_MAX; i++) {
		struct health_row *row = &table->rows[i];

		if (strcmp(row->name, provider) == 0)
			return row;
		if (row->used_us < oldest->used_us)
			oldest = row;
	}
	if (!make)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->name, sizeof(oldest->name), "%s", provider);
	return oldest;
}

int64_t
health_left_ms(int64_t until_us, int64_t now_us)
{
	return until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;
}

/* When a probe may go through; the past when one is due. */
static int64_t
probe_at_us(const struct health_row *row, const struct health_rule *rule)
{
	return row->tried_us + rule->pause_ms * 1000;
}

int64_t
health_shut_ms(const struct health_row *row, const struct health_rule *rule,
    int64_t now_us)
{
	if (row->pin == HEALTH_KEPT_CLOSED)
		return 0;
	if (row->pin == HEALTH_KEPT_OPEN)
		return rule->pause_ms;
	return row->open ? health_left_ms(probe_at_us(row, rule), now_us) : 0;
}

enum health_access
health_look(struct health *health, const struct health_rule *rule,
    int64_t *wait_ms)
{
	struct health_table *table = health ? shared_lock(health->shared) :
	    NULL;
	int64_t now_us = clock_mono_us(), shut_ms = 0, aside_ms = 0;
	struct health_row *row;

	*wait_ms = 0;
	if (!table)
		return HEALTH_READY;
	row = health_row(table, rule->provider, false);
	if (row) {
		shut_ms = health_shut_ms(row, rule, now_us);
		aside_ms = health_aside_ms(row, rule, now_us);
	}
	shared_unlock(health->shared);
	*wait_ms = shut_ms > aside_ms ? shut_ms : aside_ms;
	return shut_ms > 0 ? HEALTH_SHUT : aside_ms > 0 ? HEALTH_ASIDE :
	    HEALTH_READY;
}

bool
health_enter(struct health *health, const struct health_rule *rule,
    struct health_pass *pass)
{
	struct health_table *table = health ? shared_lock(health->shared) :
	    NULL;
	int64_t now_us = clock_mono_us();
	struct health_row *row;
	bool enters;

	*pass = (struct health_pass){ 0 };
	if (!table)
		return true;
	row = health_row(table, rule->provider, true);
	enters = health_shut_ms(row, rule, now_us) == 0;
	if (enters) {
		row->used_us = now_us;
		pass->era = row->opened;
		pass->key = health_next_key(row, rule, now_us);
		pass->probe = row->open && row->pin == HEALTH_FREE;
		if (pass->probe) {
			row->tried_us = now_us;
			row->probes++;
		}
	}
	shared_unlock(health->shared);
	return enters;
}

static struct health_part *
part_of(struct health_row *row, int64_t now_us)
{
	int64_t number = now_us / (HEALTH_PART_MS * 1000);
	struct health_part *part = &row->parts[number % HEALTH_PARTS];

	if (part->number != number)
		*part = (struct health_part){ .number = number };
	return part;
}

void
health_count(const struct health_row *row, int64_t now_us, int64_t *calls,
    int64_t *failures)
{
	int64_t number = now_us / (HEALTH_PART_MS * 1000);

	*calls = *failures = 0;
	for (size_t i = 0; i < HEALTH_PARTS; i++) {
		if (row->parts[i].number <= number - HEALTH_PARTS)
			continue;
		*calls += row->parts[i].calls;
		*failures += row->parts[i].failures;
	}
}

static bool
is_ill(const struct health_row *row, const struct health_rule *rule,
    int64_t now_us)
{
	int64_t calls, failures;

	if (rule->failures > 0 && row->running >= rule->failures)
		return true;
	health_count(row, now_us, &calls, &failures);
	return rule->share > 0 && calls >= rule->calls_min &&
	       failures * 100 >= calls * rule->share;
}

static void
close_breaker(struct health_row *row, int64_t now_us)
{
	row->open = 0;
	row->running = 0;
	row->changed_us = now_us;
	memset(row->parts, 0, sizeof(row->parts));
}

static void
count_call(struct health_row *row, const struct health_rule *rule,
    enum health_verdict verdict, int64_t now_us)
{
	struct health_part *part = part_of(row, now_us);

	part->calls++;
	if (verdict == HEALTH_GOOD) {
		row->running = 0;
		return;
	}
	part->failures++;
	row->running++;
	if (row->pin == HEALTH_FREE && is_ill(row, rule, now_us)) {
		row->open = 1;
		row->opened++;
		row->changed_us = row->tried_us = now_us;
	}
}

static void
take_result(struct health_row *row, const struct health_rule *rule,
    const struct health_pass *pass, const struct health_result *result,
    int64_t now_us)
{
	if (result->key_refused || result->pause_ms > 0)
		health_set_aside(row, rule, pass, result, now_us);
	if (result->why && result->verdict != HEALTH_GOOD) {
		snprintf(row->why, sizeof(row->why), "%s", result->why);
		row->why_us = now_us;
	}
	if (result->verdict == HEALTH_NEITHER || pass->era != row->opened)
		return;
	if (!row->open)
		count_call(row, rule, result->verdict, now_us);
	else if (pass->probe && result->verdict == HEALTH_GOOD)
		close_breaker(row, now_us);
}

void
health_leave(struct health *health, const struct health_rule *rule,
    const struct health_pass *pass, const struct health_result *result)
{
	struct health_table *table = health ? shared_lock(health->shared) :
	    NULL;

	if (!table)
		return;
	take_result(health_row(table, rule->provider, true), rule, pass,
	    result, clock_mono_us());
	shared_unlock(health->shared);
}

bool
health_pin(struct health *health, const char *provider, enum health_pin pin)
{
	struct health_table *table = health ? shared_lock(health->shared) :
	    NULL;
	int64_t now_us = clock_mono_us();
	struct health_row *row;

	if (!table)
		return false;
	row = health_row(table, provider, true);
	row->used_us = now_us;
	row->pin = (uint32_t)pin;
	row->aside_us = 0;
	memset(row->keys, 0, sizeof(row->keys));
	close_breaker(row, now_us);
	shared_unlock(health->shared);
	return true;
}
