/* manifest_private.h: what a backup says about itself. */
#ifndef DB_MANIFEST_PRIVATE_H
#define DB_MANIFEST_PRIVATE_H

#include "db/backup.h"

/*
 * manifest.json is written last: a backup without one was not finished. It has
 * the time, the versions, the totals of the ledger, and size and SHA-256 of
 * each file.
 */

/* Writes the manifest of the files in dir, flushed. */
bool manifest_write(const char *dir, const struct proof *proof,
    char why[STORE_WHY_SIZE]);

/*
 * Reads the manifest in dir, compares every file with it, and calls visit for
 * each. False, and why, when something is amiss.
 */
bool manifest_read(const char *dir,
    bool (*visit)(const char *name, void *context), void *context,
    struct proof *proof, char why[STORE_WHY_SIZE]);

#endif
