/* full_log.c: a log has its blocks from the beginning; and a store whose log
 * came to its end after a failed flush can be opened again, or nobody could
 * check it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/backup.h"
#include "db/copy_private.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

/* An entry takes some 500 bytes of the log. */
enum { ENTRIES_MAX = 200000, LOG_BYTES = 8 * 1024 * 1024, ZEROS = 65536 };

static bool disk_is_broken;
static char dir[64];
static struct store *store;
static struct account account;
static struct key key;
static char why[STORE_WHY_SIZE];

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int
__wrap_fdatasync(int fd)
{
	if (!disk_is_broken)
		return __real_fdatasync(fd);
	errno = EIO;
	return -1;
}

static int
set_up(void **state)
{
	(void)state;
	disk_is_broken = false;
	scratch_init(dir);
	store = scratch_open(dir);
	account = scratch_account(store, "a", (money){ 1000 });
	key = scratch_key(store, account.number, "k");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

/* How far the log has come. */
static uint64_t
log_end(void)
{
	DB_LOG_STAT *found;
	uint64_t end;

	assert_int_equal(store->env->log_stat(store->env, &found, 0), 0);
	end = ((uint64_t)found->st_cur_file << 32) + found->st_cur_offset;
	free(found);
	return end;
}

static enum store_rc
deposit(void)
{
	return ledger_credit(store, account.number, ENTRY_DEPOSIT,
	    (money){ 1 }, "", &account);
}

/* Nothing is acknowledged meanwhile, but it is written. */
static void
fill_log(void)
{
	uint64_t end = 0;

	disk_is_broken = true;
	assert_int_equal(deposit(), STORE_UNAVAILABLE);
	for (int i = 0; i < ENTRIES_MAX && log_end() != end; i++) {
		end = log_end();
		assert_int_equal(deposit(), STORE_UNAVAILABLE);
	}
	assert_true(log_end() == end);
	store_close(store);
}

static enum store_rc
open_again(void)
{
	struct store_options options = { .dir = dir, .flush = true };

	return store_open(&store, &options, why);
}

/* A file system that compresses keeps none for zeros. */
static bool
has_its_blocks(const char *name, off_t bytes_min)
{
	struct stat status;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size >= bytes_min);
	return (off_t)status.st_blocks * 512 >= bytes_min;
}

/* What is written over flushes sooner than what gets its blocks meanwhile. */
static void
a_new_log_has_its_blocks(void **state)
{
	static const char zeros[ZEROS];
	char path[128];
	FILE *file;

	(void)state;
	store_close(store);
	snprintf(path, sizeof(path), "%s/zeros", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(zeros, 1, ZEROS, file), ZEROS);
	assert_int_equal(fflush(file), 0);
	assert_int_equal(fsync(fileno(file)), 0);
	fclose(file);
	if (!has_its_blocks("zeros", ZEROS))
		skip();
	assert_true(has_its_blocks("log.0000000001", LOG_BYTES));
}

static void
it_is_opened_and_checked(void **state)
{
	const struct complaints silent = { ignore_complaint, NULL };
	struct proof proof;
	struct hold hold = scratch_hold(&key, (money){ 10 });

	(void)state;
	fill_log();
	disk_is_broken = false;
	assert_int_equal(open_again(), STORE_OK);
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	assert_int_equal(store_check(store, NULL, &silent, &proof), STORE_OK);
	assert_true(proof.flush_cleared);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(ledger_release(store, &hold, NULL), STORE_OK);
	assert_int_equal(deposit(), STORE_OK);
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
}

static void
while_the_disk_is_broken_it_is_not(void **state)
{
	(void)state;
	fill_log();
	assert_int_equal(open_again(), STORE_UNAVAILABLE);
	assert_non_null(strstr(why, strerror(EIO)));
	disk_is_broken = false;
	assert_int_equal(open_again(), STORE_OK);
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_log_has_its_blocks),
		TEST(it_is_opened_and_checked),
		TEST(while_the_disk_is_broken_it_is_not),
	};
#undef TEST

	return cmocka_run_group_tests_name("full_log", tests, NULL, NULL);
}
