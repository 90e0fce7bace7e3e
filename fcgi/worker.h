/* worker.h: a process that serves requests, one at a time, until it retires. */
#ifndef FCGI_WORKER_H
#define FCGI_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/reload.h"

/* How a program of ours is started again; see store_options.recover_command. */
#define SELF_PATH "/proc/self/exe"

struct worker_options {
	const char *config; /* the configuration file */
	/*
	 * A supervisor's, which the worker goes on with: what it knows of the
	 * file, and the last good configuration, which will be the worker's.
	 * NULL without a supervisor.
	 */
	const struct reload *reload;
	struct conf *conf;
	int64_t workers;    /* that may wait at once; 0 without a supervisor */
	bool cgi;           /* one CGI request; else FastCGI's on fd 0 */
	/*
	 * A web server has started us, or our supervisor: when it asks for a
	 * stop it waits with everything else for our end (lighttpd), or kills
	 * us some time after (mod_fcgid).
	 */
	bool urged;
};

/*
 * Serves requests until it has had its number of them, is asked to stop, or
 * there are no more. Returns the exit status: 0 when all went well, and the
 * worker may be replaced at once.
 */
int worker_run(const struct worker_options *options);

/*
 * Answers a CGI request without a configuration, with gateway_error: even then
 * its client gets JSON and not the web server's HTML.
 */
void worker_refuse_cgi(void);

#endif
