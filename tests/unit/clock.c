/* clock.c: tests of base/clock.h. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void
times_are_written_in_utc(void **state)
{
	static const struct {
		int64_t wall_ms;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1750161600000, "2025-06-17T12:00:00Z" },
		{ 1750161600999, "2025-06-17T12:00:00Z" },
		{ 1709164800000, "2024-02-29T00:00:00Z" },
		{ 253402300799999, "9999-12-31T23:59:59Z" },
	};
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(clock_format(rows[i].wall_ms, text),
		    rows[i].text);
}

static void
a_time_beyond_the_calendar_is_still_text(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	assert_ptr_equal(clock_format(INT64_MAX, text), text);
	assert_ptr_equal(clock_format(INT64_MIN, text), text);
}

static void
the_wall_clock_is_that_of_time(void **state)
{
	int64_t before = (int64_t)time(NULL);
	int64_t wall_ms = clock_wall_ms();

	(void)state;
	/* time() may lag behind by a tick of the kernel's clock. */
	assert_in_range(wall_ms / 1000, before, time(NULL) + 1);
}

static void
sleeping_moves_the_monotonic_clock(void **state)
{
	int64_t before = clock_mono_us();

	(void)state;
	clock_sleep_us(2000);
	assert_true(clock_mono_us() - before >= 2000);
	clock_sleep_us(0);
	clock_sleep_us(-1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(a_time_beyond_the_calendar_is_still_text),
		cmocka_unit_test(the_wall_clock_is_that_of_time),
		cmocka_unit_test(sleeping_moves_the_monotonic_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
