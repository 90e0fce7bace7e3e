/* upstream.c: a provider that always has the same answer at hand. */
/*
 * GET gives a list of models, POST a whole chat answer of 300 bytes. A path
 * that begins with /stream-E-P/ gives a stream of E events, one each P
 * milliseconds (0: all at once); each bears the time it was sent at. Under
 * /break-E-P/ that stream breaks off half-way. Under /fail/ every answer is an
 * error, or breaks off, in turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 8192, /* file descriptors */
	EVENTS_AT_ONCE = 256,
	HEAD_BYTES = 16384,
	PIECE_BYTES = 65536,
	EVENT_BYTES = 512,
	BACKLOG = 1024,
};

struct stream {
	int events, pace_ms; /* of the path; 0 events: a whole answer */
	int sent, breaks_at; /* 0: it does not */
	int64_t due_us;      /* when the next event is; 0: nothing is */
};

struct connection {
	int fd;
	bool in_body;
	bool is_get;
	bool closes;
	bool fails;
	uint64_t left; /* of the request's body */
	struct stream stream;
	size_t len;
	char head[HEAD_BYTES + 1];
};

static struct connection *connections[CONNECTIONS_MAX];
static int epoll_fd, top_fd;

static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"bench\","
    "\"object\":\"model\",\"created\":1,\"owned_by\":\"bench\"}]}";
static const char answer[] = "{\"id\":\"chatcmpl-bench\",\"object\":"
    "\"chat.completion\",\"created\":1,\"model\":\"bench\",\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"It costs "
    "barely more than the bare proxy that could stand here.\"},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,"
    "\"completion_tokens\":14,\"total_tokens\":34}}";
static const char failure[] = "{\"error\":{\"message\":\"It failed.\","
    "\"type\":\"server_error\",\"param\":null,\"code\":null}}";
static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: "
    "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char chunk_head[] = "data: {\"id\":\"chatcmpl-bench\","
    "\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",";
static const char stream_end[] = "\"choices\":[],\"usage\":{\"prompt_tokens\":"
    "20,\"completion_tokens\":200,\"total_tokens\":220}}\n\ndata: [DONE]\n\n";

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
drop(struct connection *c)
{
	connections[c->fd] = NULL;
	close(c->fd);
	free(c);
}

/* What is small enough for the socket's buffer is written whole, or the other
 * side has stopped reading. */
static bool
send_all(const struct connection *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Adds one event as a chunk; the last one ends the stream. */
static size_t
add_event(const struct stream *stream, char *out)
{
	char event[EVENT_BYTES];
	int len;

	if (stream->sent >= stream->events)
		len = snprintf(event, sizeof(event), "%s%s", chunk_head,
		    stream_end);
	else
		len = snprintf(event, sizeof(event), "%s\"choices\":[{"
		    "\"index\":0,\"delta\":{\"content\":\"at %" PRId64 "\"},"
		    "\"finish_reason\":%s}]}\n\n", chunk_head, now_us(),
		    stream->sent + 1 == stream->events ? "\"stop\"" : "null");
	return (size_t)sprintf(out, "%x\r\n%s\r\n%s", (unsigned)len, event,
	    stream->sent >= stream->events ? "0\r\n\r\n" : "");
}

/* Sends what is due of a stream. False when it cannot be sent. */
static bool
send_events(struct connection *c)
{
	static char out[PIECE_BYTES];
	struct stream *stream = &c->stream;
	int64_t now = now_us();
	size_t len = 0;

	while (stream->due_us && stream->due_us <= now) {
		if (stream->breaks_at > 0 && stream->sent >= stream->breaks_at)
			return false;
		len += add_event(stream, out + len);
		if (stream->sent++ >= stream->events)
			stream->due_us = 0;
		else if (stream->sent < stream->events)
			stream->due_us += stream->pace_ms * INT64_C(1000);
		if (len > sizeof(out) - 2 * EVENT_BYTES) {
			if (!send_all(c, out, len))
				return false;
			len = 0;
		}
	}
	return send_all(c, out, len);
}

/* An answer that lacks its last bytes is one that breaks off. */
static bool
answer_whole(const struct connection *c, const char *status, const char *body,
    size_t lacks)
{
	char out[1024];
	int len = snprintf(out, sizeof(out), "HTTP/1.1 %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n"
	    "%s", status, strlen(body), c->closes ?
	    "Connection: close\r\n" : "", body);

	return send_all(c, out, (size_t)len - lacks);
}

static bool
fail(const struct connection *c)
{
	static unsigned failures;

	if (failures++ % 2 == 0)
		return answer_whole(c, "500 Internal Server Error", failure,
		    0) && !c->closes;
	answer_whole(c, "200 OK", answer, sizeof(answer) / 2);
	return false;
}

/* The request is whole. False when the connection is to end. */
static bool
reply(struct connection *c)
{
	c->in_body = false;
	c->len = 0;
	if (c->fails)
		return fail(c);
	if (c->stream.events == 0)
		return answer_whole(c, "200 OK", c->is_get ? models : answer,
		    0) && !c->closes;
	c->stream.sent = 0;
	c->stream.due_us = now_us();
	return send_all(c, stream_head, strlen(stream_head)) && send_events(c);
}

static const char *
header(const char *head, const char *name)
{
	const char *line = strcasestr(head, name);

	return line ? line + strlen(name) + strspn(line + strlen(name), " ") :
	    NULL;
}

/* The head is whole: what it asks for. */
static void
read_head(struct connection *c)
{
	const char *length = header(c->head, "\r\ncontent-length:");
	const char *connection = header(c->head, "\r\nconnection:");

	c->is_get = strncmp(c->head, "GET ", 4) == 0;
	c->closes = strstr(c->head, " HTTP/1.0\r\n") ||
	            (connection && strncasecmp(connection, "close", 5) == 0);
	c->stream = (struct stream){ 0 };
	c->fails = strncmp(c->head, "POST /fail/", 11) == 0;
	(void)sscanf(c->head, "POST /stream-%d-%d/", &c->stream.events,
	    &c->stream.pace_ms);
	if (sscanf(c->head, "POST /break-%d-%d/", &c->stream.events,
	    &c->stream.pace_ms) == 2)
		c->stream.breaks_at = c->stream.events / 2;
	c->left = length ? strtoull(length, NULL, 10) : 0;
	c->in_body = true;
}

/* Takes in what arrived. False when the connection is to end. */
static bool
take(struct connection *c, const char *data, size_t len)
{
	while (len > 0 || (c->in_body && c->left == 0)) {
		if (!c->in_body) {
			if (c->len == HEAD_BYTES)
				return false;
			c->head[c->len++] = *data++;
			c->head[c->len] = '\0';
			len--;
			if (c->len >= 4 && memcmp(c->head + c->len - 4,
			    "\r\n\r\n", 4) == 0)
				read_head(c);
			continue;
		}
		if (c->left > 0) {
			size_t part = len < c->left ? len : (size_t)c->left;

			data += part;
			len -= part;
			c->left -= part;
		}
		if (c->left == 0 && !reply(c))
			return false;
	}
	return true;
}

static void
serve(struct connection *c)
{
	static char piece[PIECE_BYTES];
	ssize_t n = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !take(c, piece, (size_t)n))
		drop(c);
}

static void
take_connection(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
	struct epoll_event event = { .events = EPOLLIN };

	if (fd < 0)
		return;
	if (fd >= CONNECTIONS_MAX ||
	    !(connections[fd] = calloc(1, sizeof(struct connection)))) {
		close(fd);
		return;
	}
	connections[fd]->fd = fd;
	if (fd > top_fd)
		top_fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	event.data.fd = fd;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Sends what is due; milliseconds until there is more to do, or -1. */
static int
send_due(void)
{
	int wait_ms = -1;

	for (int fd = 0; fd <= top_fd; fd++) {
		struct connection *c = connections[fd];

		if (!c || !c->stream.due_us)
			continue;
		if (!send_events(c) || (!c->stream.due_us && c->closes))
			drop(c);
		else if (c->stream.due_us)
			wait_ms = 1;
	}
	return wait_ms;
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	struct epoll_event event = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		perror("upstream");
		exit(EXIT_FAILURE);
	}
	event.data.fd = fd;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int listener;

	if (argc != 2 || atoi(argv[1]) <= 0) {
		fputs("usage: upstream PORT\n", stderr);
		return 2;
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = listen_on((uint16_t)atoi(argv[1]));
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE,
		    send_due());

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				take_connection(fd);
			else if (connections[fd])
				serve(connections[fd]);
		}
	}
}
