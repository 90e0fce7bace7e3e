/* server.c: servers that a test starts and ends. */
#include "tests/upstream/server.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"

enum { START_MS_MAX = 60000, LOOK_MS = 10 };

/* In the child: never returns. A test that dies takes its servers along. */
static void
become(const char *script, const char *port_file, const char *option,
    const char *value)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("python3", "python3", script, "--port-file", port_file, option,
	    value, (char *)NULL);
	_exit(127);
}

static int
read_port(const char *port_file)
{
	FILE *in = fopen(port_file, "r");
	int port = 0;

	if (!in)
		return 0;
	if (fscanf(in, "%d", &port) != 1)
		port = 0;
	fclose(in);
	return port;
}

bool
server_start(struct server *server, const char *dir, const char *script,
    const char *option, const char *value)
{
	const char *root = getenv("top_srcdir");
	int64_t end_ms = clock_mono_us() / 1000 + START_MS_MAX;
	char port_file[256], path[1024];

	snprintf(port_file, sizeof(port_file), "%s/port", dir);
	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", script);
	fflush(stdout);
	server->port = 0;
	server->pid = fork();
	if (server->pid == 0)
		become(path, port_file, option, value);
	while (server->pid > 0 && clock_mono_us() / 1000 < end_ms) {
		if (waitpid(server->pid, NULL, WNOHANG) != 0) {
			server->pid = 0;
			return false;
		}
		server->port = read_port(port_file);
		if (server->port) {
			unlink(port_file);
			return true;
		}
		poll(NULL, 0, LOOK_MS);
	}
	server_stop(server);
	return false;
}

void
server_stop(struct server *server)
{
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}
