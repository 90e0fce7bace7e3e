/* command.h: the table of subcommands and that of their options. */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/admin.h"

/* What is opened before a subcommand runs. */
enum command_needs {
	NEED_NOTHING,
	NEED_CONF,  /* the configuration */
	NEED_DIR,   /* the store's directory, from --dir or the configuration */
	NEED_STORE, /* the store in it, open */
};

/*
 * One subcommand. It drives dispatch, help and completion. Each word of
 * operands is one operand; one that begins with '[' may be left out, and one
 * that ends with "...]" stands for any number of them.
 */
struct command {
	const char *noun;
	const char *verb; /* NULL: the noun is all of it */
	const char *operands;
	unsigned flags;   /* 1 << enum flag, besides GLOBAL_FLAGS */
	enum command_needs needs;
	enum outcome (*run)(struct session *s);
	const char *doc;  /* one line */
	const char *more; /* the rest of its help, or NULL */
};

extern const struct command commands[];
extern const size_t n_commands;

struct flag_row {
	const char *name;
	const char *value; /* what it takes, or NULL */
	const char *doc;
};

extern const struct flag_row flag_rows[FLAG__COUNT];

#define FLAG_BIT(flag) (1U << (flag))
#define GLOBAL_FLAGS \
	(FLAG_BIT(FLAG_CONFIG) | FLAG_BIT(FLAG_QUIET) | FLAG_BIT(FLAG_HELP))

/* Whether the command takes the option. */
bool command_takes(const struct command *command, enum flag flag);

/* The row of a noun and a verb (NULL: none), or NULL. */
const struct command *command_find(const char *noun, const char *verb);

/* The first row of a noun, or NULL. */
const struct command *command_noun(const char *noun);

/* True for the first of the rows that share a noun. */
bool command_is_first_of_noun(const struct command *command);

/* How many operands it takes at least and at most. */
void command_operands(const struct command *command, size_t *min,
    size_t *max);

/*
 * Takes the command line apart and finds what it asks for: a command, or NULL
 * when nothing but help or the version is wanted. The caller gives args to
 * args_clear() whatever the outcome; a failure is told.
 */
enum outcome args_parse(struct args *args, int argc, char **argv,
    const struct command **command);
void args_clear(struct args *args);

/*
 * Prints help: the operands, if any, are a noun and a verb. To stderr where
 * it answers a mistake.
 */
enum outcome help_print(const struct args *args, const char *noun,
    const char *verb);
void help_summary(const struct args *args, bool to_stderr);

#endif
