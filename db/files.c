/* files.c: the store's files as files: opened, copied, flushed, listed. */
#include "db/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 65536 };

int
file_open(const char *dir, const char *name, int flags)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		errno = ENOMEM;
		return -1;
	}
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	return fd;
}

int64_t
file_size(const char *dir, const char *name)
{
	struct stat status;
	char *path;
	int rc;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -1;
	rc = stat(path, &status);
	free(path);
	return rc == 0 ? (int64_t)status.st_size : -1;
}

static bool
transfer(int from, int to)
{
	char *chunk = malloc(CHUNK_BYTES);
	ssize_t got = -1, put;

	while (chunk && (got = read(from, chunk, CHUNK_BYTES)) > 0)
		for (ssize_t done = 0; done < got; done += put) {
			put = write(to, chunk + done, (size_t)(got - done));
			if (put < 0) {
				free(chunk);
				return false;
			}
		}
	free(chunk);
	return got == 0;
}

bool
file_copy(const char *from_dir, const char *to_dir, const char *name)
{
	int from = file_open(from_dir, name, O_RDONLY);
	int to = from < 0 ? -1 : file_open(to_dir, name,
	    O_WRONLY | O_CREAT | O_EXCL);
	bool copied = to >= 0 && transfer(from, to) && fsync(to) == 0;
	int error = errno;

	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
	errno = error;
	return copied;
}

bool
file_rewrite(const char *dir, const char *name)
{
	char part[65536];
	int fd = file_open(dir, name, O_RDWR);
	off_t at = 0;
	ssize_t n = 0;
	int rc;

	if (fd < 0)
		return errno == ENOENT;
	while ((n = pread(fd, part, sizeof(part), at)) > 0 &&
	    pwrite(fd, part, (size_t)n, at) == n)
		at += n;
	rc = n == 0 ? fdatasync(fd) : -1;
	close(fd);
	return rc == 0;
}

bool
file_move(const char *from_dir, const char *to_dir, const char *name)
{
	char *from = NULL, *to = NULL;
	bool moved = asprintf(&from, "%s/%s", from_dir, name) >= 0 &&
	             asprintf(&to, "%s/%s", to_dir, name) >= 0 &&
	             rename(from, to) == 0;

	free(from);
	free(to);
	return moved;
}

int
dir_flush(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int
is_log(const struct dirent *entry)
{
	const char *digits = entry->d_name + 4;

	return strncmp(entry->d_name, "log.", 4) == 0 && *digits &&
	       strspn(digits, "0123456789") == strlen(digits);
}

bool
logs_each(const char *dir, bool (*visit)(const char *name, void *context),
    void *context)
{
	struct dirent **entries;
	/* Berkeley DB writes ten digits: the order of names is that of age. */
	int n = scandir(dir, &entries, is_log, alphasort);
	bool going = n >= 0;

	for (int i = 0; i < n; i++) {
		going = going && visit(entries[i]->d_name, context);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return going;
}
