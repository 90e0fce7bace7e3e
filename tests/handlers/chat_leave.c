/* chat_leave.c: streams that somebody leaves, that pause, and that are long. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/handlers/fake_client.h"
#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"
#include "tests/handlers/stream_words.h"

/* Where the client leaves, and what it pays. */
static const struct {
	unsigned flushes_max;
	int64_t input, output, cost;
	unsigned flags;
} leaves[] = {
	/* At the role, at the first word, at the second. */
	{ 1, 50, 1, 50 * 1000 + 1 * 2000, ESTIMATED },
	{ 2, 50, 3, 50 * 1000 + 3 * 2000, ESTIMATED },
	/* At the finish; the usage came with it. */
	{ 3, 9, 12, 9 * 1000 + 12 * 2000, STREAMED },
};

static void
a_client_that_leaves_pays_for_what_there_was(void **state)
{
	static const char *const pieces[PIECES_MAX] = { ROLE, SAYS("abc"),
	    SAYS("defghi"), USAGE FINISH, DONE };
	struct gateway *g = *state;
	int64_t spent = 0;

	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		struct usage usage;

		will_send(pieces, UPSTREAM_OK);
		gateway_ask(g, (struct ask){ .body = stream_request,
		    .flushes_max = leaves[i].flushes_max });
		usage = gateway_last_usage(g);
		assert_int_equal(fake_upstream.steps_taken,
		    leaves[i].flushes_max + 1);
		assert_int_equal(usage.http, 499);
		assert_string_equal(usage.code, "client_left");
		assert_int_equal(usage.input_tokens, leaves[i].input);
		assert_int_equal(usage.output_tokens, leaves[i].output);
		assert_int_equal(usage.cost.nano, leaves[i].cost);
		assert_int_equal(usage.flags,
		    leaves[i].flags | USAGE_CLIENT_LEFT);
		assert_null(strstr(g->reply.body, "error"));
		assert_null(strstr(g->reply.body, DONE));
		spent += leaves[i].cost;
		assert_int_equal(gateway_account(g).spent.nano, spent);
	}
	gateway_check_ledger(g);
}

/* The first flush fails: nothing but the role was produced. */
static void
a_client_that_leaves_at_once_pays_nothing(void **state)
{
	static const char *const pieces[PIECES_MAX] = { ROLE, SAYS("abc") };
	struct gateway *g = *state;
	struct usage usage;

	will_send(pieces, UPSTREAM_OK);
	gateway_ask(g, (struct ask){ .body = stream_request, .gone = true });
	usage = gateway_last_usage(g);
	assert_int_equal(fake_upstream.steps_taken, 1);
	assert_int_equal(usage.http, 499);
	assert_int_equal(usage.cost.nano, 0);
	assert_int_equal(gateway_account(g).spent.nano, 0);
	gateway_check_ledger(g);
}

/* After everything was delivered, there is nothing to be spared. */
static void
a_client_that_leaves_at_the_end_pays_all(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("abc"), FINISH,
	    USAGE, DONE };
	struct gateway *g = *state;

	will_send(pieces, UPSTREAM_OK);
	gateway_ask(g, (struct ask){ .body = stream_request,
	    .flushes_max = 2 });
	assert_int_equal(gateway_last_usage(g).http, 200);
	assert_int_equal(gateway_account(g).spent.nano, 33000);
	assert_non_null(strstr(g->reply.log, "the client was gone"));
}

static void
leave(void *context)
{
	struct gateway *g = context;

	g->client->left = true;
}

static void
ask_to_stop(void *context)
{
	((struct gateway *)context)->interrupt = INTERRUPT_STOP;
}

static void
say_client_left(void *context)
{
	((struct gateway *)context)->interrupt = INTERRUPT_CLIENT_LEFT;
}

/* What happens in a silence after some events, and how that is seen. */
static const struct {
	void (*act)(void *context);
	int http;
	const char *code;
	unsigned flags;
} silences[] = {
	{ leave, 499, "client_left", ESTIMATED | USAGE_CLIENT_LEFT },
	{ say_client_left, 499, "client_left",
	    ESTIMATED | USAGE_CLIENT_LEFT },
	{ ask_to_stop, 503, "gateway_busy", ESTIMATED },
};

static void
what_happens_in_a_silence(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("Hello there"),
	    SAYS("never") };
	struct gateway *g = *state;
	int64_t before;

	for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
		struct usage usage;

		will_send(pieces, UPSTREAM_OK);
		steps[1] = (struct fake_step){ .act = silences[i].act,
		    .silent_ms = 20000 };
		fake_upstream.context = g;
		before = clock_mono_us();
		gateway_chat(g, stream_request);
		assert_true(clock_mono_us() - before < 15000000);
		g->interrupt = INTERRUPT_NONE;
		usage = gateway_last_usage(g);
		assert_int_equal(usage.http, silences[i].http);
		assert_string_equal(usage.code, silences[i].code);
		assert_int_equal(usage.cost.nano, 50 * 1000 + 3 * 2000);
		assert_int_equal(usage.flags, silences[i].flags);
	}
	assert_string_equal(g->reply.body, TOLD("Hello there")
	    COST("0.000056") ERROR("gateway_busy", "server_error", "The "
	    "gateway is being restarted, and broke the answer off. What was "
	    "delivered was charged; try again."));
	gateway_check_ledger(g);
}

static void
what_happens_before_the_first_event(void **state)
{
	static const char *const pieces[PIECES_MAX] = { "", SAYS("never") };
	struct gateway *g = *state;

	for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
		will_send(pieces, UPSTREAM_OK);
		steps[0] = (struct fake_step){ .act = silences[i].act,
		    .silent_ms = 20000 };
		fake_upstream.context = g;
		assert_error(gateway_chat(g, stream_request),
		    silences[i].http, silences[i].code, NULL);
		g->interrupt = INTERRUPT_NONE;
		assert_int_equal(gateway_last_usage(g).http,
		    silences[i].http);
	}
	assert_int_equal(gateway_account(g).spent.nano, 0);
	gateway_check_ledger(g);
}

/* A whole answer is made and paid for whoever waits; only a stop ends it. */
static void
whole_answers_run_to_their_end(void **state)
{
	struct gateway *g = *state;

	gateway_ask(g, (struct ask){ .body = good_request, .gone = true });
	assert_int_equal(gateway_last_usage(g).http, 200);
	assert_int_equal(gateway_account(g).spent.nano, 33000);
}

/* After a silence the head is sent, then comments; then there is no status. */
static void
a_silence_is_bridged(void **state)
{
	static const char *const pieces[PIECES_MAX] = { "", ROLE, "",
	    SAYS("abc") FINISH USAGE DONE };
	struct gateway *g = *state;
	int64_t before = clock_mono_us();

	gateway_configure(g, "stream_head_ms = 50\nheartbeat_ms = 100\n");
	will_send(pieces, UPSTREAM_OK);
	steps[0].flushes = 2;
	steps[2].flushes = 4; /* the third was the role */
	gateway_chat(g, stream_request);
	assert_true(clock_mono_us() - before >= 250000);
	assert_string_equal(g->reply.body, KEEP_ALIVE KEEP_ALIVE TOLD_ROLE
	    KEEP_ALIVE TOLD("abc") TOLD_FINISH COST("0.000033") DONE);

	will_send((const char *const[PIECES_MAX]){ NULL },
	    UPSTREAM_HEADERS_TIMEOUT);
	fake_upstream.n_steps = 1;
	steps[0].flushes = 1;
	gateway_chat(g, stream_request);
	assert_int_equal(g->reply.http, 200);
	assert_string_equal(g->reply.body, KEEP_ALIVE
	    ERROR("upstream_headers_timeout", "server_error", "The provider "
	    "did not start to answer in time. Nothing was charged; try again "
	    "or use another model."));
	assert_int_equal(gateway_last_usage(g).http, 504);
	assert_int_equal(gateway_last_usage(g).cost.nano, 0);
}

/* A client that left is found out by a comment that it does not take. */
static void
a_comment_finds_out_who_left(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("Hello there"),
	    "" };
	struct gateway *g = *state;

	gateway_configure(g, "heartbeat_ms = 100\n");
	will_send(pieces, UPSTREAM_OK);
	steps[1].silent_ms = 20000;
	gateway_ask(g, (struct ask){ .body = stream_request,
	    .flushes_max = 1 });
	assert_int_equal(gateway_last_usage(g).http, 499);
	assert_int_equal(gateway_account(g).spent.nano,
	    50 * 1000 + 3 * 2000);
}

/* A provider that does not close after [DONE] keeps nobody waiting. */
static void
done_is_the_end(void **state)
{
	static const char *const pieces[PIECES_MAX] = { SAYS("abc") FINISH
	    USAGE DONE, SAYS("after the end"), "" };
	struct gateway *g = *state;
	int64_t before = clock_mono_us();

	will_send(pieces, UPSTREAM_OK);
	steps[2].silent_ms = 20000;
	gateway_chat(g, stream_request);
	assert_true(clock_mono_us() - before < 15000000);
	assert_string_equal(g->reply.body, TOLD("abc") TOLD_FINISH
	    COST("0.000033") DONE);
}

/* Nothing that grows stays: neither the arena nor the heap. */
static void
a_long_stream_takes_no_memory(void **state)
{
	enum { EVENTS = 100000, PER_STEP = 10 };
	static const char piece[] = SAYS("abc") SAYS("abc") SAYS("abc")
	    SAYS("abc") SAYS("abc") SAYS("abc") SAYS("abc") SAYS("abc")
	    SAYS("abc") SAYS("abc");
	struct gateway *g = *state;
	struct fake_step *many = calloc(EVENTS / PER_STEP + 1,
	    sizeof(*many));
	struct mallinfo2 before;

	assert_non_null(many);
	fake_upstream_reset(NULL);
	for (size_t i = 0; i < EVENTS / PER_STEP; i++)
		many[i].piece = piece;
	many[EVENTS / PER_STEP].piece = FINISH USAGE DONE;
	fake_upstream.steps = many;
	fake_upstream.n_steps = EVENTS / PER_STEP + 1;
	before = mallinfo2();
	gateway_ask(g, (struct ask){ .body = stream_request,
	    .forgets = true });
	assert_int_equal(g->reply.flushes, EVENTS / PER_STEP + 2);
	assert_true(mallinfo2().arena < before.arena + 300000);
	assert_int_equal(gateway_account(g).spent.nano, 33000);
	free(many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(a_client_that_leaves_pays_for_what_there_was),
		GATEWAY_TEST(a_client_that_leaves_at_once_pays_nothing),
		GATEWAY_TEST(a_client_that_leaves_at_the_end_pays_all),
		GATEWAY_TEST(what_happens_in_a_silence),
		GATEWAY_TEST(what_happens_before_the_first_event),
		GATEWAY_TEST(whole_answers_run_to_their_end),
		GATEWAY_TEST(a_silence_is_bridged),
		GATEWAY_TEST(a_comment_finds_out_who_left),
		GATEWAY_TEST(done_is_the_end),
		GATEWAY_TEST(a_long_stream_takes_no_memory),
	};

	return cmocka_run_group_tests_name("chat_leave", tests, NULL, NULL);
}
