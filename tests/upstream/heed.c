/* heed.c: tests of upstream_call(): on_head(), client_left() and beat(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/upstream/world.h"

/*
 * A machine that is busy with other things makes everything late, so what is
 * to be prompt has several tries, of which one has to be.
 */
enum { SHORT_MS = 300, PROMPT_MS = 40, TRIES = 20, BEATS_MAX = 64 };

/* What a test wants of a call, and what it saw. */
struct seen {
	/* on_head() */
	int heads, http, pieces_at_head;
	int64_t retry_after_ms;
	char type[128];
	bool refuse_head;
	/* the sink */
	int pieces;
	int64_t first_piece_us;
	/* client_left() */
	int ours, theirs; /* the ends of the client's connection */
	int asked;
	bool stays;       /* whatever it does, it has not left */
	int64_t left_us;
	/* beat() */
	int beats, beats_at_piece, beats_max;
	int64_t beat_us[BEATS_MAX];
	int64_t again_ms; /* 0: SHORT_MS * 10 */
	int block_ms;
	int leave_at;     /* the client leaves in this beat, from 1 on */
	bool half;        /* and only stops writing */
};

static bool
note_head(const struct upstream_answer *answer, void *context)
{
	struct world *world = context;
	struct seen *seen = world->test;

	assert_ptr_equal(answer, &world->answer);
	seen->heads++;
	seen->http = answer->http;
	seen->retry_after_ms = answer->retry_after_ms;
	seen->pieces_at_head = seen->pieces;
	memcpy(seen->type, answer->content_type, sizeof(seen->type));
	return !seen->refuse_head;
}

static bool
note_piece(const char *data, size_t len, void *context)
{
	struct world *world = context;
	struct seen *seen = world->test;

	(void)data;
	assert_true(len > 0);
	if (seen->pieces++ == 0) {
		seen->first_piece_us = clock_mono_us();
		seen->beats_at_piece = seen->beats;
	}
	return true;
}

static bool
client_left(void *context)
{
	struct world *world = context;
	struct seen *seen = world->test;
	char byte;

	seen->asked++;
	if (seen->stays)
		return false;
	return recv(seen->ours, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
leave(struct seen *seen)
{
	seen->left_us = clock_mono_us();
	if (seen->half) {
		shutdown(seen->theirs, SHUT_WR);
		return;
	}
	close(seen->theirs);
	seen->theirs = -1;
}

static int64_t
beat(void *context)
{
	struct world *world = context;
	struct seen *seen = world->test;

	assert_true(seen->beats < BEATS_MAX);
	seen->beat_us[seen->beats++] = clock_mono_us();
	if (seen->beats == seen->leave_at)
		leave(seen);
	if (seen->block_ms)
		poll(NULL, 0, seen->block_ms);
	if (seen->beats == seen->beats_max)
		return 0;
	return seen->again_ms ? seen->again_ms : 10 * SHORT_MS;
}

/* Asks for a stream. */
static struct world *
ask(void **state, struct seen *seen, const char *model)
{
	struct world *world = world_model(state, model);

	world_stream(world, model);
	world->request.sink = note_piece;
	world->test = seen;
	return world;
}

static void
tells_the_head(void **state)
{
	struct seen seen = { .retry_after_ms = 1 };
	struct world *world = ask(state, &seen, "ok,events=5");

	world->request.on_head = note_head;
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(seen.heads, 1);
	assert_int_equal(seen.http, 200);
	assert_int_equal(seen.pieces_at_head, 0);
	assert_int_equal(seen.retry_after_ms, -1);
	assert_string_equal(seen.type, "text/event-stream; charset=utf-8");
	assert_true(seen.pieces > 0);

	/* Also that of a complaint, and on a kept connection. */
	world = ask(state, &seen, "status,code=429,retry=7");
	world->request.on_head = note_head;
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(seen.heads, 2);
	assert_int_equal(seen.http, 429);
	assert_int_equal(seen.retry_after_ms, 7000);
	assert_non_null(strstr(world->answer.body, "rate_limit_exceeded"));
}

static void
tells_the_head_once(void **state)
{
	static const char *const paths[] = { "/early-hints", "/http10" };
	struct seen seen = { 0 };

	for (int i = 0; i < 2; i++) {
		struct world *world = world_odd(state, paths[i]);

		world->request.on_head = note_head;
		world->test = &seen;
		world_expect(world, UPSTREAM_OK);
		assert_int_equal(seen.heads, i + 1);
		assert_int_equal(seen.http, 200);
	}
	assert_string_equal(seen.type, "");
}

static void
ends_at_a_head_that_is_refused(void **state)
{
	struct seen seen = { .refuse_head = true };
	struct world *world = ask(state, &seen, "ok,events=5");

	world->request.on_head = note_head;
	world_expect(world, UPSTREAM_STOPPED);
	assert_int_equal(world->answer.http, 200);
	assert_int_equal(seen.pieces, 0);
	seen.refuse_head = false;
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(seen.heads, 2);
}

/* Gives the call a client, who leaves at the first beat, or stays. */
static void
add_client(struct world *world, struct seen *seen)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	seen->ours = pair[0];
	seen->theirs = pair[1];
	world->request.client_fd = seen->ours;
	world->request.client_left = client_left;
	world->request.heartbeat_ms = SHORT_MS;
	world->request.beat = beat;
}

static void
close_client(struct seen *seen)
{
	close(seen->ours);
	if (seen->theirs >= 0)
		close(seen->theirs);
}

/* Calls until the client leaves; how long it took to be seen. */
static int64_t
gone_us(struct world *world, struct seen *seen)
{
	int64_t us;

	world_expect(world, UPSTREAM_STOPPED);
	us = clock_mono_us() - seen->left_us;
	assert_true(seen->left_us > 0);
	assert_int_equal(seen->asked, 1);
	world_expect_ms(world, SHORT_MS);
	return us;
}

static void
sees_the_client_leave(void **state)
{
	static const char *const models[] = { "accept-silent", "header-stall",
		"stream-idle,ms=20000", "stream-stall",
		"ok,events=500,gap=0.01",
		"stream-endless-line,bytes=2000000000", "body-stall" };

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		int64_t late_us = INT64_MAX;

		for (int try = 0; late_us > PROMPT_MS * 1000; try++) {
			struct seen seen = { .leave_at = 1 };
			struct world *world = ask(state, &seen, models[i]);

			assert_true(try < TRIES);
			add_client(world, &seen);
			world->request.answer_bytes_max = (size_t)2 << 30;
			late_us = gone_us(world, &seen);
			close_client(&seen);
		}
	}
}

static void
sees_it_while_it_connects(void **state)
{
	struct seen seen = { .leave_at = 1 };
	struct world *world = world_path(state, "http", "silent.test", 80,
	    "/");

	world->test = &seen;
	add_client(world, &seen);
	gone_us(world, &seen);
	world_release_resolver();
	close_client(&seen);
}

/* Under CGI the client is a pipe, of which we have the writing end. */
static bool
reader_left(void *context)
{
	struct world *world = context;
	struct seen *seen = world->test;
	struct pollfd fd = { .fd = seen->ours, .events = POLLOUT };

	seen->asked++;
	return poll(&fd, 1, 0) == 1 && fd.revents & POLLERR;
}

static void
sees_a_pipe_break(void **state)
{
	struct seen seen = { .leave_at = 1 };
	struct world *world = ask(state, &seen, "stream-stall");
	int ends[2];

	add_client(world, &seen);
	close_client(&seen);
	assert_int_equal(pipe(ends), 0);
	seen.theirs = ends[0];
	seen.ours = ends[1];
	world->request.client_fd = seen.ours;
	world->request.client_left = reader_left;
	gone_us(world, &seen);
	close_client(&seen);
}

static void
notes_a_half_closed_client(void **state)
{
	struct seen seen = { .leave_at = 1, .half = true };
	struct world *world = ask(state, &seen, "stream-stall");

	add_client(world, &seen);
	gone_us(world, &seen);
	close_client(&seen);
}

/* The client is asked about no more than ten times in a second. */
static void
expect_unhurried(const struct world *world, const struct seen *seen)
{
	assert_true(seen->asked <= world->answer.total_us / 1000 / 100 + 1);
}

/* One who sends more, or only stops sending, may still want the answer. */
static void
waits_without_haste_for_one_who_stays(void **state)
{
	for (int half = 0; half < 2; half++) {
		int pieces = 0, asked = 0;

		for (int try = 0; pieces < 5 || asked < 2; try++) {
			struct seen seen = { .stays = true, .half = half,
				.leave_at = half };
			struct world *world = ask(state, &seen,
			    "stream-stall,after=5,gap=0.1");

			assert_true(try < TRIES);
			add_client(world, &seen);
			world->request.stall_timeout_ms = 3 * SHORT_MS;
			assert_int_equal(write(seen.theirs, "more", 4), 4);
			world_expect(world, UPSTREAM_BODY_TIMEOUT);
			world_expect_ms(world, 3 * SHORT_MS);
			expect_unhurried(world, &seen);
			close_client(&seen);
			pieces = seen.pieces;
			asked = seen.asked;
		}
	}
}

static void
minds_no_client_that_is_not_there(void **state)
{
	struct seen seen = { .stays = true };
	struct world *world = ask(state, &seen, "ok,events=3");
	int ends[2];

	world->request.client_left = client_left;
	world->request.client_fd = -1;
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(seen.asked, 0);
	/* Without a function, a descriptor is not looked at. */
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	world->request.client_left = NULL;
	world->request.client_fd = ends[0];
	world_expect(world, UPSTREAM_OK);
	/* A bad one is odd all the time, and the call goes on. */
	close(ends[0]);
	world = ask(state, &seen, "ok,events=5,gap=0.1");
	world->request.client_fd = ends[0];
	world->request.client_left = client_left;
	for (int try = 0; seen.asked < 2; try++) {
		assert_true(try < TRIES);
		seen.asked = 0;
		world_expect(world, UPSTREAM_OK);
		expect_unhurried(world, &seen);
	}
}

/* How late the most punctual beat was; none is early. */
static int64_t
least_late_us(const struct seen *seen, int64_t started_us, int64_t first_ms,
    int64_t again_ms)
{
	int64_t due_us = started_us + first_ms * 1000, least_us = INT64_MAX;

	for (int i = 0; i < seen->beats; i++) {
		int64_t late_us = seen->beat_us[i] - due_us;

		assert_true(late_us >= 0);
		if (late_us < least_us)
			least_us = late_us;
		due_us = seen->beat_us[i] + again_ms * 1000;
	}
	return least_us;
}

static void
beats(void **state)
{
	static const struct {
		const char *model;
		int least; /* beats before the first piece */
	} cases[] = {
		{ "accept-silent", 0 },
		{ "header-stall", 0 },
		{ "stream-idle,ms=800", 3 },
		{ "stream-stall", 0 },
		{ "ok,events=70,gap=0.01", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct seen seen;
		struct world *world = ask(state, &seen, cases[i].model);
		int64_t late_us = INT64_MAX;

		world->request.heartbeat_ms = 30;
		world->request.beat = beat;
		world->request.total_timeout_ms = 5 * SHORT_MS;
		for (int try = 0; late_us > 20 * 1000 || seen.beats < 4 ||
		    seen.beats_at_piece < cases[i].least; try++) {
			int64_t started_us = clock_mono_us();

			assert_true(try < TRIES);
			seen = (struct seen){ .again_ms = 70 };
			upstream_answer_clear(&world->answer);
			upstream_call(world->upstream, &world->request,
			    &world->answer);
			assert_true(seen.beats <=
			    world->answer.total_us / 70000 + 2);
			late_us = least_late_us(&seen, started_us, 30, 70);
		}
	}
}

static void
ends_when_a_beat_says_so(void **state)
{
	struct seen seen = { .again_ms = 10, .beats_max = 3 };
	struct world *world = ask(state, &seen, "accept-silent");

	world->request.heartbeat_ms = SHORT_MS;
	world->request.beat = beat;
	world_expect(world, UPSTREAM_STOPPED);
	assert_int_equal(seen.beats, 3);
	world_expect_ms(world, SHORT_MS + 20);
}

/* The call ends in that way after just that long, with such beats. */
static void
expect_just(struct world *world, const struct seen *wanted, int beats_min,
    enum upstream_rc rc, int64_t ms)
{
	struct seen *seen = world->test;
	int64_t late_us = INT64_MAX;

	for (int try = 0; late_us > PROMPT_MS * 1000 ||
	    seen->beats < beats_min; try++) {
		assert_true(try < TRIES);
		*seen = *wanted;
		world_expect(world, rc);
		world_expect_ms(world, ms);
		late_us = world->answer.total_us - ms * 1000;
	}
}

static void
keeps_to_its_limits_while_it_beats(void **state)
{
	const struct seen often = { .again_ms = 7 };
	const struct seen slow = { .again_ms = 200, .block_ms = 200 };
	struct seen seen;
	struct world *world = ask(state, &seen, "accept-silent");

	world->request.heartbeat_ms = 7;
	world->request.beat = beat;
	world->request.first_byte_timeout_ms = SHORT_MS;
	expect_just(world, &often, 6, UPSTREAM_HEADERS_TIMEOUT, SHORT_MS);

	/* A beat that takes long moves no limit. */
	world->request.heartbeat_ms = 1;
	world->request.total_timeout_ms = SHORT_MS;
	world->request.first_byte_timeout_ms = 20000;
	expect_just(world, &slow, 1, UPSTREAM_TOTAL_TIMEOUT, SHORT_MS);
}

static void
does_not_blame_the_provider_for_a_slow_beat(void **state)
{
	struct seen seen;
	struct world *world = ask(state, &seen, "ok,events=20,gap=0.05");
	enum upstream_rc rc = UPSTREAM_BODY_TIMEOUT;

	world->request.heartbeat_ms = 1;
	world->request.beat = beat;
	world->request.stall_timeout_ms = SHORT_MS;
	for (int try = 0; rc != UPSTREAM_OK || seen.beats < 2; try++) {
		assert_true(try < TRIES);
		seen = (struct seen){ .again_ms = 1, .block_ms = 400 };
		upstream_answer_clear(&world->answer);
		rc = upstream_call(world->upstream, &world->request,
		    &world->answer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_the_head),
		TEST(tells_the_head_once),
		TEST(ends_at_a_head_that_is_refused),
		TEST(sees_the_client_leave),
		TEST(sees_it_while_it_connects),
		TEST(sees_a_pipe_break),
		TEST(notes_a_half_closed_client),
		TEST(waits_without_haste_for_one_who_stays),
		TEST(minds_no_client_that_is_not_there),
		TEST(beats),
		TEST(ends_when_a_beat_says_so),
		TEST(keeps_to_its_limits_while_it_beats),
		TEST(does_not_blame_the_provider_for_a_slow_beat),
	};

	if (system("command -v python3 >/dev/null") != 0) {
		puts("1..0 # SKIP python3 is missing");
		return 0;
	}
	return cmocka_run_group_tests(tests, world_start, world_stop);
}
