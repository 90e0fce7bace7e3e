/* cgi.c: the one request of a plain CGI program. */
#include "fcgi/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	OUT_SIZE = 16384,
	DRAIN_PAUSE_MS = 2000,  /* for a body that nobody wants to read */
	DRAIN_TOTAL_MS = 10000,
};

struct cgi {
	struct conn conn;
	int64_t body_left; /* INT64_MAX: it goes on to the end of the input */
	int timeout_ms;
	bool accepted;
	char out[OUT_SIZE]; /* written, and not sent yet */
	size_t out_len;
};

static struct cgi *
cgi_of(struct client *client)
{
	return (struct cgi *)client;
}

static const char *
cgi_variable(struct client *client, const char *name)
{
	(void)client;
	return getenv(name);
}

static ssize_t
cgi_read(struct client *client, void *buf, size_t size)
{
	struct cgi *cgi = cgi_of(client);
	struct pollfd ready = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t n;

	if ((uint64_t)cgi->body_left < size)
		size = (size_t)cgi->body_left;
	if (size == 0)
		return 0;
	if (poll(&ready, 1, cgi->timeout_ms) <= 0)
		return -1;
	n = read(STDIN_FILENO, buf, size);
	if (n == 0 && cgi->body_left != INT64_MAX)
		return -1;
	if (n > 0 && cgi->body_left != INT64_MAX)
		cgi->body_left -= n;
	return n;
}

static bool
send_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
cgi_flush(struct client *client)
{
	struct cgi *cgi = cgi_of(client);
	size_t len = cgi->out_len;

	cgi->out_len = 0;
	return send_all(cgi->out, len);
}

static bool
cgi_write(struct client *client, const char *data, size_t len)
{
	struct cgi *cgi = cgi_of(client);

	if (len > OUT_SIZE - cgi->out_len && !cgi_flush(client))
		return false;
	if (len > OUT_SIZE)
		return send_all(data, len);
	memcpy(cgi->out + cgi->out_len, data, len);
	cgi->out_len += len;
	return true;
}

static bool
cgi_has_left(struct client *client)
{
	struct pollfd gone = { .fd = client->fd };

	return poll(&gone, 1, 0) > 0 && gone.revents & (POLLHUP | POLLERR);
}

/*
 * Without a length there is a body only if the web server passes on a chunked
 * one; then standard input ends where it ends [RFC 3875, 4.2].
 */
static int64_t
body_length(void)
{
	const char *text = getenv("CONTENT_LENGTH");
	char *end;
	long long length;

	if (!text || text[0] == '\0')
		return getenv("HTTP_TRANSFER_ENCODING") ? INT64_MAX : 0;
	errno = 0;
	length = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || length < 0)
		return 0;
	return length;
}

static enum conn_rc
cgi_accept(struct conn *conn, int64_t timeout_ms,
    const sigset_t *while_waiting)
{
	struct cgi *cgi = (struct cgi *)conn;

	(void)while_waiting;
	if (cgi->accepted)
		return CONN_END;
	cgi->accepted = true;
	cgi->body_left = body_length();
	cgi->timeout_ms = timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
	return CONN_REQUEST;
}

/*
 * Reads what is left of the body: Apache's mod_cgid sends it through a socket,
 * and an answer is lost when that is closed with bytes in it. Bounded, because
 * nobody waits for it.
 */
static void
drain(struct cgi *cgi)
{
	int64_t end_us = clock_mono_us() + DRAIN_TOTAL_MS * INT64_C(1000);
	char trash[4096];

	cgi->timeout_ms = DRAIN_PAUSE_MS;
	while (clock_mono_us() < end_us)
		if (cgi_read(&cgi->conn.client, trash, sizeof(trash)) <= 0)
			break;
}

/* The web server has the whole answer once standard output is closed. */
static void
cgi_finish(struct conn *conn)
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	cgi_flush(&conn->client);
	drain((struct cgi *)conn);
	if (nothing < 0)
		return;
	dup2(nothing, STDOUT_FILENO);
	close(nothing);
}

static void
cgi_free(struct conn *conn)
{
	free(conn);
}

static const struct conn_kind cgi_kind = {
	.accept = cgi_accept,
	.finish = cgi_finish,
	.free = cgi_free,
};

struct conn *
conn_cgi(void)
{
	struct cgi *cgi = calloc(1, sizeof(*cgi));

	if (!cgi)
		return NULL;
	cgi->conn.client = (struct client){
		.variable = cgi_variable,
		.read = cgi_read,
		.write = cgi_write,
		.flush = cgi_flush,
		.end = cgi_flush, /* it ends by cgi_finish() */
		.has_left = cgi_has_left,
		.fd = STDOUT_FILENO,
	};
	cgi->conn.kind = &cgi_kind;
	return &cgi->conn;
}
