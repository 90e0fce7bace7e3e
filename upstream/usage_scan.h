/* usage_scan.h: what a provider says that an answer used. */
#ifndef UPSTREAM_USAGE_SCAN_H
#define UPSTREAM_USAGE_SCAN_H

#include <stdbool.h>
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
	int64_t audio_input_tokens;  /* the same: of sound */
	int64_t audio_output_tokens;
};

/*
 * Reads the `usage` member of an answer, NULL where it has none; *usage is set
 * only by REPORTED, and then the parts are never above their totals.
 * total_tokens is not used, but one that is nonsense makes all of it nonsense.
 */
enum usage_scan usage_scan(const json_t *object, struct token_usage *usage);

/* The same, given the whole answer, where nothing but prompt_tokens is counted,
 * as of embeddings. */
enum usage_scan usage_scan_input(const json_t *answer, int64_t *input_tokens);

/* How a transcription is counted. */
struct audio_usage {
	bool has_tokens;
	struct token_usage tokens;
	bool has_duration;
	int64_t duration_ms; /* of the recording, rounded up */
};

/*
 * Reads what a transcription says about itself: its `usage`, of tokens or of
 * seconds, or else its `duration`, a number or text.
 */
void usage_scan_audio(const json_t *answer, struct audio_usage *usage);

#endif
