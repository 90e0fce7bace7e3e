/* multipart.c: a libFuzzer harness: however a form is cut, its parts are those
 * of the whole, their bytes stand where they are said to, and no boundary is
 * in them.
 *
 * Needs base/multipart.c.
 */
#include "base/multipart.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a form came to. */
struct told {
	const char *body;
	size_t size;
	int64_t at;  /* where the next byte of a part stands */
	char *text;  /* all that was told */
	size_t len, parts;
};

static void
put(struct told *told, const void *text, size_t len)
{
	memcpy(told->text + told->len, text, len);
	told->len += len;
}

static bool
begin(const struct multipart_part *part, int64_t offset, void *context)
{
	struct told *told = context;

	if (offset < 0 || (size_t)offset > told->size ||
	    strlen(part->name) == 0 || strlen(part->name) > MULTIPART_NAME_MAX)
		abort();
	told->at = offset;
	told->parts++;
	put(told, part->name, strlen(part->name));
	put(told, part->is_file ? "+" : "=", 1);
	return told->parts < 50;
}

static bool
data(const char *bytes, size_t len, void *context)
{
	struct told *told = context;

	if (len == 0 || (size_t)told->at + len > told->size ||
	    memcmp(told->body + told->at, bytes, len) != 0)
		abort();
	told->at += (int64_t)len;
	put(told, bytes, len);
	return true;
}

static bool
end(void *context)
{
	struct told *told = context;

	/* The boundary follows. */
	if ((size_t)told->at + 6 > told->size ||
	    memcmp(told->body + told->at, "\r\n--xY", 6) != 0)
		abort();
	put(told, ";", 1);
	return true;
}

static const struct multipart_calls calls = { begin, data, end };

/* Feeds pieces of the sizes that seed makes, each gone afterwards. */
static bool
scan(struct told *told, uint32_t seed)
{
	struct multipart form;
	size_t at = 0;

	told->at = 0;
	told->len = told->parts = 0;
	multipart_init(&form, "xY", &calls, told);
	while (at < told->size) {
		size_t size = seed ? 1 + (seed >> 24) % 40 : told->size;
		char *copy;

		seed = seed ? seed * 1664525u + 1013904223u : 0;
		if (size > told->size - at)
			size = told->size - at;
		copy = malloc(size);
		if (!copy)
			abort();
		memcpy(copy, told->body + at, size);
		multipart_feed(&form, copy, size);
		free(copy);
		at += size;
	}
	return multipart_is_complete(&form);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct told whole = { 0 }, cut = { 0 };
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	uint32_t seed = 1;
	char *type;

	if (size < sizeof(seed))
		return 0;
	memcpy(&seed, input, sizeof(seed));
	input += sizeof(seed);
	size -= sizeof(seed);
	whole.body = cut.body = (const char *)input;
	whole.size = cut.size = size;
	/* A part's head is longer than what is told of it. */
	whole.text = malloc(2 * size + 100);
	cut.text = malloc(2 * size + 100);
	type = malloc(size + 1);
	if (!whole.text || !cut.text || !type)
		abort();
	if (scan(&whole, 0) != scan(&cut, seed | 1) || whole.len != cut.len ||
	    whole.parts != cut.parts ||
	    memcmp(whole.text, cut.text, cut.len) != 0)
		abort();
	memcpy(type, input, size);
	type[size] = '\0';
	if (multipart_boundary(type, boundary) &&
	    (*boundary == '\0' || strlen(boundary) > MULTIPART_BOUNDARY_MAX))
		abort();
	free(whole.text);
	free(cut.text);
	free(type);
	return 0;
}
