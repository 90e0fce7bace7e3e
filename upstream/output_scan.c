/* output_scan.c: how much an answer brings, whole or in chunks. */
#include "upstream/output_scan.h"

struct count {
	struct output *output;
	const struct json_view *view;
};

static const struct json_part *
member(const struct count *count, const struct json_part *object,
    const char *name)
{
	return json_view_member(count->view, object, name);
}

static void
count_string(const struct count *count, const struct json_part *value)
{
	count->output->text_bytes += json_view_size(value, JSON_STRING);
}

/*
 * A string, or an array of parts, of which some hold text and some thoughts,
 * which in turn are a string or parts.
 */
static void
count_text(const struct count *count, const struct json_part *value)
{
	const struct json_part *part;

	count_string(count, value);
	for (part = json_view_first(value); part;
	    part = json_view_next(value, part)) {
		const struct json_part *text = member(count, part, "text");
		const struct json_part *thinking =
		    member(count, part, "thinking");

		count_string(count, text);
		count_text(count, thinking);
		if (!text && !thinking)
			count->output->more = true;
	}
}

/* Providers that send the thoughts under both names mean them once. */
static void
count_reasoning(const struct count *count, const struct json_part *made)
{
	const struct json_part *reasoning =
	    member(count, made, "reasoning_content");

	if (json_view_size(reasoning, JSON_STRING) == 0)
		reasoning = member(count, made, "reasoning");
	count_text(count, reasoning);
}

static void
count_function(const struct count *count, const struct json_part *function)
{
	if (!function || function->type != JSON_OBJECT)
		return;
	count->output->more = true;
	count_string(count, member(count, function, "name"));
	count_string(count, member(count, function, "arguments"));
	count_string(count, member(count, function, "input"));
}

static void
count_tool_calls(const struct count *count, const struct json_part *calls)
{
	const struct json_part *call;

	for (call = json_view_first(calls); call;
	    call = json_view_next(calls, call)) {
		count->output->more = true;
		count_function(count, member(count, call, "function"));
		count_function(count, member(count, call, "custom"));
	}
}

/* What is heard or seen; only the words of it are text. */
static void
count_media(const struct count *count, const struct json_part *made)
{
	const struct json_part *audio = member(count, made, "audio");

	if (json_view_size(audio, JSON_OBJECT) > 0 ||
	    json_view_first(member(count, made, "images")))
		count->output->more = true;
	count_string(count, member(count, audio, "transcript"));
}

void
output_add(struct output *output, const struct json_view *view,
    const struct json_part *choice, const char *name)
{
	const struct count count = { output, view };
	const struct json_part *made = member(&count, choice, name);

	count_string(&count, member(&count, choice, "text"));
	if (json_view_size(made, JSON_OBJECT) == 0)
		return;
	count_text(&count, member(&count, made, "content"));
	count_reasoning(&count, made);
	count_string(&count, member(&count, made, "refusal"));
	count_tool_calls(&count, member(&count, made, "tool_calls"));
	count_function(&count, member(&count, made, "function_call"));
	count_media(&count, made);
}
