/* conf_report.c: what is wrong with a configuration, in lines for people. */
#include "base/conf_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *print(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

static char *
print(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		return NULL;
	/* The words come from a file: none may steer a terminal or a log. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return text;
}

void
conf_complain(struct conf_draft *draft, int line, const char *format, ...)
{
	struct conf_problem *grown;
	va_list args;
	char *text;

	va_start(args, format);
	text = print(format, args);
	va_end(args);
	grown = realloc(draft->problems,
	    (draft->n_problems + 1) * sizeof(*grown));
	if (grown)
		draft->problems = grown;
	if (!grown || !text) {
		draft->no_memory = true;
		free(text);
		return;
	}
	draft->problems[draft->n_problems++] =
	    (struct conf_problem){ line, text };
}

/* Insertion keeps problems of one line in the order they were found in. */
static void
sort_by_line(struct conf_problem *problems, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct conf_problem moved = problems[i];
		size_t to = i;

		for (; to > 0 && problems[to - 1].line > moved.line; to--)
			problems[to] = problems[to - 1];
		problems[to] = moved;
	}
}

static void
append(struct conf_problems *problems, const char *file, int line,
    const char *text)
{
	char *grown, *added = NULL;
	int len;

	problems->count++;
	len = line > 0 ?
	    asprintf(&added, "%s:%d: %s\n", file, line, text) :
	    asprintf(&added, "%s: %s\n", file, text);
	if (len < 0)
		return;
	grown = realloc(problems->text, problems->len + (size_t)len + 1);
	if (grown) {
		memcpy(grown + problems->len, added, (size_t)len + 1);
		problems->text = grown;
		problems->len += (size_t)len;
	}
	free(added);
}

void
conf_report(struct conf_draft *draft, struct conf_problems *problems)
{
	sort_by_line(draft->problems, draft->n_problems);
	for (size_t i = 0; i < draft->n_problems; i++) {
		append(problems, draft->file, draft->problems[i].line,
		    draft->problems[i].text);
		free(draft->problems[i].text);
	}
	free(draft->problems);
	draft->problems = NULL;
	draft->n_problems = 0;
	if (draft->no_memory)
		append(problems, draft->file, 0,
		    "memory ran out while it was read; free some and try "
		    "again");
}

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many letters must be put in, left out or changed. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[CONF_NAME_LEN_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > CONF_NAME_LEN_MAX || b_len > CONF_NAME_LEN_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = min3(row[j] + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] != b[j - 1]));

			diagonal = row[j];
			row[j] = cost;
		}
	}
	return row[b_len];
}

void
conf_nearest_offer(struct conf_nearest *nearest, const char *word)
{
	size_t distance = edit_distance(nearest->word, word);

	/* Half of the word has to be right. */
	if (distance < (strlen(nearest->word) + 1) / 2 &&
	    (!nearest->best || distance < nearest->distance)) {
		nearest->best = word;
		nearest->distance = distance;
	}
}

const char *
conf_nearest_hint(const struct conf_nearest *nearest,
    char hint[CONF_MODEL_LEN_MAX])
{
	hint[0] = '\0';
	if (nearest->best)
		snprintf(hint, CONF_MODEL_LEN_MAX, "; did you mean '%s'?",
		    nearest->best);
	return hint;
}
