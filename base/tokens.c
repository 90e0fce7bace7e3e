/* tokens.c: how many tokens a text can be, and how many it likely is. */
#include "base/tokens.h"

#include <string.h>
#include <strings.h>

enum {
	BYTES_PER_LIKELY_TOKEN = 3,
	LIKELY_ALLOWANCE_DIVISOR = 4,
};

static const int64_t tokens_max = INT64_MAX / 4;

/* What of a request is not the bytes of its text. */
struct measure {
	int64_t messages;
	int64_t tools;
	int64_t images;
	size_t image_bytes; /* of data: URLs: pictures, not text */
};

/* a + b x c, of numbers that are not negative, never above tokens_max. */
static int64_t
add_product(int64_t a, int64_t b, int64_t c)
{
	int64_t sum;

	if (__builtin_mul_overflow(b, c, &sum) ||
	    __builtin_add_overflow(a, sum, &sum) || sum > tokens_max)
		return tokens_max;
	return sum;
}

static bool
is_image_type(const json_t *type)
{
	const char *word = json_string_value(type);

	return word && (strcmp(word, "image_url") == 0 ||
	    strcmp(word, "input_image") == 0 || strcmp(word, "image") == 0);
}

static void
measure_part(const json_t *part, struct measure *measure)
{
	static const char data_image[] = "data:image/";
	const json_t *url = json_object_get(part, "image_url");

	/* Some providers go by the member and do not ask for the type. */
	if (!is_image_type(json_object_get(part, "type")) &&
	    (!url || json_is_null(url)))
		return;
	measure->images++;
	if (json_is_object(url))
		url = json_object_get(url, "url");
	if (json_is_string(url) && strncasecmp(json_string_value(url),
	    data_image, sizeof(data_image) - 1) == 0)
		measure->image_bytes += json_string_length(url);
}

static void
measure_request(const json_t *request, struct measure *measure)
{
	const json_t *messages = json_object_get(request, "messages");
	size_t n_messages = json_array_size(messages);

	*measure = (struct measure){
		.messages = (int64_t)n_messages,
		.tools = (int64_t)(
		    json_array_size(json_object_get(request, "tools")) +
		    json_array_size(json_object_get(request, "functions"))),
	};
	for (size_t i = 0; i < n_messages; i++) {
		const json_t *content = json_object_get(
		    json_array_get(messages, i), "content");
		size_t n_parts = json_array_size(content);

		for (size_t j = 0; j < n_parts; j++)
			measure_part(json_array_get(content, j), measure);
	}
}

static int64_t
allowances(const struct measure *measure)
{
	int64_t tokens = TOKENS_PER_REQUEST;

	tokens = add_product(tokens, measure->messages, TOKENS_PER_MESSAGE);
	return add_product(tokens, measure->tools, TOKENS_PER_TOOL);
}

static int64_t
text_bytes(const struct measure *measure, size_t body_bytes)
{
	size_t bytes = body_bytes > measure->image_bytes ?
	    body_bytes - measure->image_bytes : 0;

	return bytes < (size_t)tokens_max ? (int64_t)bytes : tokens_max;
}

int64_t
tokens_chat_bound(const json_t *request, size_t body_bytes,
    int64_t image_tokens)
{
	struct measure measure;
	int64_t tokens;

	measure_request(request, &measure);
	tokens = add_product(text_bytes(&measure, body_bytes), 1,
	    allowances(&measure));
	return add_product(tokens, measure.images,
	    image_tokens > 0 ? image_tokens : 0);
}

int64_t
tokens_texts_bound(size_t body_bytes, int64_t n)
{
	const struct measure measure = { .messages = n };

	return add_product(text_bytes(&measure, body_bytes), 1,
	    allowances(&measure));
}

int64_t
tokens_chat_estimate(const json_t *request, size_t body_bytes,
    int64_t image_tokens)
{
	struct measure measure;
	int64_t tokens;

	measure_request(request, &measure);
	tokens = text_bytes(&measure, body_bytes) / BYTES_PER_LIKELY_TOKEN +
	    allowances(&measure) / LIKELY_ALLOWANCE_DIVISOR;
	return add_product(tokens, measure.images,
	    image_tokens > 0 ? image_tokens : 0);
}

int64_t
tokens_text_estimate(size_t bytes)
{
	size_t tokens = bytes / BYTES_PER_LIKELY_TOKEN;

	if (tokens > (size_t)tokens_max)
		return tokens_max;
	return tokens > 0 || bytes == 0 ? (int64_t)tokens : 1;
}
