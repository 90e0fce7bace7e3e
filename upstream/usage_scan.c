/* usage_scan.c: what a provider says that an answer used. */
#include "upstream/usage_scan.h"

#include <stdbool.h>

/* No request of today comes near it; the product with a price still fits. */
enum { TOKENS_MAX = 1000000000 };

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

enum usage_scan
usage_scan(const json_t *answer, struct token_usage *usage)
{
	const json_t *object = json_object_get(answer, "usage");
	enum json_read input, output, total;
	int64_t input_tokens = 0, output_tokens = 0, total_tokens;

	if (!object || json_is_null(object))
		return USAGE_ABSENT;
	if (!json_is_object(object))
		return USAGE_NONSENSE;
	input = read_count(object, "prompt_tokens", &input_tokens);
	output = read_count(object, "completion_tokens", &output_tokens);
	total = read_count(object, "total_tokens", &total_tokens);
	if (input == JSON_WRONG || output == JSON_WRONG || total == JSON_WRONG)
		return USAGE_NONSENSE;
	if (input == JSON_ABSENT && output == JSON_ABSENT)
		return USAGE_ABSENT;
	if (input == JSON_ABSENT || output == JSON_ABSENT)
		return USAGE_NONSENSE;

	usage->input_tokens = input_tokens;
	usage->output_tokens = output_tokens;
	usage->cached_tokens = read_part(object, "prompt_tokens_details",
	    "cached_tokens", input_tokens);
	usage->reasoning_tokens = read_part(object,
	    "completion_tokens_details", "reasoning_tokens", output_tokens);
	return USAGE_REPORTED;
}
