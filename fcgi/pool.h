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
	struct seat *seats;
	size_t n_seats;
};

/* Adds empty places for n workers on a socket. False without memory. */
bool pool_add(struct pool *pool, int listen_fd, int n);
void pool_free(struct pool *pool);

/*
 * Forks a worker into each empty place whose pause is over. Returns false in
 * the supervisor, and true in each worker, whose socket is its standard input:
 * it is to let go of whatever else is the supervisor's. What signals this has
 * blocked the worker has, too, until it can take them, so that none is lost.
 */
bool pool_fill(struct pool *pool);

/*
 * Collects workers that have ended. A place is taken again at once, unless its
 * worker did not end well: then after a pause, which grows while workers die
 * young.
 */
void pool_reap(struct pool *pool);

void pool_signal(const struct pool *pool, int signal);

size_t pool_running(const struct pool *pool);

#endif
