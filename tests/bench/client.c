/* client.c: one connection of the load: a request out, an answer in, again. */
#include "tests/bench/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 65536 };

int64_t
client_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->reused = false;
}

static bool
open_connection(struct client *c, const struct client_plan *plan,
    struct client_sums *sums)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(plan->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	c->is_watched = false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	sums->connects++;
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0 ||
	    errno == EINPROGRESS)
		return true;
	client_close(c);
	return false;
}

static bool
write_head(struct client *c, struct client_plan *plan)
{
	const char *key = "";
	int len;

	if (plan->n_keys > 0)
		key = plan->keys[plan->next_key++ % plan->n_keys];
	free(c->request);
	len = asprintf(&c->request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s"
	    "%s%s%s%sContent-Length: %zu\r\n\r\n", plan->method, plan->path,
	    plan->headers, *key ? "Authorization: Bearer " : "", key,
	    *key ? "\r\n" : "", plan->body_len > 0 ?
	    "Content-Type: application/json\r\n" : "", plan->body_len);
	if (len < 0)
		c->request = NULL;
	c->request_len = len < 0 ? 0 : (size_t)len;
	return len >= 0;
}

static void
rewind_request(struct client *c)
{
	c->part = PART_REQUEST;
	c->sent = 0;
	c->text_len = 0;
	c->closes = false;
	c->events = 0;
}

bool
client_ask(struct client *c, struct client_plan *plan,
    struct client_sums *sums)
{
	if (!write_head(c, plan))
		return false;
	rewind_request(c);
	c->began_us = client_now_us();
	return c->fd >= 0 || open_connection(c, plan, sums);
}

/* Sends what is left of head and body. False when the connection broke. */
static bool
send_request(struct client *c, const struct client_plan *plan)
{
	while (c->sent < c->request_len + plan->body_len) {
		size_t of_head = c->sent < c->request_len ? c->sent :
		    c->request_len;
		size_t of_body = c->sent - of_head;
		struct iovec parts[] = {
			{ c->request + of_head, c->request_len - of_head },
			{ (char *)(uintptr_t)plan->body + of_body,
			    plan->body_len - of_body },
		};
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
		ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == ENOTCONN;
		c->sent += (size_t)n;
	}
	c->part = PART_HEAD;
	return true;
}

/* The value of a header of the head in c->text, or NULL. */
static const char *
header(const struct client *c, const char *name)
{
	size_t len = strlen(name);
	const char *line = c->text;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " ");
	}
	return NULL;
}

/* The head is whole: what follows it. */
static bool
read_head(struct client *c)
{
	const char *length = header(c, "content-length");
	const char *coding = header(c, "transfer-encoding");
	const char *type = header(c, "content-type");
	const char *connection = header(c, "connection");

	if (sscanf(c->text, "HTTP/1.%*1d %3d", &c->status) != 1)
		return false;
	c->closes = connection && strncasecmp(connection, "close", 5) == 0;
	c->is_stream = type && strncasecmp(type, "text/event-stream", 17) == 0;
	c->part = PART_BODY;
	c->left = 0;
	if (coding && strncasecmp(coding, "chunked", 7) == 0) {
		c->part = PART_CHUNK_SIZE;
	} else if (length) {
		c->left = strtoull(length, NULL, 10);
	} else {
		c->left = UINT64_MAX;
		c->closes = true;
	}
	c->text_len = 0;
	return true;
}

/* One line of a stream: its events bear the time they were sent at. */
static void
take_event(struct client *c, struct client_sums *sums)
{
	static const char mark[] = "\"at ";
	const char *stamp;
	int64_t now_us;

	if (strncmp(c->text, "data: {", 7) != 0)
		return;
	c->events++;
	now_us = client_now_us();
	if (now_us < sums->from_us)
		return;
	sums->events++;
	stamp = strstr(c->text, mark);
	if (stamp)
		histogram_add(&sums->event_us, now_us -
		    strtoll(stamp + strlen(mark), NULL, 10));
}

/* Bytes of the body, free of any coding. */
static void
take_body(struct client *c, struct client_sums *sums, const char *data,
    size_t len)
{
	sums->bytes += len;
	if (!c->is_stream)
		return;
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n') {
			if (c->text_len < CLIENT_HEAD_BYTES)
				c->text[c->text_len++] = data[i];
			continue;
		}
		c->text[c->text_len] = '\0';
		take_event(c, sums);
		c->text_len = 0;
	}
}

/* Takes the head in; how many bytes of data were of it. */
static size_t
take_head(struct client *c, const char *data, size_t len, bool *good)
{
	size_t taken = 0;

	while (taken < len && c->text_len < CLIENT_HEAD_BYTES) {
		c->text[c->text_len++] = data[taken++];
		if (c->text_len < 4 || data[taken - 1] != '\n' ||
		    memcmp(c->text + c->text_len - 4, "\r\n\r\n", 4) != 0)
			continue;
		c->text[c->text_len] = '\0';
		*good = read_head(c);
		return taken;
	}
	*good = c->text_len < CLIENT_HEAD_BYTES;
	return taken;
}

/* A digit of a chunk's size, or what ends its line. */
static bool
take_size(struct client *c, char digit)
{
	const char *digits = "0123456789abcdef";
	const char *found = strchr(digits, digit | 0x20);

	if (digit == '\n') {
		c->part = c->left > 0 ? PART_CHUNK : PART_TRAILER;
		c->trailer_len = 0;
		return true;
	}
	if (digit == '\r')
		return true;
	c->left = c->left * 16 + (uint64_t)(found ? found - digits : 0);
	return found != NULL;
}

/* Whether the answer has ended. */
static bool
has_ended(const struct client *c)
{
	return c->part == PART_BODY && c->left == 0;
}

/* One step of what follows the head: how many bytes it took. */
static size_t
take_rest(struct client *c, struct client_sums *sums, const char *data,
    size_t len, bool *good)
{
	switch (c->part) {
	case PART_CHUNK_SIZE:
		*good = take_size(c, *data);
		return 1;
	case PART_CHUNK_END:
		if (*data == '\n') {
			c->part = PART_CHUNK_SIZE;
			c->left = 0;
		}
		return 1;
	case PART_TRAILER:
		if (*data == '\n' && c->trailer_len == 0)
			c->part = PART_BODY;
		else if (*data == '\n')
			c->trailer_len = 0;
		else if (*data != '\r')
			c->trailer_len++;
		return 1;
	default:
		if (len > c->left)
			len = (size_t)c->left;
		take_body(c, sums, data, len);
		if (c->left != UINT64_MAX)
			c->left -= len;
		if (c->left == 0 && c->part == PART_CHUNK)
			c->part = PART_CHUNK_END;
		return len;
	}
}

/* Takes in what arrived. False: it is no answer. */
static bool
take(struct client *c, struct client_sums *sums, const char *data, size_t len)
{
	bool good = true;

	while (len > 0 && good) {
		size_t taken = c->part == PART_HEAD ?
		    take_head(c, data, len, &good) :
		    take_rest(c, sums, data, len, &good);

		data += taken;
		len -= taken;
		if (has_ended(c))
			return good && len == 0;
	}
	return good;
}

static enum client_rc
finish(struct client *c, struct client_sums *sums)
{
	int64_t now_us = client_now_us();

	if (now_us >= sums->from_us) {
		sums->answers++;
		sums->statuses[c->status % CLIENT_STATUS_MAX]++;
		histogram_add(&sums->latency_us, now_us - c->began_us);
	}
	c->reused = true;
	if (c->closes)
		client_close(c);
	return CLIENT_DONE;
}

static enum client_rc
fail(struct client *c, struct client_plan *plan, struct client_sums *sums)
{
	bool again = c->reused && c->part <= PART_HEAD && c->text_len == 0;

	client_close(c);
	if (again && open_connection(c, plan, sums)) {
		rewind_request(c);
		return CLIENT_WAITS;
	}
	sums->broken++;
	return CLIENT_BROKEN;
}

/* The client has seen enough. */
static enum client_rc
go_away(struct client *c, struct client_sums *sums)
{
	sums->left++;
	client_close(c);
	return CLIENT_DONE;
}

enum client_rc
client_go_on(struct client *c, struct client_plan *plan,
    struct client_sums *sums)
{
	static char piece[PIECE_BYTES];

	if (c->part == PART_REQUEST && !send_request(c, plan))
		return fail(c, plan, sums);
	while (c->part != PART_REQUEST) {
		ssize_t n = recv(c->fd, piece, sizeof(piece), 0);

		if (n < 0 && errno == EAGAIN)
			return CLIENT_WAITS;
		if (n == 0 && c->part == PART_BODY && c->left == UINT64_MAX)
			return finish(c, sums);
		if (n <= 0 || !take(c, sums, piece, (size_t)n))
			return fail(c, plan, sums);
		if (has_ended(c))
			return finish(c, sums);
		if (plan->leave_after > 0 && c->events >= plan->leave_after)
			return go_away(c, sums);
	}
	return CLIENT_WAITS;
}
