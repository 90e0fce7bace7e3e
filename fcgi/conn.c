/* conn.c: FastCGI requests; the home of libfcgi. */
#include "fcgi/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "base/clock.h"

enum {
	WRITE_BYTES_MAX = 1 << 20, /* libfcgi counts in int */
	DRAIN_PAUSE_MS = 2000,     /* for a body that nobody wants to read */
	DRAIN_TOTAL_MS = 10000,
};

struct fastcgi {
	struct conn conn;
	FCGX_Request request;
	int listen_fd;
	int epoll_fd; /* wakes up for listen_fd */
};

static struct fastcgi *
fastcgi_of(struct client *client)
{
	return (struct fastcgi *)client;
}

static const char *
fastcgi_variable(struct client *client, const char *name)
{
	return FCGX_GetParam(name, fastcgi_of(client)->request.envp);
}

/*
 * FCGX_GetStr() waits until it has all it was asked for, so it is asked for
 * no more than what has arrived.
 */
static ssize_t
fastcgi_read(struct client *client, void *buf, size_t size)
{
	FCGX_Stream *in = fastcgi_of(client)->request.in;
	unsigned char *text = buf;
	size_t more;
	int first;

	if (size == 0)
		return 0;
	first = FCGX_GetChar(in);
	if (first < 0)
		return FCGX_GetError(in) == 0 ? 0 : -1;
	text[0] = (unsigned char)first;
	more = (size_t)(in->stop - in->rdNext);
	if (more > size - 1)
		more = size - 1;
	if (more > 0)
		more = (size_t)FCGX_GetStr((char *)text + 1, (int)more, in);
	return (ssize_t)(1 + more);
}

static bool
fastcgi_write(struct client *client, const char *data, size_t len)
{
	FCGX_Stream *out = fastcgi_of(client)->request.out;

	while (len > 0) {
		int part = len < WRITE_BYTES_MAX ? (int)len : WRITE_BYTES_MAX;

		if (FCGX_PutStr(data, part, out) != part ||
		    FCGX_GetError(out) != 0)
			return false;
		data += part;
		len -= (size_t)part;
	}
	return true;
}

static void
set_timeout(int fd, int option, int64_t ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };

	/* Without it a request waits longer; nothing else is lost. */
	(void)setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

/*
 * Reads what is left of the body: a web server that cannot send all of it does
 * not relay the answer. And before the answer goes out, because some clients
 * send no more when they see the head of a refusal; Apache then waits a minute
 * for the rest of the body, and keeps the rest of the answer meanwhile.
 * Bounded, because the client waits.
 */
static void
drain(struct fastcgi *fastcgi)
{
	int64_t end_us = clock_mono_us() + DRAIN_TOTAL_MS * INT64_C(1000);
	char trash[4096];

	if (FCGX_HasSeenEOF(fastcgi->request.in))
		return;
	set_timeout(fastcgi->request.ipcFd, SO_RCVTIMEO, DRAIN_PAUSE_MS);
	while (clock_mono_us() < end_us)
		if (fastcgi_read(&fastcgi->conn.client, trash,
		    sizeof(trash)) <= 0)
			break;
}

static bool
fastcgi_flush(struct client *client)
{
	FCGX_Stream *out = fastcgi_of(client)->request.out;

	drain(fastcgi_of(client));
	return FCGX_FFlush(out) == 0 && FCGX_GetError(out) == 0;
}

/* The end of the request goes with the last of its streams that is closed, and
 * with what is in that. */
static bool
fastcgi_end(struct client *client)
{
	FCGX_Request *request = &fastcgi_of(client)->request;
	bool sent;

	drain(fastcgi_of(client));
	sent = FCGX_FClose(request->err) == 0;
	return FCGX_FClose(request->out) == 0 && sent;
}

/*
 * Not the end of what the web server sends counts, but that it has closed the
 * connection.
 */
static bool
fastcgi_has_left(struct client *client)
{
	struct pollfd gone = { .fd = client->fd };

	return poll(&gone, 1, 0) > 0 && gone.revents & (POLLHUP | POLLERR);
}

/*
 * A connection, or -1 with *rc saying what to make of that. After an idle wait
 * it is looked for all the same: whom the kernel chose may have died since.
 */
static int
take_connection(const struct fastcgi *fastcgi, const sigset_t *while_waiting,
    enum conn_rc *rc)
{
	struct epoll_event ready;
	int fd;

	*rc = CONN_NONE;
	if (epoll_pwait(fastcgi->epoll_fd, &ready, 1, CONN_IDLE_S * 1000,
	    while_waiting) < 0) {
		if (errno != EINTR)
			*rc = CONN_END;
		return -1;
	}
	fd = accept4(fastcgi->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EAGAIN: /* another worker was quicker */
	case ECONNABORTED:
	case EINTR:
	case EPROTO:
		break;
	default:
		*rc = CONN_END;
	}
	return -1;
}

/*
 * libfcgi is handed a connection as if it had been kept from a request before,
 * and has no socket of its own to accept from. So a signal cannot get lost
 * between a look at it and the wait, and the time-outs hold from the first
 * byte on.
 */
static enum conn_rc
fastcgi_accept(struct conn *conn, int64_t timeout_ms,
    const sigset_t *while_waiting)
{
	struct fastcgi *fastcgi = (struct fastcgi *)conn;
	FCGX_Request *request = &fastcgi->request;
	enum conn_rc rc;
	int fd = take_connection(fastcgi, while_waiting, &rc);

	if (fd < 0)
		return rc;
	set_timeout(fd, SO_RCVTIMEO, timeout_ms);
	set_timeout(fd, SO_SNDTIMEO, timeout_ms);
	request->ipcFd = fd;
	request->keepConnection = 1;
	conn->client.fd = fd;
	/* On failure it has closed the connection. */
	return FCGX_Accept_r(request) < 0 ? CONN_NONE : CONN_REQUEST;
}

/*
 * libfcgi closes a connection by waiting up to 2 s for the other side to do it
 * first, which a web server that keeps connections does not. With the body
 * read there is nothing to wait for, so the connection is closed here.
 */
static void
fastcgi_finish(struct conn *conn)
{
	struct fastcgi *fastcgi = (struct fastcgi *)conn;
	FCGX_Request *request = &fastcgi->request;

	drain(fastcgi);
	request->keepConnection = 1;
	FCGX_Finish_r(request);
	if (request->ipcFd >= 0)
		close(request->ipcFd);
	request->ipcFd = -1;
	conn->client.fd = -1;
}

static void
fastcgi_free(struct conn *conn)
{
	struct fastcgi *fastcgi = (struct fastcgi *)conn;

	if (fastcgi->epoll_fd >= 0)
		close(fastcgi->epoll_fd);
	free(fastcgi);
}

static const struct conn_kind fastcgi_kind = {
	.accept = fastcgi_accept,
	.finish = fastcgi_finish,
	.free = fastcgi_free,
};

/* Of all workers that wait at the socket, one is woken for a connection. */
static bool
watch_listener(struct fastcgi *fastcgi)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	fastcgi->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return fastcgi->epoll_fd >= 0 &&
	       epoll_ctl(fastcgi->epoll_fd, EPOLL_CTL_ADD, fastcgi->listen_fd,
	       &event) == 0;
}

struct conn *
conn_fastcgi(int listen_fd)
{
	struct fastcgi *fastcgi;
	int flags = fcntl(listen_fd, F_GETFL);

	if (flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return NULL;
	fastcgi = calloc(1, sizeof(*fastcgi));
	if (!fastcgi)
		return NULL;
	fastcgi->listen_fd = listen_fd;
	if (!watch_listener(fastcgi) || FCGX_Init() != 0 ||
	    FCGX_InitRequest(&fastcgi->request, -1,
	    FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		fastcgi_free(&fastcgi->conn);
		return NULL;
	}
	fastcgi->conn.client = (struct client){
		.variable = fastcgi_variable,
		.read = fastcgi_read,
		.write = fastcgi_write,
		.flush = fastcgi_flush,
		.end = fastcgi_end,
		.has_left = fastcgi_has_left,
		.fd = -1,
	};
	fastcgi->conn.kind = &fastcgi_kind;
	return &fastcgi->conn;
}

enum conn_rc
conn_accept(struct conn *conn, int64_t timeout_ms,
    const sigset_t *while_waiting)
{
	return conn->kind->accept(conn, timeout_ms, while_waiting);
}

void
conn_finish(struct conn *conn)
{
	conn->kind->finish(conn);
}

void
conn_free(struct conn *conn)
{
	if (conn)
		conn->kind->free(conn);
}
