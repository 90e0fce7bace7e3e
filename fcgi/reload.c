/* reload.c: farebox.conf, read again when it changes. */
#include "fcgi/reload.h"

#include <stdlib.h>
#include <string.h>

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
reload_first(struct reload *reload, const char *file)
{
	*reload = (struct reload){ .file = file, .seen = look(file) };
	return load(file, false);
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
