/* arena.c: tests of base/arena.h. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static _Alignas(16) unsigned char block[256];

static void
pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena arena;
	unsigned char *a, *b;

	(void)state;
	memset(block, 0xff, sizeof(block));
	arena_init(&arena, block, sizeof(block));
	a = arena_alloc(&arena, 1);
	b = arena_alloc(&arena, 17);
	assert_non_null(a);
	assert_int_equal((uintptr_t)b % 16, 0);
	assert_int_equal(b - a, 16);
	for (int i = 0; i < 17; i++)
		assert_int_equal(b[i], 0);
	assert_ptr_not_equal(arena_alloc(&arena, 0), arena_alloc(&arena, 0));
}

static void
the_whole_block_can_be_taken(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, block, sizeof(block));
	assert_non_null(arena_alloc(&arena, sizeof(block)));
	assert_false(arena_overflowed(&arena));
	assert_null(arena_alloc(&arena, 0));
	assert_true(arena_overflowed(&arena));
}

static void
overflow_sticks_until_reset(void **state)
{
	struct arena arena;
	size_t mark;

	(void)state;
	arena_init(&arena, block, sizeof(block));
	mark = arena_mark(&arena);
	assert_null(arena_alloc(&arena, sizeof(block) + 1));
	assert_non_null(arena_alloc(&arena, 16));
	assert_true(arena_overflowed(&arena));
	arena_rewind(&arena, mark);
	assert_true(arena_overflowed(&arena));
	arena_reset(&arena);
	assert_false(arena_overflowed(&arena));
}

static void
huge_sizes_do_not_wrap(void **state)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 14,
		SIZE_MAX - 15, SIZE_MAX / 2 };
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		arena_init(&arena, block, sizeof(block));
		assert_null(arena_alloc(&arena, sizes[i]));
		assert_true(arena_overflowed(&arena));
	}
	arena_init(&arena, block, sizeof(block));
	assert_null(arena_strndup(&arena, "", SIZE_MAX));
	assert_true(arena_overflowed(&arena));
}

static void
rewinding_gives_pieces_back(void **state)
{
	struct arena arena;
	size_t mark;
	void *first;

	(void)state;
	arena_init(&arena, block, sizeof(block));
	arena_alloc(&arena, 16);
	mark = arena_mark(&arena);
	first = arena_strdup(&arena, "dirty");
	arena_rewind(&arena, mark);
	assert_ptr_equal(arena_alloc(&arena, 16), first);
	assert_memory_equal(first, "\0\0\0\0\0\0", 6);
}

static void
strings_are_copied_and_terminated(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, block, sizeof(block));
	assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strdup(&arena, "xyz"), "xyz");
	assert_null(arena_strdup(&arena, NULL));
	assert_false(arena_overflowed(&arena));
	assert_string_equal(arena_printf(&arena, "%d-%s", 7, "up"), "7-up");
	assert_null(arena_printf(&arena, "%300d", 7));
	assert_true(arena_overflowed(&arena));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(the_whole_block_can_be_taken),
		cmocka_unit_test(overflow_sticks_until_reset),
		cmocka_unit_test(huge_sizes_do_not_wrap),
		cmocka_unit_test(rewinding_gives_pieces_back),
		cmocka_unit_test(strings_are_copied_and_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
