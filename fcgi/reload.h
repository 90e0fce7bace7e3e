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
 * Reads the file for the first time. NULL when it is wrong; the problems are
 * in the log.
 */
struct conf *reload_first(struct reload *reload, const char *file);

/*
 * A new configuration, which is the caller's, when the file has changed (or
 * forced is set) and is right; else NULL. Problems are logged, once.
 */
struct conf *reload_changed(struct reload *reload, bool forced);

#endif
