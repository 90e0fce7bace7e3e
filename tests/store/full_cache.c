/* full_cache.c: a store that has outgrown its cache serves newcomers too. */
/*
 * Every page in the cache takes a mutex. When those run out, transactions and
 * newcomers are refused for ever; and it shows only after hours of work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/store_private.h"
#include "tests/store/scratch.h"

/* A page of usage holds three records, and the cache some 59000 pages. */
enum { RECORDS = 210000, CHAIN_MAX = 4 };

/* How a newcomer of another process fares: 0 when it can hold and settle. */
static int
newcomer(const char *dir, const struct key *key)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct store *store = scratch_open(dir);
		struct hold hold = scratch_hold(key, (money){ 10 });
		struct usage usage = scratch_usage(&hold, (money){ 5 });
		enum store_rc rc = ledger_hold(store, &hold);

		if (rc == STORE_OK)
			rc = ledger_settle(store, &hold, LEDGER_CAP, &usage,
			    NULL);
		store_close(store);
		_exit((int)rc);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* Looking for a page passes those of its chain: that must not grow. */
static void
expect_short_chains(struct store *store)
{
	DB_MPOOL_STAT *found;

	assert_int_equal(store->env->memp_stat(store->env, &found, NULL, 0),
	    0);
	assert_true(found->st_ro_evict + found->st_rw_evict > 0);
	assert_in_range(found->st_hash_longest, 1, CHAIN_MAX);
	free(found);
}

static void
a_full_cache_serves_newcomers(void **state)
{
	char dir[64];
	struct store *store;
	struct account account;
	struct key key;

	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	account = scratch_account(store, "a", (money){ 1000 });
	key = scratch_key(store, account.number, "k");
	for (int i = 0; i < RECORDS; i++) {
		struct hold hold = scratch_hold(&key, MONEY_ZERO);
		struct usage usage = scratch_usage(&hold, MONEY_ZERO);

		assert_int_equal(usage_append(store, &usage), STORE_OK);
	}
	expect_short_chains(store);
	assert_int_equal(newcomer(dir, &key), 0);
	assert_int_equal(scratch_check(store, NULL), 0);
	store_close(store);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_cache_serves_newcomers),
	};

	return cmocka_run_group_tests_name("full_cache", tests, NULL, NULL);
}
