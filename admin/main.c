/* main.c: the `farebox` command: what an operator types. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/command.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

/*
 * A store's file must not become standard output because that was closed. What
 * takes its place cannot be written, so an answer that is lost is noticed.
 */
static bool
fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd >= 0 && close(fd) == 0;
}

static enum outcome
run(const struct args *args, const struct command *command)
{
	struct session s;
	enum outcome outcome;

	if (!command && args->value[FLAG_VERSION]) {
		printf("farebox %s\n", PACKAGE_VERSION);
		return OUTCOME_OK;
	}
	if (!command)
		return help_print(args, args->operand[0], args->operand[1]);
	outcome = session_open(&s, args, command);
	if (outcome == OUTCOME_OK)
		outcome = command->run(&s);
	session_close(&s);
	return outcome;
}

/* An answer that did not arrive is no success. */
static enum outcome
finish_output(const struct args *args, enum outcome outcome)
{
	bool failed = ferror(stdout) != 0;

	if (fclose(stdout) == 0 && !failed)
		return outcome;
	return fail(OUTCOME_UNUSABLE, "standard output cannot be written (%s); "
	    "what was done stays done, so look before you repeat it, with: "
	    "%s account list", strerror(errno), args->program);
}

int
main(int argc, char **argv)
{
	const struct command *command;
	struct args args;
	enum outcome outcome;

	if (!fill_standard_files())
		return OUTCOME_UNUSABLE;
	outcome = args_parse(&args, argc, argv, &command);
	if (outcome == OUTCOME_OK)
		outcome = run(&args, command);
	outcome = finish_output(&args, outcome);
	args_clear(&args);
	return (int)outcome;
}
