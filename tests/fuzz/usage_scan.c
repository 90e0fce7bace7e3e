/* usage_scan.c: a libFuzzer harness: what is reported can be billed.
 *
 * Needs base/json.c, base/json_char.c, base/json_tree.c, base/json_view.c and
 * upstream/usage_scan.c.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "upstream/usage_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether a count can be billed, and its part is a part. */
static int
is_sane(int64_t total, int64_t part)
{
	return total >= 0 && total <= 1000000000 && part >= 0 && part <= total;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *answer = json_parse_answer((const char *)data, size);
	struct token_usage usage;

	if (usage_scan(json_object_get(answer, "usage"), &usage) ==
	    USAGE_REPORTED &&
	    (!is_sane(usage.input_tokens, usage.cached_tokens) ||
		!is_sane(usage.output_tokens, usage.reasoning_tokens)))
		abort();
	json_decref(answer);
	return 0;
}
