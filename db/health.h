/* health.h: how providers have been doing, as all processes know it: breakers,
 * and what is to be left alone for a while. */
#ifndef DB_HEALTH_H
#define DB_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"

/*
 * A provider that keeps failing is not asked any more: its breaker is open.
 * Then one call in a while, a probe, goes through, and its success closes the
 * breaker. Besides, a provider or one of its keys can be set aside: it is used
 * only where there is nothing else. All of it lies in a file of the store's
 * directory and outlives the processes, but not a reboot.
 *
 * A health of NULL is allowed everywhere: then nobody is known to be ill.
 */
struct health;

enum {
	HEALTH_NAME_SIZE = 64,
	HEALTH_WHY_SIZE = 160,
	HEALTH_KEYS_MAX = 16,
	HEALTH_PROVIDERS_MAX = 128, /* then the one not used for longest goes */
	HEALTH_WINDOW_MS = 60000,   /* what `share` is about */
};

/* NULL, and errno, when it cannot be. */
struct health *health_open(const char *dir);
void health_close(struct health *health);

/* Who is meant, and when its breaker opens; options of a provider. */
struct health_rule {
	const char *provider;
	const char *const *keys; /* its secrets; only fingerprints are kept */
	size_t n_keys;
	int64_t failures;    /* without a success between them; 0: never */
	int64_t share;       /* percent of the calls that failed; 0: never */
	int64_t calls_min;   /* for the share to count */
	int64_t pause_ms;    /* between probes */
	int64_t key_pause_ms; /* for which a refused key is set aside */
};

enum health_access {
	HEALTH_READY,
	HEALTH_ASIDE, /* when there is nothing else; wait_ms tells how long */
	HEALTH_SHUT,  /* not at all; wait_ms until a probe is due */
};

/* Those of a provider, which must outlive them. */
struct health_rule health_rule_of(const struct provider *provider);

/* What a call would meet now. A probe that is due makes it READY. */
enum health_access health_look(struct health *health,
    const struct health_rule *rule, int64_t *wait_ms);

/* What belongs to one call, between health_enter() and health_leave(). */
struct health_pass {
	size_t key;        /* the index of the one to use; 0 without keys */
	bool probe;
	uint32_t era;      /* how often the breaker had opened before */
};

/* False when the breaker is open and no probe is due. */
bool health_enter(struct health *health, const struct health_rule *rule,
    struct health_pass *pass);

enum health_verdict {
	HEALTH_GOOD,
	HEALTH_BAD,     /* the provider's failure */
	HEALTH_NEITHER, /* it tells nothing about the provider */
};

struct health_result {
	enum health_verdict verdict;
	bool key_refused;   /* the key is set aside ... */
	int64_t pause_ms;   /* ... or else the provider is, for so long; 0 or
	                     * less: the provider said nothing */
	const char *why;    /* a few words for the operator; no secrets */
};

/*
 * The end of a call. Calls that began before the breaker opened tell nothing
 * about it any more; a provider whose breaker is open counts probes only.
 */
void health_leave(struct health *health, const struct health_rule *rule,
    const struct health_pass *pass, const struct health_result *result);

/* What an operator decided for a provider, until another decision. */
enum health_pin { HEALTH_FREE, HEALTH_KEPT_OPEN, HEALTH_KEPT_CLOSED };

/*
 * OPEN keeps the provider from being asked at all; CLOSED has it asked
 * whatever happens; FREE closes the breaker and leaves it to itself. What was
 * set aside is so no more. False when the table cannot be had.
 */
bool health_pin(struct health *health, const char *provider,
    enum health_pin pin);

/* A provider as an operator sees it. Ages are in ms; -1: never. */
struct health_view {
	bool open;
	enum health_pin pin;
	int64_t failures_running;  /* since the last success */
	int64_t calls, failures;   /* of the last minute */
	int64_t opened;            /* how often */
	int64_t probes;            /* how many */
	int64_t changed_age_ms;    /* since it opened or closed */
	int64_t probe_wait_ms;     /* until a probe is due; 0 unless open */
	int64_t aside_ms;          /* it is set aside for so long; 0: not */
	int64_t keys_aside;
	int64_t why_age_ms;
	char why[HEALTH_WHY_SIZE]; /* of the last failure; "" */
};

/* False when the provider was never asked. */
bool health_show(struct health *health, const struct health_rule *rule,
    struct health_view *view);

#endif
