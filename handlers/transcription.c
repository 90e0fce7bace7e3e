/*
 * transcription.c: POST /v1/audio/transcriptions: a recording is written down.
 *
 * A model is sold by the second or by the token. How long a recording is
 * nobody knows before it is heard, as its own head may lie. What is held
 * follows from the bytes of the file: no more seconds than these can be, with
 * audio_bytes_per_second_min, and no more than audio_seconds_max; no more
 * tokens than bytes, and no more than the model takes. What is billed is what
 * the provider says, or an estimate where it does not.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/audio.h"
#include "base/tokens.h"
#include "handlers/ask.h"
#include "handlers/document.h"
#include "handlers/endpoint.h"
#include "handlers/relay.h"
#include "upstream/usage_scan.h"

enum {
	/* A recording of the usual kind, where nothing better is known: 128
	 * kbit/s, and ten tokens for each second. */
	USUAL_BYTES_PER_MS = 16,
	USUAL_BYTES_PER_TOKEN = 1600,
};

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool
is_sold_by_second(const struct model *model)
{
	return model->price_second.nano_per_million > 0;
}

/* A field that stands in the form once at most; *part is NULL if not. */
static bool
find_once(struct exchange *x, const char *name, const struct form_part **part)
{
	size_t n;

	*part = form_find(x->form, name, &n);
	return n < 2 || exchange_fail(x, ERR_INVALID_REQUEST, name,
	    "%s is given %zu times: send one.", name, n);
}

static bool
check_file(struct exchange *x, const struct form_part **file)
{
	if (!find_once(x, "file", file))
		return false;
	if (!*file)
		return exchange_fail(x, ERR_INVALID_REQUEST, "file",
		    "file is missing: send the recording as the field 'file' "
		    "of the form.");
	if (!(*file)->is_file)
		return exchange_fail(x, ERR_INVALID_REQUEST, "file",
		    "file must be a file: give it a filename.");
	return (*file)->len > 0 || exchange_fail(x, ERR_INVALID_REQUEST,
	    "file", "file is empty: send a recording.");
}

static bool
check_model(struct exchange *x)
{
	const struct form_part *part;

	if (!find_once(x, "model", &part))
		return false;
	return ask_model_named(x, part ? part->value : NULL,
	    part ? strlen(part->value) : 0, MODEL_TRANSCRIPTION);
}

static bool
check_stream(struct exchange *x)
{
	const struct form_part *part;

	if (!find_once(x, "stream", &part))
		return false;
	return !part || part->len == 0 ||
	       strcasecmp(part->value, "false") == 0 ||
	       exchange_fail(x, ERR_INVALID_REQUEST, "stream",
	    "This gateway does not stream transcriptions: leave stream out.");
}

/* The bytes as milliseconds, rounded up. */
static int64_t
longest_ms(const struct model *model, int64_t bytes)
{
	int64_t rate = model->audio_bytes_per_second_min;

	return smaller((bytes * 1000 + rate - 1) / rate,
	    model->audio_seconds_max * 1000);
}

bool
transcription_prepare(struct exchange *x)
{
	const struct form_part *file, *format;
	const struct model *model;

	if (!check_model(x) || !check_file(x, &file) ||
	    !find_once(x, "response_format", &format) || !check_stream(x))
		return false;
	model = x->model;
	x->tokens_estimate = smaller(1 + file->len / USUAL_BYTES_PER_TOKEN +
	    tokens_text_estimate((size_t)(x->form->len - file->len)),
	    model->context);
	if (is_sold_by_second(model)) {
		x->worst.audio_ms = longest_ms(model, file->len);
		return true;
	}
	x->worst.input_tokens = smaller(x->form->len, model->context);
	x->worst.audio_input_tokens = x->worst.input_tokens;
	x->worst.output_tokens = model->output_tokens_max;
	return true;
}

static bool
make_body(struct exchange *x, const struct route *route,
    struct relay_body *body, void *context)
{
	struct form_edit *edit = context;

	edit->value = route->model;
	body->content_type = x->form->content_type;
	body->len = (size_t)form_edit_len(edit);
	body->read = form_edit_read;
	body->read_context = edit;
	return true;
}

struct within {
	const struct form *form;
	const struct form_part *file;
};

static ssize_t
read_within(int64_t offset, void *data, size_t size, void *context)
{
	const struct within *within = context;

	if (size > (size_t)(within->file->len - offset))
		size = (size_t)(within->file->len - offset);
	return form_read(within->form, within->file->offset + offset, data,
	    size);
}

/* What the recording says of itself, or what its bytes usually are. */
static int64_t
likely_ms(const struct form *form, const struct form_part *part)
{
	struct within within = { form, part };
	const struct audio_file file = { read_within, &within, part->len };
	int64_t ms;

	return audio_duration(&file, &ms) ? ms :
	    1 + part->len / USUAL_BYTES_PER_MS;
}

static void
count_seconds(struct exchange *x, const struct audio_usage *usage)
{
	const struct form_part *file;
	size_t n;

	if (usage->has_duration) {
		x->used.audio_ms = usage->duration_ms;
		return;
	}
	file = form_find(x->form, "file", &n);
	x->used.audio_ms = smaller(likely_ms(x->form, file),
	    x->worst.audio_ms);
	x->usage_flags |= USAGE_ESTIMATED;
}

static void
count_tokens(struct exchange *x, const struct audio_usage *usage,
    size_t text_bytes)
{
	const struct token_usage *tokens = &usage->tokens;

	if (usage->has_tokens) {
		x->used.input_tokens = tokens->input_tokens;
		x->used.audio_input_tokens = tokens->audio_input_tokens;
		x->used.output_tokens = tokens->output_tokens;
		return;
	}
	x->used.input_tokens = smaller(x->tokens_estimate,
	    x->worst.input_tokens);
	x->used.audio_input_tokens = x->used.input_tokens;
	x->used.output_tokens = smaller(tokens_text_estimate(text_bytes),
	    x->worst.output_tokens);
	x->usage_flags |= USAGE_ESTIMATED;
}

static void
count(struct exchange *x, const struct audio_usage *usage, size_t text_bytes)
{
	if (is_sold_by_second(x->model))
		count_seconds(x, usage);
	else
		count_tokens(x, usage, text_bytes);
}

static bool
take_json(struct exchange *x, const char *type,
    const struct upstream_answer *got)
{
	json_t *answer = json_parse_answer(got->body, got->body_len);
	const json_t *text = json_object_get(answer, "text");
	struct audio_usage usage;
	bool done;

	if (!json_is_string(text)) {
		json_decref(answer);
		return document_unusable(x, "the answer has no text");
	}
	usage_scan_audio(answer, &usage);
	count(x, &usage, json_string_length(text));
	done = document_answer(x, answer, type, got->body, got->body_len);
	json_decref(answer);
	return done;
}

/* Plain text or subtitles say nothing of what they used. */
static bool
take_text(struct exchange *x, const char *type,
    const struct upstream_answer *got)
{
	const struct audio_usage none = { 0 };
	char *copy = malloc(got->body_len + 1);

	if (!copy)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	memcpy(copy, got->body, got->body_len + 1);
	exchange_answer_owned(x, 200, type, copy, got->body_len);
	count(x, &none, got->body_len);
	x->produced = true;
	return true;
}

static bool
has_type(const struct upstream_answer *answer, const char *type)
{
	return strncasecmp(answer->content_type, type, strlen(type)) == 0;
}

static bool
take(struct exchange *x, enum upstream_rc rc,
    const struct upstream_answer *got, void *context)
{
	const char *type;

	(void)context;
	if (!relay_judge(x, rc, got))
		return false;
	if (!got->body || got->body_len == 0)
		return document_unusable(x, "the answer is empty");
	if (has_type(got, "text/html"))
		return document_unusable(x, "the answer is HTML");
	type = arena_strdup(x->arena, *got->content_type ?
	    got->content_type : "text/plain; charset=utf-8");
	if (!type)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	/* Some call everything JSON, plain text too. */
	if (has_type(got, "application/json") && *got->body == '{')
		return take_json(x, type, got);
	return take_text(x, type, got);
}

bool
transcription_handle(struct exchange *x)
{
	size_t n;
	struct form_edit edit = {
		.form = x->form,
		.part = form_find(x->form, "model", &n),
	};
	struct relay_ask ask = {
		.path = "/audio/transcriptions",
		.accept = "*/*",
		.make = make_body,
		.take = take,
		.context = &edit,
	};

	return relay(x, &ask);
}
