/* conf_file.c: a configuration in a directory of its own, for tests. */
#include "tests/unit/conf_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;

int
conf_file_setup(void **state)
{
	char name[] = "/tmp/farebox-conf-XXXXXX";

	(void)state;
	/* The true path, because that is what a configuration will show. */
	dir = mkdtemp(name) ? realpath(name, NULL) : NULL;
	return dir ? 0 : -1;
}

const char *
conf_file_path(const char *name)
{
	static char paths[4][CONF_FILE_PATH_SIZE];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, CONF_FILE_PATH_SIZE, "%s%s%s", dir, *name ? "/" : "",
	    name);
	return path;
}

int
conf_file_teardown(void **state)
{
	DIR *list = opendir(dir);
	struct dirent *entry;

	(void)state;
	while (list && (entry = readdir(list)))
		if (entry->d_name[0] != '.')
			unlink(conf_file_path(entry->d_name));
	if (list)
		closedir(list);
	rmdir(dir);
	free(dir);
	return 0;
}

const char *
conf_file_write(const char *name, const char *text, size_t len, unsigned mode)
{
	const char *path = conf_file_path(name);
	FILE *file = fopen(path, "w");

	if (!file || fwrite(text, 1, len, file) != len || fclose(file) != 0 ||
	    chmod(path, (mode_t)mode) != 0)
		abort();
	return path;
}
