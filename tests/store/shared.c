/* shared.c: a file that processes share, its lock, and their deaths. */
#include "db/shared.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/store/patient.h"

enum { PROCESSES = 4, TIMES = 5000, FRESH = 1000 };

struct table {
	uint64_t count;
	uint32_t mended;
	uint32_t unsound;
};

static char dir[64];

static void
begin(void *data, size_t bytes)
{
	struct table *table = data;

	assert_true(bytes >= sizeof(*table));
	table->count = FRESH;
}

static bool
mend(void *data, size_t bytes)
{
	struct table *table = data;

	(void)bytes;
	table->mended++;
	return !table->unsound;
}

static const struct shared_kind kind = {
	.name = "test.shared",
	.version = 1,
	.bytes = 8192,
	.bytes_max = 1 << 20,
	.clear = begin,
	.mend = mend,
};

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/farebox-shared-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
tear_down(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/test.shared", dir);
	unlink(path);
	return rmdir(dir);
}

static struct shared *
open_it(const struct shared_kind *as)
{
	struct shared *shared = shared_open(dir, as);

	assert_non_null(shared);
	return shared;
}

/* Runs a function in a process of its own, which ends as it says. */
static int
in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
what_one_writes_others_read(void **state)
{
	struct shared *one = open_it(&kind), *other;
	struct table *table = shared_lock(one);
	char path[96];
	struct stat status;

	(void)state;
	assert_non_null(table);
	assert_int_equal(table->count, FRESH);
	table->count = 7;
	shared_unlock(one);
	shared_close(one);
	other = open_it(&kind);
	assert_int_equal(((const struct table *)shared_glance(other))->count,
	    7);
	shared_close(other);
	snprintf(path, sizeof(path), "%s/test.shared", dir);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(status.st_blocks * 512 >= (off_t)kind.bytes);
}

static int
count_up(void)
{
	struct shared *shared = shared_open(dir, &kind);

	for (int i = 0; shared && i < TIMES; i++) {
		struct table *table = patient_lock(shared);

		if (!table)
			return 1;
		table->count++;
		shared_unlock(shared);
	}
	return shared ? 0 : 1;
}

static void
no_count_is_lost(void **state)
{
	struct shared *shared = open_it(&kind);
	pid_t pids[PROCESSES];
	int status;

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(count_up());
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(((const struct table *)shared_glance(shared))->count,
	    FRESH + PROCESSES * TIMES);
	shared_close(shared);
}

static int
die_with_it(void)
{
	struct shared *shared = shared_open(dir, &kind);
	struct table *table = shared ? shared_lock(shared) : NULL;

	if (table)
		table->count = 9;
	return table ? 0 : 1;
}

static int
leave_it_unsound(void)
{
	struct shared *shared = shared_open(dir, &kind);
	struct table *table = shared ? shared_lock(shared) : NULL;

	if (table)
		table->unsound = 1;
	return table ? 0 : 1;
}

static void
a_dead_process_gives_the_lock_back(void **state)
{
	struct shared *shared = open_it(&kind);
	struct table *table;

	(void)state;
	assert_int_equal(in_child(die_with_it), 0);
	table = shared_lock(shared);
	assert_non_null(table);
	assert_int_equal(table->mended, 1);
	assert_int_equal(table->count, 9);
	shared_unlock(shared);
	table = shared_lock(shared);
	assert_int_equal(table->mended, 1);
	shared_unlock(shared);
	assert_int_equal(in_child(leave_it_unsound), 0);
	table = shared_lock(shared);
	assert_int_equal(table->mended, 0);
	assert_int_equal(table->count, FRESH);
	shared_unlock(shared);
	shared_close(shared);
}

static int
wait_in_vain(void)
{
	struct shared *shared = shared_open(dir, &kind);

	return shared && shared_lock(shared) == NULL ? 0 : 1;
}

static void
a_stopped_process_does_not_hold_others_for_ever(void **state)
{
	struct shared *shared = open_it(&kind);

	(void)state;
	assert_non_null(shared_lock(shared));
	assert_int_equal(in_child(wait_in_vain), 0);
	shared_unlock(shared);
	shared_close(shared);
}

static void
it_grows_where_it_is(void **state)
{
	struct shared *one = open_it(&kind), *other = open_it(&kind);
	unsigned char *data = shared_lock(one);

	(void)state;
	assert_int_equal(shared_bytes(one), kind.bytes);
	assert_false(shared_grow(one, kind.bytes_max + 1));
	assert_true(shared_grow(one, kind.bytes_max));
	assert_int_equal(data[kind.bytes_max - 1], 0);
	data[kind.bytes_max - 1] = 5;
	shared_unlock(one);
	data = shared_lock(other);
	assert_int_equal(shared_bytes(other), kind.bytes_max);
	assert_int_equal(data[kind.bytes_max - 1], 5);
	shared_unlock(other);
	shared_close(one);
	shared_close(other);
}

static void
another_version_begins_anew(void **state)
{
	struct shared_kind next = kind;
	struct shared *shared = open_it(&kind);

	(void)state;
	((struct table *)shared_lock(shared))->count = 1;
	shared_unlock(shared);
	shared_close(shared);
	next.version = 2;
	shared = open_it(&next);
	assert_int_equal(((const struct table *)shared_glance(shared))->count,
	    FRESH);
	shared_close(shared);
}

#define FRESH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, \
	tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH_TEST(what_one_writes_others_read),
		FRESH_TEST(no_count_is_lost),
		FRESH_TEST(a_dead_process_gives_the_lock_back),
		FRESH_TEST(a_stopped_process_does_not_hold_others_for_ever),
		FRESH_TEST(it_grows_where_it_is),
		FRESH_TEST(another_version_begins_anew),
	};

	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
