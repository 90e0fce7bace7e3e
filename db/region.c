/* region.c: Berkeley DB's shared memory, as files with blocks. */
#include "db/region.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/files.h"

static const char prefix[] = "__db.";

static bool
is_region(const struct dirent *entry)
{
	return strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0;
}

bool
region_remove(const char *dir)
{
	DIR *listing = opendir(dir);
	const struct dirent *entry;
	bool removed = true;

	if (!listing)
		return false;
	while ((entry = readdir(listing)) != NULL)
		if (is_region(entry) &&
		    unlinkat(dirfd(listing), entry->d_name, 0) != 0 &&
		    errno != ENOENT)
			removed = false;
	closedir(listing);
	return removed;
}

#ifdef FALLOC_FL_KEEP_SIZE

enum { MAPS_LINE_SIZE = 4352 };

/*
 * How much of a file is mapped, which is as much as it may grow to: Berkeley DB
 * extends it as it needs, and counts on its size.
 */
static off_t
mapped_bytes(ino_t inode)
{
	char line[MAPS_LINE_SIZE];
	FILE *maps = fopen("/proc/self/maps", "re");
	off_t bytes = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long from, to, offset, mapped;

		/* "FROM-TO rw-s OFFSET MAJOR:MINOR INODE NAME" */
		if (strstr(line, "/__db.") && sscanf(line,
		    "%lx-%lx %*s %lx %*s %lu", &from, &to, &offset,
		    &mapped) == 4 && mapped == inode &&
		    (off_t)(offset + to - from) > bytes)
			bytes = (off_t)(offset + to - from);
	}
	if (maps)
		fclose(maps);
	return bytes;
}

static bool
reserve(const char *dir, const char *name)
{
	int fd = file_open(dir, name, O_RDWR);
	struct stat status;
	off_t bytes = 0;
	int rc = 0;

	if (fd < 0)
		return true;
	if (fstat(fd, &status) == 0)
		bytes = mapped_bytes(status.st_ino);
	if (bytes > 0)
		do
			rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes);
		while (rc != 0 && errno == EINTR);
	/* A file system that cannot is none that is full. */
	rc = rc != 0 && (errno == ENOSPC || errno == EDQUOT);
	close(fd);
	return rc == 0;
}

bool
region_reserve(const char *dir)
{
	DIR *listing = opendir(dir);
	const struct dirent *entry;
	bool reserved = true;

	if (!listing)
		return true;
	while ((entry = readdir(listing)) != NULL)
		if (is_region(entry) && !reserve(dir, entry->d_name))
			reserved = false;
	closedir(listing);
	return reserved;
}

#else

bool
region_reserve(const char *dir)
{
	(void)dir;
	return true;
}

#endif
