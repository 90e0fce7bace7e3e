/* pool.c: the workers of a supervisor: started, replaced, signalled. */
#include "fcgi/pool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	YOUNG_US = 1000000,
	PAUSE_MIN_US = 100000,
	PAUSE_MAX_US = 10000000,
};

bool
pool_add(struct pool *pool, int listen_fd, int n)
{
	size_t n_seats = pool->n_seats + (size_t)n;
	struct seat *seats = realloc(pool->seats, n_seats * sizeof(*seats));

	if (!seats)
		return false;
	pool->seats = seats;
	while (pool->n_seats < n_seats)
		seats[pool->n_seats++] = (struct seat){
			.listen_fd = listen_fd,
		};
	return true;
}

void
pool_free(struct pool *pool)
{
	free(pool->seats);
	pool->seats = NULL;
	pool->n_seats = 0;
}

/* The child's part of a start. */
static void
begin_worker(const struct seat *seat, pid_t supervisor)
{
	/* A worker does not outlive its supervisor. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != supervisor)
		_exit(EXIT_SUCCESS);
	if (dup2(seat->listen_fd, STDIN_FILENO) != STDIN_FILENO)
		_exit(EXIT_FAILURE);
}

static void
wait_longer(struct seat *seat, int64_t now_us)
{
	seat->pause_us *= 2;
	if (seat->pause_us < PAUSE_MIN_US)
		seat->pause_us = PAUSE_MIN_US;
	if (seat->pause_us > PAUSE_MAX_US)
		seat->pause_us = PAUSE_MAX_US;
	seat->next_us = now_us + seat->pause_us;
}

bool
pool_fill(struct pool *pool)
{
	int64_t now_us = clock_mono_us();
	pid_t self = getpid(), child;

	for (size_t i = 0; i < pool->n_seats; i++) {
		struct seat *seat = &pool->seats[i];

		if (seat->pid > 0 || now_us < seat->next_us)
			continue;
		child = fork();
		if (child == 0) {
			begin_worker(seat, self);
			return true;
		}
		if (child < 0) {
			log_line(LOG_LEVEL_ERROR, "cannot start a worker");
			wait_longer(seat, now_us);
			return false;
		}
		seat->pid = child;
		seat->started_us = now_us;
	}
	return false;
}

/*
 * Dying young is a sign of trouble, so the pause grows. Not after SIGKILL:
 * that is how a recovery of the store evicts those who are stuck.
 */
static void
note_death(struct seat *seat, int status)
{
	int64_t now_us = clock_mono_us();
	int64_t age_us = now_us - seat->started_us;
	bool signalled = WIFSIGNALED(status);
	int number = signalled ? WTERMSIG(status) : WEXITSTATUS(status);

	if (age_us >= YOUNG_US || (signalled && number == SIGKILL))
		seat->pause_us = 0;
	wait_longer(seat, now_us);
	log_line(LOG_LEVEL_WARNING, "worker died pid=%ld %s=%d age_ms=%lld",
	    (long)seat->pid, signalled ? "signal" : "exit", number,
	    (long long)(age_us / 1000));
}

static void
leave_seat(struct seat *seat, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
		seat->pause_us = 0;
		seat->next_us = 0;
	} else {
		note_death(seat, status);
	}
	seat->pid = 0;
}

void
pool_reap(struct pool *pool)
{
	pid_t child;
	int status;

	/* Others than workers are recoveries, which nobody asks about. */
	while ((child = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < pool->n_seats; i++)
			if (pool->seats[i].pid == child)
				leave_seat(&pool->seats[i], status);
}

void
pool_signal(const struct pool *pool, int signal)
{
	for (size_t i = 0; i < pool->n_seats; i++)
		if (pool->seats[i].pid > 0)
			kill(pool->seats[i].pid, signal);
}

size_t
pool_running(const struct pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->n_seats; i++)
		n += pool->seats[i].pid > 0;
	return n;
}
