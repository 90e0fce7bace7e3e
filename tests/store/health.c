/* health.c: tests of db/health.h and db/tally.h: breakers, keys, counts. */
#include "db/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/tally.h"

enum { PROCESSES = 4, PAUSE_MS = 300, LONG_MS = 3600000 };

struct world {
	char dir[64];
	struct health *health;
	struct health_rule rule;
};

static const char *const two_keys[] = { "sk-1", "sk-2" };

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/farebox-health-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->health = health_open(w->dir);
	assert_non_null(w->health);
	w->rule = (struct health_rule){
		.provider = "acme",
		.failures = 3,
		.share = 50,
		.calls_min = 10,
		.pause_ms = LONG_MS,
		.key_pause_ms = LONG_MS,
	};
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	char path[128];

	health_close(w->health);
	snprintf(path, sizeof(path), "%s/health.shared", w->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/tally.shared", w->dir);
	unlink(path);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* A call that ends like that; false when it may not be made. */
static bool
call(struct world *w, enum health_verdict verdict)
{
	struct health_result result = { verdict, false, 0, "why" };
	struct health_pass pass;

	if (!health_enter(w->health, &w->rule, &pass))
		return false;
	health_leave(w->health, &w->rule, &pass, &result);
	return true;
}

static struct health_view
show(struct world *w)
{
	struct health_view view;

	assert_true(health_show(w->health, &w->rule, &view));
	return view;
}

static void
failures_in_a_row_open_it(void **state)
{
	struct world *w = *state;
	int64_t wait_ms;

	for (int i = 0; i < 2; i++)
		assert_true(call(w, HEALTH_BAD));
	assert_true(call(w, HEALTH_GOOD));
	for (int i = 0; i < 2; i++)
		assert_true(call(w, HEALTH_BAD));
	assert_true(call(w, HEALTH_NEITHER));
	assert_false(show(w).open);
	assert_int_equal(health_look(w->health, &w->rule, &wait_ms),
	    HEALTH_READY);
	assert_true(call(w, HEALTH_BAD));
	assert_true(show(w).open);
	assert_string_equal(show(w).why, "why");
	assert_false(call(w, HEALTH_GOOD));
	assert_int_equal(health_look(w->health, &w->rule, &wait_ms),
	    HEALTH_SHUT);
	assert_in_range(wait_ms, LONG_MS - 60000, LONG_MS);
}

static void
a_share_of_failures_opens_it(void **state)
{
	struct world *w = *state;

	w->rule.failures = 0;
	for (int i = 0; i < 9; i++)
		assert_true(call(w, i % 2 ? HEALTH_BAD : HEALTH_GOOD));
	assert_false(show(w).open);
	assert_true(call(w, HEALTH_BAD));
	assert_true(show(w).open);
}

static void
without_rules_it_stays_closed(void **state)
{
	struct world *w = *state;

	w->rule.failures = w->rule.share = 0;
	for (int i = 0; i < 100; i++)
		assert_true(call(w, HEALTH_BAD));
	assert_false(show(w).open);
}

static void
open_it(struct world *w)
{
	for (int i = 0; i < w->rule.failures; i++)
		assert_true(call(w, HEALTH_BAD));
	assert_true(show(w).open);
}

static void
wait_for_probe(struct world *w)
{
	int64_t until_us = clock_mono_us() + 30 * 1000000, wait_ms;

	while (health_look(w->health, &w->rule, &wait_ms) == HEALTH_SHUT) {
		assert_true(clock_mono_us() < until_us);
		clock_sleep_us(5000);
	}
}

static void
a_probe_decides(void **state)
{
	struct world *w = *state;

	w->rule.pause_ms = PAUSE_MS;
	open_it(w);
	wait_for_probe(w);
	assert_true(call(w, HEALTH_BAD));
	assert_true(show(w).open);
	assert_int_equal(show(w).probes, 1);
	assert_int_equal(show(w).opened, 1);
	wait_for_probe(w);
	assert_true(call(w, HEALTH_GOOD));
	assert_false(show(w).open);
	assert_int_equal(show(w).probes, 2);
	assert_int_equal(show(w).failures_running, 0);
	assert_true(call(w, HEALTH_BAD));
	assert_false(show(w).open);
}

/* The probe's process died: the next period has another. */
static void
a_probe_that_never_ends_blocks_nobody(void **state)
{
	struct world *w = *state;
	struct health_pass pass;

	w->rule.pause_ms = PAUSE_MS;
	open_it(w);
	wait_for_probe(w);
	assert_true(health_enter(w->health, &w->rule, &pass));
	assert_true(pass.probe);
	wait_for_probe(w);
	assert_true(call(w, HEALTH_GOOD));
	assert_false(show(w).open);
}

/* What began before the breaker opened tells nothing about it any more. */
static void
stragglers_do_not_count(void **state)
{
	struct world *w = *state;
	struct health_pass early;
	struct health_result good = { HEALTH_GOOD, false, 0, NULL };
	struct health_result bad = { HEALTH_BAD, false, 0, "late" };

	assert_true(health_enter(w->health, &w->rule, &early));
	open_it(w);
	health_leave(w->health, &w->rule, &early, &good);
	assert_true(show(w).open);
	assert_true(health_pin(w->health, "acme", HEALTH_FREE));
	for (int i = 0; i < 5; i++)
		health_leave(w->health, &w->rule, &early, &bad);
	assert_false(show(w).open);
	assert_int_equal(show(w).opened, 1);
}

/* A process that always wants to call, a last time when the time is over; how
 * often it was let in. Who finds the table locked for long is let in as well,
 * of no era: somebody was stopped while he had it. */
static int
child(struct world *w)
{
	struct health *health = health_open(w->dir);
	int64_t until_us = clock_mono_us() + 3 * PAUSE_MS * 1000;
	struct health_pass pass;
	int entered = 0;
	bool over = !health;

	while (!over) {
		over = clock_mono_us() >= until_us;
		if (health_enter(health, &w->rule, &pass) && pass.era > 0)
			entered++;
	}
	health_close(health);
	return health ? entered : 99;
}

static void
one_probe_a_period_of_all_processes(void **state)
{
	struct world *w = *state;
	int64_t began_us = clock_mono_us();
	int entered = 0, status;

	w->rule.pause_ms = PAUSE_MS;
	open_it(w);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(child(w));
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		entered += WEXITSTATUS(status);
	}
	assert_in_range(entered, 1,
	    (clock_mono_us() - began_us) / 1000 / PAUSE_MS);
	assert_int_equal(show(w).probes, entered);
}

static void
operators_decide(void **state)
{
	struct world *w = *state;

	assert_true(health_pin(w->health, "acme", HEALTH_KEPT_OPEN));
	assert_false(call(w, HEALTH_GOOD));
	assert_int_equal(show(w).pin, HEALTH_KEPT_OPEN);
	assert_true(health_pin(w->health, "acme", HEALTH_KEPT_CLOSED));
	for (int i = 0; i < 100; i++)
		assert_true(call(w, HEALTH_BAD));
	assert_false(show(w).open);
	assert_true(health_pin(w->health, "acme", HEALTH_FREE));
	open_it(w);
	assert_true(health_pin(w->health, "acme", HEALTH_FREE));
	assert_true(call(w, HEALTH_GOOD));
}

static size_t
use_key(struct world *w, bool refused)
{
	struct health_result result = { HEALTH_NEITHER, refused, 0, "401" };
	struct health_pass pass;

	assert_true(health_enter(w->health, &w->rule, &pass));
	health_leave(w->health, &w->rule, &pass, &result);
	return pass.key;
}

static void
keys_are_used_in_turn(void **state)
{
	struct world *w = *state;
	int64_t wait_ms;

	w->rule.keys = two_keys;
	w->rule.n_keys = 2;
	assert_int_equal(use_key(w, false), 0);
	assert_int_equal(use_key(w, false), 1);
	assert_int_equal(use_key(w, true), 0);
	assert_int_equal(use_key(w, false), 1);
	assert_int_equal(use_key(w, false), 1);
	assert_int_equal(health_look(w->health, &w->rule, &wait_ms),
	    HEALTH_READY);
	assert_int_equal(show(w).keys_aside, 1);
	/* When all are aside, the first to come back is used. */
	assert_int_equal(use_key(w, true), 1);
	assert_int_equal(health_look(w->health, &w->rule, &wait_ms),
	    HEALTH_ASIDE);
	assert_int_equal(use_key(w, false), 0);
	assert_int_equal(show(w).keys_aside, 2);
	/* Another key in its place is not meant. */
	w->rule.keys = (const char *const[]){ "sk-3", "sk-2" };
	assert_int_equal(use_key(w, false), 0);
	assert_int_equal(use_key(w, false), 0);
	assert_true(health_pin(w->health, "acme", HEALTH_FREE));
	assert_int_equal(show(w).keys_aside, 0);
}

static void
a_provider_is_set_aside(void **state)
{
	struct world *w = *state;
	struct health_result result = { HEALTH_BAD, false, 7000, "503" };
	struct health_pass pass;
	int64_t wait_ms;

	assert_true(health_enter(w->health, &w->rule, &pass));
	health_leave(w->health, &w->rule, &pass, &result);
	assert_int_equal(health_look(w->health, &w->rule, &wait_ms),
	    HEALTH_ASIDE);
	assert_in_range(wait_ms, 1, 7000);
	assert_true(call(w, HEALTH_GOOD));
}

static void
others_see_it_and_it_stays(void **state)
{
	struct world *w = *state;
	int64_t wait_ms;

	open_it(w);
	health_close(w->health);
	w->health = health_open(w->dir);
	assert_non_null(w->health);
	assert_int_equal(health_look(w->health, &w->rule, &wait_ms),
	    HEALTH_SHUT);
	w->rule.provider = "other";
	assert_true(call(w, HEALTH_GOOD));
}

static void
the_oldest_provider_makes_room(void **state)
{
	struct world *w = *state;
	struct health_view view;
	char name[32];

	assert_true(call(w, HEALTH_GOOD));
	w->rule.provider = name;
	for (int i = 0; i < HEALTH_PROVIDERS_MAX; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		clock_sleep_us(2);
		assert_true(call(w, HEALTH_GOOD));
		assert_true(health_show(w->health, &w->rule, &view));
	}
	w->rule.provider = "acme";
	assert_false(health_show(w->health, &w->rule, &view));
}

static void
without_a_table_all_is_well(void **state)
{
	struct world *w = *state;
	struct health_pass pass;
	struct health_result bad = { HEALTH_BAD, true, 5, "x" };
	int64_t wait_ms;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(health_look(NULL, &w->rule, &wait_ms),
		    HEALTH_READY);
		assert_true(health_enter(NULL, &w->rule, &pass));
		health_leave(NULL, &w->rule, &pass, &bad);
	}
	assert_false(health_pin(NULL, "acme", HEALTH_KEPT_OPEN));
	health_close(NULL);
	tally_count(NULL, "m", true);
	assert_int_equal(tally_sum(NULL, "m").well, 0);
	tally_close(NULL);
}

static void
requests_are_counted(void **state)
{
	struct world *w = *state;
	struct tally *one = tally_open(w->dir), *other = tally_open(w->dir);

	assert_non_null(one);
	assert_non_null(other);
	for (int i = 0; i < 5; i++)
		tally_count(one, "m", i < 3);
	tally_count(other, "m", true);
	tally_count(other, NULL, true);
	assert_int_equal(tally_sum(one, "m").well, 4);
	assert_int_equal(tally_sum(other, "m").badly, 2);
	assert_int_equal(tally_sum(one, NULL).well, 1);
	assert_int_equal(tally_sum(one, "n").well, 0);
	tally_close(one);
	tally_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(failures_in_a_row_open_it),
		TEST(a_share_of_failures_opens_it),
		TEST(without_rules_it_stays_closed),
		TEST(a_probe_decides),
		TEST(a_probe_that_never_ends_blocks_nobody),
		TEST(stragglers_do_not_count),
		TEST(one_probe_a_period_of_all_processes),
		TEST(operators_decide),
		TEST(keys_are_used_in_turn),
		TEST(a_provider_is_set_aside),
		TEST(others_see_it_and_it_stays),
		TEST(the_oldest_provider_makes_room),
		TEST(without_a_table_all_is_well),
		TEST(requests_are_counted),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
