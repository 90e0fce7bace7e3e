/* choice.c: tests of upstream/choice.h: which route a call takes. */
#include "upstream/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CALLS = 10000, TWO_PERCENT = CALLS / 50 };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
the_best_is_taken(void **state)
{
	static const struct {
		struct choice choices[3];
		int chosen;
	} rows[] = {
		{ { { 1, 1, CHOICE_READY }, { 2, 1, CHOICE_READY },
		    { 3, 1, CHOICE_READY } }, 0 },
		{ { { 3, 1, CHOICE_READY }, { 2, 9, CHOICE_READY },
		    { 1, 1, CHOICE_READY } }, 2 },
		{ { { 1, 1, CHOICE_OUT }, { 2, 1, CHOICE_READY },
		    { 3, 1, CHOICE_READY } }, 1 },
		{ { { 1, 1, CHOICE_ASIDE }, { 2, 1, CHOICE_OUT },
		    { 3, 1, CHOICE_READY } }, 2 },
		{ { { 2, 1, CHOICE_ASIDE }, { 1, 1, CHOICE_ASIDE },
		    { 3, 1, CHOICE_OUT } }, 1 },
		{ { { 1, 1, CHOICE_OUT }, { 2, 1, CHOICE_OUT },
		    { 3, 1, CHOICE_OUT } }, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(choice_make(rows[i].choices, 3, 0),
		    rows[i].chosen);
		assert_int_equal(choice_make(rows[i].choices, 3, UINT64_MAX),
		    rows[i].chosen);
	}
	assert_int_equal(choice_make(NULL, 0, 7), -1);
}

static void
each_gets_its_part_of_the_range(void **state)
{
	static const struct choice choices[] = {
		{ 1, 1, CHOICE_READY }, { 2, 50, CHOICE_READY },
		{ 1, 3, CHOICE_READY }, { 1, 5, CHOICE_OUT },
	};
	const uint64_t quarter = UINT64_MAX / 4;

	(void)state;
	assert_int_equal(choice_make(choices, 4, 0), 0);
	assert_int_equal(choice_make(choices, 4, quarter), 0);
	assert_int_equal(choice_make(choices, 4, quarter + 2), 2);
	assert_int_equal(choice_make(choices, 4, UINT64_MAX), 2);
}

/* With the points that calls really get. */
static void
weights_are_met(void **state)
{
	static const struct choice choices[] = {
		{ 1, 70, CHOICE_READY }, { 1, 20, CHOICE_READY },
		{ 1, 7, CHOICE_READY }, { 1, 3, CHOICE_READY },
		{ 2, 1000, CHOICE_READY },
	};
	int counts[COUNT(choices)] = { 0 };

	(void)state;
	for (int i = 0; i < CALLS; i++)
		counts[choice_make(choices, COUNT(choices), choice_point())]++;
	for (size_t i = 0; i < 4; i++)
		assert_in_range(counts[i],
		    CALLS / 100 * choices[i].weight - TWO_PERCENT / 10,
		    CALLS / 100 * choices[i].weight + TWO_PERCENT / 10);
	assert_int_equal(counts[4], 0);
}

/* Also where every second point goes to another model. */
static void
two_models_do_not_disturb_each_other(void **state)
{
	static const struct choice choices[] = {
		{ 1, 1, CHOICE_READY }, { 1, 1, CHOICE_READY },
	};
	int first = 0;

	(void)state;
	for (int i = 0; i < CALLS; i++) {
		first += choice_make(choices, 2, choice_point()) == 0;
		choice_point();
	}
	assert_in_range(first, CALLS / 2 - TWO_PERCENT / 10,
	    CALLS / 2 + TWO_PERCENT / 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_is_taken),
		cmocka_unit_test(each_gets_its_part_of_the_range),
		cmocka_unit_test(weights_are_met),
		cmocka_unit_test(two_models_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
