/* tally.c: how many requests went well lately, per model. */
#include "db/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/shared.h"

enum { MINUTE_US = 60000000 };

struct tally_minute {
	int64_t number; /* of the minute, since boot */
	uint32_t well, badly;
};

struct tally_row {
	char model[TALLY_MODEL_SIZE]; /* "": free */
	int64_t used_us;              /* on the monotonic clock */
	struct tally_minute minutes[TALLY_MINUTES];
};

struct tally_table {
	struct tally_row gateway;
	struct tally_row models[TALLY_MODELS_MAX];
};

struct tally {
	struct shared *shared;
};

static void
clear(void *data, size_t bytes)
{
	/* It is zero: nothing was counted. */
	(void)data;
	(void)bytes;
}

/* Counts that a death left half-written go away within the hour. */
static bool
mend(void *data, size_t bytes)
{
	struct tally_table *table = data;

	(void)bytes;
	for (size_t i = 0; i < TALLY_MODELS_MAX; i++)
		table->models[i].model[TALLY_MODEL_SIZE - 1] = '\0';
	return true;
}

static const struct shared_kind kind = {
	.name = "tally.shared",
	.version = 1,
	.bytes = sizeof(struct tally_table),
	.bytes_max = sizeof(struct tally_table),
	.clear = clear,
	.mend = mend,
};

struct tally *
tally_open(const char *dir)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return NULL;
	tally->shared = shared_open(dir, &kind);
	if (tally->shared)
		return tally;
	free(tally);
	return NULL;
}

void
tally_close(struct tally *tally)
{
	if (!tally)
		return;
	shared_close(tally->shared);
	free(tally);
}

static struct tally_row *
find_row(struct tally_table *table, const char *model)
{
	if (!model)
		return &table->gateway;
	for (size_t i = 0; i < TALLY_MODELS_MAX; i++)
		if (strcmp(table->models[i].model, model) == 0)
			return &table->models[i];
	return NULL;
}

/* The row that was not used for longest becomes the model's. */
static struct tally_row *
make_row(struct tally_table *table, const char *model)
{
	struct tally_row *oldest = &table->models[0];

	for (size_t i = 1; i < TALLY_MODELS_MAX; i++)
		if (table->models[i].used_us < oldest->used_us)
			oldest = &table->models[i];
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->model, sizeof(oldest->model), "%s", model);
	return oldest;
}

void
tally_count(struct tally *tally, const char *model, bool well)
{
	struct tally_table *table = tally ? shared_lock(tally->shared) : NULL;
	int64_t now_us = clock_mono_us(), number = now_us / MINUTE_US;
	struct tally_minute *minute;
	struct tally_row *row;

	if (!table)
		return;
	row = find_row(table, model);
	if (!row)
		row = make_row(table, model);
	row->used_us = now_us;
	minute = &row->minutes[number % TALLY_MINUTES];
	if (minute->number != number)
		*minute = (struct tally_minute){ .number = number };
	if (well)
		minute->well++;
	else
		minute->badly++;
	shared_unlock(tally->shared);
}

struct tally_sum
tally_sum(struct tally *tally, const char *model)
{
	struct tally_table *table = tally ? shared_lock(tally->shared) : NULL;
	int64_t number = clock_mono_us() / MINUTE_US;
	struct tally_sum sum = { 0 };
	const struct tally_row *row;

	if (!table)
		return sum;
	row = find_row(table, model);
	for (size_t i = 0; row && i < TALLY_MINUTES; i++) {
		if (row->minutes[i].number <= number - TALLY_MINUTES)
			continue;
		sum.well += row->minutes[i].well;
		sum.badly += row->minutes[i].badly;
	}
	shared_unlock(tally->shared);
	return sum;
}
