/* window.c: the limiter against a naive log of what it admitted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/shared.h"
#include "db/window_private.h"
#include "tests/store/patient.h"

enum {
	ARRIVALS = 1000000,
	ARRIVALS_SHARED = 100000,
	PROCESSES = 4,
	KEYS = 7,
	BLOCKS = 2048,
	TOKENS_MAX = 1000,
	LOG_MAX = 4096,     /* of one key's last minute */
	MANY = 100000,
};

static const int64_t second_us = 1000000;

/* What one key did, as a child would write it down. */
struct admitted {
	int64_t from_us;    /* it was admitted */
	int64_t end_us;     /* it ended; INT64_MAX: not yet */
	int64_t tokens, output;
};

struct naive {
	struct window_limits limits;
	struct admitted log[LOG_MAX];
	size_t first, n;
};

static uint64_t seed;

static uint64_t
draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static struct window_id
id_of(uint32_t key)
{
	struct window_id id = { { 1 } };

	memcpy(id.bytes + 1, &key, sizeof(key));
	return id;
}

static struct window_table *
new_table(uint32_t n_blocks)
{
	struct window_table *table = calloc(1, window_bytes(n_blocks));

	assert_non_null(table);
	window_clear(table, n_blocks);
	return table;
}

/* From when on it counts no more by the rule that window_private.h states. */
static int64_t
free_of(const struct admitted *one)
{
	int64_t late_us = one->from_us + WINDOW_LATE_US;

	return WINDOW_US + (one->end_us < late_us ? one->end_us : late_us);
}

/* What counts at a moment: exactly, or if each counted as long as any may. */
static struct window_sums
count(const struct naive *naive, int64_t now_us, int longest)
{
	struct window_sums sums = { 0 };

	for (size_t i = naive->first; i < naive->n; i++) {
		const struct admitted *one = &naive->log[i % LOG_MAX];
		int64_t free_us = longest ? one->from_us + WINDOW_US +
		    WINDOW_LATE_US : free_of(one);

		if (free_us <= now_us)
			continue;
		sums.requests++;
		sums.tokens += one->tokens;
		sums.output += one->output;
	}
	return sums;
}

static int
may(const struct window_limits *limits, const struct window_sums *sums,
    int64_t tokens)
{
	return (!limits->requests || sums->requests < limits->requests) &&
	       (!limits->tokens || sums->tokens + tokens <= limits->tokens) &&
	       (!limits->output || sums->output < limits->output);
}

static struct admitted *
note(struct naive *naive, int64_t now_us, int64_t tokens)
{
	struct admitted *one;

	while (naive->first < naive->n && naive->log[naive->first %
	    LOG_MAX].from_us + 2 * WINDOW_US < now_us)
		naive->first++;
	assert_true(naive->n - naive->first < LOG_MAX);
	one = &naive->log[naive->n++ % LOG_MAX];
	*one = (struct admitted){ now_us, INT64_MAX, tokens, 0 };
	return one;
}

/* Never more than the limit, and nothing refused that even the longest count
 * would let in. */
static void
compare(const struct naive *naive, enum window_rc rc, int64_t tokens,
    int64_t now_us)
{
	struct window_sums exact = count(naive, now_us, 0);
	struct window_sums longest = count(naive, now_us, 1);

	if (rc == WINDOW_OK)
		assert_true(may(&naive->limits, &exact, tokens));
	else
		assert_false(may(&naive->limits, &longest, tokens));
}

static void
set_limits(struct naive keys[KEYS])
{
	static const struct window_limits limits[KEYS] = {
		{ 1, 0, 0 }, { 10, 0, 0 }, { 120, 20000, 0 },
		{ 0, 9000, 0 }, { 600, 0, 50000 }, { 60, 5000, 3000 },
		{ 1000, 0, 0 },
	};

	for (int i = 0; i < KEYS; i++)
		keys[i].limits = limits[i];
}

/* Bursts and lulls: mostly within milliseconds, now and then most of a
 * minute. */
static int64_t
draw_pause(void)
{
	switch (draw(1000)) {
	case 0:
		return (int64_t)draw((uint64_t)(70 * second_us));
	case 1:
	case 2:
	case 3:
		return (int64_t)draw((uint64_t)(2 * second_us));
	default:
		return (int64_t)draw(20000);
	}
}

/* A request that waits for its end. */
struct running {
	struct window_mark mark;
	struct admitted *admitted;
	int64_t end_us, tokens, output;
};

static void
end_some(struct window_table *table, struct running *running, size_t *n,
    int64_t now_us)
{
	for (size_t i = 0; i < *n;) {
		struct running *one = &running[i];

		if (one->end_us > now_us) {
			i++;
			continue;
		}
		window_end(table, &one->mark, one->tokens, one->output,
		    now_us);
		/* What has left counts no more, whatever it used. */
		if (one->admitted->from_us + WINDOW_US + WINDOW_LATE_US >
		    now_us) {
			one->admitted->end_us = now_us;
			one->admitted->tokens = one->tokens;
			one->admitted->output = one->output;
		}
		*one = running[--*n];
	}
}

static void
simulate(int64_t longest_us)
{
	enum { RUNNING_MAX = 512 };
	static struct naive keys[KEYS];
	struct window_table *table = new_table(BLOCKS);
	struct running running[RUNNING_MAX];
	size_t n_running = 0;
	int64_t now_us = 1, admitted = 0;

	memset(keys, 0, sizeof(keys));
	set_limits(keys);
	for (int i = 0; i < ARRIVALS; i++) {
		uint32_t key = (uint32_t)draw(KEYS);
		struct window_id id = id_of(key);
		int64_t tokens = (int64_t)draw(TOKENS_MAX), when_us;
		struct window_sums sums;
		struct running one;
		enum window_rc rc;

		now_us += draw_pause();
		end_some(table, running, &n_running, now_us);
		if (n_running == RUNNING_MAX)
			continue;
		assert_false(window_is_short(table, now_us));
		rc = window_take(table, &id, &keys[key].limits, tokens,
		    now_us, &sums, &when_us, &one.mark);
		compare(&keys[key], rc, tokens, now_us);
		if (rc != WINDOW_OK) {
			assert_true(when_us > now_us || tokens >
			    keys[key].limits.tokens);
			continue;
		}
		admitted++;
		one.admitted = note(&keys[key], now_us, tokens);
		one.tokens = (int64_t)draw((uint64_t)tokens + 1);
		one.output = (int64_t)draw((uint64_t)one.tokens + 1);
		one.end_us = now_us + (int64_t)draw((uint64_t)longest_us);
		running[n_running++] = one;
	}
	assert_true(admitted > ARRIVALS / 100);
	free(table);
}

static void
never_more_and_never_less(void **state)
{
	(void)state;
	simulate(90 * second_us);
}

/* Requests that end when they come count for a minute and not an instant
 * longer: there is no difference at all. */
static void
quick_requests_are_exact(void **state)
{
	static struct naive keys[KEYS];
	struct window_table *table = new_table(BLOCKS);
	int64_t now_us = 1;

	(void)state;
	memset(keys, 0, sizeof(keys));
	set_limits(keys);
	for (int i = 0; i < ARRIVALS / 4; i++) {
		uint32_t key = (uint32_t)draw(KEYS);
		struct window_id id = id_of(key);
		int64_t tokens = (int64_t)draw(TOKENS_MAX), when_us;
		struct window_sums sums, exact;
		struct window_mark mark;
		struct admitted *one;
		enum window_rc rc;

		now_us += draw_pause();
		exact = count(&keys[key], now_us, 0);
		rc = window_take(table, &id, &keys[key].limits, tokens,
		    now_us, &sums, &when_us, &mark);
		assert_int_equal(rc == WINDOW_OK,
		    may(&keys[key].limits, &exact, tokens));
		if (rc != WINDOW_OK)
			continue;
		window_end(table, &mark, tokens / 2, tokens / 3, now_us);
		one = note(&keys[key], now_us, tokens / 2);
		one->output = tokens / 3;
		one->end_us = now_us;
	}
	free(table);
}

/* Whoever comes at the time he was told is let in. */
static void
waiting_as_told_is_enough(void **state)
{
	struct window_table *table = new_table(BLOCKS);
	struct window_limits limits = { 30, 10000, 0 };
	struct window_id id = id_of(1);
	int64_t now_us = 1, when_us;

	(void)state;
	for (int refused = 0; refused < 1000;) {
		int64_t tokens = (int64_t)draw(TOKENS_MAX);
		struct window_sums sums;
		struct window_mark mark;
		enum window_rc rc;

		now_us += (int64_t)draw(300000);
		rc = window_take(table, &id, &limits, tokens, now_us, &sums,
		    &when_us, &mark);
		if (rc == WINDOW_OK)
			continue;
		refused++;
		assert_true(when_us > now_us);
		assert_int_not_equal(window_look(table, &id, &limits, tokens,
		    when_us - 1, &sums, &when_us), WINDOW_OK);
		now_us = when_us;
		assert_int_equal(window_take(table, &id, &limits, tokens,
		    now_us, &sums, &when_us, &mark), WINDOW_OK);
	}
	free(table);
}

static void
a_large_limit_is_exact_too(void **state)
{
	struct window_table *table = new_table(MANY / PART_MAX + 64);
	struct window_limits limits = { MANY, 0, 0 };
	struct window_id id = id_of(1);
	struct window_sums sums;
	struct window_mark mark;
	int64_t when_us;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(window_take(table, &id, &limits, 1, 1 + i,
		    &sums, &when_us, &mark), WINDOW_OK);
		assert_int_equal(sums.requests, i + 1);
		window_end(table, &mark, 1, 0, 1 + i);
	}
	assert_int_equal(window_take(table, &id, &limits, 1, 2 + MANY, &sums,
	    &when_us, &mark), WINDOW_REQUESTS);
	assert_int_equal(when_us, 1 + WINDOW_US);
	assert_int_equal(window_take(table, &id, &limits, 1, when_us, &sums,
	    &when_us, &mark), WINDOW_OK);
	assert_int_equal(sums.requests, MANY);
	/* A lower limit takes effect at once, and its wait is honest. */
	limits.requests = 10;
	assert_int_equal(window_look(table, &id, &limits, 1, 2 + WINDOW_US,
	    &sums, &when_us), WINDOW_REQUESTS);
	assert_int_equal(window_look(table, &id, &limits, 1, when_us, &sums,
	    &when_us), WINDOW_OK);
	assert_int_equal(sums.requests, 9);
	free(table);
}

/* A table without room counts on, and never lets more in. */
static void
a_full_table_does_not_let_more_in(void **state)
{
	struct window_table *table = new_table(3);
	struct window_limits limits = { 1000, 0, 0 };
	struct window_id one = id_of(1), other = id_of(2), third = id_of(3);
	struct window_sums sums;
	struct window_mark mark;
	int64_t when_us, now_us = 1;
	int admitted = 0;

	(void)state;
	assert_int_equal(window_take(table, &other, &limits, 0, now_us, &sums,
	    &when_us, &mark), WINDOW_OK);
	while (window_take(table, &one, &limits, 1, ++now_us, &sums, &when_us,
	    &mark) == WINDOW_OK)
		admitted++;
	assert_int_equal(admitted, 1000);
	assert_int_equal(sums.requests, 1000);
	assert_true(window_is_short(table, now_us));
	assert_int_equal(window_take(table, &third, &limits, 1, now_us, &sums,
	    &when_us, &mark), WINDOW_NO_ROOM);
	/* All of it is found again. */
	now_us += WINDOW_US + WINDOW_LATE_US;
	for (int i = 0; i < WINDOW_HEADS; i++)
		window_is_short(table, now_us);
	assert_false(window_is_short(table, now_us));
	assert_int_equal(window_take(table, &third, &limits, 1, now_us, &sums,
	    &when_us, &mark), WINDOW_OK);
	free(table);
}

/* As a process that died in the midst of anything could have left it. */
static void
damage_is_mended(void **state)
{
	struct window_table *table = new_table(BLOCKS);
	size_t bytes = window_bytes(BLOCKS);
	struct window_limits limits = { 500, 0, 0 };
	struct window_sums sums;
	struct window_mark mark;
	int64_t when_us, now_us = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 300; i++) {
			struct window_id id = id_of((uint32_t)draw(40));

			now_us += (int64_t)draw(200000);
			if (window_take(table, &id, &limits, 1, now_us, &sums,
			    &when_us, &mark) == WINDOW_OK && draw(2))
				window_end(table, &mark, 2, 1, now_us);
		}
		if (round % 3 == 0)
			for (int i = 0; i < 20; i++) {
				size_t at = sizeof(*table) / 4 + draw(
				    (bytes - sizeof(*table)) / 4);

				((uint32_t *)table)[at] =
				    (uint32_t)draw(BLOCKS * 2);
			}
		assert_true(window_mend(table));
		for (uint32_t i = 0; i < 40; i++) {
			struct window_id id = id_of(i);

			window_look(table, &id, &limits, 1, now_us, &sums,
			    &when_us);
		}
	}
	free(table);
}

/* What a sound table holds stays as it is. */
static void
mending_a_sound_table_changes_nothing(void **state)
{
	struct window_table *table = new_table(BLOCKS);
	struct window_limits limits = { 5000, 0, 0 };
	struct window_sums before[9], after;
	struct window_mark mark;
	int64_t when_us, now_us = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct window_id id = id_of((uint32_t)draw(9));

		now_us += (int64_t)draw(20000);
		if (window_take(table, &id, &limits, 3, now_us, &after,
		    &when_us, &mark) == WINDOW_OK)
			window_end(table, &mark, (int64_t)draw(9), 1, now_us);
	}
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 9; i++) {
			struct window_id id = id_of(i);

			window_look(table, &id, &limits, 1, now_us, &after,
			    &when_us);
			assert_true(after.requests > 100);
			if (round == 1)
				assert_memory_equal(&before[i], &after,
				    sizeof(after));
			before[i] = after;
		}
		assert_true(window_mend(table));
	}
	free(table);
}

static char dir[64];

struct shared_world {
	int64_t now_us;
	uint32_t seed;
	uint32_t n;
	struct {
		int64_t now_us, tokens;
		uint32_t key;
		enum window_rc rc;
	} log[ARRIVALS_SHARED];
};

static void
clear_shared(void *data, size_t bytes)
{
	window_clear(data, window_blocks(bytes));
}

static const struct shared_kind shared_kind = {
	.name = "window.shared",
	.version = 1,
	.bytes = sizeof(struct window_table) + 1024 * BLOCK_BYTES,
	.bytes_max = sizeof(struct window_table) + 1024 * BLOCK_BYTES,
	.clear = clear_shared,
};

/* One of several processes that admit requests, by one clock. */
static int
admit_some(struct shared_world *world, const struct naive *keys, uint64_t own)
{
	struct shared *shared = shared_open(dir, &shared_kind);
	struct window_table *table;

	seed = own;
	while (shared && (table = patient_lock(shared)) != NULL) {
		uint32_t key = (uint32_t)draw(KEYS), n = world->n;
		struct window_id id = id_of(key);
		int64_t tokens = (int64_t)draw(TOKENS_MAX), when_us;
		struct window_sums sums;
		struct window_mark mark;

		if (n == ARRIVALS_SHARED) {
			shared_unlock(shared);
			return 0;
		}
		world->now_us += draw_pause();
		world->log[n].now_us = world->now_us;
		world->log[n].tokens = tokens;
		world->log[n].key = key;
		world->log[n].rc = window_take(table, &id, &keys[key].limits,
		    tokens, world->now_us, &sums, &when_us, &mark);
		window_end(table, &mark, tokens, 0, world->now_us);
		world->n = n + 1;
		shared_unlock(shared);
	}
	return 1;
}

static void
several_processes_are_exact(void **state)
{
	static struct naive keys[KEYS];
	struct shared_world *world = mmap(NULL, sizeof(*world),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[96];
	int status;

	(void)state;
	assert_true(world != MAP_FAILED);
	snprintf(dir, sizeof(dir), "/tmp/farebox-window-XXXXXX");
	assert_non_null(mkdtemp(dir));
	memset(keys, 0, sizeof(keys));
	set_limits(keys);
	world->now_us = 1;
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(admit_some(world, keys, seed + (uint64_t)i));
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(world->n, ARRIVALS_SHARED);
	for (uint32_t i = 0; i < world->n; i++) {
		struct naive *naive = &keys[world->log[i].key];
		int64_t now_us = world->log[i].now_us;
		int64_t tokens = world->log[i].tokens;
		struct window_sums exact = count(naive, now_us, 0);

		assert_int_equal(world->log[i].rc == WINDOW_OK,
		    may(&naive->limits, &exact, tokens));
		if (world->log[i].rc == WINDOW_OK)
			note(naive, now_us, tokens)->end_us = now_us;
	}
	munmap(world, sizeof(*world));
	snprintf(path, sizeof(path), "%s/window.shared", dir);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_more_and_never_less),
		cmocka_unit_test(quick_requests_are_exact),
		cmocka_unit_test(waiting_as_told_is_enough),
		cmocka_unit_test(a_large_limit_is_exact_too),
		cmocka_unit_test(a_full_table_does_not_let_more_in),
		cmocka_unit_test(damage_is_mended),
		cmocka_unit_test(mending_a_sound_table_changes_nothing),
		cmocka_unit_test(several_processes_are_exact),
	};
	const char *given = getenv("FAREBOX_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)getpid() << 20 | 1;
	printf("# FAREBOX_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
