/* start.c: how the program was started, and so what it is to be. */
#include "fcgi/start.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/dispatch.h"
#include "fcgi/listen.h"

enum {
	WORKERS_DEFAULT = 8,
	LIGHT_DEFAULT = 2,
	WORKERS_MAX = 2000,
	SOCKET_MODE_DEFAULT = 0660,
	FIRST_PASSED_FD = 3, /* systemd's SD_LISTEN_FDS_START */
};

enum argument_kind { ARGUMENT_FLAG, ARGUMENT_TEXT, ARGUMENT_COUNT,
	ARGUMENT_MODE };

struct argument {
	const char *name;
	const char *value; /* what to call its value; NULL: none */
	enum argument_kind kind;
	size_t offset;     /* in struct start */
	int64_t min, max;
	const char *doc;
};

static const struct argument arguments[] = {
	{ "--config", "FILE", ARGUMENT_TEXT,
	    offsetof(struct start, config), 0, 0,
	    "read this configuration" },
	{ "--workers", "N", ARGUMENT_COUNT,
	    offsetof(struct start, workers), 1, WORKERS_MAX,
	    "supervise workers for N requests at once (8)" },
	{ "--socket", "PATH", ARGUMENT_TEXT,
	    offsetof(struct start, socket), 0, 0,
	    "make and serve this Unix socket" },
	{ "--light", "N", ARGUMENT_COUNT,
	    offsetof(struct start, light), 0, WORKERS_MAX,
	    "and N workers on the light socket, for cheap endpoints (0)" },
	{ "--light-socket", "PATH", ARGUMENT_TEXT,
	    offsetof(struct start, light_socket), 0, 0,
	    "make and serve this light socket (PATH-light)" },
	{ "--socket-mode", "MODE", ARGUMENT_MODE,
	    offsetof(struct start, socket_mode), 0, 0777,
	    "the sockets' mode, octal (0660)" },
	{ "--socket-group", "GROUP", ARGUMENT_TEXT,
	    offsetof(struct start, socket_group), 0, 0,
	    "the sockets' group" },
	{ "--recover", "DIR", ARGUMENT_TEXT,
	    offsetof(struct start, recover), 0, 0,
	    "recover the store in DIR if that is due, then end" },
	{ "--help", NULL, ARGUMENT_FLAG,
	    offsetof(struct start, help), 0, 0, "print this" },
	{ "--version", NULL, ARGUMENT_FLAG,
	    offsetof(struct start, version), 0, 0, "print the version" },
};

static const size_t n_arguments = sizeof(arguments) / sizeof(arguments[0]);

void
start_help(FILE *out)
{
	fputs("usage: farebox.fcgi [OPTION]...\n"
	    "Serves Farebox to a web server: as a FastCGI program that the "
	    "web server starts,\n"
	    "as a CGI program, or with its own sockets and workers.\n\n", out);
	for (size_t i = 0; i < n_arguments; i++) {
		char left[32];

		snprintf(left, sizeof(left), "%s %s", arguments[i].name,
		    arguments[i].value ? arguments[i].value : "");
		fprintf(out, "  %-22s %s\n", left, arguments[i].doc);
	}
}

static bool
store_number(const struct argument *argument, const char *value, int base,
    int64_t *number, char why[START_WHY_SIZE])
{
	char *end;
	long n = strtol(value, &end, base);

	if (end == value || *end != '\0' || n < argument->min ||
	    n > argument->max) {
		snprintf(why, START_WHY_SIZE, base == 8 ?
		    "%s: '%s' is not an octal mode of %lo to %lo" :
		    "%s: '%s' is not a number of %ld to %ld",
		    argument->name, value, (long)argument->min,
		    (long)argument->max);
		return false;
	}
	*number = n;
	return true;
}

static bool
store_value(struct start *start, const struct argument *argument,
    const char *value, char why[START_WHY_SIZE])
{
	char *field = (char *)start + argument->offset;

	switch (argument->kind) {
	case ARGUMENT_FLAG:
		*(bool *)field = true;
		return true;
	case ARGUMENT_TEXT:
		*(const char **)(void *)field = value;
		return true;
	case ARGUMENT_COUNT:
		return store_number(argument, value, 10,
		    (int64_t *)(void *)field, why);
	case ARGUMENT_MODE:
		return store_number(argument, value, 8,
		    (int64_t *)(void *)field, why);
	}
	return false;
}

/* The row for "--name" or "--name=value"; *value is what follows the '='. */
static const struct argument *
find_argument(const char *word, const char **value)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);

	*value = equals ? equals + 1 : NULL;
	for (size_t i = 0; i < n_arguments; i++)
		if (strlen(arguments[i].name) == len &&
		    strncmp(arguments[i].name, word, len) == 0)
			return &arguments[i];
	return NULL;
}

static bool
read_arguments(struct start *start, char *const *words,
    char why[START_WHY_SIZE])
{
	for (; *words; words++) {
		const char *value;
		const struct argument *argument = find_argument(*words,
		    &value);

		if (!argument || (value && !argument->value)) {
			snprintf(why, START_WHY_SIZE,
			    "%s: no such option; --help lists them", *words);
			return false;
		}
		if (argument->value && !value) {
			value = words[1];
			if (!value) {
				snprintf(why, START_WHY_SIZE,
				    "%s needs a value: %s", *words,
				    argument->value);
				return false;
			}
			words++;
		}
		if (!store_value(start, argument, value, why))
			return false;
	}
	return true;
}

/* How many sockets systemd passed to this very process. */
static int
passed_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int n = 0;

	if (pid && fds && strtol(pid, NULL, 10) == getpid())
		n = (int)strtol(fds, NULL, 10);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n > 0 ? n : 0;
}

/*
 * Which sockets a supervisor has; false when it has none. Those that systemd
 * passes come first, so that one unit does with and without socket activation.
 */
static bool
choose_sockets(struct start *start)
{
	int n = passed_sockets();

	start->mode = START_SUPERVISOR;
	if (n > 0 && listener_is(FIRST_PASSED_FD)) {
		start->socket = NULL;
		start->fd = FIRST_PASSED_FD;
		if (n > 1 && listener_is(FIRST_PASSED_FD + 1)) {
			start->light_socket = NULL;
			start->light_fd = FIRST_PASSED_FD + 1;
		}
		return true;
	}
	if (start->socket)
		return true;
	if (start->workers > 0 && listener_is(STDIN_FILENO)) {
		start->fd = STDIN_FILENO;
		return true;
	}
	return false;
}

static bool
choose_light(struct start *start, char why[START_WHY_SIZE])
{
	bool has_place = start->light_socket || start->light_fd >= 0;

	if (start->light < 0)
		start->light = has_place ? LIGHT_DEFAULT : 0;
	if (start->light == 0) {
		start->light_socket = NULL;
		if (start->light_fd >= 0)
			close(start->light_fd);
		start->light_fd = -1;
		return true;
	}
	if (has_place)
		return true;
	if (!start->socket) {
		snprintf(why, START_WHY_SIZE, "--light needs a socket of its "
		    "own: name one with --light-socket");
		return false;
	}
	snprintf(start->light_socket_text, sizeof(start->light_socket_text),
	    "%s-light", start->socket);
	start->light_socket = start->light_socket_text;
	return true;
}

static bool
choose_mode(struct start *start, char why[START_WHY_SIZE])
{
	if (start->help || start->version || start->recover) {
		start->mode = start->help ? START_HELP :
		    start->version ? START_VERSION : START_RECOVER;
		return true;
	}
	if (choose_sockets(start)) {
		if (start->workers < 0)
			start->workers = WORKERS_DEFAULT;
		return choose_light(start, why);
	}
	start->mode = START_WORKER;
	if (listener_is(STDIN_FILENO))
		return true;
	snprintf(why, START_WHY_SIZE, "there is nothing to serve: let a web "
	    "server start this program, or name a socket with --socket; "
	    "--help says more");
	return false;
}

bool
start_read(struct start *start, int argc, char *const argv[],
    char why[START_WHY_SIZE])
{
	const char *file = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;

	*start = (struct start){
		.workers = -1, .light = -1, .fd = -1, .light_fd = -1,
		.socket_mode = SOCKET_MODE_DEFAULT,
	};
	if (getenv("REQUEST_METHOD") && !listener_is(STDIN_FILENO)) {
		start->mode = START_CGI;
		if (!dispatch_is_script(file))
			file = NULL;
		start->arguments_ignored = argc > (file ? 2 : 1);
		argc = file ? 2 : 1;
	}
	if (file) {
		if (!dispatch_read(file, start->config_text, why))
			return false;
		start->config = start->config_text;
	}
	if (start->mode == START_CGI)
		return true;
	return read_arguments(start, argv + (file ? 2 : argc > 0), why) &&
	       choose_mode(start, why);
}
