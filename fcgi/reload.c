/* reload.c: farebox.conf, read again when it changes. */
#include "fcgi/reload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

/* The file's state; all zero while there is none. */
static struct stat
look(const char *file)
{
	struct stat found;

	if (stat(file, &found) < 0)
		memset(&found, 0, sizeof(found));
	return found;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
log_problems(char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			log_line(LOG_LEVEL_ERROR, "config: %s", line);
}

static struct conf *
load(const char *file, bool quiet)
{
	struct conf_problems problems = { 0 };
	struct conf *conf = conf_load(file, &problems);

	if (!conf && !quiet && problems.text)
		log_problems(problems.text);
	free(problems.text);
	return conf;
}

struct conf *
reload_first(struct reload *reload, const char *file, const char *kept)
{
	struct conf *conf;

	*reload = (struct reload){
		.file = file, .quiet = kept != NULL, .seen = look(file),
	};
	conf = load(file, reload->quiet);
	if (!conf && kept)
		conf = load(kept, false);
	return conf;
}

struct conf *
reload_changed(struct reload *reload, bool forced)
{
	struct stat found = look(reload->file);
	struct conf *conf;

	if (!forced && same_file(&found, &reload->seen))
		return NULL;
	reload->seen = found;
	conf = load(reload->file, reload->quiet);
	if (reload->quiet)
		return conf;
	if (conf)
		log_line(LOG_LEVEL_INFO, "config reloaded file=%s",
		    reload->file);
	else
		log_line(LOG_LEVEL_WARNING,
		    "config not reloaded, the old one stays file=%s",
		    reload->file);
	return conf;
}

static bool
copy_bytes(int from, int to)
{
	char part[4096];
	ssize_t n;

	while ((n = read(from, part, sizeof(part))) > 0)
		if (write(to, part, (size_t)n) != n)
			return false;
	return n == 0;
}

int
reload_copy(const struct reload *reload)
{
	int from = open(reload->file, O_RDONLY | O_CLOEXEC);
	int to = memfd_create("farebox.conf", MFD_CLOEXEC);
	struct stat found;
	bool copied = from >= 0 && to >= 0 && copy_bytes(from, to);

	if (from >= 0)
		close(from);
	found = look(reload->file);
	if (copied && same_file(&found, &reload->seen))
		return to;
	if (to >= 0)
		close(to);
	return -1;
}
