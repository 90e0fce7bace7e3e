/* print.c: answers on standard output: tables for people, JSON for programs. */
#include "admin/print.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { COLUMNS_MAX = 16 };

/* How wide a column is: up to its alignment point, and from there on. */
struct width {
	size_t before, after;
};

json_t *
json_of_text(const char *text)
{
	json_t *value = json_string(text);
	char *plain;

	if (value)
		return value;
	/* A record may have cut a character of several bytes in two. */
	plain = strdup(text);
	if (!plain)
		return NULL;
	for (char *c = plain; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	value = json_string(plain);
	free(plain);
	return value;
}

json_t *
json_of_money(money sum)
{
	char text[MONEY_TEXT_SIZE];

	return json_string(money_format(sum, text));
}

json_t *
json_of_time(int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	return wall_ms ? json_string(clock_format(wall_ms, text)) :
	    json_null();
}

bool
listing_begin(struct listing *listing, size_t rows_max)
{
	listing->rows = json_array();
	listing->rows_max = rows_max;
	listing->failed = !listing->rows;
	return !listing->failed;
}

void
listing_drop(struct listing *listing)
{
	json_decref(listing->rows);
	listing->rows = NULL;
}

bool
listing_add(struct listing *listing, json_t *row)
{
	if (!row || json_array_append_new(listing->rows, row) != 0) {
		listing->failed = true;
		return false;
	}
	return listing->rows_max == 0 ||
	    json_array_size(listing->rows) < listing->rows_max;
}

static char *cell_text(const json_t *value);

/* The elements with commas between. Allocated, or NULL. */
static char *
join_array(const json_t *array)
{
	char *text = strdup(""), *item, *longer;
	const json_t *element;
	size_t i;

	json_array_foreach(array, i, element) {
		item = text ? cell_text(element) : NULL;
		if (!item || asprintf(&longer, "%s%s%s", text,
			i > 0 ? "," : "", item) < 0)
			longer = NULL;
		free(item);
		free(text);
		text = longer;
	}
	return text;
}

/* A value as people read it. Allocated, or NULL. */
static char *
cell_text(const json_t *value)
{
	char *text = NULL;

	if (json_is_string(value) && json_string_length(value) > 0)
		text = strdup(json_string_value(value));
	else if (json_is_array(value) && json_array_size(value) > 0)
		text = join_array(value);
	else if (json_is_boolean(value))
		text = strdup(json_is_true(value) ? "yes" : "no");
	else if (!json_is_integer(value))
		text = strdup("-");
	else if (asprintf(&text, "%lld",
		(long long)json_integer_value(value)) < 0)
		text = NULL;
	/* A terminal obeys control characters; nobody's label may use that. */
	for (char *c = text; c && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return text;
}

/* Characters, not bytes, in text[0..len). */
static size_t
characters(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* How much of a cell stands before and after its alignment point. */
static struct width
measure(const char *text, enum column_kind kind)
{
	size_t len = strlen(text);
	const char *point = kind == COLUMN_MONEY ? strchr(text, '.') : NULL;
	size_t before = point ? (size_t)(point - text) : len;

	if (kind == COLUMN_TEXT)
		return (struct width){ 0, characters(text, len) };
	return (struct width){ characters(text, before), len - before };
}

static void
widen(struct width *width, struct width cell)
{
	if (cell.before > width->before)
		width->before = cell.before;
	if (cell.after > width->after)
		width->after = cell.after;
}

static void
put_blanks(size_t count)
{
	while (count-- > 0)
		putchar(' ');
}

/* Nothing follows the last cell of a line. */
static void
put_cell(const char *text, struct width cell, struct width width, bool last)
{
	put_blanks(width.before - cell.before);
	fputs(text, stdout);
	if (!last)
		put_blanks(width.after - cell.after + 2);
}

/* A title stands to the right above numbers. */
static void
put_title(const struct column *column, struct width width, bool last)
{
	size_t len = strlen(column->title);

	if (column->kind != COLUMN_TEXT)
		put_blanks(width.before + width.after - len);
	fputs(column->title, stdout);
	if (!last && column->kind == COLUMN_TEXT)
		put_blanks(width.after - len);
	fputs(last ? "\n" : "  ", stdout);
}

static bool
measure_column(const json_t *rows, const struct column *column,
    struct width *width)
{
	size_t title = strlen(column->title);
	const json_t *row;
	size_t i;

	*width = (struct width){ 0, 0 };
	json_array_foreach(rows, i, row) {
		char *text = cell_text(json_object_get(row, column->member));

		if (!text)
			return false;
		widen(width, measure(text, column->kind));
		free(text);
	}
	if (width->before + width->after < title && column->kind == COLUMN_TEXT)
		width->after = title;
	else if (width->before + width->after < title)
		width->before = title - width->after;
	return true;
}

static bool
print_row(const json_t *row, const struct column *columns, size_t n_columns,
    const struct width *widths)
{
	for (size_t c = 0; c < n_columns; c++) {
		char *text = cell_text(
		    json_object_get(row, columns[c].member));

		if (!text)
			return false;
		put_cell(text, measure(text, columns[c].kind), widths[c],
		    c == n_columns - 1);
		free(text);
	}
	putchar('\n');
	return true;
}

static bool
print_table(const json_t *rows, const struct column *columns,
    size_t n_columns)
{
	struct width widths[COLUMNS_MAX];
	const json_t *row;
	size_t i;

	assert(n_columns <= COLUMNS_MAX);
	for (size_t c = 0; c < n_columns; c++)
		if (!measure_column(rows, &columns[c], &widths[c]))
			return false;
	for (size_t c = 0; c < n_columns; c++)
		put_title(&columns[c], widths[c], c == n_columns - 1);
	json_array_foreach(rows, i, row)
		if (!print_row(row, columns, n_columns, widths))
			return false;
	return true;
}

static bool
print_json(const json_t *value)
{
	return json_dumpf(value, stdout, JSON_COMPACT) == 0 &&
	    putchar('\n') != EOF;
}

/* A failure of standard output itself is noticed at the end, by main(). */
static bool
print_json_lines(const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (!print_json(row))
			return ferror(stdout) != 0;
	return true;
}

enum outcome
listing_print(const struct session *s, struct listing *listing,
    const struct column *columns, size_t n_columns, const char *none,
    const char *next)
{
	bool as_json = s->args->value[FLAG_JSON] != NULL;
	bool printed = !listing->failed;

	if (printed && json_array_size(listing->rows) == 0 && none)
		tell(s, "%s: %s %s", none, s->args->program, next);
	else if (printed && as_json)
		printed = print_json_lines(listing->rows);
	else if (printed)
		printed = print_table(listing->rows, columns, n_columns);
	listing_drop(listing);
	return printed ? OUTCOME_OK : fail_memory(s);
}

static bool
print_members(json_t *object)
{
	const char *name;
	json_t *value;
	size_t widest = 0;

	json_object_foreach(object, name, value)
		widest = strlen(name) > widest ? strlen(name) : widest;
	json_object_foreach(object, name, value) {
		char *text = cell_text(value);

		if (!text)
			return false;
		fputs(name, stdout);
		put_blanks(widest - strlen(name) + 2);
		puts(text);
		free(text);
	}
	return true;
}

enum outcome
object_print(const struct session *s, json_t *object)
{
	bool printed = object != NULL;

	if (printed && s->args->value[FLAG_JSON])
		printed = print_json(object) || ferror(stdout) != 0;
	else if (printed)
		printed = print_members(object);
	json_decref(object);
	return printed ? OUTCOME_OK : fail_memory(s);
}

enum outcome
object_print_json(const struct session *s, json_t *object)
{
	if (s->args->value[FLAG_JSON])
		return object_print(s, object);
	json_decref(object);
	return OUTCOME_OK;
}
