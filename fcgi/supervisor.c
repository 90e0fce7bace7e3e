/* supervisor.c: the process that owns the sockets and watches the workers. */
#include "fcgi/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "db/gate.h"
#include "fcgi/listen.h"
#include "fcgi/pool.h"
#include "fcgi/reload.h"
#include "fcgi/title.h"
#include "fcgi/worker.h"
#include "upstream/call.h"

enum { TICK_MS = 100 }; /* how often it looks around unasked */

enum stopping {
	STOP_NOT,
	STOP_FINISH, /* requests may finish */
	STOP_NOW,
};

struct supervisor {
	const struct supervisor_options *options;
	struct listener listener, light_listener;
	struct pool pool;
	struct reload reload;
	struct conf *conf;          /* the last good one */
	struct gate *gate;          /* NULL while there is no store */
	char gate_dir[PATH_MAX];
	const char *recover_command[4];
	sigset_t signals;           /* blocked, and waited for */
	enum stopping stopping;
};

static bool
open_listener(struct listener *listener, const char *path, int fd,
    const struct supervisor_options *options)
{
	char why[LISTEN_WHY_SIZE];

	if (fd >= 0) {
		if (listener_take(listener, fd))
			return true;
		log_line(LOG_LEVEL_ERROR, "cannot take over socket fd=%d", fd);
		return false;
	}
	if (!path || listener_open(listener, path, options->socket_mode,
	    options->socket_group, why))
		return true;
	log_line(LOG_LEVEL_ERROR, "%s", why);
	return false;
}

static bool
open_listeners(struct supervisor *s)
{
	const struct supervisor_options *options = s->options;

	return open_listener(&s->listener, options->socket, options->fd,
	    options) && open_listener(&s->light_listener,
	    options->light_socket, options->light_fd, options);
}

/* Watches the gate of the configured store; there may be none yet. */
static void
open_gate(struct supervisor *s)
{
	char why[STORE_WHY_SIZE];

	gate_close(s->gate);
	snprintf(s->gate_dir, sizeof(s->gate_dir), "%s", s->conf->store);
	s->recover_command[0] = SELF_PATH;
	s->recover_command[1] = "--recover";
	s->recover_command[2] = s->gate_dir;
	s->gate = gate_open(s->gate_dir, NULL, s->recover_command, why);
}

static void
watch_gate(struct supervisor *s)
{
	if (!s->gate)
		open_gate(s);
	if (s->gate)
		gate_watch(s->gate);
}

static void
use_config(struct supervisor *s, struct conf *conf)
{
	conf_free(s->conf);
	s->conf = conf;
	log_open("farebox", conf->log == LOG_TO_SYSLOG);
	if (strcmp(s->gate_dir, conf->store) != 0)
		open_gate(s);
}

static void
check_config(struct supervisor *s, bool forced)
{
	struct conf *conf = reload_changed(&s->reload, forced);

	if (conf)
		use_config(s, conf);
	if (forced)
		pool_signal(&s->pool, SIGHUP);
}

/*
 * Once the sockets are gone the web server cannot queue requests that nobody
 * would serve.
 */
static void
stop(struct supervisor *s)
{
	if (s->stopping == STOP_FINISH) {
		s->stopping = STOP_NOW;
		log_line(LOG_LEVEL_WARNING, "stop now, running=%zu",
		    pool_running(&s->pool));
		return;
	}
	if (s->stopping == STOP_NOW)
		return;
	s->stopping = STOP_FINISH;
	listener_close(&s->listener);
	listener_close(&s->light_listener);
	log_line(LOG_LEVEL_INFO, "stop, running=%zu",
	    pool_running(&s->pool));
}

static void
set_signals(struct supervisor *s)
{
	static const int signals[] = {
		SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD,
	};

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&s->signals);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&s->signals, signals[i]);
	sigprocmask(SIG_BLOCK, &s->signals, NULL);
}

/* Waits for a signal, at most a tick, and does what it asks for. */
static void
take_signal(struct supervisor *s)
{
	struct timespec tick = { 0, TICK_MS * 1000000L };

	switch (sigtimedwait(&s->signals, NULL, &tick)) {
	case SIGTERM:
	case SIGINT:
	case SIGUSR1:
		stop(s);
		break;
	case SIGHUP:
		check_config(s, true);
		break;
	default: /* SIGCHLD, or the tick is over: a look around follows */
		break;
	}
}

/* A signal may reach a worker before it can take it, so it is repeated. */
static void
press(struct supervisor *s)
{
	pool_signal(&s->pool, s->stopping == STOP_NOW ? SIGKILL : SIGTERM);
}

/* Lets go of a socket that is another process's, too. */
static void
leave_listener(struct listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}

/*
 * What a new worker does. Not executed but forked, it has in common with the
 * others what nobody writes to any more: the libraries as they were linked,
 * and what upstream_prepare() made. What is the supervisor's it lets go of.
 */
_Noreturn static void
become_worker(struct supervisor *s)
{
	static char config[PATH_MAX];
	struct worker_options options = {
		.config = config,
		.reload = &s->reload,
		.conf = s->conf,
		.workers = s->options->workers,
		.urged = s->options->urged,
	};

	/* Its name may stand in the command line, which the title ends. */
	snprintf(config, sizeof(config), "%s", s->options->config);
	s->reload.file = config;
	title_set("farebox.fcgi: worker");
	log_close();
	gate_close(s->gate);
	leave_listener(&s->listener);
	leave_listener(&s->light_listener);
	pool_free(&s->pool);
	exit(worker_run(&options));
}

static void
supervise(struct supervisor *s)
{
	while (s->stopping == STOP_NOT || pool_running(&s->pool) > 0) {
		pool_reap(&s->pool);
		watch_gate(s);
		if (s->stopping == STOP_NOT) {
			check_config(s, false);
			if (pool_fill(&s->pool))
				become_worker(s);
		} else {
			press(s);
		}
		take_signal(s);
	}
}

static bool
begin(struct supervisor *s)
{
	const struct supervisor_options *options = s->options;
	struct conf *conf;
	int spare;

	set_signals(s);
	conf = reload_first(&s->reload, options->config);
	if (!conf)
		return false;
	if (!upstream_prepare()) {
		log_line(LOG_LEVEL_ERROR, "no memory for connections");
		return false;
	}
	spare = (int)conf->workers_spare;
	use_config(s, conf);
	return open_listeners(s) &&
	       pool_add(&s->pool, s->listener.fd, options->workers + spare) &&
	       pool_add(&s->pool, s->light_listener.fd, options->light);
}

int
supervisor_run(const struct supervisor_options *options)
{
	struct supervisor s = {
		.options = options,
		.listener = { .fd = -1 },
		.light_listener = { .fd = -1 },
	};
	bool began = begin(&s);

	if (began) {
		log_line(LOG_LEVEL_INFO, "mode=supervisor workers=%d light=%d "
		    "socket=%s light_socket=%s config=%s", options->workers,
		    options->light, options->socket ? options->socket : "-",
		    options->light_socket ? options->light_socket : "-",
		    options->config);
		supervise(&s);
		log_line(LOG_LEVEL_INFO, "stopped");
	}
	listener_close(&s.listener);
	listener_close(&s.light_listener);
	gate_close(s.gate);
	pool_free(&s.pool);
	conf_free(s.conf);
	return began && s.stopping == STOP_FINISH ? EXIT_SUCCESS : EXIT_FAILURE;
}
