/* tables.c: fills the lists of the man pages in, from the tables of the code.
 *
 * Reads a template on standard input. A line that is @options farebox@,
 * @errors@, @routes@, @commands@ or the like is replaced by that list, in
 * mdoc; every other line is copied.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "base/conf.h"
#include "base/error.h"

enum { COLUMNS = 76, LINE_SIZE = 4096 };

/* One word; what would be a control character or a dash is escaped. */
static size_t
print_word(const char *word, size_t len, bool begins_line)
{
	size_t column = 0;

	if (begins_line && len && (*word == '.' || *word == '\''))
		column += (size_t)printf("\\&");
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\\')
			column += (size_t)printf("\\e");
		else if (word[i] == '-' && word[i + 1] == '-')
			column += (size_t)printf("\\-");
		else
			column += (size_t)printf("%c", word[i]);
	return column;
}

static bool
ends_sentence(const char *word, size_t len, const char *next)
{
	return len > 1 && memchr(word, '.', len) == word + len - 1 &&
	       *next >= 'A' && *next <= 'Z';
}

/* Words as lines of text; a sentence begins a line, as mdoc wants it. */
static void
print_text(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " \n");
		const char *next = text + len + strspn(text + len, " \n");

		if (column && column + 1 + len > COLUMNS) {
			putchar('\n');
			column = 0;
		}
		if (column)
			column += (size_t)printf(" ");
		column += print_word(text, len, column == 0);
		if (ends_sentence(text, len, next)) {
			putchar('\n');
			column = 0;
		}
		text = next;
	}
	if (column)
		putchar('\n');
}

/* Arguments of a macro, quoted so that no word is taken for another macro. */
static void
print_quoted(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text == '"')
			fputs("\\(dq", stdout);
		else
			print_word(text, 1, false);
	putchar('"');
}

static void
print_default(const struct option_row *row)
{
	if (!row->value)
		puts("There is no default.");
	else if (strcmp(row->value, "!") == 0)
		puts("It must be given.");
	else if (!*row->value)
		puts("The default is empty.");
	else {
		fputs("The default is\n.Ql ", stdout);
		print_quoted(row->value);
		puts(" .");
	}
}

static bool
options(const char *section)
{
	bool found = false;

	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (strcmp(option_section_name(row->section), section) != 0)
			continue;
		found = true;
		printf(".It Cm %s No = Ar ", row->name);
		print_quoted(row->unit);
		putchar('\n');
		print_text(row->doc);
		if (row->kind == OPTION_INT)
			printf("From %lld to %lld.\n", (long long)row->min,
			    (long long)row->max);
		print_default(row);
	}
	return found;
}

static void
print_retry(enum err_retry retry)
{
	switch (retry) {
	case ERR_RETRY_USUAL:
		return;
	case ERR_RETRY_NEVER:
		puts("The header\n.Ql x-should-retry: false\n"
		    "asks clients not to try again.");
		return;
	case ERR_RETRY_AFTER:
		puts("The header\n.Ql retry-after\n"
		    "says when to try again.");
		return;
	}
}

static bool
errors(const char *argument)
{
	for (int err = ERR_NONE + 1; err < ERR__COUNT; err++) {
		const struct err_row *row = err_row((enum err)err);
		const char *usual = row->code[DIALECT_NEXOROUTER];
		const char *other = row->code[DIALECT_NEMOROUTER];

		printf(".It %d Cm %s Pq %s\n", row->http, usual, row->type);
		print_text(row->message);
		if (strcmp(usual, other) != 0)
			printf("In the dialect nemorouter the code is\n"
			       ".Cm %s .\n", other);
		print_retry(row->retry);
	}
	return !*argument;
}

static const struct {
	const char *method, *path, *needs, *doc;
} routes_rows[] = {
#define ENDPOINT(method, path, needs, prepare, handle, doc) \
	{ #method, path, #needs, doc },
#include "base/endpoint.def"
#undef ENDPOINT
};

static bool
routes(const char *argument)
{
	for (size_t i = 0; i < sizeof(routes_rows) / sizeof(*routes_rows);
	    i++) {
		printf(".It Cm %s Pa %s\n", routes_rows[i].method,
		    routes_rows[i].path);
		print_text(routes_rows[i].doc);
		if (strstr(routes_rows[i].needs, "NEEDS_CREDIT"))
			puts("It is paid from the balance.");
		if (!strstr(routes_rows[i].needs, "NEEDS_KEY"))
			puts("It needs no key.");
	}
	return !*argument;
}

static void
print_flag(const struct flag_row *row)
{
	printf("Fl -%s", row->name);
	if (row->value) {
		fputs(" Ar ", stdout);
		print_quoted(row->value);
	}
}

/* Operands: words, of which those in brackets may be left out. */
static void
print_operands(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (*text == '[')
			printf(".Op Ar %.*s\n", (int)len - 2, text + 1);
		else
			printf(".Ar %.*s\n", (int)len, text);
		text += len + strspn(text + len, " ");
	}
}

/* Synopsis and description of each subcommand. */
static bool
commands_list(const char *argument)
{
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];

		printf(".It Xo\n.Cm %s%s%s\n", command->noun,
		    command->verb ? " " : "",
		    command->verb ? command->verb : "");
		print_operands(command->operands);
		for (int flag = 0; flag < FLAG__COUNT; flag++)
			if (command->flags & FLAG_BIT(flag)) {
				fputs(".Op ", stdout);
				print_flag(&flag_rows[flag]);
				putchar('\n');
			}
		puts(".Xc");
		print_text(command->doc);
		if (command->more)
			print_text(command->more);
	}
	return !*argument;
}

static bool
flags(const char *argument)
{
	for (int flag = 0; flag < FLAG__COUNT; flag++) {
		fputs(".It ", stdout);
		print_flag(&flag_rows[flag]);
		putchar('\n');
		print_text(flag_rows[flag].doc);
	}
	return !*argument;
}

static const struct {
	const char *name;
	bool (*print)(const char *argument);
} lists[] = {
	{ "options ", options },
	{ "errors", errors },
	{ "routes", routes },
	{ "commands", commands_list },
	{ "flags", flags },
};

/* Prints the list that a line names; false when there is no such list. */
static bool
fill(const char *name)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		size_t len = strlen(lists[i].name);

		if (strncmp(name, lists[i].name, len) == 0)
			return lists[i].print(name + len);
	}
	return false;
}

int
main(void)
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof(line), stdin)) {
		size_t len = strcspn(line, "\n");

		if (len < 3 || line[0] != '@' || line[len - 1] != '@') {
			fputs(line, stdout);
			continue;
		}
		line[len - 1] = '\0';
		if (!fill(line + 1)) {
			fprintf(stderr, "tables: no list is called '%s'\n",
			    line + 1);
			return EXIT_FAILURE;
		}
	}
	return fflush(stdout) || ferror(stdin) ? EXIT_FAILURE : EXIT_SUCCESS;
}
