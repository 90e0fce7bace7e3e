/* limits.c: tests of upstream_call(): time-outs, stop() and sink(). */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/upstream/world.h"

/*
 * A machine that is busy with other things makes everything late, so what is
 * to be prompt has several tries, of which one has to be.
 */
enum { SHORT_MS = 300, TRIES = 20 };

/* What the calls of several tries came to. */
static bool
one_of_the_tries(struct world *world, enum upstream_rc expected)
{
	for (int i = 0; i < TRIES; i++) {
		upstream_answer_clear(&world->answer);
		if (upstream_call(world->upstream, &world->request,
		    &world->answer) == expected)
			return true;
	}
	return false;
}

static void
limits_the_connection(void **state)
{
	int fd, port = world_refused_port(&fd);
	struct world *world = world_path(state, "https", "127.0.0.1", port,
	    "/");

	/* TCP stands, because the kernel answers; TLS never does. */
	assert_int_equal(listen(fd, 4), 0);
	world->request.connect_timeout_ms = SHORT_MS;
	world_expect(world, UPSTREAM_UNREACHABLE);
	world_expect_ms(world, SHORT_MS);
	assert_int_equal(world->answer.http, 0);
	close(fd);
}

static void
does_not_wait_for_a_resolver(void **state)
{
	struct world *world = world_path(state, "http", "silent.test", 80,
	    "/");

	world->request.connect_timeout_ms = SHORT_MS;
	world_expect(world, UPSTREAM_UNREACHABLE);
	world_expect_ms(world, SHORT_MS);
	world_release_resolver();
}

static void
limits_the_head(void **state)
{
	static const char *const models[] = { "accept-silent", "header-stall",
		"slow-header,ms=50" };
	static const char *const paths[] = { "/hints-stall", "/no-read" };
	struct world *world;

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		world = world_model(state, models[i]);
		world->request.first_byte_timeout_ms = SHORT_MS;
		world_expect(world, UPSTREAM_HEADERS_TIMEOUT);
		world_expect_ms(world, SHORT_MS);
		assert_int_equal(world->answer.http, 0);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		world = world_odd(state, paths[i]);
		world->request.first_byte_timeout_ms = SHORT_MS;
		world_expect(world, UPSTREAM_HEADERS_TIMEOUT);
		world_expect_ms(world, SHORT_MS);
	}
}

/* A body of which the provider takes no byte. */
static void
limits_the_head_while_it_sends(void **state)
{
	const size_t len = 32 << 20;
	struct world *world = world_odd(state, "/no-read");
	char *body = calloc(1, len);

	assert_non_null(body);
	world->request.body = body;
	world->request.body_len = len;
	world->request.first_byte_timeout_ms = SHORT_MS;
	world_expect(world, UPSTREAM_HEADERS_TIMEOUT);
	world_expect_ms(world, SHORT_MS);
	free(body);
}

static void
limits_a_pause(void **state)
{
	struct world *world = world_model(state, "body-stall,after=10");

	world->request.stall_timeout_ms = SHORT_MS;
	for (int try = 0; world->answer.body_len != 10; try++) {
		assert_true(try < TRIES);
		world_expect(world, UPSTREAM_BODY_TIMEOUT);
		world_expect_ms(world, SHORT_MS);
		assert_int_equal(world->answer.http, 200);
	}

	/* Bytes that trickle in are no pause. */
	world = world_model(state, "drip,ms=5");
	world->request.stall_timeout_ms = 3 * SHORT_MS;
	assert_true(one_of_the_tries(world, UPSTREAM_OK));
	assert_true(world->answer.total_us / 1000 > 3 * SHORT_MS);
}

static bool
discard(const char *data, size_t len, void *context)
{
	(void)data;
	(void)len;
	(void)context;
	return true;
}

static void
limits_the_whole(void **state)
{
	static const char *const models[] = { "drip,ms=20", "accept-silent",
		"body-stall", "slow-header,ms=20" };
	struct world *world;

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		world = world_model(state, models[i]);
		world->request.total_timeout_ms = SHORT_MS;
		world_expect(world, UPSTREAM_TOTAL_TIMEOUT);
		world_expect_ms(world, SHORT_MS);
	}
	/* Data that never stops coming does not keep the clock away. */
	world = world_model(state, "endless-line,bytes=2000000000");
	world->request.answer_bytes_max = (size_t)2 << 30;
	world->request.total_timeout_ms = SHORT_MS;
	world->request.sink = discard;
	world_expect(world, UPSTREAM_TOTAL_TIMEOUT);
	world_expect_ms(world, SHORT_MS);
}

static void
recovers_from_a_timeout(void **state)
{
	struct world *world = world_model(state, "accept-silent");

	world->request.total_timeout_ms = 50;
	world_expect(world, UPSTREAM_TOTAL_TIMEOUT);
	world_expect(world_model(state, "ok"), UPSTREAM_OK);
	assert_int_equal(world->answer.http, 200);
}

/* How often stop() was asked, and after how many times it says yes. */
struct asked {
	int count, limit;
	int64_t longest_us, last_us;
};

static bool
count_and_stop(void *context)
{
	struct world *world = context;
	struct asked *asked = world->test;
	int64_t now_us = clock_mono_us();

	if (asked->last_us && now_us - asked->last_us > asked->longest_us)
		asked->longest_us = now_us - asked->last_us;
	asked->last_us = now_us;
	return ++asked->count == asked->limit;
}

static void
stops_when_asked_to(void **state)
{
	static const char *const models[] = { "accept-silent", "body-stall",
		"drip,ms=10" };
	struct asked asked;
	struct world *world;

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		world = world_model(state, models[i]);
		world->request.stop = count_and_stop;
		world->test = &asked;
		for (int try = 0;; try++) {
			assert_true(try < TRIES);
			asked = (struct asked){ .limit = 5 };
			world_expect(world, UPSTREAM_STOPPED);
			assert_int_equal(asked.count, 5);
			if (asked.longest_us < 400 * 1000 &&
			    world->answer.total_us < 2000 * 1000)
				break;
		}
	}
	asked = (struct asked){ .limit = 1 };
	world = world_path(state, "http", "silent.test", 80, "/");
	world->request.stop = count_and_stop;
	world_expect(world, UPSTREAM_STOPPED);
	world_release_resolver();
}

static void
ignore_signal(int number)
{
	(void)number;
}

static void
asks_after_a_signal(void **state)
{
	struct sigaction action = { .sa_handler = ignore_signal };
	struct itimerval every = { { 0, 20000 }, { 0, 20000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct world *world = world_model(state, "accept-silent");
	struct asked asked = { 0 };

	world->request.stop = count_and_stop;
	world->request.total_timeout_ms = 2 * SHORT_MS;
	world->test = &asked;
	sigaction(SIGALRM, &action, NULL);
	/*
	 * Every 100 ms alone would be six or seven times. On a busy machine
	 * several signals become one, but not each time.
	 */
	for (int try = 0; asked.count <= 12; try++) {
		assert_true(try < TRIES);
		asked.count = 0;
		setitimer(ITIMER_REAL, &every, NULL);
		world_expect(world, UPSTREAM_TOTAL_TIMEOUT);
		setitimer(ITIMER_REAL, &never, NULL);
		world_expect_ms(world, 2 * SHORT_MS);
	}
}

/* What a sink saw. */
struct sunk {
	int pieces, limit;
	int pause_ms;
	int64_t first_us, last_us;
	size_t len;
	char text[8192];
};

static bool
sink_piece(const char *data, size_t len, void *context)
{
	struct world *world = context;
	struct sunk *sunk = world->test;

	sunk->last_us = clock_mono_us();
	if (!sunk->first_us)
		sunk->first_us = sunk->last_us;
	assert_true(len < sizeof(sunk->text) - sunk->len);
	memcpy(sunk->text + sunk->len, data, len);
	sunk->len += len;
	if (sunk->pause_ms)
		poll(NULL, 0, sunk->pause_ms);
	return ++sunk->pieces != sunk->limit;
}

/* Asks for a stream of five events, 100 ms apart, into the sink. */
static struct world *
stream(void **state, struct sunk *sunk, const char *model)
{
	struct world *world = world_model(state, model);

	world_stream(world, model);
	world->request.sink = sink_piece;
	world->test = sunk;
	return world;
}

static void
hands_pieces_on_as_they_arrive(void **state)
{
	struct sunk sunk = { 0 };
	struct world *world = stream(state, &sunk, "ok,events=5,gap=0.1");

	for (int try = 0; sunk.pieces < 5 ||
	    sunk.last_us - sunk.first_us <= 200 * 1000; try++) {
		assert_true(try < TRIES);
		sunk = (struct sunk){ 0 };
		world_expect(world, UPSTREAM_OK);
	}
	assert_non_null(strstr(sunk.text, "data: [DONE]\n\n"));
	assert_null(world->answer.body);
	assert_int_equal(world->answer.http, 200);
	assert_int_equal(
	    strncmp(world->answer.content_type, "text/event-stream", 17), 0);
}

static void
stops_when_the_sink_does(void **state)
{
	struct sunk sunk = { .limit = 2 };
	struct world *world = stream(state, &sunk, "ok,events=5,gap=0.1");

	/* All that is read at once is one piece. */
	for (int try = 0; sunk.pieces < 2; try++) {
		assert_true(try < TRIES);
		sunk = (struct sunk){ .limit = 2 };
		assert_true(one_of_the_tries(world, UPSTREAM_STOPPED));
	}
	assert_int_equal(sunk.pieces, 2);
}

static void
does_not_blame_the_provider_for_a_slow_sink(void **state)
{
	struct sunk sunk;
	struct world *world = stream(state, &sunk, "ok,events=2,gap=0.01");
	enum upstream_rc rc = UPSTREAM_BODY_TIMEOUT;

	world->request.stall_timeout_ms = SHORT_MS / 2;
	for (int try = 0; rc != UPSTREAM_OK; try++) {
		assert_true(try < TRIES);
		sunk = (struct sunk){ .pause_ms = SHORT_MS };
		upstream_answer_clear(&world->answer);
		rc = upstream_call(world->upstream, &world->request,
		    &world->answer);
	}
	assert_true(sunk.pieces > 0);
}

static void
bounds_what_a_sink_gets(void **state)
{
	struct sunk sunk = { 0 };
	struct world *world = stream(state, &sunk, "ok,events=5");

	world->request.answer_bytes_max = 300;
	world_expect(world, UPSTREAM_TOO_LARGE);
	assert_true(sunk.len <= 300);
}

static void
sees_streams_that_end_badly(void **state)
{
	struct sunk sunk = { 0 };
	struct world *world = stream(state, &sunk, "stream-reset");

	world_expect(world, UPSTREAM_BROKEN);
	assert_true(sunk.pieces > 0);
	world = stream(state, &sunk, "stream-break");
	world_expect(world, UPSTREAM_BROKEN);
	world = stream(state, &sunk, "stream-stall");
	world->request.stall_timeout_ms = SHORT_MS;
	world_expect(world, UPSTREAM_BODY_TIMEOUT);
}

static void
gathers_a_complaint_beside_a_sink(void **state)
{
	struct sunk sunk = { 0 };
	struct world *world = stream(state, &sunk, "status,code=429,retry=7");

	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.http, 429);
	assert_int_equal(sunk.pieces, 0);
	assert_non_null(strstr(world->answer.body, "rate_limit_exceeded"));
}

static void
undoes_compression_nobody_asked_for(void **state)
{
	struct sunk sunk = { 0 };
	struct world *world = world_odd(state, "/gzip");

	world->request.sink = sink_piece;
	world->test = &sunk;
	world_expect(world, UPSTREAM_OK);
	assert_string_equal(sunk.text, "a small text");
	world = world_odd(state, "/echo");
	world->request.sink = sink_piece;
	world_expect(world, UPSTREAM_OK);
	assert_non_null(strstr(sunk.text, "Accept-Encoding: identity\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(limits_the_connection),
		TEST(does_not_wait_for_a_resolver),
		TEST(limits_the_head),
		TEST(limits_the_head_while_it_sends),
		TEST(limits_a_pause),
		TEST(limits_the_whole),
		TEST(recovers_from_a_timeout),
		TEST(stops_when_asked_to),
		TEST(asks_after_a_signal),
		TEST(hands_pieces_on_as_they_arrive),
		TEST(stops_when_the_sink_does),
		TEST(does_not_blame_the_provider_for_a_slow_sink),
		TEST(bounds_what_a_sink_gets),
		TEST(sees_streams_that_end_badly),
		TEST(gathers_a_complaint_beside_a_sink),
		TEST(undoes_compression_nobody_asked_for),
	};

	if (system("command -v python3 >/dev/null") != 0) {
		puts("1..0 # SKIP python3 is missing");
		return 0;
	}
	return cmocka_run_group_tests(tests, world_start, world_stop);
}
