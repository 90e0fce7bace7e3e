/* give.c: tests of upstream_call() with a body that is not in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "tests/upstream/world.h"

enum { LEN = 3 << 20, DIGEST_TEXT_SIZE = DIGEST_BYTES * 2 + 1 };

/* A body, and how it is given. */
struct store {
	char *data;
	size_t piece;     /* no more than this at once; 0: as asked */
	int64_t ends_at;  /* nothing is given behind this */
	int asked;
};

static char *
pattern(void)
{
	char *data = malloc(LEN);

	assert_non_null(data);
	for (int i = 0; i < LEN; i++)
		data[i] = (char)(i % 251);
	return data;
}

static ssize_t
give(int64_t offset, char *data, size_t size, void *context)
{
	struct store *store = context;

	store->asked++;
	if (offset >= store->ends_at)
		return -1;
	if (store->piece && size > store->piece)
		size = store->piece;
	if ((int64_t)size > store->ends_at - offset)
		size = (size_t)(store->ends_at - offset);
	memcpy(data, store->data + offset, size);
	return (ssize_t)size;
}

static void
digest_text(const char *data, size_t len, char text[DIGEST_TEXT_SIZE])
{
	unsigned char digest[DIGEST_BYTES];

	assert_true(digest_sha256(data, len, digest));
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static struct world *
ready(void **state, const char *path, struct store *store)
{
	struct world *world = world_odd(state, path);

	*store = (struct store){ .data = pattern(), .ends_at = LEN };
	world->request.body = NULL;
	world->request.body_len = LEN;
	world->request.read_body = give;
	world->request.body_context = store;
	return world;
}

static void
every_byte_arrives(void **state)
{
	static const size_t pieces[] = { 0, 1000, 16383 };
	struct store store;
	struct world *world = ready(state, "/digest", &store);
	char text[DIGEST_TEXT_SIZE];

	digest_text(store.data, LEN, text);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		store.piece = pieces[i];
		world_expect(world, UPSTREAM_OK);
		world_expect_body(world, text);
	}
	free(store.data);
	/* The next call has a body of the usual kind. */
	world = world_odd(state, "/digest");
	digest_text(world->body, strlen(world->body), text);
	world_expect(world, UPSTREAM_OK);
	world_expect_body(world, text);
}

/* The kept connection ends when the second request has been sent. */
static void
it_is_given_again(void **state)
{
	struct store store;
	struct world *world = ready(state, "/digest-second", &store);
	char text[DIGEST_TEXT_SIZE];
	int asked;

	digest_text(store.data, LEN, text);
	world_expect(world, UPSTREAM_OK);
	asked = store.asked;
	world_expect(world, UPSTREAM_OK);
	world_expect_body(world, text);
	assert_true(store.asked > asked + asked / 2);
	free(store.data);
}

static void
one_that_ends_early_ends_the_call(void **state)
{
	static const int64_t ends[] = { 0, 1, 100000, LEN - 1 };
	struct store store;
	struct world *world = ready(state, "/digest", &store);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		store.ends_at = ends[i];
		world_expect(world, UPSTREAM_NO_MEMORY);
	}
	free(store.data);
}

static void
the_length_is_told(void **state)
{
	struct world *world = world_odd(state, "/http10");

	world_expect(world, UPSTREAM_OK);
	assert_true(world->answer.length < 0);
	world = world_odd(state, "/early-hints");
	world_expect(world, UPSTREAM_OK);
	assert_int_equal(world->answer.length, strlen("after the hints"));
	/* That of the encoded bytes is of no use. */
	world = world_odd(state, "/gzip");
	world_expect(world, UPSTREAM_OK);
	assert_true(world->answer.length < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_arrives),
		TEST(it_is_given_again),
		TEST(one_that_ends_early_ends_the_call),
		TEST(the_length_is_told),
	};

	return cmocka_run_group_tests(tests, world_start, world_stop);
}
