/* json_view.c: a libFuzzer harness: a view says what Jansson says.
 *
 * Needs base/json.c, base/json_char.c, base/json_tree.c and
 * base/json_view.c.
 */
#include "tests/unit/json_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_view view = { 0 };

	if (!json_same(&view, (const char *)data, size))
		abort();
	json_view_clear(&view);
	return 0;
}
