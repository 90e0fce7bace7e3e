/* denied.c: a copy whose recovery was denied memory, or a read, is not used. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/copy_private.h"
#include "db/region.h"
#include "tests/store/scratch.h"

enum { ALLOCATIONS = 24, READS_MAX = 200 };

static char dir[64];
static unsigned calls, denied_at; /* 0: none is */
static bool denies_memory;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
ssize_t __real_pread(int fd, void *bytes, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t offset);

static bool
is_denied(bool memory, int error)
{
	if (denied_at == 0 || memory != denies_memory || ++calls != denied_at)
		return false;
	errno = error;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return is_denied(true, ENOMEM) ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return is_denied(true, ENOMEM) ? NULL : __real_realloc(old, size);
}

/* Berkeley DB would try it again in another way, which goes well. */
ssize_t
__wrap_pread(int fd, void *bytes, size_t len, off_t offset)
{
	return is_denied(false, EIO) ? -1 :
	    __real_pread(fd, bytes, len, offset);
}

/* A store without its shared memory is what a copy is. */
static void
make_copy(void)
{
	struct store *store;

	scratch_init(dir);
	store = scratch_open(dir);
	scratch_account(store, "a", (money){ 1 });
	store_close(store);
	assert_true(region_remove(dir));
}

enum end { UNDENIED, REFUSED, USED };

/* The copy is sound only when it was denied nothing. */
static enum end
try_nth(unsigned nth)
{
	char why[STORE_WHY_SIZE] = "";
	struct store *copy;

	denied_at = nth;
	copy = copy_open(dir, DB_RECOVER, why);
	denied_at = 0;
	if (!copy)
		return calls >= nth && why[0] ? REFUSED : USED;
	if (!copy_close(copy) || calls >= nth)
		return USED;
	return UNDENIED;
}

/* In a process of its own: Berkeley DB may crash for want of memory. */
static enum end
try_aside(unsigned nth)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka would go on with the next test. */
		signal(SIGSEGV, SIG_DFL);
		_exit((int)try_nth(nth));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? (enum end)WEXITSTATUS(status) : REFUSED;
}

static void
try_all(bool memory, unsigned tries_max)
{
	unsigned nth = 0;
	enum end end;

	denies_memory = memory;
	do {
		make_copy();
		end = try_aside(++nth);
		scratch_remove(dir);
	} while (end == REFUSED && nth < tries_max);
	print_message("# the last of %u was %sdenied\n", nth,
	    end == UNDENIED ? "not " : "");
	assert_int_not_equal(end, USED);
	assert_true(nth > 1);
}

/* As many as until the end of the log is found, and some. */
static void
each_allocation_counts(void **state)
{
	(void)state;
	try_all(true, ALLOCATIONS);
}

static void
each_read_counts(void **state)
{
	(void)state;
	try_all(false, READS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_counts),
		cmocka_unit_test(each_read_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
