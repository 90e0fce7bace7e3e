/* dispatch.c: the file that names the configuration under suexec. */
#include "fcgi/dispatch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_SIZE = PATH_MAX + 64 };

/* The text without white space around it. */
static char *
trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

/* The FILE of a line `config = FILE`, or NULL. */
static const char *
config_of(char *line)
{
	char *equals = strchr(line, '='), *value;

	if (!equals)
		return NULL;
	*equals = '\0';
	value = trim(equals + 1);
	if (strcmp(trim(line), "config") != 0 || value[0] == '\0' ||
	    strlen(value) >= PATH_MAX)
		return NULL;
	return value;
}

static bool
read_lines(FILE *in, const char *file, char config[PATH_MAX],
    char why[START_WHY_SIZE])
{
	char line[LINE_SIZE];

	for (int number = 1; fgets(line, sizeof(line), in); number++) {
		char *text = trim(line);
		const char *value;

		if (text[0] == '\0' || text[0] == '#')
			continue;
		value = config_of(text);
		if (!value) {
			snprintf(why, START_WHY_SIZE,
			    "%s:%d: expected only 'config = FILE'", file,
			    number);
			return false;
		}
		snprintf(config, PATH_MAX, "%s", value);
	}
	if (config[0] != '\0')
		return true;
	snprintf(why, START_WHY_SIZE, "%s: expected a line 'config = FILE'",
	    file);
	return false;
}

bool
dispatch_read(const char *file, char config[PATH_MAX],
    char why[START_WHY_SIZE])
{
	FILE *in = fopen(file, "re");
	bool right;

	config[0] = '\0';
	if (!in) {
		snprintf(why, START_WHY_SIZE, "%s: %s", file, strerror(errno));
		return false;
	}
	right = read_lines(in, file, config, why);
	fclose(in);
	return right;
}

bool
dispatch_is_script(const char *file)
{
	const char *script = getenv("SCRIPT_FILENAME");
	struct stat ours, theirs;

	return file && script && stat(file, &ours) == 0 &&
	       stat(script, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}
