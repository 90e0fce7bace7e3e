/* workdir.c: a directory of this process's own, for a while. */
#include "db/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_PREFIX "copy-"

enum { MAKE_TRIES = 5 };

static bool
is_work(const char *name)
{
	return strncmp(name, WORK_PREFIX, strlen(WORK_PREFIX)) == 0;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void
workdir_empty(const char *path)
{
	DIR *listing = opendir(path);
	const struct dirent *entry;

	if (!listing)
		return;
	while ((entry = readdir(listing)) != NULL)
		if (!is_dots(entry->d_name))
			unlinkat(dirfd(listing), entry->d_name, 0);
	closedir(listing);
}

/* A descriptor of a directory that no live process has, or -1. */
static int
lock_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
remove_stale(const char *parent, const char *name)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/%s", parent, name) < 0)
		return;
	fd = lock_dir(path);
	if (fd >= 0) {
		workdir_empty(path);
		rmdir(path);
		close(fd);
	}
	free(path);
}

static void
remove_all_stale(const char *parent)
{
	DIR *listing = opendir(parent);
	const struct dirent *entry;

	if (!listing)
		return;
	while ((entry = readdir(listing)) != NULL)
		if (is_work(entry->d_name))
			remove_stale(parent, entry->d_name);
	closedir(listing);
}

/* Another process may take it for stale before it is locked. */
static bool
make_locked(struct workdir *work, const char *parent)
{
	struct stat status;

	work->fd = -1;
	if (asprintf(&work->path, "%s/" WORK_PREFIX "XXXXXX", parent) < 0) {
		work->path = NULL;
		return false;
	}
	if (mkdtemp(work->path)) {
		work->fd = lock_dir(work->path);
		if (work->fd >= 0 && fstat(work->fd, &status) == 0 &&
		    status.st_nlink > 0)
			return true;
	}
	if (work->fd >= 0)
		close(work->fd);
	free(work->path);
	work->path = NULL;
	return false;
}

bool
workdir_make(struct workdir *work, const char *parent,
    char why[STORE_WHY_SIZE])
{
	remove_all_stale(parent);
	for (int i = 0; i < MAKE_TRIES; i++)
		if (make_locked(work, parent))
			return true;
	snprintf(why, STORE_WHY_SIZE, "cannot make a directory in %s: %s",
	    parent, strerror(errno));
	return false;
}

void
workdir_remove(struct workdir *work)
{
	if (!work->path)
		return;
	workdir_empty(work->path);
	rmdir(work->path);
	close(work->fd);
	free(work->path);
	work->path = NULL;
}

static bool
is_empty(const char *dir)
{
	DIR *listing = opendir(dir);
	const struct dirent *entry;
	bool empty = listing != NULL;

	while (empty && (entry = readdir(listing)) != NULL)
		empty = is_dots(entry->d_name) || is_work(entry->d_name);
	if (listing)
		closedir(listing);
	return empty;
}

bool
workdir_claim(const char *dir, char why[STORE_WHY_SIZE])
{
	struct stat status;

	if (mkdir(dir, 0700) == 0)
		return true;
	if (errno != EEXIST || stat(dir, &status) != 0)
		snprintf(why, STORE_WHY_SIZE, "cannot make %s: %s", dir,
		    strerror(errno));
	else if (!S_ISDIR(status.st_mode) || !is_empty(dir))
		snprintf(why, STORE_WHY_SIZE, "%s is not an empty directory",
		    dir);
	else if (status.st_uid != geteuid() || (status.st_mode & 077))
		snprintf(why, STORE_WHY_SIZE, "%s is not this user's alone; "
		    "make it so, or name one that does not exist yet", dir);
	else
		return true;
	return false;
}
