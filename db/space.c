/* space.c: room on the store's disk: what is free, and what is kept back. */
#include "db/space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/store_private.h"

enum { LOOK_INTERVAL_US = 1000000 };

int64_t
space_free(const char *dir)
{
	struct statvfs status;
	int64_t bytes;

	if (statvfs(dir, &status) != 0 || __builtin_mul_overflow(
	    status.f_bavail, status.f_frsize, &bytes))
		return -1;
	return bytes;
}

bool
space_is_low(struct store *store)
{
	int64_t now_us = clock_mono_us(), bytes;

	if (store->free_bytes_min <= 0)
		return false;
	if (store->space_looked_us == 0 ||
	    now_us - store->space_looked_us >= LOOK_INTERVAL_US) {
		bytes = space_free(store->dir);
		store->space_is_low = bytes >= 0 &&
		                      bytes < store->free_bytes_min;
		store->space_looked_us = now_us;
	}
	return store->space_is_low;
}

/* One whose making was cut short counts as none. */
static bool
ballast_is_there(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && status.st_size == BALLAST_BYTES;
}

/* Takes up blocks, which a file of zeros need not do. */
static bool
fill(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool filled;

	if (fd < 0)
		return false;
	filled = posix_fallocate(fd, 0, BALLAST_BYTES) == 0;
	close(fd);
	if (!filled)
		unlink(path);
	return filled;
}

void
ballast_make(const char *dir, int64_t free_bytes_min)
{
	char *path;

	if (asprintf(&path, "%s/ballast", dir) < 0)
		return;
	/* Twice: else it would be made and dropped over and over. */
	if (!ballast_is_there(path) &&
	    space_free(dir) >= free_bytes_min + 2 * BALLAST_BYTES)
		fill(path);
	free(path);
}

bool
ballast_drop(const char *dir)
{
	char *path;
	bool dropped;

	if (asprintf(&path, "%s/ballast", dir) < 0)
		return false;
	dropped = unlink(path) == 0;
	free(path);
	return dropped;
}
