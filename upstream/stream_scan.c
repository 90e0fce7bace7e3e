/* stream_scan.c: what the events of a streamed completion say. */
#include "upstream/stream_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/stream_private.h"

/* The members of a chunk that its last one has, too. */
static const char *const shell_members[] = {
	"id",
	"object",
	"created",
	"system_fingerprint",
	"service_tier",
};

enum { N_SHELL = sizeof(shell_members) / sizeof(shell_members[0]) };

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

static void
drop_text(struct stream_scan *scan)
{
	free(scan->text);
	scan->text = NULL;
	scan->text_len = 0;
}

void
stream_scan_clear(struct stream_scan *scan)
{
	drop_text(scan);
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

static void
note_usage(struct stream_scan *scan, const json_t *event)
{
	switch (usage_scan(event, &scan->usage)) {
	case USAGE_REPORTED:
		json_decref(scan->usage_object);
		scan->usage_object = json_incref(
		    json_object_get(event, "usage"));
		scan->has_usage = true;
		scan->text_bytes_at_usage = scan->text_bytes;
		return;
	case USAGE_NONSENSE:
		scan->usage_nonsense = true;
		return;
	case USAGE_ABSENT:
		return;
	}
}

/* What an event complains about, or NULL. Some name an error without one. */
static json_t *
find_error(json_t *event)
{
	json_t *error = json_object_get(event, "error");
	const char *object;

	if (json_is_string(error))
		return json_string_length(error) > 0 ? error : NULL;
	if (json_is_object(error))
		return json_object_size(error) > 0 ? error : NULL;
	if (json_is_array(error))
		return json_array_size(error) > 0 ? error : NULL;
	if (error && !json_is_null(error) && !json_is_false(error))
		return error;
	object = json_string_value(json_object_get(event, "object"));
	return object && strcmp(object, "error") == 0 ? event : NULL;
}

static const char *
string_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* The first one says what went wrong. */
static void
note_error(struct stream_scan *scan, json_t *error)
{
	int64_t number;

	if (scan->failed)
		return;
	scan->failed = true;
	scan->error = json_incref(error);
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

/* Some providers send an empty finish_reason all the time. */
static void
note_choice(struct stream_scan *scan, const json_t *choice, size_t position)
{
	int64_t index = (int64_t)position;

	stream_count_output(scan, choice);
	json_read_integer(choice, "index", &index);
	if (index < 0 || index >= STREAM_CHOICES_MAX)
		return;
	mark(scan->seen, index, &scan->n_seen);
	if (*string_member(choice, "finish_reason"))
		mark(scan->finished, index, &scan->n_finished);
}

/* Keeps what the chunks have in common, once. False without memory. */
static bool
keep_shell(struct stream_scan *scan, const json_t *event)
{
	if (scan->shell)
		return true;
	scan->shell = json_object();
	if (!scan->shell)
		return false;
	for (size_t i = 0; i < N_SHELL; i++) {
		json_t *value = json_object_get(event, shell_members[i]);

		if (value &&
		    json_object_set(scan->shell, shell_members[i], value) != 0)
			return false;
	}
	return true;
}

/* In JSON a line end can only stand where a blank can. */
static void
make_one_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || text[i] == '\r')
			text[i] = ' ';
}

/* Makes the client's text. False when memory runs out. */
static bool
make_text(struct stream_scan *scan, const char *data, size_t len)
{
	const struct json_edit edits[] = {
		{ "model", scan->model },
		{ "usage", scan->usage_asked ? "null" : NULL },
	};

	scan->text = json_edit_members(data, len, edits,
	    sizeof(edits) / sizeof(edits[0]), &scan->text_len);
	if (!scan->text)
		return false;
	make_one_line(scan->text, scan->text_len);
	return true;
}

static enum stream_event
take_object(struct stream_scan *scan, json_t *event, const char *data,
    size_t len)
{
	json_t *error = find_error(event), *choices, *choice;
	size_t i;

	choices = json_object_get(event, "choices");
	if (error) {
		note_usage(scan, event);
		note_error(scan, error);
		return STREAM_ERROR;
	}
	json_array_foreach(choices, i, choice)
		if (json_is_object(choice))
			note_choice(scan, choice, i);
	/* The usage of a chunk counts what is in it. */
	note_usage(scan, event);
	if (json_array_size(choices) == 0)
		return STREAM_ASIDE;
	if (!keep_shell(scan, event) || !make_text(scan, data, len))
		return STREAM_NO_MEMORY;
	scan->chunks++;
	return STREAM_CHUNK;
}

enum stream_event
stream_scan_event(struct stream_scan *scan, const char *data, size_t len)
{
	enum stream_event result;
	json_t *event;

	drop_text(scan);
	if (is_done(data, len)) {
		scan->done = true;
		return STREAM_DONE;
	}
	event = json_parse_answer(data, len);
	if (!event)
		return STREAM_GARBAGE;
	result = take_object(scan, event, data, len);
	json_decref(event);
	return result;
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
