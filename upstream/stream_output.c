/* stream_output.c: how much a chunk of a stream brings. */
#include "upstream/stream_private.h"

static void
count_string(struct stream_scan *scan, const json_t *value)
{
	scan->text_bytes += (int64_t)json_string_length(value);
}

/*
 * A string, or an array of parts, of which some hold text and some thoughts,
 * which in turn are a string or parts.
 */
static void
count_text(struct stream_scan *scan, const json_t *value)
{
	const json_t *part;
	size_t i;

	count_string(scan, value);
	json_array_foreach(value, i, part) {
		const json_t *text = json_object_get(part, "text");
		const json_t *thinking = json_object_get(part, "thinking");

		count_string(scan, text);
		count_text(scan, thinking);
		if (!text && !thinking)
			scan->other_output = true;
	}
}

/* Providers that send the thoughts under both names mean them once. */
static void
count_reasoning(struct stream_scan *scan, const json_t *delta)
{
	const json_t *reasoning = json_object_get(delta, "reasoning_content");

	if (json_string_length(reasoning) == 0)
		reasoning = json_object_get(delta, "reasoning");
	count_text(scan, reasoning);
}

static void
count_function(struct stream_scan *scan, const json_t *function)
{
	if (!json_is_object(function))
		return;
	scan->other_output = true;
	count_string(scan, json_object_get(function, "name"));
	count_string(scan, json_object_get(function, "arguments"));
	count_string(scan, json_object_get(function, "input"));
}

static void
count_tool_calls(struct stream_scan *scan, const json_t *calls)
{
	const json_t *call;
	size_t i;

	json_array_foreach(calls, i, call) {
		scan->other_output = true;
		count_function(scan, json_object_get(call, "function"));
		count_function(scan, json_object_get(call, "custom"));
	}
}

/* What is heard or seen; only the words of it are text. */
static void
count_media(struct stream_scan *scan, const json_t *delta)
{
	const json_t *audio = json_object_get(delta, "audio");

	if (json_object_size(audio) > 0)
		scan->other_output = true;
	count_string(scan, json_object_get(audio, "transcript"));
	if (json_array_size(json_object_get(delta, "images")) > 0)
		scan->other_output = true;
}

void
stream_count_output(struct stream_scan *scan, const json_t *choice)
{
	const json_t *delta = json_object_get(choice, "delta");

	/* A text completion has no delta. */
	count_string(scan, json_object_get(choice, "text"));
	if (json_object_size(delta) == 0)
		return;
	count_text(scan, json_object_get(delta, "content"));
	count_reasoning(scan, delta);
	count_string(scan, json_object_get(delta, "refusal"));
	count_tool_calls(scan, json_object_get(delta, "tool_calls"));
	count_function(scan, json_object_get(delta, "function_call"));
	count_media(scan, delta);
}
