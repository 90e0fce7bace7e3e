/* call.c: tests of upstream_call(): what comes back, and from whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/upstream/world.h"

enum { CALLS = 1000 };

/* Makes a call that comes to nothing, for each of a list of models. */
static void
expect_each(void **state, const char *const *models, enum upstream_rc rc)
{
	for (; *models; models++)
		world_expect(world_model(state, *models), rc);
}

static void
brings_an_answer(void **state)
{
	struct world *world = world_model(state, "ok,text=Hi");

	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.http, 200);
	assert_non_null(strstr(world->answer.body, "\"content\":\"Hi\""));
	assert_int_equal(strlen(world->answer.body), world->answer.body_len);
	assert_string_equal(world->answer.content_type, "application/json");
	assert_string_equal(world->answer.detail, "");
	assert_int_equal(world->answer.retry_after_ms, -1);
	assert_true(world->answer.connect_us > 0);
	assert_true(world->answer.first_byte_us > world->answer.connect_us);
	assert_true(world->answer.total_us >= world->answer.first_byte_us);
}

static void
sends_what_it_should(void **state)
{
	struct world *world = world_odd(state, "/echo");
	const char *head;

	world->request.content_type = "multipart/form-data; boundary=x";
	world_expect(world, UPSTREAM_OK);
	head = world->answer.body;
	assert_non_null(strstr(head, "POST /echo HTTP/1.1\r\n"));
	assert_non_null(
	    strstr(head, "Authorization: Bearer sk-provider-secret\r\n"));
	assert_non_null(
	    strstr(head, "Content-Type: multipart/form-data; boundary=x\r\n"));
	assert_non_null(strstr(head, "Accept: application/json\r\n"));
	assert_non_null(strstr(head, "User-Agent: farebox/"));
	assert_non_null(strstr(head, "Accept-Encoding: gzip, deflate\r\n"));
	assert_null(strcasestr(head, "expect:"));
	assert_string_equal(world->answer.content_type, "a/b");

	world->request.key = NULL;
	world_expect(world, UPSTREAM_OK);
	assert_null(strcasestr(world->answer.body, "authorization"));
}

static void
sends_a_large_body_or_none(void **state)
{
	const size_t len = 3 << 20;
	struct world *world = world_odd(state, "/echo");
	char *body = malloc(len);

	assert_non_null(body);
	memset(body, ' ', len);
	world->request.body = body;
	world->request.body_len = len;
	world_expect(world, UPSTREAM_OK);
	assert_non_null(
	    strstr(world->answer.body, "Content-Length: 3145728\r\n"));
	assert_null(strcasestr(world->answer.body, "expect:"));
	free(body);

	world->request.body = NULL;
	world->request.body_len = 0;
	world_expect(world, UPSTREAM_OK);
	assert_non_null(strstr(world->answer.body, "Content-Length: 0\r\n"));
}

static void
keeps_connections(void **state)
{
	struct world *world = world_model(state, "ok");

	world_expect(world, UPSTREAM_OK);
	assert_true(world->answer.connect_us > 0);
	for (int i = 0; i < 3; i++) {
		world_expect(world, UPSTREAM_OK);
		assert_int_equal(world->answer.connect_us, 0);
	}
}

static void
replaces_a_dead_connection(void **state)
{
	struct world *world = world_odd(state, "/close-after");

	/* Closed between the calls; then after the second request. */
	world_expect(world, UPSTREAM_OK);
	world_expect(world, UPSTREAM_OK);
	world_expect_body(world, "ok");
	world = world_odd(state, "/close-second");
	world_expect(world, UPSTREAM_OK);
	world_expect(world, UPSTREAM_OK);
	world_expect_body(world, "ok");
	assert_true(world->answer.connect_us > 0);
}

/* Expects that it takes so many requests until the server does not refuse. */
static void
expect_after_goodbyes(struct world *world, const char *refusals,
    enum upstream_rc rc, const char *requests)
{
	snprintf(world->body, sizeof(world->body), "%s", refusals);
	world->request.body_len = strlen(world->body);
	world_expect(world, rc);
	if (rc == UPSTREAM_OK)
		world_expect_body(world, requests);
}

static ssize_t
read_of_world(int64_t offset, char *data, size_t size, void *context)
{
	struct world *world = context;

	memcpy(data, world->body + offset, size);
	return (ssize_t)size;
}

static void
heeds_goodbyes(void **state)
{
	struct world *world = *state;
	struct server server;
	char cert[128];

	snprintf(cert, sizeof(cert), "%s/goodbye", world->dir);
	if (!server_start(&server, world->dir, "tests/upstream/goodbye.py",
		"--tls", cert))
		skip();
	world = world_path(state, "https", "127.0.0.1", server.port, "/");
	world->request.ca_file = cert;
	expect_after_goodbyes(world, "0", UPSTREAM_OK, "1");
	assert_true(world->answer.connect_us > 0);
	expect_after_goodbyes(world, "0", UPSTREAM_OK, "1");
	assert_int_equal(world->answer.connect_us, 0);
	/* The first is a kept connection, the second one has just begun. */
	expect_after_goodbyes(world, "1", UPSTREAM_OK, "2");
	assert_true(world->answer.connect_us > 0);
	expect_after_goodbyes(world, "2", UPSTREAM_OK, "3");
	assert_string_equal(world->answer.detail, "");
	world->request.read_body = read_of_world;
	world->request.body_context = world;
	expect_after_goodbyes(world, "2", UPSTREAM_OK, "3");
	/* What came before a goodbye is no time spent on connecting. */
	world->request.connect_timeout_ms = 3000;
	expect_after_goodbyes(world, "1 3500", UPSTREAM_OK, "2");
	assert_true(world->answer.connect_us < 3500 * 1000);
	/* Three times, and not for ever. */
	expect_after_goodbyes(world, "9", UPSTREAM_BROKEN, NULL);
	expect_after_goodbyes(world, "0", UPSTREAM_OK, "4");
	server_stop(&server);
	unlink(cert);
}

static void
brings_other_statuses(void **state)
{
	static const int codes[] = { 302, 307, 400, 401, 429, 500, 503 };
	struct world *world;
	char model[64];

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		snprintf(model, sizeof(model), "status,code=%d", codes[i]);
		world = world_model(state, model);
		world_expect(world, UPSTREAM_OK);
		assert_int_equal(world->answer.http, codes[i]);
		assert_non_null(strstr(world->answer.body, "\"error\""));
	}
	world = world_model(state, "status,code=500,body=none");
	world_expect(world, UPSTREAM_OK);
	assert_null(world->answer.body);
	assert_int_equal(world->answer.body_len, 0);
}

static void
follows_no_redirect(void **state)
{
	struct world *world = world_model(state, "redirect");
	char line[4096];
	FILE *log;
	int posts = 0;

	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.http, 302);
	log = fopen(world->log, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log)) {
		posts += strstr(line, "\"POST\"") != NULL;
		assert_null(strstr(line, "_redirected"));
	}
	fclose(log);
	assert_true(posts > 0);
}

static void
reads_retry_after(void **state)
{
	static const struct {
		const char *path;
		int64_t low_ms, high_ms;
	} cases[] = {
		{ "/retry-ms", 1500, 1500 },
		{ "/retry-date", 50000, 60000 },
	};
	struct world *world;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		world = world_odd(state, cases[i].path);
		world_expect(world, UPSTREAM_OK);
		assert_in_range(world->answer.retry_after_ms, cases[i].low_ms,
		    cases[i].high_ms);
	}
	world = world_odd(state, "/retry-odd");
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.retry_after_ms, -1);
	world = world_model(state, "status,code=429,retry=7");
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.retry_after_ms, 7000);
	world = world_model(state, "status,code=429,retry=99999999999999");
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.retry_after_ms, 86400000);
}

static void
passes_over_interim_heads(void **state)
{
	struct world *world = world_odd(state, "/early-hints");

	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.http, 200);
	world_expect_body(world, "after the hints");
	assert_string_equal(world->answer.content_type, "");
	assert_int_equal(world->answer.retry_after_ms, -1);
}

static void
takes_a_body_that_ends_with_the_connection(void **state)
{
	struct world *world = world_odd(state, "/http10");

	world_expect(world, UPSTREAM_OK);
	world_expect_body(world, "until the end");
}

static void
undoes_compression(void **state)
{
	struct world *world = world_odd(state, "/gzip");

	world_expect(world, UPSTREAM_OK);
	world_expect_body(world, "a small text");
	world_expect(world_odd(state, "/gzip-garbage"), UPSTREAM_BROKEN);
}

static void
sees_broken_answers(void **state)
{
	static const char *const models[] = {
		"reset", "reset-mid,after=5", "wrong-length,delta=5",
		"chunk-garbage", "close-early", "close-early,after=5", NULL,
	};
	static const char *const paths[] = {
		"/half-head", "/no-http", "/header-flood", "/hints-flood",
		"/line-flood", "/trailer-flood",
	};

	expect_each(state, models, UPSTREAM_BROKEN);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		world_expect(world_odd(state, paths[i]), UPSTREAM_BROKEN);
}

static void
takes_no_more_than_it_may(void **state)
{
	static const char *const models[] = {
		"gzip-bomb", "endless-line", "big,bytes=5000000", NULL,
	};
	struct world *world;

	expect_each(state, models, UPSTREAM_TOO_LARGE);
	world = world_model(state, "big,bytes=3000000");
	world_expect(world, UPSTREAM_OK);
	world->request.answer_bytes_max = world->answer.body_len;
	world_expect(world, UPSTREAM_OK);
	world->request.answer_bytes_max--;
	world_expect(world, UPSTREAM_TOO_LARGE);
}

static void
cuts_a_long_complaint(void **state)
{
	struct world *world = world_odd(state, "/complaint-flood");

	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.http, 500);
	assert_int_equal(world->answer.body_len, 256 * 1024);
	assert_int_equal(strlen(world->answer.body), 256 * 1024);
}

static void
names_who_is_unreachable(void **state)
{
	struct world *world;
	int fd, port = world_refused_port(&fd);

	world = world_path(state, "http", "127.0.0.1", port, "/");
	world_expect(world, UPSTREAM_UNREACHABLE);
	assert_non_null(strstr(world->answer.detail, "connect"));
	assert_int_equal(world->answer.http, 0);
	assert_null(world->answer.body);
	close(fd);

	world = world_path(state, "http", "nowhere.test", 80, "/");
	world_expect(world, UPSTREAM_UNREACHABLE);
	assert_non_null(strstr(world->answer.detail, "nowhere.test"));
	world = world_path(state, "ftp", "127.0.0.1", port, "/");
	world_expect(world, UPSTREAM_UNREACHABLE);
	world = world_path(state, "file", "", 0, "/etc/passwd");
	world_expect(world, UPSTREAM_UNREACHABLE);
	world = world_path(state, "http", "no host", 0, "");
	world_expect(world, UPSTREAM_UNREACHABLE);
}

static void
keeps_the_key_to_itself(void **state)
{
	struct world *world = world_path(state, "http", "sk-provider-secret",
	    80, "/");

	/* The detail would name the host; world_expect() looks for it. */
	world_expect(world, UPSTREAM_UNREACHABLE);
	world = world_model(state, "ok");
	world->request.key = "sk-x\r\nX-Forged: 1";
	world_expect(world, UPSTREAM_UNREACHABLE);
	world->request.key = NULL;
	world->request.content_type = "a/b\nX-Forged: 1";
	world_expect(world, UPSTREAM_UNREACHABLE);
}

static void
verifies_certificates(void **state)
{
	struct world *world = *state;
	int port = world->odd_tls.port;

	if (!port)
		skip();
	world = world_path(state, "https", "127.0.0.1", port, "/echo");
	world_expect(world, UPSTREAM_UNREACHABLE);
	assert_non_null(strcasestr(world->answer.detail, "certificate"));
	assert_int_equal(world->answer.connect_us, 0);

	world->request.ca_file = world->cert;
	world_expect(world, UPSTREAM_OK);
	assert_true(world->answer.connect_us > 0);
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.connect_us, 0);

	/* Not on the connection that another ca_file vouched for. */
	world->request.ca_file = NULL;
	world_expect(world, UPSTREAM_UNREACHABLE);
	/* The certificate is one for 127.0.0.1. */
	world = world_path(state, "https", "localhost", port, "/echo");
	world->request.ca_file = world->cert;
	world_expect(world, UPSTREAM_UNREACHABLE);
	world->request.ca_file = "/nonexistent/ca";
	world_expect(world, UPSTREAM_UNREACHABLE);
}

static void
heeds_no_proxy_of_the_environment(void **state)
{
	static const char *const names[] = { "http_proxy", "https_proxy",
		"all_proxy", "HTTPS_PROXY", "ALL_PROXY" };
	struct world *world;
	char proxy[64];
	int fd;

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d",
	    world_refused_port(&fd));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		setenv(names[i], proxy, 1);
	world_expect(world_model(state, "ok"), UPSTREAM_OK);
	world = *state;
	if (world->odd_tls.port) {
		world = world_path(state, "https", "127.0.0.1",
		    world->odd_tls.port, "/echo");
		world->request.ca_file = world->cert;
		world_expect(world, UPSTREAM_OK);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	close(fd);
}

static void
leaks_nothing(void **state)
{
	static const char *const models[] = { "ok", "status,code=500", "ok",
		"wrong-length", "ok", "big,bytes=100000" };
	const size_t n = sizeof(models) / sizeof(*models);
	struct world *world = *state;
	int before;

	upstream_free(world->upstream);
	before = world_count("fd");
	world->upstream = upstream_new();
	assert_non_null(world->upstream);
	for (size_t i = 0; i < CALLS; i++) {
		const char *model = models[i % n];
		bool breaks = strcmp(model, "wrong-length") == 0;

		world_expect(world_model(state, model),
		    breaks ? UPSTREAM_BROKEN : UPSTREAM_OK);
	}
	/* One connection, and what libcurl needs to be woken. */
	assert_in_range(world_count("fd"), before, before + 4);
	upstream_free(world->upstream);
	assert_int_equal(world_count("fd"), before);
	world->upstream = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(brings_an_answer),
		TEST(sends_what_it_should),
		TEST(sends_a_large_body_or_none),
		TEST(keeps_connections),
		TEST(replaces_a_dead_connection),
		TEST(heeds_goodbyes),
		TEST(brings_other_statuses),
		TEST(follows_no_redirect),
		TEST(reads_retry_after),
		TEST(passes_over_interim_heads),
		TEST(takes_a_body_that_ends_with_the_connection),
		TEST(undoes_compression),
		TEST(sees_broken_answers),
		TEST(takes_no_more_than_it_may),
		TEST(cuts_a_long_complaint),
		TEST(names_who_is_unreachable),
		TEST(keeps_the_key_to_itself),
		TEST(verifies_certificates),
		TEST(heeds_no_proxy_of_the_environment),
		TEST(leaks_nothing),
	};

	if (system("command -v python3 >/dev/null") != 0) {
		puts("1..0 # SKIP python3 is missing");
		return 0;
	}
	return cmocka_run_group_tests(tests, world_start, world_stop);
}
