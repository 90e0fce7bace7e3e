/* print.h: answers on standard output: tables for people, JSON for programs. */
#ifndef ADMIN_PRINT_H
#define ADMIN_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/admin.h"
#include "base/json.h"
#include "base/money.h"

enum column_kind {
	COLUMN_TEXT,   /* to the left */
	COLUMN_NUMBER, /* to the right */
	COLUMN_MONEY,  /* by the decimal point */
};

/* A column of a table: which member of each object it shows. */
struct column {
	const char *member;
	const char *title;
	enum column_kind kind;
};

#define COLUMNS(table) (table), sizeof(table) / sizeof((table)[0])

/*
 * Rows are gathered first and printed last: a terminal that does not read must
 * not keep this process inside the store.
 */
struct listing {
	json_t *rows;
	size_t rows_max; /* 0: any number */
	bool failed;     /* out of memory */
};

/* False when there is no memory; listing_print() then says so. */
bool listing_begin(struct listing *listing, size_t rows_max);

/* Takes over row, which may be NULL. False when no more rows are wanted. */
bool listing_add(struct listing *listing, json_t *row);

/* Frees the rows. */
void listing_drop(struct listing *listing);

/*
 * Prints and frees the rows: JSON Lines with --json, or a table. When there are
 * none, `none` says so on stderr and `next` is the command to type; NULL for
 * lists that cannot be empty.
 */
enum outcome listing_print(const struct session *s, struct listing *listing,
    const struct column *columns, size_t n_columns, const char *none,
    const char *next);

/* Prints and frees an object: as JSON with --json, or a line per member. */
enum outcome object_print(const struct session *s, json_t *object);

/* The same, but nothing at all without --json. */
enum outcome object_print_json(const struct session *s, json_t *object);

/* Members' values; a new reference or NULL. */
json_t *json_of_text(const char *text);
json_t *json_of_money(money sum);
json_t *json_of_time(int64_t wall_ms); /* 0 gives null */

#endif
