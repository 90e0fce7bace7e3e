/* place.h: whether a directory is one that money may be kept in. */
#ifndef DB_PLACE_H
#define DB_PLACE_H

#include <stdbool.h>

#include "db/store.h"

/*
 * True when dir and the store's files in it belong to this user alone, when it
 * lies on a disk of this machine, and when no DB_CONFIG lies beside it. Else
 * why says what to do.
 */
bool place_is_fit(const char *dir, char why[STORE_WHY_SIZE]);

/* "NFS" or the like when dir lies on a network file system, else NULL. */
const char *place_network(const char *dir);

/* True when dir/name exists. */
bool place_has(const char *dir, const char *name);

#endif
