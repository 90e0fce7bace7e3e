/* json_edit.c: a libFuzzer harness: an edit changes its members only.
 *
 * clang -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *     -I. tests/fuzz/json_edit.c base/json.c base/json_edit.c base/json_tree.c
 *     base/json_view.c base/json_char.c -ljansson
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_edit edits[] = {
	{ "model", "\"other\"" },
	{ "n", "7" },
	{ "stream", NULL },
};

enum { N_EDITS = sizeof(edits) / sizeof(edits[0]) };

/* What the edits are to make of an object. */
static void
edit_parsed(json_t *object)
{
	for (size_t i = 0; i < N_EDITS; i++)
		if (edits[i].value)
			json_object_set_new(object, edits[i].name,
			    json_loads(edits[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, edits[i].name);
}

/* json_equal() goes as deep as the text: not for a stack of a sanitizer. */
static bool
is_same(const json_t *a, const json_t *b)
{
	char *a_text = json_dumps(a, JSON_SORT_KEYS | JSON_COMPACT);
	char *b_text = json_dumps(b, JSON_SORT_KEYS | JSON_COMPACT);
	bool same = a_text && b_text ? strcmp(a_text, b_text) == 0 :
	    !a_text && !b_text;

	free(a_text);
	free(b_text);
	return same;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char why[256];
	size_t len;
	json_t *before = json_parse_request(text, size, why, sizeof(why));
	char *edited = json_edit_members(text, size, edits, N_EDITS, &len);
	json_t *after;

	/* Text that does not parse must only do no harm. */
	if (before) {
		if (!edited)
			abort();
		after = json_parse_request(edited, len, why, sizeof(why));
		edit_parsed(before);
		if (!after || !is_same(before, after))
			abort();
		json_decref(after);
		json_decref(before);
	}
	free(edited);
	return 0;
}
