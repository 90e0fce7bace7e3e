/* output_scan.h: how much an answer brings, whole or in chunks. */
#ifndef UPSTREAM_OUTPUT_SCAN_H
#define UPSTREAM_OUTPUT_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_view.h"

struct output {
	/*
	 * Bytes of text that were produced, in UTF-8: content, reasoning,
	 * refusals, names and arguments of tool calls, audio transcripts.
	 */
	int64_t text_bytes;
	/* Something came that is not text: a tool call, audio, an image. */
	bool more;
};

/*
 * Adds what one choice brings, which stands in its member of that name: "delta"
 * in a chunk of a stream, "message" in a whole answer. A text completion has
 * neither, but its text.
 */
void output_add(struct output *output, const struct json_view *view,
    const struct json_part *choice, const char *name);

#endif
