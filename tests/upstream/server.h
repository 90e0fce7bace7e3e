/* server.h: servers that a test starts and ends. */
#ifndef TESTS_UPSTREAM_SERVER_H
#define TESTS_UPSTREAM_SERVER_H

#include <stdbool.h>

#include <sys/types.h>

struct server {
	pid_t pid; /* 0: none */
	int port;
};

/*
 * Starts a Python program of this tree, with "--port-file FILE OPTION VALUE",
 * and waits until it has written its port; FILE is a new one in dir. option
 * may be NULL. False, and nothing runs, when that took too long.
 */
bool server_start(struct server *server, const char *dir, const char *script,
    const char *option, const char *value);

/* Ends it; harmless to repeat. */
void server_stop(struct server *server);

#endif
