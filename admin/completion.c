/* completion.c: completion for bash, out of the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/command.h"

static const char head[] =
    "# farebox.bash: completes farebox; made by `farebox completion bash`.\n"
    "_farebox()\n"
    "{\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "\tlocal i noun='' verb='' words=''\n"
    "\n"
    "\tCOMPREPLY=()\n"
    "\tcase $prev in\n"
    "\t--config)\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "\t\treturn ;;\n"
    "\t--dir|--to|--work)\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "\t\treturn ;;\n";

static const char middle[] =
    "\tesac\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tcase ${COMP_WORDS[i]} in\n";

static const char words_head[] =
    "\t\t-*) ;;\n"
    "\t\t*)\n"
    "\t\t\tif [[ -z $noun ]]; then\n"
    "\t\t\t\tnoun=${COMP_WORDS[i]}\n"
    "\t\t\telif [[ -z $verb ]]; then\n"
    "\t\t\t\tverb=${COMP_WORDS[i]}\n"
    "\t\t\tfi ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tcase $noun/$verb in\n";

static const char common_head[] =
    "\tesac\n"
    "\twords+='";

static const char tail[] =
    "'\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
    "}\n"
    "complete -F _farebox farebox\n";

/* Those of head[]. */
static bool
is_path(enum flag flag)
{
	return flag == FLAG_CONFIG || flag == FLAG_DIR || flag == FLAG_TO ||
	       flag == FLAG_WORK;
}

/* "--label|--budget)": the options that take a value of no known kind. */
static void
print_value_pattern(bool all)
{
	const char *bar = "";

	for (int flag = 0; flag < FLAG__COUNT; flag++) {
		if (!flag_rows[flag].value ||
		    (!all && is_path((enum flag)flag)))
			continue;
		printf("%s--%s", bar, flag_rows[flag].name);
		bar = "|";
	}
	fputs(")\n", stdout);
}

/* " --json --label": options that are in the set. */
static void
print_flags(unsigned flags)
{
	for (int flag = 0; flag < FLAG__COUNT; flag++)
		if (flags & FLAG_BIT(flag))
			printf(" --%s", flag_rows[flag].name);
}

static void
print_nouns(void)
{
	const char *blank = "";

	for (size_t i = 0; i < n_commands; i++) {
		if (!command_is_first_of_noun(&commands[i]))
			continue;
		printf("%s%s", blank, commands[i].noun);
		blank = " ";
	}
}

static void
print_verbs(const char *noun)
{
	const char *blank = "";

	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i].noun, noun) != 0)
			continue;
		printf("%s%s", blank, commands[i].verb);
		blank = " ";
	}
}

/* What may come next after nothing, a noun, or a noun and a verb. */
static void
print_cases(void)
{
	fputs("\t/) words='", stdout);
	print_nouns();
	fputs(" --version' ;;\n", stdout);
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];

		if (command->verb && command_is_first_of_noun(command)) {
			printf("\t%s/) words='", command->noun);
			print_verbs(command->noun);
			fputs("' ;;\n", stdout);
		}
		printf("\t%s/%s) words='", command->noun,
		    command->verb ? command->verb : "*");
		if (command->run == help_run)
			print_nouns();
		print_flags(command->flags);
		fputs("' ;;\n", stdout);
	}
}

enum outcome
completion_bash_run(struct session *s)
{
	(void)s;
	fputs(head, stdout);
	fputs("\t", stdout);
	print_value_pattern(false);
	fputs("\t\treturn ;;\n", stdout);
	fputs(middle, stdout);
	fputs("\t\t", stdout);
	print_value_pattern(true);
	fputs("\t\t\t((i++)) ;;\n", stdout);
	fputs(words_head, stdout);
	print_cases();
	fputs(common_head, stdout);
	print_flags(GLOBAL_FLAGS);
	fputs(tail, stdout);
	return OUTCOME_OK;
}
