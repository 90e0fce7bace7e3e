/* reload.h: farebox.conf, read again when it changes. */
#ifndef FCGI_RELOAD_H
#define FCGI_RELOAD_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/conf.h"

/* A configuration file that is watched. */
struct reload {
	const char *file;
	bool quiet;       /* a supervisor already tells what becomes of it */
	struct stat seen; /* of the file when it was last read */
};

/*
 * Reads the file for the first time. When it is wrong and kept is not NULL,
 * that file is read in its place. NULL when there is no good one; the problems
 * are in the log.
 */
struct conf *reload_first(struct reload *reload, const char *file,
    const char *kept);

/*
 * A new configuration, which is the caller's, when the file has changed (or
 * forced is set) and is right; else NULL. Problems are logged, once.
 */
struct conf *reload_changed(struct reload *reload, bool forced);

/*
 * A descriptor with a copy of the file as it was when last read, or -1, also
 * when it has changed since.
 */
int reload_copy(const struct reload *reload);

#endif
