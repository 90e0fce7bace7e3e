/* main.c: farebox.fcgi: serves Farebox to a web server. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "config.h"
#include "db/store.h"
#include "fcgi/start.h"
#include "fcgi/supervisor.h"
#include "fcgi/title.h"
#include "fcgi/worker.h"

enum { EXIT_USAGE = 2 };

/* No file of ours may become standard output by accident. */
static void
open_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_FAILURE);
}

/* Whoever started us may have had signals blocked. */
static void
unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
recover(const char *dir)
{
	char why[STORE_WHY_SIZE] = "";

	if (store_recover(dir, false, why) == STORE_OK)
		return EXIT_SUCCESS;
	log_line(LOG_LEVEL_ERROR, "store not recovered dir=%s: %s", dir, why);
	return EXIT_FAILURE;
}

static int
supervise(const struct start *start)
{
	struct supervisor_options options = {
		.config = conf_path(start->config),
		.socket = start->socket,
		.light_socket = start->light_socket,
		.socket_mode = (mode_t)start->socket_mode,
		.socket_group = start->socket_group,
		.fd = start->fd,
		.light_fd = start->light_fd,
		.workers = (int)start->workers,
		.light = (int)start->light,
		.urged = start->fd == STDIN_FILENO,
	};

	return supervisor_run(&options);
}

static int
work(const struct start *start)
{
	struct worker_options options = {
		.config = conf_path(start->config),
		.cgi = start->mode == START_CGI,
		.urged = true,
	};

	if (start->arguments_ignored)
		log_line(LOG_LEVEL_WARNING, "under CGI the command line is "
		    "not read; set FAREBOX_CONFIG, or use a dispatcher file");
	return worker_run(&options);
}

static int
run(const struct start *start)
{
	switch (start->mode) {
	case START_HELP:
		start_help(stdout);
		return EXIT_SUCCESS;
	case START_VERSION:
		puts("farebox.fcgi " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	case START_RECOVER:
		return recover(start->recover);
	case START_SUPERVISOR:
		return supervise(start);
	case START_WORKER:
	case START_CGI:
		return work(start);
	}
	return EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
	static struct start start;
	char why[START_WHY_SIZE];

	open_standard_files();
	unblock_signals();
	/* Started again through SELF_PATH it would be called "exe". */
	prctl(PR_SET_NAME, "farebox.fcgi");
	title_prepare(argc, argv);
	if (!start_read(&start, argc, argv, why)) {
		log_line(LOG_LEVEL_ERROR, "%s", why);
		if (start.mode == START_CGI)
			worker_refuse_cgi();
		return EXIT_USAGE;
	}
	return run(&start);
}
