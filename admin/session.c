/* session.c: opens what a subcommand needs, as the right user. */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/command.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 100000, OWNER_SIZE = 64 };

static enum outcome
open_conf(struct session *s)
{
	const char *file = conf_path(s->args->value[FLAG_CONFIG]);
	struct conf_problems problems = { 0 };

	s->conf = conf_load(file, &problems);
	if (!s->conf && problems.text)
		fputs(problems.text, stderr);
	free(problems.text);
	if (s->conf)
		return OUTCOME_OK;
	if (access(file, F_OK) != 0)
		return fail(OUTCOME_UNUSABLE, "there is no configuration %s; "
		    "a sample to begin with is printed by: %s config sample",
		    file, s->args->program);
	return fail(OUTCOME_UNUSABLE, "the configuration cannot be used; when "
	    "it is mended, check it with: %s config check", s->args->program);
}

/* The user's name, or number where it has no name. */
static void
name_owner(uid_t uid, char name[OWNER_SIZE])
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(name, OWNER_SIZE, "%s", user->pw_name);
	else
		snprintf(name, OWNER_SIZE, "#%lu", (unsigned long)uid);
}

/* Adds a word to a command line. Takes over line; NULL without memory. */
static char *
add_quoted(char *line, const char *text)
{
	char *word = shell_quote(text), *longer = NULL;

	if (!line || !word || asprintf(&longer, "%s %s", line, word) < 0)
		longer = NULL;
	free(word);
	free(line);
	return longer;
}

/*
 * What to type as another user: sudo keeps no environment, so a file that
 * $FAREBOX_CONFIG names is spelt out. Allocated; NULL without memory.
 */
static char *
command_line_as(const char *owner, const struct args *args)
{
	const char *variable = getenv("FAREBOX_CONFIG");
	char *line = add_quoted(strdup("sudo -u"), owner);

	line = add_quoted(line, args->argv[0]);
	if (variable && *variable && !args->value[FLAG_CONFIG] &&
	    !args->value[FLAG_DIR])
		line = add_quoted(add_quoted(line, "--config"), variable);
	for (int i = 1; i < args->argc; i++)
		line = add_quoted(line, args->argv[i]);
	return line;
}

static enum outcome
fail_owner(const struct session *s, uid_t uid)
{
	char owner[OWNER_SIZE];
	char *line;

	name_owner(uid, owner);
	line = command_line_as(owner, s->args);
	fail(OUTCOME_UNUSABLE, "the store %s belongs to %s, who could not open "
	    "what another user leaves in it; run it as: %s", s->dir, owner,
	    line ? line : s->args->program);
	free(line);
	return OUTCOME_UNUSABLE;
}

/*
 * Finds the store's directory, and refuses any user but its owner: a file that
 * another one left there would lock the gateway out.
 */
static enum outcome
open_dir(struct session *s)
{
	struct stat status;
	enum outcome outcome;

	s->dir = s->args->value[FLAG_DIR];
	if (!s->dir) {
		outcome = open_conf(s);
		if (outcome != OUTCOME_OK)
			return outcome;
		s->dir = s->conf->store;
	}
	if (stat(s->dir, &status) == 0)
		return status.st_uid == geteuid() ? OUTCOME_OK :
		    fail_owner(s, status.st_uid);
	if (errno == ENOENT && strcmp(s->command->noun, "store") == 0 &&
	    strcmp(s->command->verb, "init") == 0)
		return OUTCOME_OK;
	if (errno == ENOENT)
		return fail(OUTCOME_UNUSABLE, "there is no store in %s; make "
		    "it with: %s store init%s%s", s->dir, s->args->program,
		    s->args->value[FLAG_DIR] ? " --dir " : "",
		    s->args->value[FLAG_DIR] ? s->dir : "");
	return fail(OUTCOME_UNUSABLE, "%s cannot be looked at (%s); run it as "
	    "the owner of the store, with: sudo -u OWNER %s", s->dir,
	    strerror(errno), s->args->program);
}

/* A command line for whoever finds this store blocked by a dead process. */
static void
fill_recover_command(struct session *s)
{
	ssize_t len = readlink("/proc/self/exe", s->exe, sizeof(s->exe) - 1);
	size_t n = 0;

	if (len < 0)
		strcpy(s->exe, "/proc/self/exe");
	else
		s->exe[len] = '\0';
	s->recover_command[n++] = s->exe;
	s->recover_command[n++] = "store";
	s->recover_command[n++] = "recover";
	s->recover_command[n++] = "--dir";
	s->recover_command[n++] = s->dir;
	s->recover_command[n] = NULL;
}

static enum outcome
open_store(struct session *s)
{
	char why[STORE_WHY_SIZE];
	enum outcome outcome = open_dir(s);

	if (outcome != OUTCOME_OK)
		return outcome;
	fill_recover_command(s);
	s->options = (struct store_options){
		.dir = s->dir,
		.flush = !s->conf || s->conf->durability == DURABILITY_FLUSH,
		.free_bytes_min = s->conf ? s->conf->free_bytes_min : 0,
		.recover_command = s->recover_command,
	};
	if (store_open(&s->store, &s->options, why) == STORE_OK)
		return OUTCOME_OK;
	/* The check itself cannot help with what it cannot open. */
	return fail(OUTCOME_UNUSABLE, s->command->run == store_check_run ?
	    "the store cannot be opened: %s; if its files are damaged, put a "
	    "backup in its place with: %s store restore BACKUP --to DIR" :
	    "the store cannot be opened: %s; when that is mended, check it "
	    "with: %s store check", why, s->args->program);
}

enum outcome
session_open(struct session *s, const struct args *args,
    const struct command *command)
{
	*s = (struct session){ .args = args, .command = command };
	switch (command->needs) {
	case NEED_NOTHING:
		return OUTCOME_OK;
	case NEED_CONF:
		return open_conf(s);
	case NEED_DIR:
		return open_dir(s);
	case NEED_STORE:
		return open_store(s);
	}
	return OUTCOME_UNUSABLE;
}

void
session_close(struct session *s)
{
	store_close(s->store);
	s->store = NULL;
	conf_free(s->conf);
	s->conf = NULL;
}

const char *
operand(const struct session *s, size_t index)
{
	return index < s->args->n_operands ? s->args->operand[index] : NULL;
}

void
tell(const struct session *s, const char *format, ...)
{
	va_list list;

	if (s->args->value[FLAG_QUIET])
		return;
	/* Rows on standard output come before what is said about them. */
	fflush(stdout);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

static void __attribute__((format(printf, 1, 0)))
complain(const char *format, va_list list)
{
	fflush(stdout);
	fputs("farebox: ", stderr);
	vfprintf(stderr, format, list);
}

enum outcome
fail(enum outcome outcome, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	complain(format, list);
	va_end(list);
	fputc('\n', stderr);
	return outcome;
}

enum outcome
fail_usage(const struct session *s, const char *format, ...)
{
	const char *verb = s->command->verb;
	va_list list;

	va_start(list, format);
	complain(format, list);
	va_end(list);
	fprintf(stderr, "; see: %s help %s%s%s\n",
	    s->args->program, s->command->noun, verb ? " " : "",
	    verb ? verb : "");
	return OUTCOME_USAGE;
}

enum outcome
fail_memory(const struct session *s)
{
	return fail(OUTCOME_UNUSABLE, "there is no memory; free some, then "
	    "look at what was done with: %s account list", s->args->program);
}

enum outcome
fail_store(const struct session *s, enum store_rc rc)
{
	const char *why = s->store ? store_why(s->store) : NULL;

	return fail(OUTCOME_UNUSABLE, "the store failed (%s)%s%s; look at it "
	    "with: %s store check", store_rc_text(rc), why && *why ? ": " : "",
	    why ? why : "", s->args->program);
}

enum outcome
find_account(struct session *s, const char *name, struct account *account)
{
	enum store_rc rc = account_find(s->store, name, account);

	if (rc == STORE_OK)
		return OUTCOME_OK;
	if (rc != STORE_NOT_FOUND && rc != STORE_OUT_OF_RANGE)
		return fail_store(s, rc);
	if (!account_name_is_valid(name))
		return fail(OUTCOME_NOT_FOUND, "there is no account '%s'; "
		    "list them with: %s account list", name,
		    s->args->program);
	return fail(OUTCOME_NOT_FOUND, "account %s does not exist; make it "
	    "with: %s account create %s", name, s->args->program, name);
}

enum outcome
read_limit(const struct session *s, size_t *limit)
{
	const char *text = s->args->value[FLAG_LIMIT];
	unsigned long long value;
	char *end;

	*limit = LIMIT_DEFAULT;
	if (!text)
		return OUTCOME_OK;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < 1 ||
	    value > LIMIT_MAX)
		return fail_usage(s, "--limit is a number from 1 to %d, not "
		    "'%s'", LIMIT_MAX, text);
	*limit = (size_t)value;
	return OUTCOME_OK;
}
