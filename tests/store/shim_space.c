/* shim_space.c: a disk that is full when the test says so. */
#include "tests/store/shim_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What stat(2) counts in. */
enum { UNITS = SHIM_BLOCK_BYTES / 512 };

static bool
is_limited(void)
{
	return shim_state && shim_state->limited;
}

/* How many blocks a write would newly take: those that are holes. */
static int64_t
blocks_wanted(int fd, off_t offset, size_t len)
{
	off_t end = offset + (off_t)len, here = lseek(fd, 0, SEEK_CUR);
	int64_t wanted = 0;

	for (off_t at = offset - offset % SHIM_BLOCK_BYTES; at < end;
	     at += SHIM_BLOCK_BYTES) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 || data >= at + SHIM_BLOCK_BYTES)
			wanted++;
	}
	lseek(fd, here, SEEK_SET);
	return wanted;
}

static bool
take(int64_t wanted)
{
	if (wanted == 0 ||
	    atomic_fetch_sub(&shim_state->blocks, wanted) >= wanted)
		return true;
	shim_state->blocks += wanted;
	shim_state->fired++;
	errno = ENOSPC;
	return false;
}

bool
space_take(int fd, off_t offset, size_t len)
{
	if (!is_limited() || fd <= STDERR_FILENO)
		return true;
	return take(blocks_wanted(fd, offset, len));
}

void
space_give(int64_t blocks)
{
	if (is_limited())
		shim_state->blocks += blocks;
}

int64_t
space_of(int dir, const char *path)
{
	struct stat status;

	if (!is_limited() || fstatat(dir, path, &status,
	    AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return status.st_blocks / UNITS;
}

/* How many blocks a file lacks to be wholly there up to a size. */
static int64_t
blocks_lacking(int fd, off_t size)
{
	struct stat status;
	int64_t whole = (size + SHIM_BLOCK_BYTES - 1) / SHIM_BLOCK_BYTES;

	if (fstat(fd, &status) != 0 || status.st_blocks / UNITS >= whole)
		return 0;
	return whole - status.st_blocks / UNITS;
}

static int
allocate(int fd, off_t offset, off_t len)
{
	if (shim_fails(SHIM_TRUNCATE, EIO))
		return -1;
	return is_limited() && !take(blocks_lacking(fd, offset + len)) ? -1 : 0;
}

int
fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (allocate(fd, offset, len) != 0)
		return -1;
	return REAL(fallocate)(fd, mode, offset, len);
}

/* Returns its error, and leaves errno alone. */
int
posix_fallocate(int fd, off_t offset, off_t len)
{
	int saved = errno, rc = 0;
	struct stat status;

	if (allocate(fd, offset, len) != 0)
		rc = errno;
	errno = saved;
	if (rc == 0) {
		journal_lock();
		rc = REAL(posix_fallocate)(fd, offset, len);
		if (rc == 0 && journal_watches(fd) &&
		    fstat(fd, &status) == 0 && status.st_size == offset + len)
			journal_note(SHIM_SIZE, fd, (uint64_t)(offset + len),
			    "", 0);
		journal_unlock();
	}
	return rc;
}

int
statvfs(const char *path, struct statvfs *status)
{
	int rc = REAL(statvfs)(path, status);

	if (rc == 0 && is_limited()) {
		status->f_frsize = SHIM_BLOCK_BYTES;
		status->f_bavail = (fsblkcnt_t)shim_state->blocks;
	}
	return rc;
}
