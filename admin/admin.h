/* admin.h: what every subcommand works with: arguments, results, the store. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"
#include "db/account.h"
#include "db/store.h"

/* The exit codes; outcomes[] in help.c explains them. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_WRONG,     /* what was checked is not right */
	OUTCOME_USAGE,
	OUTCOME_NOT_FOUND,
	OUTCOME_CONFLICT,  /* it exists already, or its state forbids it */
	OUTCOME_UNUSABLE,  /* the store, the configuration or we failed */
	OUTCOME__COUNT
};

/* The options of the command line; flag_rows[] describes them. */
enum flag {
	FLAG_CONFIG,
	FLAG_JSON,
	FLAG_QUIET,
	FLAG_HELP,
	FLAG_VERSION,
	FLAG_LABEL,
	FLAG_SCOPE,
	FLAG_BUDGET,
	FLAG_EXPIRES,
	FLAG_GRACE,
	FLAG_CLEAR,
	FLAG_FORCE,
	FLAG_NOTE,
	FLAG_LIMIT,
	FLAG_BEFORE,
	FLAG_DIR,
	FLAG_WORK,
	FLAG_TO,
	FLAG_WITH_PEPPER,
	FLAG_FORMAT,
	FLAG_KEEP_HASHES,
	FLAG_KEY,
	FLAG_MODEL,
	FLAG_PLAN,
	FLAG_RPM,
	FLAG_TPM,
	FLAG_TPS,
	FLAG_CONCURRENCY,
	FLAG__COUNT
};

enum { OPERANDS_MAX = 32 };

/* The command line, taken apart. */
struct args {
	int argc;
	char **argv;
	/* How to call us again: the program, and --config when it was given.
	 * Every hint begins with it. */
	char *program;
	const char *value[FLAG__COUNT]; /* NULL: not given; "" without one */
	const char *operand[OPERANDS_MAX]; /* after noun and verb */
	size_t n_operands;
};

struct command;

/* One run of the command: what it was asked, and what it has opened. */
struct session {
	const struct args *args;
	const struct command *command;
	struct conf *conf;   /* NULL when the command does without */
	const char *dir;     /* of the store; NULL likewise */
	struct store *store; /* NULL likewise */
	struct store_options options;
	char exe[PATH_MAX];
	const char *recover_command[6];
};

/*
 * Opens what the command needs. A failure is told; session_close() is due
 * whatever the outcome.
 */
enum outcome session_open(struct session *s, const struct args *args,
    const struct command *command);
void session_close(struct session *s);

/* The operand of that index, or NULL. */
const char *operand(const struct session *s, size_t index);

/* Says a sentence for people on stderr, unless --quiet. */
void tell(const struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Says on stderr what is wrong, and returns the outcome. The sentence ends
 * with a colon and what to type next.
 */
enum outcome fail(enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The store said no to something that no command explains better. */
enum outcome fail_store(const struct session *s, enum store_rc rc);
enum outcome fail_memory(const struct session *s);

/* Words in the wrong form: the sentence, then where to read about it. */
enum outcome fail_usage(const struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Finds the account that an operand names; a failure is told. */
enum outcome find_account(struct session *s, const char *name,
    struct account *account);

/* --limit as a number, or the default when it was not given. */
enum outcome read_limit(const struct session *s, size_t *limit);

/* A text as a word of a shell command. Allocated; NULL without memory. */
char *shell_quote(const char *text);

/* The subcommands, by file. */
enum outcome account_create_run(struct session *s);
enum outcome account_list_run(struct session *s);
enum outcome account_show_run(struct session *s);
enum outcome account_suspend_run(struct session *s);
enum outcome account_resume_run(struct session *s);
enum outcome account_plan_run(struct session *s);
enum outcome plan_list_run(struct session *s);
enum outcome key_new_run(struct session *s);
enum outcome key_list_run(struct session *s);
enum outcome key_show_run(struct session *s);
enum outcome key_disable_run(struct session *s);
enum outcome key_enable_run(struct session *s);
enum outcome key_revoke_run(struct session *s);
enum outcome key_rotate_run(struct session *s);
enum outcome key_expire_run(struct session *s);
enum outcome key_allow_run(struct session *s);
enum outcome key_limits_run(struct session *s);
enum outcome pepper_list_run(struct session *s);
enum outcome pepper_rotate_run(struct session *s);
enum outcome pepper_drop_run(struct session *s);
enum outcome credit_add_run(struct session *s);
enum outcome credit_adjust_run(struct session *s);
enum outcome credit_history_run(struct session *s);
enum outcome model_routes_run(struct session *s);
enum outcome provider_list_run(struct session *s);
enum outcome provider_open_run(struct session *s);
enum outcome provider_close_run(struct session *s);
enum outcome provider_reset_run(struct session *s);
enum outcome usage_list_run(struct session *s);
enum outcome ledger_check_run(struct session *s);
enum outcome store_init_run(struct session *s);
enum outcome store_check_run(struct session *s);
enum outcome store_recover_run(struct session *s);
enum outcome store_backup_run(struct session *s);
enum outcome store_restore_run(struct session *s);
enum outcome store_export_run(struct session *s);
enum outcome store_import_run(struct session *s);
enum outcome model_list_run(struct session *s);
enum outcome config_check_run(struct session *s);
enum outcome config_sample_run(struct session *s);
enum outcome routes_run(struct session *s);
enum outcome errors_run(struct session *s);
enum outcome options_run(struct session *s);
enum outcome doctor_run(struct session *s);
enum outcome completion_bash_run(struct session *s);
enum outcome help_run(struct session *s);

#endif
