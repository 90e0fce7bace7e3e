/* stream_scan.c: what the events of a streamed completion say. */
#include "upstream/stream_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The members of a chunk that its last one has, too. */
static const char *const shell_members[] = {
	"id",
	"object",
	"created",
	"system_fingerprint",
	"service_tier",
};

enum {
	N_SHELL = sizeof(shell_members) / sizeof(shell_members[0]),
	/* What an unusually large event took is given back. */
	KEPT_TEXT_MAX = 64 * 1024,
	KEPT_PARTS_MAX = 2048,
	INDEX_SIZE = 20,
};

void
stream_scan_init(struct stream_scan *scan, const char *model, bool usage_asked)
{
	*scan = (struct stream_scan){
		.model = model,
		.usage_asked = usage_asked,
		.error_message = "",
		.error_type = "",
		.error_code = "",
	};
}

/* Forgets the last event, but for memory of the usual size. */
static void
drop_event(struct stream_scan *scan)
{
	scan->text = NULL;
	scan->text_len = 0;
	if (scan->edited.size > KEPT_TEXT_MAX) {
		free(scan->edited.bytes);
		scan->edited = (struct json_text){ 0 };
	}
	if (scan->view.parts_max > KEPT_PARTS_MAX)
		json_view_clear(&scan->view);
}

void
stream_scan_clear(struct stream_scan *scan)
{
	scan->text = NULL;
	scan->text_len = 0;
	free(scan->edited.bytes);
	scan->edited = (struct json_text){ 0 };
	json_view_clear(&scan->view);
	json_decref(scan->usage_object);
	json_decref(scan->error);
	json_decref(scan->shell);
	scan->usage_object = scan->error = scan->shell = NULL;
	scan->error_message = scan->error_type = scan->error_code = "";
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_done(const char *data, size_t len)
{
	static const char done[] = "[DONE]";

	while (len > 0 && is_blank(*data)) {
		data++;
		len--;
	}
	while (len > 0 && is_blank(data[len - 1]))
		len--;
	return len == sizeof(done) - 1 && memcmp(data, done, len) == 0;
}

/* False when memory runs out. */
static bool
note_usage(struct stream_scan *scan)
{
	const struct json_part *part = json_view_member(&scan->view,
	    scan->view.part, "usage");
	json_t *usage;

	if (!part || part->type == JSON_NULL)
		return true;
	usage = json_view_load(&scan->view, part);
	if (!usage)
		return false;
	switch (usage_scan(usage, &scan->usage)) {
	case USAGE_REPORTED:
		json_decref(scan->usage_object);
		scan->usage_object = json_incref(usage);
		scan->has_usage = true;
		scan->text_bytes_at_usage = scan->output.text_bytes;
		break;
	case USAGE_NONSENSE:
		scan->usage_nonsense = true;
		break;
	case USAGE_ABSENT:
		break;
	}
	json_decref(usage);
	return true;
}

/* What an event complains about, or NULL. Some name an error without one. */
static const struct json_part *
find_error(const struct json_view *view)
{
	const struct json_part *event = view->part;
	const struct json_part *error = json_view_member(view, event, "error");

	switch (error ? error->type : JSON_NULL) {
	case JSON_STRING:
	case JSON_OBJECT:
	case JSON_ARRAY:
		return error->size > 0 ? error : NULL;
	case JSON_INTEGER:
	case JSON_REAL:
	case JSON_TRUE:
		return error;
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return json_view_says(view, json_view_member(view, event, "object"),
	    "error") ? event : NULL;
}

static const char *
string_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void
read_error(struct stream_scan *scan, const json_t *error)
{
	int64_t number;

	if (json_is_string(error)) {
		scan->error_message = json_string_value(error);
		return;
	}
	scan->error_message = string_member(error, "message");
	scan->error_type = string_member(error, "type");
	scan->error_code = string_member(error, "code");
	if (json_read_integer(error, "code", &number) == JSON_READ) {
		snprintf(scan->error_number, sizeof(scan->error_number),
		    "%" PRId64, number);
		scan->error_code = scan->error_number;
	}
}

/* The first one says what went wrong. */
static enum stream_event
take_error(struct stream_scan *scan, const struct json_part *error)
{
	if (!note_usage(scan))
		return STREAM_NO_MEMORY;
	if (scan->failed)
		return STREAM_ERROR;
	scan->error = json_view_load(&scan->view, error);
	if (!scan->error)
		return STREAM_NO_MEMORY;
	scan->failed = true;
	read_error(scan, scan->error);
	return STREAM_ERROR;
}

/* Sets the bit of a choice, and counts those that are set. */
static void
mark(uint64_t *bits, int64_t index, int *n)
{
	uint64_t bit = (uint64_t)1 << index % 64;

	if (bits[index / 64] & bit)
		return;
	bits[index / 64] |= bit;
	(*n)++;
}

/* What an integer says; -1 for one that no counting comes to. */
static int64_t
read_index(const struct stream_scan *scan, const struct json_part *integer)
{
	char digits[INDEX_SIZE];
	size_t len = integer->end - integer->start;

	if (len >= sizeof(digits))
		return -1;
	memcpy(digits, scan->view.text + integer->start, len);
	digits[len] = '\0';
	return strtoll(digits, NULL, 10);
}

/* The index that a choice names, or else its place. */
static int64_t
index_of(const struct stream_scan *scan, const struct json_part *choice,
    int64_t position)
{
	const struct json_part *index = json_view_member(&scan->view, choice,
	    "index");
	json_t *object;

	if (index && index->type == JSON_INTEGER)
		return read_index(scan, index);
	if (index && index->type == JSON_REAL) {
		object = json_view_load(&scan->view, choice);
		json_read_integer(object, "index", &position);
		json_decref(object);
	}
	return position;
}

/* Some providers send an empty finish_reason all the time. */
static void
note_choice(struct stream_scan *scan, const struct json_part *choice,
    int64_t position)
{
	int64_t index = index_of(scan, choice, position);

	output_add(&scan->output, &scan->view, choice, "delta");
	if (index < 0 || index >= STREAM_CHOICES_MAX)
		return;
	mark(scan->seen, index, &scan->n_seen);
	if (json_view_size(json_view_member(&scan->view, choice,
	    "finish_reason"), JSON_STRING) > 0)
		mark(scan->finished, index, &scan->n_finished);
}

/* Keeps what the chunks have in common, once. False without memory. */
static bool
keep_shell(struct stream_scan *scan)
{
	const struct json_view *view = &scan->view;

	if (scan->shell || !scan->usage_asked)
		return true;
	scan->shell = json_object();
	if (!scan->shell)
		return false;
	for (size_t i = 0; i < N_SHELL; i++) {
		const struct json_part *part = json_view_member(view,
		    view->part, shell_members[i]);

		if (part && json_object_set_new(scan->shell, shell_members[i],
		    json_view_load(view, part)) != 0)
			return false;
	}
	return true;
}

/* In JSON a line end can only stand where a blank can. */
static void
make_blanks(char *text, size_t len, char line_end)
{
	char *end = text + len, *at = text;

	while ((at = memchr(at, line_end, (size_t)(end - at))))
		*at = ' ';
}

/* Makes the client's text. False when memory runs out. */
static bool
make_text(struct stream_scan *scan)
{
	const struct json_edit edits[] = {
		{ "model", scan->model },
		{ "usage", scan->usage_asked ? "null" : NULL },
	};

	if (!json_view_edit(&scan->view, edits,
	    sizeof(edits) / sizeof(edits[0]), &scan->edited))
		return false;
	make_blanks(scan->edited.bytes, scan->edited.len, '\n');
	make_blanks(scan->edited.bytes, scan->edited.len, '\r');
	scan->text = scan->edited.bytes;
	scan->text_len = scan->edited.len;
	return true;
}

static enum stream_event
take_chunk(struct stream_scan *scan)
{
	const struct json_part *choices = json_view_member(&scan->view,
	    scan->view.part, "choices");
	const struct json_part *choice;
	int64_t n = 0;

	for (choice = json_view_first(choices); choice;
	    choice = json_view_next(choices, choice), n++)
		if (choice->type == JSON_OBJECT)
			note_choice(scan, choice, n);
	/* The usage of a chunk counts what is in it. */
	if (!note_usage(scan))
		return STREAM_NO_MEMORY;
	if (n == 0)
		return STREAM_ASIDE;
	if (!keep_shell(scan) || !make_text(scan))
		return STREAM_NO_MEMORY;
	scan->chunks++;
	return STREAM_CHUNK;
}

enum stream_event
stream_scan_event(struct stream_scan *scan, const char *data, size_t len)
{
	const struct json_part *error;

	drop_event(scan);
	if (is_done(data, len)) {
		scan->done = true;
		return STREAM_DONE;
	}
	if (!json_view(&scan->view, data, len, JSON_VIEW_ALL))
		return STREAM_GARBAGE;
	error = find_error(&scan->view);
	return error ? take_error(scan, error) : take_chunk(scan);
}

bool
stream_scan_is_complete(const struct stream_scan *scan)
{
	if (scan->failed || scan->n_finished == 0)
		return false;
	return scan->done || scan->n_finished == scan->n_seen;
}

char *
stream_scan_usage_chunk(const struct stream_scan *scan, json_t *usage,
    size_t *len)
{
	json_t *chunk = scan->shell ? json_copy(scan->shell) : json_object();
	json_t *model = json_loads(scan->model, JSON_DECODE_ANY, NULL);
	char *text = NULL;

	/* These take NULL for memory that ran out. */
	if (json_object_set_new(chunk, "model", model) == 0 &&
	    json_object_set_new(chunk, "choices", json_array()) == 0 &&
	    json_object_set(chunk, "usage", usage) == 0)
		text = json_dumps(chunk, JSON_COMPACT);
	json_decref(chunk);
	if (text)
		*len = strlen(text);
	return text;
}
