/* world.c: what the tests of upstream_call() have in common. */
#include "tests/upstream/world.h"

#include <dirent.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"

/* How late a busy machine may be, and still before the providers' silence and
 * the other time-outs end. */
enum { LATE_MS = 12000, RELEASE_MS_MAX = 60000, LOOK_MS = 5 };

static atomic_bool resolver_released;

/* Stands in front of the C library's, which libcurl would call. */
int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **result)
{
	(void)service;
	(void)hints;
	(void)result;
	if (!node || strcmp(node, "silent.test") != 0)
		return EAI_NONAME;
	for (int ms = 0; !resolver_released && ms < RELEASE_MS_MAX;
	     ms += LOOK_MS)
		poll(NULL, 0, LOOK_MS);
	return EAI_AGAIN;
}

void
world_release_resolver(void)
{
	resolver_released = true;
	for (int ms = 0; world_count("task") > 1 && ms < RELEASE_MS_MAX;
	     ms += LOOK_MS)
		poll(NULL, 0, LOOK_MS);
	resolver_released = false;
	assert_int_equal(world_count("task"), 1);
}

int
world_start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	*state = world;
	if (!world)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	snprintf(world->dir, sizeof(world->dir), "/tmp/farebox-call.XXXXXX");
	if (!mkdtemp(world->dir))
		return -1;
	snprintf(world->cert, sizeof(world->cert), "%s/cert", world->dir);
	snprintf(world->log, sizeof(world->log), "%s/log", world->dir);
	if (!server_start(&world->good, world->dir, "tests/http/upstream.py",
		"--log", world->log) ||
	    !server_start(&world->odd, world->dir, "tests/upstream/odd.py",
		NULL, NULL))
		return -1;
	(void)server_start(&world->odd_tls, world->dir,
	    "tests/upstream/odd.py", "--tls", world->cert);
	return 0;
}

int
world_stop(void **state)
{
	struct world *world = *state;

	server_stop(&world->good);
	server_stop(&world->odd);
	server_stop(&world->odd_tls);
	unlink(world->cert);
	unlink(world->log);
	rmdir(world->dir);
	free(world);
	return 0;
}

int
world_fresh(void **state)
{
	struct world *world = *state;

	world->upstream = upstream_new();
	return world->upstream ? 0 : -1;
}

int
world_clear(void **state)
{
	struct world *world = *state;

	upstream_answer_clear(&world->answer);
	upstream_free(world->upstream);
	world->upstream = NULL;
	return 0;
}

struct world *
world_path(void **state, const char *scheme, const char *host, int port,
    const char *path)
{
	struct world *world = *state;

	snprintf(world->url, sizeof(world->url), "%s://%s:%d%s", scheme, host,
	    port, path);
	world->request = (struct upstream_request){
		.url = world->url,
		.key = "sk-provider-secret",
		.content_type = "application/json",
		.accept = "application/json",
		.body = world->body,
		.body_len = strlen(world->body),
		.connect_timeout_ms = 20000,
		.first_byte_timeout_ms = 20000,
		.stall_timeout_ms = 20000,
		.total_timeout_ms = 20000,
		.answer_bytes_max = 4 << 20,
		.context = world,
	};
	return world;
}

struct world *
world_model(void **state, const char *model)
{
	struct world *world = *state;

	snprintf(world->body, sizeof(world->body),
	    "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
	    "\"content\":\"Hello\"}]}",
	    model);
	return world_path(state, "http", "127.0.0.1", world->good.port,
	    "/v1/chat/completions");
}

void
world_stream(struct world *world, const char *model)
{
	snprintf(world->body, sizeof(world->body),
	    "{\"model\":\"%s\",\"stream\":true,\"stream_options\":"
	    "{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
	    "\"content\":\"Hello\"}]}",
	    model);
	world->request.body_len = strlen(world->body);
	world->request.accept = "text/event-stream";
}

struct world *
world_odd(void **state, const char *path)
{
	struct world *world = *state;

	return world_path(state, "http", "127.0.0.1", world->odd.port, path);
}

void
world_expect(struct world *world, enum upstream_rc expected)
{
	enum upstream_rc rc;

	upstream_answer_clear(&world->answer);
	rc = upstream_call(world->upstream, &world->request, &world->answer);
	if (rc != expected)
		fail_msg("%s is %s (%s), not %s", world->url,
		    upstream_rc_name(rc), world->answer.detail,
		    upstream_rc_name(expected));
	if (rc != UPSTREAM_OK && rc != UPSTREAM_STOPPED)
		assert_string_not_equal(world->answer.detail, "");
	assert_null(strstr(world->answer.detail, "secret"));
}

void
world_expect_ms(const struct world *world, int64_t ms)
{
	assert_in_range(world->answer.total_us / 1000, ms, ms + LATE_MS);
}

void
world_expect_body(const struct world *world, const char *text)
{
	assert_non_null(world->answer.body);
	assert_string_equal(world->answer.body, text);
	assert_int_equal(world->answer.body_len, strlen(text));
}

int
world_refused_port(int *fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(*fd >= 0);
	assert_int_equal(
	    bind(*fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &len),
	    0);
	return ntohs(address.sin_port);
}

int
world_count(const char *dir)
{
	char path[64];
	DIR *entries;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/self/%s", dir);
	entries = opendir(path);
	assert_non_null(entries);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count - 2; /* "." and ".." */
}
