/* reference.c: prints the tables that the gateway itself is made from. */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/print.h"
#include "base/conf.h"
#include "base/error.h"

struct route_row {
	const char *method, *path, *needs, *doc;
};

static const struct route_row route_rows[] = {
#define ENDPOINT(method, path, needs, prepare, handle, doc) \
	{ #method, path, #needs, doc },
#include "base/endpoint.def"
#undef ENDPOINT
};

/* "NEEDS_KEY | NEEDS_JSON" as ["key", "json"]. */
static json_t *
needs_array(const char *needs)
{
	static const struct {
		const char *flag, *name;
	} names[] = {
		{ "NEEDS_KEY", "key" },
		{ "NEEDS_JSON", "json" },
		{ "NEEDS_FORM", "form" },
		{ "NEEDS_CREDIT", "credit" },
	};
	json_t *array = json_array();

	for (size_t i = 0; array && i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(needs, names[i].flag) &&
		    json_array_append_new(array,
			json_string(names[i].name)) != 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

enum outcome
routes_run(struct session *s)
{
	static const struct column columns[] = {
		{ "method", "METHOD", COLUMN_TEXT },
		{ "path", "PATH", COLUMN_TEXT },
		{ "needs", "NEEDS", COLUMN_TEXT },
		{ "doc", "WHAT IT DOES", COLUMN_TEXT },
	};
	struct listing listing;

	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (size_t i = 0; i < sizeof(route_rows) / sizeof(route_rows[0]); i++)
		if (!listing_add(&listing, json_pack("{s:s, s:s, s:o, s:s}",
			"method", route_rows[i].method,
			"path", route_rows[i].path,
			"needs", needs_array(route_rows[i].needs),
			"doc", route_rows[i].doc)))
			break;
	return listing_print(s, &listing, COLUMNS(columns), NULL, NULL);
}

static json_t *
error_object(const struct err_row *row)
{
	static const char *const retries[] = {
		[ERR_RETRY_USUAL] = "usual",
		[ERR_RETRY_NEVER] = "never",
		[ERR_RETRY_AFTER] = "after",
	};

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}",
	    "http", row->http,
	    "code", row->code[DIALECT_NEXOROUTER],
	    "nemorouter", row->code[DIALECT_NEMOROUTER],
	    "type", row->type,
	    "retry", retries[row->retry],
	    "message", row->message);
}

enum outcome
errors_run(struct session *s)
{
	static const struct column columns[] = {
		{ "http", "HTTP", COLUMN_NUMBER },
		{ "code", "CODE", COLUMN_TEXT },
		{ "nemorouter", "NEMOROUTER", COLUMN_TEXT },
		{ "retry", "RETRY", COLUMN_TEXT },
		{ "message", "MESSAGE", COLUMN_TEXT },
	};
	struct listing listing;

	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (int err = ERR_NONE + 1; err < ERR__COUNT; err++)
		if (!listing_add(&listing,
			error_object(err_row((enum err)err))))
			break;
	return listing_print(s, &listing, COLUMNS(columns), NULL, NULL);
}

/* What a setting may be, in a word. */
static void
option_range(const struct option_row *row, char *range, size_t size)
{
	if (row->kind == OPTION_INT)
		snprintf(range, size, "%lld..%lld %s", (long long)row->min,
		    (long long)row->max, row->unit);
	else
		snprintf(range, size, "%s", row->unit);
}

static json_t *
option_object(const struct option_row *row)
{
	bool required = row->value && strcmp(row->value, "!") == 0;
	char range[128];

	option_range(row, range, sizeof(range));
	return json_pack("{s:s, s:s, s:b, s:o, s:s, s:s}",
	    "section", option_section_name(row->section),
	    "name", row->name,
	    "required", required,
	    "default", row->value && !required ?
		json_string(row->value) : json_null(),
	    "value", range,
	    "doc", row->doc);
}

enum outcome
options_run(struct session *s)
{
	static const struct column columns[] = {
		{ "section", "SECTION", COLUMN_TEXT },
		{ "name", "NAME", COLUMN_TEXT },
		{ "required", "REQUIRED", COLUMN_TEXT },
		{ "default", "DEFAULT", COLUMN_TEXT },
		{ "value", "VALUE", COLUMN_TEXT },
		{ "doc", "WHAT IT IS", COLUMN_TEXT },
	};
	struct listing listing;

	if (!listing_begin(&listing, 0))
		return fail_memory(s);
	for (size_t i = 0; i < n_option_rows; i++)
		if (!listing_add(&listing, option_object(&option_rows[i])))
			break;
	return listing_print(s, &listing, COLUMNS(columns), NULL, NULL);
}
