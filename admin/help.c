/* help.c: help for people, out of the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"

static const char *const outcomes[OUTCOME__COUNT] = {
	[OUTCOME_OK] = "done",
	[OUTCOME_WRONG] = "what was checked is not right",
	[OUTCOME_USAGE] = "the command line is not right",
	[OUTCOME_NOT_FOUND] = "what was named does not exist",
	[OUTCOME_CONFLICT] = "it exists already, or its state forbids it",
	[OUTCOME_UNUSABLE] = "the store or the configuration cannot be used",
};

enum { USAGE_SIZE = 128 };

/* "key new ACCOUNT" */
static const char *
usage_of(const struct command *command, char usage[USAGE_SIZE])
{
	snprintf(usage, USAGE_SIZE, "%s%s%s%s%s", command->noun,
	    command->verb ? " " : "", command->verb ? command->verb : "",
	    *command->operands ? " " : "", command->operands);
	return usage;
}

static void
print_command(FILE *out, const struct command *command)
{
	char usage[USAGE_SIZE];

	fprintf(out, "  %-28s  %s\n", usage_of(command, usage), command->doc);
}

static void
print_flag(FILE *out, enum flag flag)
{
	const struct flag_row *row = &flag_rows[flag];

	fprintf(out, "  --%s%s%s\n      %s\n", row->name,
	    row->value ? " " : "", row->value ? row->value : "", row->doc);
}

void
help_summary(const struct args *args, bool to_stderr)
{
	FILE *out = to_stderr ? stderr : stdout;

	fprintf(out, "usage: farebox NOUN [VERB] [OPERAND...] [OPTION...]\n\n"
	    "Keeps the accounts, keys and books of the Farebox gateway.\n\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (i > 0 && command_is_first_of_noun(&commands[i]) &&
		    (commands[i].verb || commands[i - 1].verb))
			fputc('\n', out);
		print_command(out, &commands[i]);
	}
	fputs("\nOptions of all commands:\n", out);
	for (int flag = 0; flag < FLAG__COUNT; flag++)
		if (((GLOBAL_FLAGS | FLAG_BIT(FLAG_JSON) |
			FLAG_BIT(FLAG_VERSION)) & FLAG_BIT(flag)) != 0)
			print_flag(out, (enum flag)flag);
	fputs("\nExit codes:\n", out);
	for (int code = 0; code < OUTCOME__COUNT; code++)
		fprintf(out, "  %d  %s\n", code, outcomes[code]);
	fprintf(out, "\nFor one command, run: %s help NOUN [VERB]\n",
	    args->program);
}

static void
print_noun(const char *noun)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].noun, noun) == 0)
			print_command(stdout, &commands[i]);
}

static void
print_one(const struct command *command)
{
	char usage[USAGE_SIZE];

	printf("usage: farebox %s%s\n\n%s\n", usage_of(command, usage),
	    command->flags ? " [OPTION...]" : "", command->doc);
	if (command->more)
		printf("%s\n", command->more);
	fputs("\nOptions:\n", stdout);
	for (int flag = 0; flag < FLAG__COUNT; flag++)
		if (command_takes(command, (enum flag)flag))
			print_flag(stdout, (enum flag)flag);
}

enum outcome
help_print(const struct args *args, const char *noun, const char *verb)
{
	const struct command *first = noun ? command_noun(noun) : NULL;
	const struct command *command = noun ? command_find(noun, verb) : NULL;

	if (!noun)
		help_summary(args, false);
	else if (command)
		print_one(command);
	else if (first && !verb)
		print_noun(noun);
	else
		return fail(OUTCOME_USAGE, "there is no command '%s%s%s'; list "
		    "them with: %s help", noun, verb ? " " : "",
		    verb ? verb : "", args->program);
	return OUTCOME_OK;
}

enum outcome
help_run(struct session *s)
{
	return help_print(s->args, operand(s, 0), operand(s, 1));
}
