/* usage_scan.c: what a provider says that an answer used. */
#include "upstream/usage_scan.h"

#include <stdbool.h>
#include <stdlib.h>

/* No request of today comes near it; the product with a price still fits. */
enum { TOKENS_MAX = 1000000000, SECONDS_MAX = 10000000 };

/* A count that is there must be a whole number that can be believed. */
static enum json_read
read_count(const json_t *object, const char *name, int64_t *count)
{
	int64_t value;
	enum json_read read = json_read_integer(object, name, &value);

	if (read == JSON_READ && (value < 0 || value > TOKENS_MAX))
		return JSON_WRONG;
	if (read == JSON_READ)
		*count = value;
	return read;
}

/*
 * A part of a total. The total is what the bill rests on, so a part that is
 * odd is brought into range and not made a reason to estimate.
 */
static int64_t
read_part(const json_t *usage, const char *details, const char *name,
    int64_t total)
{
	const json_t *object = json_object_get(usage, details);
	int64_t part;

	if (!json_is_object(object) ||
	    json_read_integer(object, name, &part) != JSON_READ || part < 0)
		return 0;
	return part < total ? part : total;
}

/* What a provider calls the counts. */
struct names {
	const char *input, *output;
	const char *input_details, *output_details;
};

static const struct names text_names = {
	"prompt_tokens", "completion_tokens",
	"prompt_tokens_details", "completion_tokens_details",
};

static const struct names audio_names = {
	"input_tokens", "output_tokens",
	"input_token_details", "output_token_details",
};

static enum usage_scan
scan(const json_t *object, const struct names *names,
    struct token_usage *usage)
{
	enum json_read input, output, total;
	int64_t in = 0, out = 0, total_tokens;

	if (!object || json_is_null(object))
		return USAGE_ABSENT;
	if (!json_is_object(object))
		return USAGE_NONSENSE;
	input = read_count(object, names->input, &in);
	output = read_count(object, names->output, &out);
	total = read_count(object, "total_tokens", &total_tokens);
	if (input == JSON_WRONG || output == JSON_WRONG || total == JSON_WRONG)
		return USAGE_NONSENSE;
	if (input == JSON_ABSENT && output == JSON_ABSENT)
		return USAGE_ABSENT;
	if (input == JSON_ABSENT || output == JSON_ABSENT)
		return USAGE_NONSENSE;

	*usage = (struct token_usage){ .input_tokens = in,
		.output_tokens = out };
	usage->cached_tokens = read_part(object, names->input_details,
	    "cached_tokens", in);
	usage->audio_input_tokens = read_part(object, names->input_details,
	    "audio_tokens", in);
	usage->reasoning_tokens = read_part(object, names->output_details,
	    "reasoning_tokens", out);
	usage->audio_output_tokens = read_part(object, names->output_details,
	    "audio_tokens", out);
	return USAGE_REPORTED;
}

enum usage_scan
usage_scan(const json_t *object, struct token_usage *usage)
{
	return scan(object, &text_names, usage);
}

enum usage_scan
usage_scan_input(const json_t *answer, int64_t *input_tokens)
{
	const json_t *object = json_object_get(answer, "usage");
	int64_t count;

	if (!object || json_is_null(object))
		return USAGE_ABSENT;
	if (!json_is_object(object))
		return USAGE_NONSENSE;
	switch (read_count(object, text_names.input, &count)) {
	case JSON_READ:
		*input_tokens = count;
		return USAGE_REPORTED;
	case JSON_ABSENT:
		return USAGE_ABSENT;
	case JSON_WRONG:
		break;
	}
	return USAGE_NONSENSE;
}

/*
 * Seconds as milliseconds. They come as floating point, so a whole number of
 * milliseconds may be a little above itself: less than a thousandth of one
 * is not rounded up.
 */
static bool
read_seconds(const json_t *object, const char *name, int64_t *ms)
{
	static const double slack = 0.001;
	const json_t *value = json_object_get(object, name);
	double seconds = json_number_value(value), exact;
	char *end = NULL;

	if (json_is_string(value)) {
		seconds = strtod(json_string_value(value), &end);
		if (end == json_string_value(value) || *end)
			return false;
	} else if (!json_is_number(value)) {
		return false;
	}
	if (!(seconds >= 0 && seconds <= SECONDS_MAX))
		return false;
	exact = seconds * 1000;
	*ms = (int64_t)exact;
	*ms += exact - (double)*ms > slack;
	return true;
}

void
usage_scan_audio(const json_t *answer, struct audio_usage *usage)
{
	const json_t *object = json_object_get(answer, "usage");

	*usage = (struct audio_usage){ 0 };
	usage->has_tokens = scan(object, &audio_names, &usage->tokens) ==
	    USAGE_REPORTED;
	usage->has_duration =
	    read_seconds(object, "seconds", &usage->duration_ms) ||
	    read_seconds(answer, "duration", &usage->duration_ms);
}
