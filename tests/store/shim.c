/* shim.c: an LD_PRELOAD library that makes calls fail, and notes others. */
#include "tests/store/shim_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_SIZE = 512 };

/* The allocator's own entry points: dlsym() itself allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

struct shim_state *shim_state;
static const char *store_dir, *boot_id_path;

__attribute__((constructor))
static void
start(void)
{
	const char *path = getenv("SHIM_STATE");
	const char *journal_path = getenv("SHIM_JOURNAL");
	int fd = path ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = MAP_FAILED;

	if (fd >= 0)
		map = REAL(mmap)(NULL, sizeof(*shim_state),
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		REAL(close)(fd);
	if (map != MAP_FAILED)
		shim_state = map;
	boot_id_path = getenv("SHIM_BOOT_ID");
	store_dir = getenv("SHIM_DIR");
	if (store_dir && journal_path)
		journal_open(journal_path, store_dir);
}

bool
shim_fails(enum shim_kind kind, int error)
{
	struct shim_state *state = shim_state;
	uint64_t n;

	if (!state || !state->enabled)
		return false;
	n = ++state->calls[kind];
	if (state->kind != kind || !state->nth || n < state->nth ||
	    (n > state->nth && !state->for_ever))
		return false;
	state->fired++;
	errno = error;
	return true;
}

/* A path below a directory's descriptor, as one that begins at the root. */
static const char *
whole_path(int dir, const char *path, char whole[PATH_MAX])
{
	char link[32];
	ssize_t len;

	if (dir == AT_FDCWD || *path == '/')
		return path;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	len = readlink(link, whole, PATH_MAX - strlen(path) - 2);
	if (len < 0)
		return path;
	whole[len] = '/';
	strcpy(whole + len + 1, path);
	return whole;
}

const char *
shim_name_in_dir(const char *path)
{
	size_t len = store_dir ? strlen(store_dir) : 0;

	if (!len || strncmp(path, store_dir, len) != 0 || path[len] != '/')
		return NULL;
	return path + len + 1;
}

void *
malloc(size_t size)
{
	return shim_fails(SHIM_MEMORY, ENOMEM) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return shim_fails(SHIM_MEMORY, ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return shim_fails(SHIM_MEMORY, ENOMEM) ? NULL :
	    __libc_realloc(old, size);
}

static int
open_noted(int dir, const char *path, int flags, mode_t mode)
{
	char whole[PATH_MAX];
	const char *name = shim_name_in_dir(whole_path(dir, path, whole));
	struct stat status;
	bool made;
	int fd;

	if (boot_id_path &&
	    strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
		path = boot_id_path;
	if (!name || !journal_is_open())
		return REAL(openat)(dir, path, flags, mode);
	journal_lock();
	made = (flags & O_CREAT) && fstatat(dir, path, &status,
	    AT_SYMLINK_NOFOLLOW) != 0;
	fd = REAL(openat)(dir, path, flags, mode);
	journal_watch(fd, name);
	if (journal_watches(fd)) {
		if (made)
			journal_note(SHIM_CREATE, fd, 0, name, strlen(name));
		else if (flags & O_TRUNC)
			journal_note(SHIM_SIZE, fd, 0, "", 0);
	}
	journal_unlock();
	return fd;
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (shim_fails(SHIM_OPEN, EACCES))
		return -1;
	return open_noted(dir, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (shim_fails(SHIM_OPEN, EACCES))
		return -1;
	return open_noted(AT_FDCWD, path, flags, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
	return shim_fails(SHIM_OPEN, EACCES) ? NULL : REAL(fopen)(path, mode);
}

DIR *
opendir(const char *path)
{
	return shim_fails(SHIM_OPEN, EACCES) ? NULL : REAL(opendir)(path);
}

int
close(int fd)
{
	journal_forget(fd);
	return REAL(close)(fd);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	ssize_t written;

	if (shim_fails(SHIM_WRITE, EIO) || !space_take(fd, offset, len))
		return -1;
	if (!journal_watches(fd))
		return REAL(pwrite)(fd, bytes, len, offset);
	journal_lock();
	written = REAL(pwrite)(fd, bytes, len, offset);
	if (written > 0)
		journal_note(SHIM_DATA, fd, (uint64_t)offset, bytes,
		    (size_t)written);
	journal_unlock();
	return written;
}

/*
 * Recovery clears the rest of a log in thousands of writes that are one as far
 * as failing goes, and count as one.
 */
static bool
goes_on_clearing(int fd, const char *bytes, size_t len)
{
	static int cleared = -1;
	bool clear = len > 1 && *bytes == 0 &&
	             memcmp(bytes, bytes + 1, len - 1) == 0;
	bool same = clear && fd == cleared;

	cleared = clear ? fd : -1;
	return same;
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	off_t offset;
	ssize_t written;

	/* What is said to the terminal or to a test always arrives. */
	if (fd <= STDERR_FILENO)
		return REAL(write)(fd, bytes, len);
	offset = lseek(fd, 0, SEEK_CUR);
	if ((!goes_on_clearing(fd, bytes, len) &&
	    shim_fails(SHIM_WRITE, EIO)) || !space_take(fd, offset, len))
		return -1;
	if (!journal_watches(fd))
		return REAL(write)(fd, bytes, len);
	journal_lock();
	written = REAL(write)(fd, bytes, len);
	/* Behind it, because with O_APPEND it was not where we stood. */
	if (written > 0)
		journal_note(SHIM_DATA, fd, (uint64_t)(lseek(fd, 0, SEEK_CUR) -
		    written), bytes, (size_t)written);
	journal_unlock();
	return written;
}

ssize_t
pread(int fd, void *bytes, size_t len, off_t offset)
{
	return shim_fails(SHIM_READ, EIO) ? -1 :
	    REAL(pread)(fd, bytes, len, offset);
}

ssize_t
read(int fd, void *bytes, size_t len)
{
	return shim_fails(SHIM_READ, EIO) ? -1 : REAL(read)(fd, bytes, len);
}

/* A flush has an effect only on what was written before it began. */
static int
sync_noted(int fd, int (*sync)(int))
{
	bool broken = shim_fails(SHIM_SYNC, EIO);
	uint64_t begin;
	int rc;

	if (!journal_watches(fd))
		return broken ? -1 : sync(fd);
	journal_lock();
	begin = journal_note(SHIM_SYNC_BEGIN, fd, 0, "", 0);
	journal_unlock();
	rc = broken ? -1 : sync(fd);
	journal_lock();
	journal_gate();
	journal_note(rc == 0 ? SHIM_SYNC_END : SHIM_SYNC_FAILED, fd, begin,
	    "", 0);
	journal_unlock();
	if (broken)
		errno = EIO;
	return rc;
}

int
fsync(int fd)
{
	return sync_noted(fd, REAL(fsync));
}

int
fdatasync(int fd)
{
	return sync_noted(fd, REAL(fdatasync));
}

int
ftruncate(int fd, off_t size)
{
	int rc;

	if (shim_fails(SHIM_TRUNCATE, EIO))
		return -1;
	journal_lock();
	rc = REAL(ftruncate)(fd, size);
	if (rc == 0 && journal_watches(fd))
		journal_note(SHIM_SIZE, fd, (uint64_t)size, "", 0);
	journal_unlock();
	return rc;
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char from_whole[PATH_MAX], to_whole[PATH_MAX], both[NAMES_SIZE];
	const char *old = shim_name_in_dir(whole_path(from_dir, from,
	    from_whole));
	const char *new = shim_name_in_dir(whole_path(to_dir, to, to_whole));
	int rc;

	if (shim_fails(SHIM_NAME, EACCES))
		return -1;
	journal_lock();
	rc = REAL(renameat)(from_dir, from, to_dir, to);
	if (rc == 0 && old && new)
		journal_note(SHIM_RENAME, -1, 0, both, (size_t)snprintf(both,
		    sizeof(both), "%s%c%s", old, '\0', new));
	journal_unlock();
	return rc;
}

int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int
unlinkat(int dir, const char *path, int flags)
{
	char whole[PATH_MAX];
	const char *name = shim_name_in_dir(whole_path(dir, path, whole));
	int64_t blocks = space_of(dir, path);
	int rc;

	if (shim_fails(SHIM_NAME, EACCES))
		return -1;
	journal_lock();
	rc = REAL(unlinkat)(dir, path, flags);
	if (rc == 0 && name) {
		journal_note(SHIM_UNLINK, -1, 0, name, strlen(name));
		space_give(blocks);
	}
	journal_unlock();
	return rc;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

void *
mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	if (fd >= 0 && shim_fails(SHIM_MAP, ENOMEM))
		return MAP_FAILED;
	return REAL(mmap)(at, len, protection, flags, fd, offset);
}

pid_t
fork(void)
{
	return shim_fails(SHIM_FORK, EAGAIN) ? -1 : REAL(fork)();
}
