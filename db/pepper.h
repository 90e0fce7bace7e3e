/* pepper.h: the secrets that keys are hashed with, and how they are changed. */
#ifndef DB_PEPPER_H
#define DB_PEPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/store.h"

/*
 * Each secret of a key is stored as a hash that is keyed with a pepper: a file
 * beside the tables, without which the tables tell nobody what a secret is.
 * New secrets are hashed with the newest; a secret that an older one hashed is
 * known all the same, and moves to the newest when it is next shown.
 */
enum { PEPPERS_MAX = 4 };

/* A pepper, and what it hashes. */
struct pepper_use {
	uint32_t number;
	uint64_t secrets;
	uint64_t usable; /* of these, of keys that are neither revoked nor
	                  * expired, and not ended themselves */
};

/* The newest first. Reads every secret there is. */
enum store_rc pepper_list(struct store *store,
    struct pepper_use uses[PEPPERS_MAX], size_t *n);

/*
 * Makes a new pepper, which running processes use from the next key on.
 * STORE_OUT_OF_RANGE when there are PEPPERS_MAX.
 */
enum store_rc pepper_rotate(struct store *store, uint32_t *number);

/*
 * Forgets a pepper: the secrets that it hashes are unknown from then on.
 * STORE_NOT_FOUND; STORE_OUT_OF_RANGE for the newest; without force,
 * STORE_NOT_ACTIVE when it hashes usable secrets.
 */
enum store_rc pepper_drop(struct store *store, uint32_t number, bool force);

#endif
