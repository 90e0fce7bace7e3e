/*
 * image.c: POST /v1/images/generations: images, each at the price of its
 * quality and size.
 *
 * What the client does not name the configuration may: then that is asked for.
 * Otherwise the provider chooses, and the dearest it can choose is held. An
 * image is billed as what the answer says it is, or else as what was asked
 * for; and never above what was held for it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/tokens.h"
#include "handlers/ask.h"
#include "handlers/document.h"
#include "handlers/endpoint.h"
#include "handlers/relay.h"

enum { IMAGES_MAX = 10, EDITS_MAX = 3, NUMBER_SIZE = 24 };

/* What an image is to be; NULL: as the provider likes. */
struct choice {
	const char *size, *quality;
};

/* A word that the request has; "auto" says nothing. */
static const char *
word_of(const json_t *object, const char *name)
{
	const char *word = json_string_value(json_object_get(object, name));

	return word && *word && strcmp(word, "auto") != 0 ? word : NULL;
}

static struct choice
choose(const struct exchange *x)
{
	struct choice choice = {
		word_of(x->json, "size"),
		word_of(x->json, "quality"),
	};

	if (!choice.size)
		choice.size = x->model->image_size;
	if (!choice.quality)
		choice.quality = x->model->image_quality;
	return choice;
}

static bool
find_price(struct exchange *x)
{
	struct choice choice = choose(x);
	price any;

	if (conf_image_price(x->model, choice.size, choice.quality,
	    &x->worst.image_price))
		return true;
	return exchange_fail(x, ERR_INVALID_REQUEST,
	    choice.size && !conf_image_price(x->model, choice.size, NULL,
	    &any) ? "size" : "quality",
	    "This model is not sold in this size and quality (%s, %s). Name "
	    "another one, or none.", choice.size ?
	    exchange_excerpt(x, choice.size, strlen(choice.size)) : "auto",
	    choice.quality ? exchange_excerpt(x, choice.quality,
	    strlen(choice.quality)) : "auto");
}

static bool
check_stream(struct exchange *x)
{
	bool stream;

	if (!ask_boolean(x, "stream", &stream))
		return false;
	return !stream || exchange_fail(x, ERR_INVALID_REQUEST, "stream",
	    "This gateway does not stream images: leave stream out.");
}

bool
image_prepare(struct exchange *x)
{
	const char *text;

	if (!ask_model(x, MODEL_IMAGE) ||
	    !ask_text_needed(x, "prompt", &text) ||
	    !ask_count(x, "n", IMAGES_MAX, &x->worst.images) ||
	    !ask_text(x, "size", &text) || !ask_text(x, "quality", &text) ||
	    !check_stream(x) || !find_price(x))
		return false;
	if (x->worst.images == 0)
		x->worst.images = 1;
	x->tokens_estimate = tokens_text_estimate(json_string_length(
	    json_object_get(x->json, "prompt")));
	return true;
}

static int64_t
count_images(const json_t *data)
{
	const json_t *image;
	int64_t n = 0;
	size_t i;

	json_array_foreach(data, i, image)
		n += json_string_length(json_object_get(image, "url")) > 0 ||
		    json_string_length(json_object_get(image, "b64_json")) > 0;
	return n;
}

static price
price_of(const struct exchange *x, const json_t *answer,
    const struct choice *asked)
{
	const char *size = word_of(answer, "size");
	const char *quality = word_of(answer, "quality");
	price found;

	if (!conf_image_price(x->model, size ? size : asked->size,
	    quality ? quality : asked->quality, &found) ||
	    found.nano_per_million > x->worst.image_price.nano_per_million)
		return x->worst.image_price;
	return found;
}

static const char *
count(struct exchange *x, const json_t *answer, void *context)
{
	int64_t n = count_images(json_object_get(answer, "data"));

	if (n == 0)
		return "the answer has no images";
	x->used.images = n < x->worst.images ? n : x->worst.images;
	x->used.image_price = price_of(x, answer, context);
	return NULL;
}

/* A member that says what was chosen for the client. */
static void
add_choice(struct exchange *x, const char *name, const char *chosen,
    struct json_edit *edits, size_t *n)
{
	const char *quoted;

	if (!chosen || word_of(x->json, name))
		return;
	quoted = relay_quote(x, chosen);
	if (quoted)
		edits[(*n)++] = (struct json_edit){ name, quoted };
	else
		exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
}

bool
image_handle(struct exchange *x)
{
	struct json_edit edits[EDITS_MAX];
	char images[NUMBER_SIZE];
	struct choice choice = choose(x);
	struct document_call call = {
		.path = "/images/generations",
		.edits = edits,
		.count = count,
		.context = &choice,
	};

	add_choice(x, "size", choice.size, edits, &call.n_edits);
	add_choice(x, "quality", choice.quality, edits, &call.n_edits);
	snprintf(images, sizeof(images), "%" PRId64, x->worst.images);
	if (json_is_real(json_object_get(x->json, "n")))
		edits[call.n_edits++] = (struct json_edit){ "n", images };
	/* These outlive the request's tree. */
	choice.size = arena_strdup(x->arena, choice.size);
	choice.quality = arena_strdup(x->arena, choice.quality);
	return x->err == ERR_NONE && document_make(x, &call);
}
