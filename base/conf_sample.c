/* conf_sample.c: a configuration to begin with, made from option.def. */
#include "base/conf.h"

#include <string.h>

enum { COLUMNS = 76 };

static const char *const titles[OPTION_SECTION__COUNT] = {
	[OPTION_SECTION_FAREBOX] = "[farebox]",
	[OPTION_SECTION_PROVIDER] = "[provider example]",
	[OPTION_SECTION_ROUTE] = ";[route example-route]",
	[OPTION_SECTION_MODEL] = "[model example-model]",
	[OPTION_SECTION_PLAN] = "[plan default]",
};

static const char *const abouts[OPTION_SECTION__COUNT] = {
	[OPTION_SECTION_FAREBOX] = "The gateway itself.",
	[OPTION_SECTION_PROVIDER] = ("One section for each provider; give it a "
	    "name of your own, for the routes below. It takes key_file or "
	    "key_env, or neither when the provider wants no key."),
	[OPTION_SECTION_ROUTE] = ("A section for each route that is more than "
	    "a line in a model's section."),
	[OPTION_SECTION_MODEL] = ("One section for each model, with the ID "
	    "that clients ask for."),
	[OPTION_SECTION_PLAN] = ("One section for each plan: the limits of the "
	    "keys of its accounts, see 'farebox account plan'. An account "
	    "without one has the plan 'default', and a key may have limits of "
	    "its own."),
};

/* Writes words as comment lines of at most COLUMNS. */
static void
write_comment(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s %.*s", column ? "" : "#", (int)len, text);
		column += (column ? 1 : 2) + len;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

static void
write_option(FILE *out, const struct option_row *row)
{
	fputc('\n', out);
	write_comment(out, row->doc);
	if (row->kind == OPTION_INT)
		fprintf(out, "# %lld to %lld %s\n", (long long)row->min,
		    (long long)row->max, row->unit);
	else
		fprintf(out, "# %s\n", row->unit);
	if (!row->value)
		fprintf(out, ";%s =\n", row->name);
	else if (row->kind == OPTION_SUPPLIER)
		fprintf(out, ";%s = example\n", row->name);
	else if (strcmp(row->value, "!") == 0)
		fprintf(out, "%s =\n", row->name);
	else
		fprintf(out, ";%s =%s%s\n", row->name, *row->value ? " " : "",
		    row->value);
}

void
conf_write_sample(FILE *out)
{
	write_comment(out, "farebox.conf: see farebox.conf(5). A line that "
	    "begins with '#' or ';' is a comment. An option behind a ';' "
	    "shows its default; one without must be filled in.");
	for (int section = 0; section < OPTION_SECTION__COUNT; section++) {
		fputc('\n', out);
		write_comment(out, abouts[section]);
		fprintf(out, "%s\n", titles[section]);
		for (size_t i = 0; i < n_option_rows; i++)
			if ((int)option_rows[i].section == section)
				write_option(out, &option_rows[i]);
	}
}
