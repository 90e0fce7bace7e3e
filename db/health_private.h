/* health_private.h: what the files about providers' health share. */
#ifndef DB_HEALTH_PRIVATE_H
#define DB_HEALTH_PRIVATE_H

#include "db/health.h"
#include "db/shared.h"

enum { HEALTH_PARTS = 6, HEALTH_PART_MS = HEALTH_WINDOW_MS / HEALTH_PARTS };

/* A part of the last minute. */
struct health_part {
	int64_t number; /* of the part, since boot */
	uint32_t calls, failures;
};

/* A key that was refused, known by its fingerprint. */
struct health_key {
	uint64_t print;
	int64_t aside_us; /* until then */
};

/* One provider. Times are of the monotonic clock; 0 is never. */
struct health_row {
	char name[HEALTH_NAME_SIZE]; /* "": free */
	char why[HEALTH_WHY_SIZE];
	int64_t used_us, why_us, changed_us;
	int64_t tried_us;   /* when it opened, or the last probe began */
	int64_t aside_us;   /* the provider is set aside until then */
	uint64_t turn;      /* of its keys */
	uint64_t probes;
	uint32_t open, pin; /* bool, enum health_pin */
	uint32_t opened;    /* how often */
	uint32_t running;   /* failures since the last success */
	struct health_part parts[HEALTH_PARTS];
	struct health_key keys[HEALTH_KEYS_MAX];
};

struct health_table {
	struct health_row rows[HEALTH_PROVIDERS_MAX];
};

struct health {
	struct shared *shared;
};

/* The row of a provider; NULL when there is none and make is not set. */
struct health_row *health_row(struct health_table *table,
    const char *provider, bool make);

/* How long it is until then; 0 when that is past. */
int64_t health_left_ms(int64_t until_us, int64_t now_us);

/* How long no call may go through; 0: one may. */
int64_t health_shut_ms(const struct health_row *row,
    const struct health_rule *rule, int64_t now_us);

/* What came in the last minute. */
void health_count(const struct health_row *row, int64_t now_us,
    int64_t *calls, int64_t *failures);

/* health_aside.c: for how long the provider, or its last key, is set aside. */
int64_t health_aside_ms(const struct health_row *row,
    const struct health_rule *rule, int64_t now_us);

/* The next key in turn that is not aside; else the one that is so least. */
size_t health_next_key(struct health_row *row, const struct health_rule *rule,
    int64_t now_us);

void health_set_aside(struct health_row *row, const struct health_rule *rule,
    const struct health_pass *pass, const struct health_result *result,
    int64_t now_us);

#endif
