/* place.c: a store is not opened where its money would not be safe. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/place.h"
#include "tests/store/scratch.h"

static char dir[64];
static long pretended; /* what statfs() says the file system is; 0: the truth */

int __real_statfs(const char *path, struct statfs *status);
int __wrap_statfs(const char *path, struct statfs *status);

int
__wrap_statfs(const char *path, struct statfs *status)
{
	int rc = __real_statfs(path, status);

	if (pretended)
		status->f_type = pretended;
	return rc;
}

static int
set_up(void **state)
{
	(void)state;
	pretended = 0;
	scratch_init(dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pretended = 0;
	scratch_remove(dir);
	return 0;
}

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* The store is not opened, and the reason has the words in it. */
static void
assert_refused(const char *words)
{
	struct store_options options = { .dir = dir };
	char why[STORE_WHY_SIZE] = "", none[STORE_WHY_SIZE];
	struct store *store;

	assert_int_equal(store_open(&store, &options, why),
	    STORE_UNAVAILABLE);
	assert_null(store);
	if (!strstr(why, words))
		fail_msg("'%s' is not in: %s", words, why);
	assert_int_equal(store_recover(dir, false, none), STORE_UNAVAILABLE);
	assert_string_equal(none, why);
}

static void
assert_opened(void)
{
	store_close(scratch_open(dir));
}

static void
not_on_a_network(void **state)
{
	static const struct {
		unsigned long type;
		const char *name;
	} networks[] = {
		{ 0x6969, "NFS" }, { 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB" }, { 0x01021997, "9p" },
		{ 0x65735546, "FUSE" }, { 0x00c36400, "Ceph" },
	};
	static const unsigned long disks[] = {
		0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630,
		0x2fc12fc1,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		pretended = (long)networks[i].type;
		assert_string_equal(place_network(dir), networks[i].name);
		assert_refused(networks[i].name);
	}
	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		pretended = (long)disks[i];
		assert_null(place_network(dir));
	}
	assert_opened();
}

static void
not_beside_a_db_config(void **state)
{
	int fd = open(path_of("DB_CONFIG"), O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_refused("DB_CONFIG");
	assert_int_equal(unlink(path_of("DB_CONFIG")), 0);
	assert_opened();
}

static void
not_when_others_can_use_it(void **state)
{
	static const char *const names[] = {
		"pepper", "gate", "accounts.db", "log.0000000001", "ballast",
	};

	(void)state;
	assert_opened();
	assert_int_equal(chmod(dir, 0750), 0);
	assert_refused("chmod 700");
	assert_int_equal(chmod(dir, 0700), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = path_of(names[i]);

		if (access(path, F_OK) != 0)
			continue;
		assert_int_equal(chmod(path, 0640), 0);
		assert_refused("chmod 600");
		assert_int_equal(chmod(path, 0600), 0);
	}
	assert_opened();
}

static void
not_when_another_owns_a_file(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# only root can give a file away\n");
		skip();
	}
	assert_int_equal(chown(path_of("ledger.db"), 12345, 12345), 0);
	assert_refused("chown 0");
	assert_int_equal(chown(path_of("ledger.db"), 0, 0), 0);
	assert_int_equal(chown(dir, 12345, 12345), 0);
	assert_refused("belongs to user 12345");
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_opened();
}

static void
not_through_a_link(void **state)
{
	char elsewhere[128];

	(void)state;
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
	assert_int_equal(rename(path_of("pepper"), elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path_of("pepper")), 0);
	assert_refused("not a plain file");
	assert_int_equal(rename(elsewhere, path_of("pepper")), 0);
	assert_opened();
}

static void
what_else_lies_there_does_not_matter(void **state)
{
	int fd = open(path_of("notes"), O_WRONLY | O_CREAT, 0644);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mkdir(path_of("old"), 0755), 0);
	assert_opened();
	assert_int_equal(rmdir(path_of("old")), 0);
}

static void
a_gate_that_was_removed_is_made_again(void **state)
{
	char why[STORE_WHY_SIZE];
	struct store *store = scratch_open(dir);
	struct account account = scratch_account(store, "a", MONEY_USD(1));

	(void)state;
	store_close(store);
	assert_int_equal(unlink(path_of("gate")), 0);
	assert_int_equal(store_recover(dir, false, why), STORE_OK);
	store = scratch_open(dir);
	assert_int_equal(account_get(store, account.number, &account),
	    STORE_OK);
	store_close(store);
	assert_int_equal(unlink(path_of("gate")), 0);
	assert_int_equal(unlink(path_of("accounts.db")), 0);
	assert_int_equal(store_recover(dir, false, why), STORE_UNAVAILABLE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(not_on_a_network),
		TEST(not_beside_a_db_config),
		TEST(not_when_others_can_use_it),
		TEST(not_when_another_owns_a_file),
		TEST(not_through_a_link),
		TEST(what_else_lies_there_does_not_matter),
		TEST(a_gate_that_was_removed_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
