/* worker.c: a process that serves requests, one at a time, until it retires. */
#include "fcgi/worker.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/conn.h"
#include "fcgi/reload.h"
#include "fcgi/serve.h"

enum {
	ARENA_BYTES = 512 * 1024,
	MMAP_THRESHOLD_BYTES = 128 * 1024, /* bodies go back when freed */
	TRIM_REQUESTS = 64,                /* between two malloc_trim() */
	JITTER_PART = 8,                   /* of requests_per_worker */
	OPEN_PAUSE_MIN_US = 100000,        /* between two tries at the store */
	OPEN_PAUSE_MAX_US = 5000000,
};

struct worker {
	const struct worker_options *options;
	struct reload reload;
	struct conf *conf;
	struct conn *conn;
	struct upstream *upstream;
	struct arena arena;

	struct store *store;           /* NULL while it cannot be opened */
	struct health *health;         /* both of the store's directory; NULL */
	struct tally *tally;           /* where they cannot be opened */
	char store_dir[PATH_MAX];
	const char *recover_command[4];
	int64_t open_next_us, open_pause_us;

	sigset_t while_waiting;
	int64_t served;
	int64_t stop_us; /* when a call first saw that we are to stop; or 0 */
	bool retires;
};

static volatile sig_atomic_t asked_to_stop, asked_to_reload;
static _Alignas(16) unsigned char arena_block[ARENA_BYTES];

static void
note_stop(int signal)
{
	(void)signal;
	asked_to_stop = 1;
}

static void
note_reload(int signal)
{
	(void)signal;
	asked_to_reload = 1;
}

/*
 * A worker learns of a signal while it waits for a request; the mask for that
 * is kept in *while_waiting. A request is never disturbed by one.
 */
static void
set_signals(sigset_t *while_waiting)
{
	static const struct {
		int signal;
		void (*handler)(int signal);
	} signals[] = {
		{ SIGTERM, note_stop },
		{ SIGINT, note_stop },
		{ SIGUSR1, note_stop },
		{ SIGHUP, note_reload },
	};
	struct sigaction ignored = { .sa_handler = SIG_IGN };
	sigset_t ours;

	sigemptyset(while_waiting);
	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&ours, signals[i].signal);
	/* Set, not added: a supervisor, which forked us, blocks SIGCHLD too. */
	sigprocmask(SIG_SETMASK, &ours, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action = { .sa_handler = signals[i].handler };

		action.sa_mask = ours;
		sigaction(signals[i].signal, &action, NULL);
	}
	sigaction(SIGPIPE, &ignored, NULL);
}

/* Signals that came during a request; the wait for the next one alone may not
 * deliver them. */
static void
let_signals_in(const struct worker *w)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, &w->while_waiting, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/*
 * What a stop means to a call that runs. A supervisor of its own lets it end,
 * a web server gives it little time. Under CGI a web server asks for a stop
 * when the client has left.
 */
static enum interrupt
interrupt(void *context)
{
	struct worker *w = context;
	int64_t now_us = clock_mono_us();

	let_signals_in(w);
	if (!asked_to_stop || !w->options->urged)
		return INTERRUPT_NONE;
	if (w->options->cgi)
		return INTERRUPT_CLIENT_LEFT;
	if (w->stop_us == 0)
		w->stop_us = now_us;
	return now_us - w->stop_us < w->conf->stop_grace_ms * 1000 ?
	    INTERRUPT_NONE : INTERRUPT_STOP;
}

/* Memory stays flat: one heap, and large blocks go back to the system. */
static void
set_memory(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
	mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD_BYTES);
}

static void
open_tables(struct worker *w)
{
	if (!w->health)
		w->health = health_open(w->store_dir);
	if (!w->tally)
		w->tally = tally_open(w->store_dir);
	if (!w->health || !w->tally)
		log_line(LOG_LEVEL_WARNING, "no breakers or no status: a file "
		    "in %s cannot be opened: %s", w->store_dir,
		    strerror(errno));
}

static void
close_store(struct worker *w)
{
	store_close(w->store);
	health_close(w->health);
	tally_close(w->tally);
	w->store = NULL;
	w->health = NULL;
	w->tally = NULL;
}

static void
open_store(struct worker *w)
{
	struct store_options options = {
		.dir = w->store_dir,
		.flush = w->conf->durability == DURABILITY_FLUSH,
		.lean = true,
		.free_bytes_min = w->conf->free_bytes_min,
		.recover_command = w->recover_command,
	};
	char why[STORE_WHY_SIZE] = "";

	snprintf(w->store_dir, sizeof(w->store_dir), "%s", w->conf->store);
	w->recover_command[0] = SELF_PATH;
	w->recover_command[1] = "--recover";
	w->recover_command[2] = w->store_dir;
	if (store_open(&w->store, &options, why) == STORE_OK) {
		w->open_pause_us = 0;
		open_tables(w);
		return;
	}
	w->store = NULL;
	w->open_pause_us *= 2;
	if (w->open_pause_us < OPEN_PAUSE_MIN_US)
		w->open_pause_us = OPEN_PAUSE_MIN_US;
	if (w->open_pause_us > OPEN_PAUSE_MAX_US)
		w->open_pause_us = OPEN_PAUSE_MAX_US;
	w->open_next_us = clock_mono_us() + w->open_pause_us;
	log_line(LOG_LEVEL_ERROR, "store not opened dir=%s: %s", w->store_dir,
	    why);
}

static bool
has_other_store(const struct conf *a, const struct conf *b)
{
	return strcmp(a->store, b->store) != 0 ||
	       a->durability != b->durability ||
	       a->free_bytes_min != b->free_bytes_min;
}

static void
check_config(struct worker *w)
{
	bool forced = asked_to_reload;
	struct conf *conf;

	asked_to_reload = 0;
	conf = reload_changed(&w->reload, forced);
	if (!conf)
		return;
	if (has_other_store(conf, w->conf)) {
		close_store(w);
		w->open_pause_us = 0;
		w->open_next_us = 0;
	}
	conf_free(w->conf);
	w->conf = conf;
	log_open("farebox", conf->log == LOG_TO_SYSLOG);
}

static void
serve_one(struct worker *w)
{
	struct serve_tools tools;

	if (!w->store && clock_mono_us() >= w->open_next_us)
		open_store(w);
	tools = (struct serve_tools){
		.conf = w->conf,
		.workers = w->options->workers,
		.store = w->store,
		.health = w->health,
		.tally = w->tally,
		.upstream = w->upstream,
		.arena = &w->arena,
		.interrupt = interrupt,
		.interrupt_context = w,
	};
	if (serve(&tools, &w->conn->client) == SERVE_RETIRE)
		w->retires = true;
	conn_finish(w->conn);
	w->served++;
	if (w->served % TRIM_REQUESTS == 0)
		malloc_trim(0);
}

/* Workers that were started together do not retire together. */
static int64_t
requests_max(const struct worker *w)
{
	int64_t n = w->conf->requests_per_worker;

	return n + getpid() % (n / JITTER_PART + 1);
}

static bool
is_done(const struct worker *w)
{
	return asked_to_stop || w->retires || w->served >= requests_max(w) ||
	       (w->store && store_wants_retirement(w->store));
}

static int
serve_all(struct worker *w)
{
	while (!is_done(w)) {
		enum conn_rc rc;

		let_signals_in(w);
		if (asked_to_stop)
			break;
		rc = conn_accept(w->conn, w->conf->body_timeout_ms,
		    &w->while_waiting);
		if (rc == CONN_END)
			return w->options->cgi ? EXIT_SUCCESS : EXIT_FAILURE;
		check_config(w);
		if (rc == CONN_REQUEST)
			serve_one(w);
		/* Also when idle: a dead peer's hold must not wait. */
		if (w->store)
			store_maintain(w->store);
	}
	return EXIT_SUCCESS;
}

void
worker_refuse_cgi(void)
{
	const struct err_row *row = err_row(ERR_GATEWAY_ERROR);
	struct conn *conn = conn_cgi();
	char message[512], text[1024];
	int len;

	if (conn && json_quote(row->message, strlen(row->message), message,
	    sizeof(message))) {
		len = snprintf(text, sizeof(text), "Status: %d\r\n"
		    "Content-Type: application/json\r\n\r\n"
		    "{\"error\":{\"message\":%s,\"type\":\"%s\","
		    "\"param\":null,\"code\":\"%s\"}}\n", row->http,
		    message, row->type, row->code[DIALECT_NEXOROUTER]);
		conn->client.write(&conn->client, text, (size_t)len);
		conn->client.flush(&conn->client);
	}
	conn_free(conn);
}

static struct conf *
first_conf(struct worker *w)
{
	const struct worker_options *options = w->options;

	if (!options->reload)
		return reload_first(&w->reload, options->config);
	w->reload = *options->reload;
	w->reload.quiet = true;
	return options->conf;
}

static bool
begin(struct worker *w)
{
	const struct worker_options *options = w->options;

	set_memory();
	w->conn = options->cgi ? conn_cgi() : conn_fastcgi(STDIN_FILENO);
	if (!w->conn) {
		log_line(LOG_LEVEL_ERROR, "cannot take requests");
		return false;
	}
	/* After libfcgi, which sets signal handlers of its own. */
	set_signals(&w->while_waiting);
	w->conf = first_conf(w);
	if (!w->conf) {
		if (options->cgi)
			worker_refuse_cgi();
		return false;
	}
	log_open("farebox", w->conf->log == LOG_TO_SYSLOG);
	log_line(LOG_LEVEL_INFO, "mode=%s config=%s",
	    options->cgi ? "cgi" : "worker", options->config);
	w->upstream = upstream_new();
	if (!w->upstream) {
		log_line(LOG_LEVEL_ERROR, "no memory for connections");
		return false;
	}
	arena_init(&w->arena, arena_block, sizeof(arena_block));
	open_store(w);
	return true;
}

int
worker_run(const struct worker_options *options)
{
	struct worker w = { .options = options };
	int status = EXIT_FAILURE;

	if (begin(&w))
		status = serve_all(&w);
	close_store(&w);
	upstream_free(w.upstream);
	conn_free(w.conn);
	conf_free(w.conf);
	return status;
}
