/* title.c: what ps(1) shows of a process, other than its command line. */
#include "fcgi/title.h"

#include <stdio.h>
#include <string.h>

static char *command_line;
static size_t command_line_size;

void
title_prepare(int argc, char *const argv[])
{
	char *end = argc > 0 ? argv[0] : NULL;

	/* The words stand one behind the other, unless somebody moved them. */
	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
	if (!end)
		return;
	command_line = argv[0];
	command_line_size = (size_t)(end - argv[0]);
}

void
title_set(const char *title)
{
	if (!command_line)
		return;
	memset(command_line, 0, command_line_size);
	snprintf(command_line, command_line_size, "%s", title);
}
