/* dispatch.h: the file that names the configuration under suexec. */
#ifndef FCGI_DISPATCH_H
#define FCGI_DISPATCH_H

#include <limits.h>
#include <stdbool.h>

#include "fcgi/start.h"

/*
 * Reads the `config = FILE` of a dispatcher file. Lines that start with '#'
 * and empty ones do not count; any other is wrong. False with a sentence in
 * why.
 */
bool dispatch_read(const char *file, char config[PATH_MAX],
    char why[START_WHY_SIZE]);

/* True when a file is the CGI script that the web server runs. */
bool dispatch_is_script(const char *file);

#endif
