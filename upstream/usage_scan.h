/* usage_scan.h: what a provider says that an answer used. */
#ifndef UPSTREAM_USAGE_SCAN_H
#define UPSTREAM_USAGE_SCAN_H

#include <stdint.h>

#include "base/json.h"

enum usage_scan {
	USAGE_REPORTED, /* both counts are there and make sense */
	USAGE_ABSENT,   /* no usage member, or null, or neither count in it */
	USAGE_NONSENSE, /* negative, not integers, above 1e9, one count alone */
};

struct token_usage {
	int64_t input_tokens;  /* prompt_tokens */
	int64_t output_tokens; /* completion_tokens */
	int64_t cached_tokens; /* of the input; 0 when not told */
	int64_t reasoning_tokens; /* of the output; 0 when not told */
};

/*
 * Reads the `usage` member of an answer; *usage is set only by REPORTED, and
 * then the parts are never above their totals. total_tokens is not used, but
 * one that is nonsense makes all of it nonsense.
 */
enum usage_scan usage_scan(const json_t *answer, struct token_usage *usage);

#endif
