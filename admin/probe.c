/* probe.c: one request to a gateway, made by curl. */
#include "admin/probe.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	ANSWER_BYTES_MAX = 4 << 20,
	SECONDS_MAX = 90,
	BODY_FD = 3,   /* of curl */
	NOT_FOUND = 127,
};

#define MARK "\nfarebox-doctor "
#define EVENT "\ndata: {"

bool
probe_url_is_fit(const char *url)
{
	if (strncmp(url, "http://", 7) != 0 &&
	    strncmp(url, "https://", 8) != 0)
		return false;
	for (; *url; url++)
		if (!isgraph((unsigned char)*url) || strchr("\"\\", *url))
			return false;
	return true;
}

/* A file that is nowhere but in memory, to be read from its start. */
static int
file_of(const char *data, size_t len)
{
	int fd = memfd_create("farebox-doctor", MFD_CLOEXEC);

	while (fd >= 0 && len > 0) {
		ssize_t n = write(fd, data, len);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* curl's configuration, as text that the caller frees. */
static char *
write_orders(const struct probe *probe)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "url = \"%s\"\nsilent\nno-buffer\ninclude\ngloboff\n"
	    "path-as-is\nmax-time = %d\nheader = \"Expect:\"\n"
	    "write-out = \"\\nfarebox-doctor %%{http_code} "
	    "%%{http_version}\"\n", probe->url, SECONDS_MAX);
	if (probe->http1)
		fputs("http1.1\n", out);
	if (probe->method)
		fprintf(out, "request = \"%s\"\n", probe->method);
	if (probe->key)
		fprintf(out, "header = \"Authorization: Bearer %s\"\n",
		    probe->key);
	for (int i = 0; i < PROBE_HEADERS_MAX && probe->headers[i]; i++)
		fprintf(out, "header = \"%s\"\n", probe->headers[i]);
	if (probe->body)
		fprintf(out, "header = \"Content-Type: application/json\"\n"
		    "data-binary = \"@/dev/fd/%d\"\n", BODY_FD);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static pid_t
spawn(int orders_fd, int body_fd, int out_fd)
{
	char name[] = "curl", no_file[] = "-q", config[] = "-K", input[] = "-";
	char *const argv[] = { name, no_file, config, input, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	posix_spawn_file_actions_adddup2(&actions, orders_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	if (body_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, body_fd, BODY_FD);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Counts the events among what has just arrived, and notes when. */
static void
note_events(struct reply *reply, size_t from, size_t len)
{
	size_t back = strlen(EVENT) - 1;
	const char *at = reply->text + (from > back ? from - back : 0);
	const char *end = reply->text + len;

	while ((at = memmem(at, (size_t)(end - at), EVENT, strlen(EVENT)))) {
		reply->last_event_us = clock_mono_us();
		if (reply->events++ == 0)
			reply->first_event_us = reply->last_event_us;
		at += strlen(EVENT);
	}
}

/* Takes in what curl writes. */
static void
receive(int fd, struct reply *reply)
{
	size_t len = 0;
	ssize_t n;

	while (len < ANSWER_BYTES_MAX &&
	    ((n = read(fd, reply->text + len, ANSWER_BYTES_MAX - len)) > 0 ||
		(n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		note_events(reply, len, len + (size_t)n);
		len += (size_t)n;
	}
	reply->text[len] = '\0';
	reply->ended_us = clock_mono_us();
}

/* What interim answers there are stand before the one that counts. */
static void
split(struct reply *reply)
{
	char *mark = NULL, *next = reply->text, *end;

	while ((next = strstr(next, MARK)) != NULL)
		mark = next++;
	if (!mark || sscanf(mark + strlen(MARK), "%d %7s", &reply->http,
		reply->version) != 2)
		reply->http = 0;
	if (mark)
		*mark = '\0';
	reply->head = reply->text;
	end = strstr(reply->head, "\r\n\r\n");
	while (end && strncmp(end + 4, "HTTP/", 5) == 0) {
		reply->head = end + 4;
		end = strstr(reply->head, "\r\n\r\n");
	}
	reply->body = end ? end + 4 : reply->text + strlen(reply->text);
	if (end)
		*end = '\0';
}

static int
exit_status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == NOT_FOUND)
		return -1;
	return WEXITSTATUS(status);
}

static bool
converse(int orders_fd, int body_fd, struct reply *reply)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		return false;
	reply->started_us = clock_mono_us();
	pid = spawn(orders_fd, body_fd, ends[1]);
	close(ends[1]);
	if (pid >= 0) {
		receive(ends[0], reply);
		split(reply);
	}
	close(ends[0]);
	reply->exit_status = pid < 0 ? -1 : exit_status_of(pid);
	return true;
}

bool
probe_run(const struct probe *probe, struct reply *reply)
{
	char *orders = write_orders(probe);
	int orders_fd = orders ? file_of(orders, strlen(orders)) : -1;
	int body_fd = probe->body ? file_of(probe->body, probe->body_len) : -1;
	bool done = false;

	*reply = (struct reply){ .exit_status = -1 };
	reply->text = calloc(1, ANSWER_BYTES_MAX + 1);
	reply->head = reply->text;
	reply->body = reply->text;
	if (reply->text && orders_fd >= 0 && (!probe->body || body_fd >= 0))
		done = converse(orders_fd, body_fd, reply);
	if (orders_fd >= 0)
		close(orders_fd);
	if (body_fd >= 0)
		close(body_fd);
	free(orders);
	return done;
}

void
probe_clear(struct reply *reply)
{
	free(reply->text);
	reply->text = NULL;
}

bool
probe_header(const struct reply *reply, const char *name, char *value,
    size_t size)
{
	const char *line = reply->head;

	while ((line = strstr(line, "\r\n")) != NULL) {
		size_t len, name_len;
		char found[64];

		line += 2;
		len = strcspn(line, "\r\n");
		name_len = strcspn(line, ":\r\n");
		if (name_len >= sizeof(found) || name_len == len)
			continue;
		snprintf(found, sizeof(found), "%.*s", (int)name_len, line);
		if (fnmatch(name, found, FNM_CASEFOLD) != 0)
			continue;
		name_len += 1 + strspn(line + name_len + 1, " ");
		snprintf(value, size, "%.*s", (int)(len - name_len),
		    line + name_len);
		return true;
	}
	return false;
}

const char *
probe_failure(const struct reply *reply)
{
	static const struct {
		int exit_status;
		const char *words;
	} failures[] = {
		{ -1, "curl is not here; type: apt-get install curl" },
		{ 3, "the URL is malformed" },
		{ 6, "there is no host of that name" },
		{ 7, "nobody listens there" },
		{ 28, "it took too long" },
		{ 35, "TLS could not be agreed on" },
		{ 52, "the answer was empty" },
		{ 56, "the connection broke" },
		{ 60, "the certificate is not to be trusted" },
	};

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].exit_status == reply->exit_status)
			return failures[i].words;
	return "curl got no answer";
}
