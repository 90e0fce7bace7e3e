/* chat_recast.c: a whole answer told as the events of a stream. */
#include <stdlib.h>
#include <string.h>

#include "handlers/chat_private.h"

/* Takes over the event. */
static bool
tell(json_t *event, sse_event_fn *tell_event, void *context)
{
	char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
	bool going = text && tell_event(text, strlen(text), context);

	free(text);
	json_decref(event);
	return going;
}

/* Tool calls have a place of their own in a stream, where they grow. */
static void
number_tool_calls(json_t *message)
{
	json_t *call;
	size_t i;

	json_array_foreach(json_object_get(message, "tool_calls"), i, call)
		if (json_is_object(call) && !json_object_get(call, "index"))
			json_object_set_new(call, "index",
			    json_integer((json_int_t)i));
}

static int64_t
index_of(const json_t *choice, size_t position)
{
	int64_t index = (int64_t)position;

	json_read_integer(choice, "index", &index);
	return index;
}

/* A message becomes what grows; a text is one already. */
static void
set_delta(json_t *said, const struct chat_kind *kind, json_t *message)
{
	if (!kind->has_messages)
		return;
	json_object_set_new(said, "delta", json_is_object(message) ?
	    json_incref(message) : json_object());
}

/* A choice with all that it says, which goes on. */
static json_t *
saying(const struct chat_kind *kind, json_t *choice, size_t position)
{
	json_t *said = json_is_object(choice) ? json_copy(choice) :
	    json_object();
	json_t *message = json_object_get(said, "message");

	number_tool_calls(message);
	json_object_set_new(said, "index",
	    json_integer(index_of(choice, position)));
	set_delta(said, kind, message);
	json_object_set_new(said, "finish_reason", json_null());
	json_object_del(said, "message");
	return said;
}

/* A choice that has said all. */
static json_t *
finishing(const struct chat_kind *kind, json_t *choice, size_t position)
{
	const json_t *reason = json_object_get(choice, "finish_reason");

	return json_pack("{s:I, s:o, s:s}", "index",
	    (json_int_t)index_of(choice, position),
	    kind->has_messages ? "delta" : "text",
	    kind->has_messages ? json_object() : json_string(""),
	    "finish_reason", json_string_length(reason) > 0 ?
	    json_string_value(reason) : "stop");
}

/* The answer with each of its choices made into one of a chunk. */
static json_t *
chunk(const struct chat_kind *kind, const json_t *answer,
    json_t *(*make)(const struct chat_kind *kind, json_t *choice,
    size_t position))
{
	json_t *copy = json_copy((json_t *)(uintptr_t)answer);
	json_t *choices = json_array(), *choice;
	size_t i;

	json_array_foreach(json_object_get(answer, "choices"), i, choice)
		json_array_append_new(choices, make(kind, choice, i));
	json_object_del(copy, "usage");
	json_object_set_new(copy, "object", json_string(kind->chunk_object));
	if (json_object_set_new(copy, "choices", choices) != 0) {
		json_decref(copy);
		return NULL;
	}
	return copy;
}

static bool
recast(const struct chat_kind *kind, const json_t *answer,
    sse_event_fn *event, void *context)
{
	static const char done[] = "[DONE]";
	json_t *usage = json_object_get(answer, "usage");

	return tell(chunk(kind, answer, saying), event, context) &&
	       tell(chunk(kind, answer, finishing), event, context) &&
	       (!usage || tell(json_pack("{s:[], s:O}", "choices", "usage",
	       usage), event, context)) &&
	       event(done, strlen(done), context);
}

bool
chat_recast(const struct chat_kind *kind, const char *text, size_t len,
    sse_event_fn *event, void *context)
{
	json_t *answer = json_parse_answer(text, len);
	bool going;

	if (json_array_size(json_object_get(answer, "choices")) > 0)
		going = recast(kind, answer, event, context);
	else
		going = event(text, len, context);
	json_decref(answer);
	return going;
}
