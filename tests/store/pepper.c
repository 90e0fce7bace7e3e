/* pepper.c: a new pepper is used at once, and an old one can be dropped. */
#include "db/pepper.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/store_private.h"
#include "tests/store/scratch.h"

enum { HOUR_MS = 3600000 };

static char dir[64];
static struct store *pool; /* stays open while the command comes and goes */
static struct account owner;

static int
set_up(void **state)
{
	(void)state;
	scratch_init(dir);
	pool = scratch_open(dir);
	owner = scratch_account(pool, "a", MONEY_ZERO);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(pool);
	scratch_remove(dir);
	return 0;
}

static struct key
make(struct store *store, char secret[KEY_SECRET_SIZE])
{
	struct key_spec spec = {
		.account = owner.number,
		.brand = "test",
		.label = "k",
	};
	struct key key;

	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	return key;
}

/* What the operator's command does, with a store that it opens and closes. */
struct errand {
	bool rotate;
	uint32_t drop;
	bool force;
	bool make;
	char secret[KEY_SECRET_SIZE];
	enum store_rc rc;
};

static struct errand
run(struct errand errand)
{
	struct store *store = scratch_open(dir);
	uint32_t number;

	if (errand.rotate)
		errand.rc = pepper_rotate(store, &number);
	if (errand.drop)
		errand.rc = pepper_drop(store, errand.drop, errand.force);
	if (errand.make)
		make(store, errand.secret);
	store_close(store);
	return errand;
}

static void
rotate(void)
{
	assert_int_equal(run((struct errand){ .rotate = true }).rc, STORE_OK);
}

static enum store_rc
drop(uint32_t number, bool force)
{
	return run((struct errand){ .drop = number, .force = force }).rc;
}

static enum store_rc
show(const char *secret)
{
	struct account account;
	struct key key;

	return key_authenticate(pool, secret, &key, &account);
}

/* The pepper of that number hashes so many secrets, and so many usable. */
static void
assert_use(uint32_t number, uint64_t secrets, uint64_t usable)
{
	struct pepper_use uses[PEPPERS_MAX];
	size_t n;

	assert_int_equal(pepper_list(pool, uses, &n), STORE_OK);
	for (size_t i = 0; i < n; i++) {
		if (uses[i].number != number)
			continue;
		assert_int_equal(uses[i].secrets, secrets);
		assert_int_equal(uses[i].usable, usable);
		return;
	}
	fail_msg("there is no pepper %u", number);
}

static void
a_secret_moves_when_it_is_shown(void **state)
{
	char first[KEY_SECRET_SIZE], second[KEY_SECRET_SIZE];
	struct key key;
	uint64_t reads;

	(void)state;
	make(pool, first);
	key = make(pool, second);
	assert_use(1, 2, 2);
	rotate();
	assert_use(1, 2, 2);
	assert_use(2, 0, 0);
	assert_int_equal(show(first), STORE_OK);
	assert_use(1, 1, 1);
	assert_use(2, 1, 1);
	/* Once: what is read to move it is not read again. */
	reads = pool->reads;
	assert_int_equal(show(first), STORE_OK);
	assert_int_equal(pool->reads - reads, 4);
	assert_int_equal(show(second), STORE_OK);
	assert_use(1, 0, 0);
	assert_use(2, 2, 2);
	assert_int_equal(drop(1, false), STORE_OK);
	assert_int_equal(show(first), STORE_OK);
	assert_int_equal(show(second), STORE_OK);
	assert_int_equal(key_set_state(pool, key.number, KEY_REVOKED, &key),
	    STORE_OK);
	assert_use(2, 2, 1);
}

static void
a_running_pool_knows_at_once(void **state)
{
	struct errand errand;

	(void)state;
	assert_int_equal(show("sk-test-unknown"), STORE_NOT_FOUND);
	rotate();
	assert_int_equal(show("sk-test-unknown"), STORE_NOT_FOUND);
	errand = run((struct errand){ .rotate = true, .make = true });
	assert_int_equal(errand.rc, STORE_OK);
	assert_int_equal(show(errand.secret), STORE_OK);
	assert_int_equal(pool->n_peppers, 3);
	assert_use(3, 1, 1);
	/* A drop acts at once, too. */
	rotate();
	assert_int_equal(drop(3, true), STORE_OK);
	assert_int_equal(show(errand.secret), STORE_NOT_FOUND);
}

static void
what_is_used_is_not_dropped(void **state)
{
	char secret[KEY_SECRET_SIZE], other[KEY_SECRET_SIZE];
	struct key key = make(pool, secret), spare = make(pool, other);

	(void)state;
	assert_int_equal(drop(1, true), STORE_OUT_OF_RANGE);
	rotate();
	assert_int_equal(drop(2, true), STORE_OUT_OF_RANGE);
	assert_int_equal(drop(3, true), STORE_NOT_FOUND);
	assert_int_equal(drop(1, false), STORE_NOT_ACTIVE);
	/* A key that is revoked and one that has expired need it no more. */
	assert_int_equal(key_set_state(pool, key.number, KEY_REVOKED, &key),
	    STORE_OK);
	assert_int_equal(drop(1, false), STORE_NOT_ACTIVE);
	assert_int_equal(key_set_expiry(pool, spare.number, 1, &spare),
	    STORE_OK);
	assert_use(1, 2, 0);
	assert_int_equal(drop(1, false), STORE_OK);
	assert_int_equal(show(other), STORE_NOT_FOUND);
	/* A new secret is one of the new pepper. */
	assert_int_equal(key_rotate(pool, spare.number, "test", HOUR_MS,
	    other, &spare), STORE_OK);
	assert_int_equal(show(other), STORE_OK);
}

static void
a_replaced_secret_keeps_its_pepper(void **state)
{
	char old[KEY_SECRET_SIZE], new[KEY_SECRET_SIZE];
	struct key key = make(pool, old);

	(void)state;
	rotate();
	assert_int_equal(key_rotate(pool, key.number, "test", HOUR_MS, new,
	    &key), STORE_OK);
	assert_int_equal(show(old), STORE_OK);
	assert_int_equal(show(new), STORE_OK);
	assert_use(1, 1, 1);
	assert_use(2, 1, 1);
	assert_int_equal(drop(1, false), STORE_NOT_ACTIVE);
	assert_int_equal(key_rotate(pool, key.number, "test", 0, new, &key),
	    STORE_OK);
	assert_use(1, 0, 0);
	assert_int_equal(drop(1, false), STORE_OK);
}

static void
many_secrets_are_counted_across_pages(void **state)
{
	char secret[KEY_SECRET_SIZE];

	(void)state;
	for (int i = 0; i < 300; i++)
		make(pool, secret);
	assert_use(1, 300, 300);
	rotate();
	assert_int_equal(show(secret), STORE_OK);
	assert_use(1, 299, 299);
	assert_use(2, 1, 1);
}

static void
peppers_are_few_and_their_numbers_new(void **state)
{
	uint32_t number;

	(void)state;
	for (uint32_t i = 2; i <= PEPPERS_MAX; i++) {
		assert_int_equal(pepper_rotate(pool, &number), STORE_OK);
		assert_int_equal(number, i);
	}
	assert_int_equal(pepper_rotate(pool, &number), STORE_OUT_OF_RANGE);
	assert_int_equal(drop(3, false), STORE_OK);
	assert_int_equal(pepper_rotate(pool, &number), STORE_OK);
	assert_int_equal(number, PEPPERS_MAX + 1);
	assert_int_equal(pool->n_peppers, PEPPERS_MAX);
	for (size_t i = 0; i + 1 < PEPPERS_MAX; i++)
		assert_memory_not_equal(pool->peppers[i].secret,
		    pool->peppers[i + 1].secret, PEPPER_BYTES);
}

enum { MANY = 150 };

/* Moves every secret to the newest pepper, and then replaces it. */
static void
change_all(const uint32_t numbers[MANY], char secrets[MANY][KEY_SECRET_SIZE])
{
	struct store *store = scratch_open(dir);
	char secret[KEY_SECRET_SIZE];
	struct account account;
	struct key key;
	int wrong = 0;

	for (int i = 0; i < MANY; i++)
		wrong += key_authenticate(store, secrets[i], &key,
		    &account) != STORE_OK;
	for (int i = 0; i < MANY; i++)
		wrong += key_rotate(store, numbers[i], "test", HOUR_MS,
		    secret, &key) != STORE_OK;
	store_close(store);
	_exit(wrong != 0);
}

/* While one process changes what leads to a key, another finds it. */
static void
a_secret_is_never_unknown_in_between(void **state)
{
	static char secrets[MANY][KEY_SECRET_SIZE];
	uint32_t numbers[MANY];
	int status, unknown = 0;
	pid_t child;

	(void)state;
	for (int i = 0; i < MANY; i++)
		numbers[i] = make(pool, secrets[i]).number;
	rotate();
	/* A store is not taken across a fork. */
	store_close(pool);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		change_all(numbers, secrets);
	pool = scratch_open(dir);
	while (waitpid(child, &status, WNOHANG) == 0)
		for (int i = 0; i < MANY; i++)
			unknown += show(secrets[i]) != STORE_OK;
	assert_int_equal(status, 0);
	assert_int_equal(unknown, 0);
	assert_use(1, 0, 0);
	assert_use(2, 2 * MANY, 2 * MANY);
}

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static void
the_file_is_replaced_as_a_whole(void **state)
{
	struct stat status;

	(void)state;
	write_file("pepper.new", "what a crash left behind", 0600);
	rotate();
	assert_int_equal(stat(path_of("pepper"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(path_of("pepper.new"), &status), -1);
	assert_int_equal(errno, ENOENT);
}

/* A running pool goes on with what it has; nothing else is opened. */
static void
a_damaged_file_is_refused(void **state)
{
	static const char *const damaged[] = { "", "1:ab\n", "x\n",
		"0:0000000000000000000000000000000000000000000000000000000000"
		"000000\n",
		"1:0000000000000000000000000000000000000000000000000000000000"
		"000000",
		"1:0000000000000000000000000000000000000000000000000000000000"
		"000000 \n",
		"1:000000000000000000000000000000000000000000000000000000000G"
		"000000\n" };
	struct store_options options = { .dir = dir };
	char secret[KEY_SECRET_SIZE], why[STORE_WHY_SIZE];
	struct store *store;
	uint32_t number;

	(void)state;
	make(pool, secret);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		write_file("pepper", damaged[i], 0600);
		assert_int_equal(show(secret), STORE_OK);
		assert_int_equal(pepper_rotate(pool, &number),
		    STORE_UNAVAILABLE);
		assert_int_equal(store_open(&store, &options, why),
		    STORE_UNAVAILABLE);
		assert_non_null(strstr(why, "is damaged"));
	}
	assert_int_equal(chmod(path_of("pepper"), 0640), 0);
	assert_int_equal(store_open(&store, &options, why),
	    STORE_UNAVAILABLE);
	assert_non_null(strstr(why, "chmod 600"));
	assert_int_equal(unlink(path_of("pepper")), 0);
	assert_int_equal(show(secret), STORE_OK);
	assert_int_equal(show("sk-test-unknown"), STORE_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_secret_moves_when_it_is_shown),
		CASE(a_running_pool_knows_at_once),
		CASE(what_is_used_is_not_dropped),
		CASE(a_replaced_secret_keeps_its_pepper),
		CASE(many_secrets_are_counted_across_pages),
		CASE(a_secret_is_never_unknown_in_between),
		CASE(peppers_are_few_and_their_numbers_new),
		CASE(the_file_is_replaced_as_a_whole),
		CASE(a_damaged_file_is_refused),
	};

	return cmocka_run_group_tests_name("pepper", tests, NULL, NULL);
}
