/* tally.h: how many requests went well lately, per model. */
#ifndef DB_TALLY_H
#define DB_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Counts by the minute, of the last hour, in a file of the store's directory
 * that all processes share. They tell how available the models are; nobody is
 * charged by them. A tally of NULL is allowed everywhere: it counts nothing.
 */
struct tally;

enum {
	TALLY_MINUTES = 60,
	TALLY_MODEL_SIZE = 128,
	TALLY_MODELS_MAX = 256, /* then the one not asked for longest goes */
};

/* NULL, and errno, when it cannot be. */
struct tally *tally_open(const char *dir);
void tally_close(struct tally *tally);

/* One more request for a model (NULL: any, so for the gateway itself). */
void tally_count(struct tally *tally, const char *model, bool well);

struct tally_sum {
	int64_t well, badly;
};

/* Those of the last hour; none of a model that nobody asked for. */
struct tally_sum tally_sum(struct tally *tally, const char *model);

#endif
