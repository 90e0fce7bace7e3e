/* region.h: Berkeley DB's shared memory, as files with blocks. */
#ifndef DB_REGION_H
#define DB_REGION_H

#include <stdbool.h>

/*
 * Gives blocks to the shared memory (__db.*) that this process has mapped from
 * dir. Its files have holes, which are filled as pages are touched; on a full
 * disk there is nothing to fill one with, and whoever touches it is killed
 * (SIGBUS) inside the store. False when the disk has no room for it; true also
 * where the system cannot do such a thing.
 */
bool region_reserve(const char *dir);

/*
 * Takes the names of the shared memory away, so that the next who opens the
 * environment makes it anew; whoever has it mapped keeps what there was.
 * Recovery would do so too, but first it looks into it, and what a power cut or
 * a dead process left there may hold it for ever. False when a name stays.
 */
bool region_remove(const char *dir);

#endif
