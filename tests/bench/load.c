/* load.c: asks a server on this machine for the same over and over, and tells
 * what that took. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/client.h"

enum {
	CONNECTIONS_MAX = 4096,
	EVENTS_AT_ONCE = 256,
	HEADERS_SIZE = 4096,
	PATIENCE_US = 60 * 1000000, /* for answers that run at the end */
	BROKEN_MAX = 100,           /* then the server is not there */
};

struct load {
	struct client_plan plan;
	struct client_sums sums;
	struct client *clients;
	unsigned connections;
	unsigned running;
	double warm_s, seconds;
	uint64_t requests;   /* so many in all; 0: as many as come */
	uint64_t asked;
	double rate;         /* per second; 0: each as soon as it can */
	int64_t start_us, end_us;
	int epoll;
	char headers[HEADERS_SIZE];
};

static const char usage[] =
"usage: load --port N --path PATH [OPTION...]\n"
"\n"
"Asks 127.0.0.1:N for PATH over connections that are kept, and prints a line\n"
"of JSON: how many answers, how long they took, the lag of stamped events.\n"
"\n"
"  --connections N  how many at once (1)\n"
"  --seconds S      for so long, after --warm S (1, 0)\n"
"  --requests N     or so many, however long that takes\n"
"  --rate R         so many a second in all, not as many as can be\n"
"  --body FILE      POST this; without it: GET\n"
"  --header LINE    'Name: value', once or more\n"
"  --keys FILE      a key in each line, shown in turn as a bearer token\n"
"  --leave N        leave streams after N events, without a word\n";

static void
die(const char *what, const char *which)
{
	fprintf(stderr, "load: %s%s%s\n", what, which ? ": " : "",
	    which ? which : "");
	exit(EXIT_FAILURE);
}

static char *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, EOF, file) < 0 ||
	    fseek(file, 0, SEEK_END) != 0)
		die("cannot read", path);
	*len = (size_t)ftell(file);
	fclose(file);
	return text;
}

static void
read_keys(struct client_plan *plan, const char *path)
{
	size_t len, room = 0;
	char *text = read_file(path, &len);

	for (char *key = strtok(text, "\n"); key; key = strtok(NULL, "\n")) {
		if (plan->n_keys == room) {
			room = room ? room * 2 : 64;
			plan->keys = realloc(plan->keys,
			    room * sizeof(*plan->keys));
			if (!plan->keys)
				die("out of memory", NULL);
		}
		plan->keys[plan->n_keys++] = key;
	}
	if (plan->n_keys == 0)
		die("no key in", path);
}

static void
add_header(struct load *load, const char *line)
{
	size_t len = strlen(load->headers);

	if (snprintf(load->headers + len, HEADERS_SIZE - len, "%s\r\n",
	    line) >= (int)(HEADERS_SIZE - len))
		die("too many headers", NULL);
}

enum load_option {
	OPTION_PORT, OPTION_PATH, OPTION_CONNECTIONS, OPTION_SECONDS,
	OPTION_WARM, OPTION_REQUESTS, OPTION_RATE, OPTION_BODY, OPTION_HEADER,
	OPTION_KEYS, OPTION_LEAVE, OPTION_HELP,
};

static const struct option options[] = {
	{ "port", required_argument, NULL, OPTION_PORT },
	{ "path", required_argument, NULL, OPTION_PATH },
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "warm", required_argument, NULL, OPTION_WARM },
	{ "requests", required_argument, NULL, OPTION_REQUESTS },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "body", required_argument, NULL, OPTION_BODY },
	{ "header", required_argument, NULL, OPTION_HEADER },
	{ "keys", required_argument, NULL, OPTION_KEYS },
	{ "leave", required_argument, NULL, OPTION_LEAVE },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
take_option(struct load *load, enum load_option option, const char *value)
{
	switch (option) {
	case OPTION_PORT:
		load->plan.port = (uint16_t)atoi(value);
		break;
	case OPTION_PATH:
		load->plan.path = value;
		break;
	case OPTION_CONNECTIONS:
		load->connections = (unsigned)atoi(value);
		break;
	case OPTION_SECONDS:
		load->seconds = atof(value);
		break;
	case OPTION_WARM:
		load->warm_s = atof(value);
		break;
	case OPTION_REQUESTS:
		load->requests = strtoull(value, NULL, 10);
		break;
	case OPTION_RATE:
		load->rate = atof(value);
		break;
	case OPTION_BODY:
		load->plan.body = read_file(value, &load->plan.body_len);
		load->plan.method = "POST";
		break;
	case OPTION_HEADER:
		add_header(load, value);
		break;
	case OPTION_KEYS:
		read_keys(&load->plan, value);
		break;
	case OPTION_LEAVE:
		load->plan.leave_after = strtoull(value, NULL, 10);
		break;
	case OPTION_HELP:
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	}
}

static void
read_options(struct load *load, int argc, char **argv)
{
	int option;

	load->plan.method = "GET";
	load->plan.headers = load->headers;
	load->connections = 1;
	load->seconds = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			exit(2);
		take_option(load, (enum load_option)option, optarg);
	}
	if (load->plan.port == 0 || !load->plan.path || optind != argc ||
	    load->connections < 1 || load->connections > CONNECTIONS_MAX) {
		fputs(usage, stderr);
		exit(2);
	}
}

static void
watch(const struct load *load, struct client *c)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data = { .ptr = c },
	};

	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		die("epoll_ctl", strerror(errno));
}

/* Whether the time, the number of requests and the rate allow another one. */
static bool
may_ask(const struct load *load)
{
	int64_t now_us = client_now_us();

	if (load->requests > 0 ? load->asked >= load->requests :
	    now_us >= load->end_us)
		return false;
	/* The first one is due at once. */
	return load->rate <= 0 || load->asked == 0 || (double)load->asked <
	    (double)(now_us - load->start_us) / 1e6 * load->rate;
}

static void
begin(struct load *load, struct client *c)
{
	if (!client_ask(c, &load->plan, &load->sums))
		die("no connection", strerror(errno));
	c->is_busy = true;
	load->asked++;
	load->running++;
}

/* Goes on with a client as far as it gets, from request to request. */
static void
go_on(struct load *load, struct client *c)
{
	while (c->is_busy && client_go_on(c, &load->plan, &load->sums) !=
	    CLIENT_WAITS) {
		c->is_busy = false;
		load->running--;
		if (load->sums.broken > BROKEN_MAX)
			die("too many answers broke off", NULL);
		if (may_ask(load))
			begin(load, c);
	}
	if (c->fd >= 0 && !c->is_watched) {
		c->is_watched = true;
		watch(load, c);
	}
}

/* Those that have nothing to do begin what is due. */
static void
begin_due(struct load *load)
{
	for (unsigned i = 0; i < load->connections; i++) {
		struct client *c = &load->clients[i];

		if (!c->is_busy && may_ask(load)) {
			begin(load, c);
			go_on(load, c);
		}
	}
}

static bool
is_over(const struct load *load)
{
	int64_t now_us = client_now_us();

	if (load->running > 0)
		return load->requests == 0 &&
		       now_us > load->end_us + PATIENCE_US;
	return load->requests > 0 ? load->asked >= load->requests :
	    now_us >= load->end_us;
}

static void
run(struct load *load)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	load->start_us = client_now_us();
	load->sums.from_us = load->start_us + (int64_t)(load->warm_s * 1e6);
	load->end_us = load->sums.from_us + (int64_t)(load->seconds * 1e6);
	begin_due(load);
	while (!is_over(load)) {
		int n = epoll_wait(load->epoll, events, EVENTS_AT_ONCE,
		    load->rate > 0 ? 1 : 100);

		for (int i = 0; i < n; i++)
			go_on(load, events[i].data.ptr);
		if (load->rate > 0)
			begin_due(load);
	}
}

static void
print_times(const char *name, const struct histogram *h)
{
	printf(",\"%s\":{\"count\":%" PRIu64 ",\"p50\":%" PRId64
	    ",\"p90\":%" PRId64 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64
	    ",\"max\":%" PRId64 "}", name, h->count,
	    histogram_part(h, 0.5), histogram_part(h, 0.9),
	    histogram_part(h, 0.99), histogram_part(h, 0.999), h->max);
}

/* Answers that ended late, because they ran when time was up, count with the
 * time that they took. */
static void
report(const struct load *load)
{
	const struct client_sums *sums = &load->sums;
	double seconds = (double)(client_now_us() - sums->from_us) / 1e6;
	const char *comma = "";

	printf("{\"seconds\":%.6f,\"answers\":%" PRIu64 ",\"events\":%"
	    PRIu64 ",\"broken\":%" PRIu64 ",\"left\":%" PRIu64
	    ",\"unfinished\":%u,\"connects\":%" PRIu64 ",\"bytes\":%" PRIu64
	    ",\"statuses\":{", seconds, sums->answers, sums->events,
	    sums->broken, sums->left, load->running, sums->connects,
	    sums->bytes);
	for (int i = 0; i < CLIENT_STATUS_MAX; i++) {
		if (sums->statuses[i] == 0)
			continue;
		printf("%s\"%d\":%" PRIu64, comma, i, sums->statuses[i]);
		comma = ",";
	}
	printf("}");
	print_times("latency_us", &sums->latency_us);
	print_times("event_us", &sums->event_us);
	printf("}\n");
}

int
main(int argc, char **argv)
{
	static struct load load;

	read_options(&load, argc, argv);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.clients = calloc(load.connections, sizeof(*load.clients));
	if (load.epoll < 0 || !load.clients)
		die("cannot begin", strerror(errno));
	for (unsigned i = 0; i < load.connections; i++)
		load.clients[i].fd = -1;
	run(&load);
	report(&load);
	return load.sums.answers + load.sums.left > 0 ? EXIT_SUCCESS :
	    EXIT_FAILURE;
}
