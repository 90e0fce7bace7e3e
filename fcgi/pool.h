/* pool.h: the workers of a supervisor: started, replaced, signalled. */
#ifndef FCGI_POOL_H
#define FCGI_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The place of one worker, taken again when it is gone. */
struct seat {
	int listen_fd;      /* the socket that it serves */
	pid_t pid;          /* 0: empty */
	int64_t started_us;
	int64_t next_us;    /* not to be taken before */
	int64_t pause_us;
};

struct pool {
	const char *config; /* the configuration file of the workers */
	struct seat *seats;
	size_t n_seats;
	int n_workers;      /* that may wait for providers: told to each */
	bool urged;         /* told to each, see worker.h */
};

/* Adds empty places for n workers on a socket. False without memory. */
bool pool_add(struct pool *pool, int listen_fd, int n);
void pool_free(struct pool *pool);

/*
 * Starts a worker in each empty place whose pause is over. kept_fd is a copy
 * of the last good configuration.
 */
void pool_fill(struct pool *pool, int kept_fd);

/*
 * Collects workers that have ended. A place is taken again at once, unless its
 * worker did not end well: then after a pause, which grows while workers die
 * young.
 */
void pool_reap(struct pool *pool);

void pool_signal(const struct pool *pool, int signal);

size_t pool_running(const struct pool *pool);

#endif
