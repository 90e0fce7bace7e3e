/* world.h: what the tests of upstream_call() have in common. */
#ifndef TESTS_UPSTREAM_WORLD_H
#define TESTS_UPSTREAM_WORLD_H

#include "tests/upstream/server.h"
#include "upstream/call.h"

/*
 * The servers of a group of tests, and the one call that a test makes ready
 * and repeats. Names are resolved here: "nowhere.test" does not exist, and
 * "silent.test" hangs until world_release_resolver(). No other name is asked
 * of anyone.
 */
struct world {
	char dir[64];
	char cert[96];
	char log[96];         /* of the requests to good */
	struct server good;   /* tests/http/upstream.py */
	struct server odd;    /* odd.py */
	struct server odd_tls; /* odd.py --tls; none without openssl */

	struct upstream *upstream;
	struct upstream_request request;
	struct upstream_answer answer;
	char url[256];
	char body[512];
	void *test; /* what a test's stop() and sink() work on */
};

/* For cmocka_run_group_tests(). */
int world_start(void **state);
int world_stop(void **state);

/* For cmocka_unit_test_setup_teardown(): no connections yet. */
int world_fresh(void **state);
int world_clear(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_fresh, world_clear)

/* Makes a request ready: to the good upstream, for that model ... */
struct world *world_model(void **state, const char *model);
/* ... and asks it for a stream, with usage ... */
void world_stream(struct world *world, const char *model);
/* ... or to anywhere, with the last body ... */
struct world *world_path(void **state, const char *scheme, const char *host,
    int port, const char *path);
/* ... or to a path of the odd server. */
struct world *world_odd(void **state, const char *path);

/* Calls; the test fails unless that is the result. */
void world_expect(struct world *world, enum upstream_rc expected);

/* The test fails unless the last call took that long, or a little longer. */
void world_expect_ms(const struct world *world, int64_t ms);

/* The test fails unless the answer's body is that text. */
void world_expect_body(const struct world *world, const char *text);

/* A loopback port on which nothing listens; close *fd to give it back. */
int world_refused_port(int *fd);

/* Lets go of who waits for "silent.test", and waits until they have gone. */
void world_release_resolver(void);

/* How many entries a directory of /proc/self has. */
int world_count(const char *dir);

#endif
