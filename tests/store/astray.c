/* astray.c: many processes put records into one tree, and every one lies where
 * it is looked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/record_private.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum {
	PROCESSES = 16,
	PLACES = 3000,   /* in order, and at each its records in order */
	RECORDS = 12,
	RECORDS_LONG = 400,
	BYTES = 56,      /* as an entry of the ledger has: six fit in a page */
};

static char dir[64];
static struct store *store;
static _Atomic uint32_t *next; /* record to be put, of all processes */

static int
set_up(void **state)
{
	(void)state;
	scratch_init(dir);
	store = scratch_open(dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	return 0;
}

static void
make_key(uint32_t number, struct entry_key *key)
{
	put_be32(key->account, number % PLACES);
	put_be64(key->number, number / PLACES);
}

static enum store_rc
put_body(struct store *own, DB_TXN *txn, void *context)
{
	const uint32_t *number = context;
	const char bytes[BYTES] = "";
	struct entry_key key;

	make_key(*number, &key);
	if (tree_put(own, txn, TABLE_LEDGER, &key, sizeof(key), bytes,
	    sizeof(bytes), DB_NOOVERWRITE))
		return store_broken(own, "cannot put");
	return STORE_OK;
}

static void
put_some(uint32_t end)
{
	struct store *own;
	uint32_t number;

	own = scratch_open(dir);
	while ((number = atomic_fetch_add(next, 1)) < end)
		if (store_transact(own, STORE_WRITE, put_body, &number) !=
		    STORE_OK)
			_exit(1);
	store_close(own);
	_exit(0);
}

/* Counts all, and those that come before the one before them. */
static enum store_rc
walk_body(struct store *own, DB_TXN *txn, void *context)
{
	uint32_t *counts = context;
	unsigned char last[sizeof(struct entry_key)] = "";
	struct tree_walk walk;
	int rc;

	if (walk_open(own, txn, TABLE_LEDGER, &walk))
		return store_broken(own, "cannot walk");
	counts[0] = counts[1] = 0;
	while ((rc = walk_step(own, &walk, DB_NEXT)) == 0) {
		counts[1] += counts[0] > 0 &&
		    memcmp(last, walk.key_bytes, sizeof(last)) >= 0;
		memcpy(last, walk.key_bytes, sizeof(last));
		counts[0]++;
	}
	walk_close(&walk);
	return rc == DB_NOTFOUND ? STORE_OK : store_broken(own, "cannot walk");
}

static void
records_of_many_lie_in_order(void **state)
{
	uint32_t end = PLACES * (getenv("FAREBOX_LONG") ? RECORDS_LONG :
	    RECORDS);
	uint32_t counts[2];
	int status;

	(void)state;
	next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(next, MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			put_some(end);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	munmap(next, sizeof(*next));
	assert_int_equal(store_transact(store, STORE_READ, walk_body, counts),
	    STORE_OK);
	assert_int_equal(counts[0], end);
	assert_int_equal(counts[1], 0);
}

static int (*real_put)(DB *, DB_TXN *, DBT *, DBT *, u_int32_t);
static uint32_t astray; /* the record that is put elsewhere, once */
static unsigned times;

static int
put_astray(DB *db, DB_TXN *txn, DBT *key, DBT *data, u_int32_t flags)
{
	struct entry_key elsewhere;
	DBT other = { .data = &elsewhere, .size = sizeof(elsewhere) };

	if (times++ > 0)
		return real_put(db, txn, key, data, flags);
	make_key(astray, &elsewhere);
	return real_put(db, txn, &other, data, flags);
}

/* Runs it where the first record that is put goes to another's place. */
static void
transact_astray(store_body body, uint32_t *number, uint32_t place)
{
	DB *ledger = store->tables[TABLE_LEDGER];

	astray = place;
	times = 0;
	real_put = ledger->put;
	ledger->put = put_astray;
	assert_int_equal(store_transact(store, STORE_WRITE, body, number),
	    STORE_OK);
	ledger->put = real_put;
	assert_int_equal(times, 2);
}

static void
what_went_astray_is_put_again(void **state)
{
	uint32_t number = 0, counts[2];
	struct entry_key key;
	char bytes[BYTES];

	(void)state;
	transact_astray(put_body, &number, PLACES - 1);
	assert_int_equal(store_transact(store, STORE_READ, walk_body, counts),
	    STORE_OK);
	assert_int_equal(counts[0], 1);
	make_key(number, &key);
	assert_int_equal(tree_get(store, NULL, TABLE_LEDGER, &key, sizeof(key),
	    bytes, sizeof(bytes), NULL, 0), 0);
}

static enum store_rc
replace_body(struct store *own, DB_TXN *txn, void *context)
{
	const char bytes[BYTES + 1] = "";
	struct entry_key key;

	(void)context;
	make_key(0, &key);
	if (tree_put(own, txn, TABLE_LEDGER, &key, sizeof(key), bytes,
	    sizeof(bytes), 0))
		return store_broken(own, "cannot put");
	return STORE_OK;
}

/* The old one lies where it is looked for. */
static void
what_should_have_replaced_another_is_put_again(void **state)
{
	uint32_t number = 0, counts[2];
	struct entry_key key;
	char bytes[BYTES + 1];
	size_t len;

	(void)state;
	assert_int_equal(store_transact(store, STORE_WRITE, put_body, &number),
	    STORE_OK);
	transact_astray(replace_body, NULL, 1);
	assert_int_equal(store_transact(store, STORE_READ, walk_body, counts),
	    STORE_OK);
	assert_int_equal(counts[0], 1);
	make_key(0, &key);
	assert_int_equal(tree_get(store, NULL, TABLE_LEDGER, &key, sizeof(key),
	    bytes, sizeof(bytes), &len, 0), 0);
	assert_int_equal(len, BYTES + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(records_of_many_lie_in_order),
		TEST(what_went_astray_is_put_again),
		TEST(what_should_have_replaced_another_is_put_again),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
