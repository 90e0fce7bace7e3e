/* space.c: the store on a disk that is nearly full, full, and empty again. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/space.h"
#include "tests/store/scratch.h"

enum {
	DISK_MB = 160,
	GUARD_BYTES = 8 * 1024 * 1024,
	WAIT_US = 60000000,
	FULL_TIMES = 200000, /* more than the disk has room for */
	THEN_TIMES = 500,
};

static char top[64], dir[80], filler[80];
static const char *no_disk; /* why there is none to be filled */

/* A small disk of our own, which only this process and its children see. */
static int
mount_disk(void **state)
{
	char size[16];
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(top, sizeof(top), "%s/farebox-space-XXXXXX",
	    base ? base : "/tmp");
	if (!mkdtemp(top))
		return -1;
	snprintf(size, sizeof(size), "size=%dm", DISK_MB);
	if (geteuid() != 0)
		no_disk = "only root can mount a small disk";
	else if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", top, "tmpfs", 0, size) != 0)
		no_disk = "a small disk cannot be mounted here";
	snprintf(dir, sizeof(dir), "%s/store", top);
	snprintf(filler, sizeof(filler), "%s/filler", top);
	return 0;
}

static int
unmount_disk(void **state)
{
	(void)state;
	if (!no_disk)
		umount(top);
	return rmdir(top);
}

static int
set_up(void **state)
{
	char why[STORE_WHY_SIZE];

	(void)state;
	if (!no_disk)
		assert_int_equal(store_init(dir, why), STORE_OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (!no_disk) {
		unlink(filler);
		scratch_remove(dir);
	}
	return 0;
}

#define NEEDS_DISK() \
	do { \
		if (no_disk) { \
			print_message("# %s\n", no_disk); \
			skip(); \
		} \
	} while (0)

static struct store *
open_guarded(int64_t free_bytes_min)
{
	struct store_options options = {
		.dir = dir,
		.flush = true,
		.free_bytes_min = free_bytes_min,
	};
	char why[STORE_WHY_SIZE];
	struct store *store;

	if (store_open(&store, &options, why) != STORE_OK)
		fail_msg("%s", why);
	return store;
}

/* Takes up all but so many bytes. */
static void
fill_disk(int64_t but_bytes)
{
	int fd = open(filler, O_WRONLY | O_CREAT, 0600);
	struct stat status;
	int64_t room = space_free(top);

	assert_true(fd >= 0 && room >= but_bytes);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(posix_fallocate(fd, status.st_size,
	    room - but_bytes), 0);
	close(fd);
}

static bool
has_ballast(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/ballast", dir);
	return access(path, F_OK) == 0;
}

/* Holds until the answer is the one that is waited for. */
static void
hold_until(struct store *store, const struct key *key, enum store_rc wanted)
{
	int64_t end_us = clock_mono_us() + WAIT_US;
	enum store_rc rc;

	for (;;) {
		struct hold hold = scratch_hold(key, MONEY_USD(1));

		rc = ledger_hold(store, &hold);
		if (rc == STORE_OK)
			ledger_release(store, &hold, NULL);
		if (rc == wanted)
			return;
		assert_true(clock_mono_us() < end_us);
		clock_sleep_us(20000);
	}
}

static void
holds_are_refused_before_the_disk_is_full(void **state)
{
	struct store *store;
	struct account account;
	struct key key;
	struct hold hold;
	struct usage usage;

	(void)state;
	NEEDS_DISK();
	store = open_guarded(GUARD_BYTES);
	account = scratch_account(store, "a", MONEY_USD(10));
	key = scratch_key(store, account.number, "k");
	hold = scratch_hold(&key, MONEY_USD(2));
	usage = scratch_usage(&hold, MONEY_USD(1));
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	fill_disk(GUARD_BYTES - 65536);

	/* What is under way is settled; then nothing new is taken. */
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage,
	    NULL), STORE_OK);
	hold_until(store, &key, STORE_UNAVAILABLE);
	assert_non_null(strstr(store_why(store), "make room"));
	assert_int_equal(unlink(filler), 0);
	hold_until(store, &key, STORE_OK);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	assert_int_equal(account.spent.nano, MONEY_USD(1).nano);
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
}

/* Spends so often, or until the store says no; how often it said yes. */
static int
spend(struct store *store, const struct key *key, int times)
{
	int n = 0;

	for (; n < times; n++) {
		struct hold hold = scratch_hold(key, (money){ 10 });
		struct usage usage = scratch_usage(&hold, (money){ 1 });

		if (ledger_hold(store, &hold) != STORE_OK ||
		    ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL) !=
		    STORE_OK)
			break;
		store_maintain(store);
	}
	return n;
}

static void
a_full_disk_costs_nobody_anything(void **state)
{
	struct store *store;
	struct account account;
	struct key key;
	int first;

	(void)state;
	NEEDS_DISK();
	store = open_guarded(0);
	account = scratch_account(store, "a", MONEY_USD(10));
	key = scratch_key(store, account.number, "k");
	assert_true(has_ballast());
	fill_disk(0);
	first = spend(store, &key, FULL_TIMES);
	/* The log went on into the ballast's place, and then there was none. */
	assert_in_range(first, 1, FULL_TIMES - 1);
	assert_false(has_ballast());
	store_close(store);

	assert_int_equal(unlink(filler), 0);
	store = open_guarded(0);
	assert_int_equal(spend(store, &key, THEN_TIMES), THEN_TIMES);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	/* The one that was refused may have been written all the same. */
	assert_in_range(account.spent.nano, first + THEN_TIMES,
	    first + THEN_TIMES + 1);
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
}

static void
a_store_is_recovered_on_a_full_disk(void **state)
{
	char why[STORE_WHY_SIZE];
	struct store *store;
	struct account account;

	(void)state;
	NEEDS_DISK();
	store = open_guarded(0);
	account = scratch_account(store, "a", MONEY_USD(10));
	store_close(store);
	fill_disk(0);
	assert_int_equal(store_recover(dir, true, why), STORE_OK);
	assert_false(has_ballast());
	store = open_guarded(0);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);

	/* With room again the ballast is made again, by and by. */
	assert_int_equal(unlink(filler), 0);
	store_maintain(store);
	assert_true(has_ballast());
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    holds_are_refused_before_the_disk_is_full, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_full_disk_costs_nobody_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_store_is_recovered_on_a_full_disk, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
