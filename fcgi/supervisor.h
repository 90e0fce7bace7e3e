/* supervisor.h: the process that owns the sockets and watches the workers. */
#ifndef FCGI_SUPERVISOR_H
#define FCGI_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

struct supervisor_options {
	const char *config;       /* the configuration file */
	/* Sockets to make; NULL for those that are handed over, or absent. */
	const char *socket;
	const char *light_socket;
	mode_t socket_mode;
	const char *socket_group; /* NULL: the process's own */
	/* Listening sockets that are handed over, or -1. */
	int fd, light_fd;
	int workers;
	int light;                /* workers of the light socket */
	bool urged;               /* see worker.h */
};

/*
 * Runs until it is asked to stop and all workers are gone. SIGTERM, SIGINT or
 * SIGUSR1 lets requests finish; a second one does not. SIGHUP reads the
 * configuration again. Never opens the store. Returns the exit status.
 */
int supervisor_run(const struct supervisor_options *options);

#endif
