/* start.h: how the program was started, and so what it is to be. */
#ifndef FCGI_START_H
#define FCGI_START_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { START_WHY_SIZE = 512 };

enum start_mode {
	START_HELP,
	START_VERSION,
	START_RECOVER,    /* recover a store, then end */
	START_SUPERVISOR, /* own sockets and workers */
	START_WORKER,     /* serve the listening socket on fd 0 */
	START_CGI,        /* serve the one CGI request */
};

struct start {
	enum start_mode mode;
	bool arguments_ignored; /* a CGI query can write the command line */

	/* The command line; NULL, 0 or -1 for what it does not name. */
	bool help, version;
	const char *config;
	const char *recover;
	const char *socket;
	const char *light_socket;
	const char *socket_group;
	int64_t socket_mode;
	int64_t workers, light;

	/* Listening sockets that a supervisor takes over, or -1. */
	int fd, light_fd;

	/* Behind config and light_socket when those were worked out. */
	char config_text[PATH_MAX];
	char light_socket_text[PATH_MAX];
};

/*
 * Reads the command line, the environment, a dispatcher file and what fd 0 is.
 * False with a sentence in why when they make no sense.
 *
 * A dispatcher file is an interpreter script: its first line names this
 * program, and a line `config = FILE` the configuration. Under CGI nothing
 * else of the command line counts, and the file must be SCRIPT_FILENAME,
 * because a query without '=' becomes arguments [RFC 3875, 4.4].
 */
bool start_read(struct start *start, int argc, char *const argv[],
    char why[START_WHY_SIZE]);

void start_help(FILE *out);

#endif
