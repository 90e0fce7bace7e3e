/* space.h: room on the store's disk: what is free, and what is kept back. */
#ifndef DB_SPACE_H
#define DB_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/store.h"

/*
 * A full disk must not keep anybody from what was paid for. So new holds are
 * refused while there is still some room, which settlements and releases may
 * use; and when even that is gone, because another program took it, a file
 * that holds nothing is deleted: the ballast.
 */
enum {
	BALLAST_BYTES = 16 * 1024 * 1024,
	SPACE_FREE_BYTES_MIN = 64 * 1024 * 1024, /* unless configured */
};

/* What an unprivileged user may still write there; -1 when not known. */
int64_t space_free(const char *dir);

/*
 * Whether less than store_options.free_bytes_min is free, so that holds are
 * to be refused. What was seen is believed for a second.
 */
bool space_is_low(struct store *store);

/* Makes dir/ballast when it is not there and free_bytes_min would stay free.
 * That it cannot be made is no failure. */
void ballast_make(const char *dir, int64_t free_bytes_min);

/* Deletes it; false when there was none. */
bool ballast_drop(const char *dir);

#endif
