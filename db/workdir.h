/* workdir.h: a directory of this process's own, for a while. */
#ifndef DB_WORKDIR_H
#define DB_WORKDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "db/store.h"

struct workdir {
	char *path;
	int fd; /* locked, so that others see that it is in use */
};

/*
 * Makes parent/copy-XXXXXX, mode 0700, and removes what a dead process left
 * there under such a name.
 */
bool workdir_make(struct workdir *work, const char *parent,
    char why[STORE_WHY_SIZE]);

/* Removes it with the files in it. */
void workdir_remove(struct workdir *work);

/* Removes the files in a directory; directories in it stay. */
void workdir_empty(const char *path);

/* Makes dir with mode 0700, or takes it when it is there, empty and ours; what
 * workdir_make() left in it does not count. */
bool workdir_claim(const char *dir, char why[STORE_WHY_SIZE]);

#endif
