/* stream_output.c: how much a chunk of a stream brings. */
#include "upstream/stream_private.h"

static const struct json_part *
member(const struct stream_scan *scan, const struct json_part *object,
    const char *name)
{
	return json_view_member(&scan->view, object, name);
}

static void
count_string(struct stream_scan *scan, const struct json_part *value)
{
	scan->text_bytes += json_view_size(value, JSON_STRING);
}

/*
 * A string, or an array of parts, of which some hold text and some thoughts,
 * which in turn are a string or parts.
 */
static void
count_text(struct stream_scan *scan, const struct json_part *value)
{
	const struct json_part *part;

	count_string(scan, value);
	for (part = json_view_first(value); part;
	    part = json_view_next(value, part)) {
		const struct json_part *text = member(scan, part, "text");
		const struct json_part *thinking =
		    member(scan, part, "thinking");

		count_string(scan, text);
		count_text(scan, thinking);
		if (!text && !thinking)
			scan->other_output = true;
	}
}

/* Providers that send the thoughts under both names mean them once. */
static void
count_reasoning(struct stream_scan *scan, const struct json_part *delta)
{
	const struct json_part *reasoning =
	    member(scan, delta, "reasoning_content");

	if (json_view_size(reasoning, JSON_STRING) == 0)
		reasoning = member(scan, delta, "reasoning");
	count_text(scan, reasoning);
}

static void
count_function(struct stream_scan *scan, const struct json_part *function)
{
	if (!function || function->type != JSON_OBJECT)
		return;
	scan->other_output = true;
	count_string(scan, member(scan, function, "name"));
	count_string(scan, member(scan, function, "arguments"));
	count_string(scan, member(scan, function, "input"));
}

static void
count_tool_calls(struct stream_scan *scan, const struct json_part *calls)
{
	const struct json_part *call;

	for (call = json_view_first(calls); call;
	    call = json_view_next(calls, call)) {
		scan->other_output = true;
		count_function(scan, member(scan, call, "function"));
		count_function(scan, member(scan, call, "custom"));
	}
}

/* What is heard or seen; only the words of it are text. */
static void
count_media(struct stream_scan *scan, const struct json_part *delta)
{
	const struct json_part *audio = member(scan, delta, "audio");

	if (json_view_size(audio, JSON_OBJECT) > 0 ||
	    json_view_first(member(scan, delta, "images")))
		scan->other_output = true;
	count_string(scan, member(scan, audio, "transcript"));
}

void
stream_count_output(struct stream_scan *scan, const struct json_part *choice)
{
	const struct json_part *delta = member(scan, choice, "delta");

	/* A text completion has no delta. */
	count_string(scan, member(scan, choice, "text"));
	if (json_view_size(delta, JSON_OBJECT) == 0)
		return;
	count_text(scan, member(scan, delta, "content"));
	count_reasoning(scan, delta);
	count_string(scan, member(scan, delta, "refusal"));
	count_tool_calls(scan, member(scan, delta, "tool_calls"));
	count_function(scan, member(scan, delta, "function_call"));
	count_media(scan, delta);
}
