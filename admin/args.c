/* args.c: the command line, taken apart and matched with the table. */
#include "admin/command.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = OPERANDS_MAX + 2, LONG_FIRST = 256 };

/* What getopt saw. */
struct words {
	const char *word[WORDS_MAX];
	size_t n;
	const char *bad;      /* the option that it did not understand */
	bool lacks_value;     /* bad is one that takes a value */
	bool too_many;
};

char *
shell_quote(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@,+-";
	size_t len = strlen(text);
	char *quoted = malloc(len * 4 + 3);
	char *out = quoted;

	if (!quoted)
		return NULL;
	if (len > 0 && strspn(text, plain) == len)
		return memcpy(quoted, text, len + 1);
	*out++ = '\'';
	for (const char *in = text; *in; in++) {
		if (*in == '\'')
			out = stpcpy(out, "'\\'");
		*out++ = *in;
	}
	strcpy(out, "'");
	return quoted;
}

static void
add_word(struct words *words, const char *word)
{
	if (words->n < WORDS_MAX)
		words->word[words->n++] = word;
	else
		words->too_many = true;
}

/* Options and words may stand in any order, as far as "--". */
static void
read_words(struct args *args, struct words *words)
{
	struct option options[FLAG__COUNT + 1] = { 0 };
	int seen, at;

	for (int flag = 0; flag < FLAG__COUNT; flag++) {
		options[flag].name = flag_rows[flag].name;
		options[flag].has_arg = flag_rows[flag].value ?
		    required_argument : no_argument;
		options[flag].val = LONG_FIRST + flag;
	}
	opterr = 0;
	for (;;) {
		at = optind;
		seen = getopt_long(args->argc, args->argv, "-:h", options,
		    NULL);
		if (seen == -1)
			break;
		if (seen == 1)
			add_word(words, optarg);
		else if (seen == 'h')
			args->value[FLAG_HELP] = "";
		else if (seen >= LONG_FIRST)
			args->value[seen - LONG_FIRST] = optarg ? optarg : "";
		else if (!words->bad) {
			words->bad = args->argv[at];
			words->lacks_value = seen == ':';
		}
	}
	while (optind < args->argc)
		add_word(words, args->argv[optind++]);
}

/* "farebox", or "farebox --config FILE" when that was asked for. */
static bool
name_program(struct args *args)
{
	char *self = shell_quote(args->argc > 0 ? args->argv[0] : "farebox");
	char *config = args->value[FLAG_CONFIG] ?
	    shell_quote(args->value[FLAG_CONFIG]) : NULL;
	bool named = self && (config || !args->value[FLAG_CONFIG]);

	if (named && asprintf(&args->program, config ? "%s --config %s" : "%s",
		self, config) < 0) {
		args->program = NULL;
		named = false;
	}
	free(self);
	free(config);
	return named;
}

/* Which row the words ask for; *used is how many of them name it. */
static const struct command *
find_command(const struct words *words, size_t *used)
{
	const struct command *command = NULL;

	*used = words->n < 2 ? words->n : 2;
	if (words->n == 0)
		return NULL;
	command = command_find(words->word[0], NULL);
	if (command)
		*used = 1;
	else if (words->n > 1)
		command = command_find(words->word[0], words->word[1]);
	return command;
}

/* There are words, but no such command. */
static enum outcome
fail_unknown(const struct args *args, const struct words *words)
{
	const struct command *first = command_noun(words->word[0]);

	if (!first)
		return fail(OUTCOME_USAGE,
		    "there is no command '%s'; list them with: %s help",
		    words->word[0], args->program);
	if (words->n < 2)
		return fail(OUTCOME_USAGE,
		    "'%s' needs a verb; list them with: %s help %s",
		    first->noun, args->program, first->noun);
	return fail(OUTCOME_USAGE,
	    "there is no command '%s %s'; list them with: %s help %s",
	    first->noun, words->word[1], args->program, first->noun);
}

static enum outcome
fail_form(const struct args *args, const struct command *command,
    const char *what, const char *which)
{
	const char *verb = command && command->verb ? command->verb : "";

	return fail(OUTCOME_USAGE, "%s%s%s%s; see: %s help%s%s%s%s", what,
	    which ? " '" : "", which ? which : "", which ? "'" : "",
	    args->program, command ? " " : "", command ? command->noun : "",
	    *verb ? " " : "", verb);
}

/* The words fit the command's row. */
static enum outcome
check_form(const struct args *args, const struct words *words,
    const struct command *command)
{
	size_t min, max;

	if (words->bad && words->lacks_value)
		return fail_form(args, command, "a value must follow",
		    words->bad);
	if (words->bad && isdigit((unsigned char)words->bad[1]))
		return fail_form(args, command, "write '--' before an amount "
		    "below zero, such as", words->bad);
	if (words->bad)
		return fail_form(args, command, "there is no option",
		    words->bad);
	for (int flag = 0; flag < FLAG__COUNT; flag++)
		if (args->value[flag] &&
		    !command_takes(command, (enum flag)flag))
			return fail_form(args, command,
			    "this command does not take the option",
			    flag_rows[flag].name);
	command_operands(command, &min, &max);
	if (args->n_operands < min)
		return fail_form(args, command,
		    "it needs more words, namely", command->operands);
	if (args->n_operands > max || words->too_many)
		return fail_form(args, command, "there is a word too many",
		    args->n_operands > max ? args->operand[max] : NULL);
	return OUTCOME_OK;
}

enum outcome
args_parse(struct args *args, int argc, char **argv,
    const struct command **command)
{
	struct words words = { 0 };
	size_t used;

	*args = (struct args){ .argc = argc, .argv = argv };
	*command = NULL;
	read_words(args, &words);
	if (!name_program(args))
		return fail(OUTCOME_UNUSABLE,
		    "there is no memory; free some, then try: farebox");
	*command = find_command(&words, &used);
	for (size_t i = used; i < words.n && args->n_operands < OPERANDS_MAX;
	     i++)
		args->operand[args->n_operands++] = words.word[i];
	if (args->value[FLAG_VERSION] && words.n == 0)
		return OUTCOME_OK;
	if (args->value[FLAG_HELP] && (words.n == 0 || *command ||
		command_noun(words.word[0]))) {
		args->operand[0] = words.n > 0 ? words.word[0] : NULL;
		args->operand[1] = *command ? (*command)->verb : NULL;
		*command = NULL;
		return OUTCOME_OK;
	}
	if (*command || words.bad)
		return check_form(args, &words, *command);
	if (words.n > 0)
		return fail_unknown(args, &words);
	help_summary(args, true);
	return OUTCOME_USAGE;
}

void
args_clear(struct args *args)
{
	free(args->program);
	args->program = NULL;
}
