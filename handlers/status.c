/* status.c: GET /status: how available the gateway and its models were. */
#include <string.h>

#include "handlers/endpoint.h"
#include "handlers/ways.h"

enum { DEGRADED_PER_MILLE = 990, SHARE_DIGITS = 6 };

/* Who reads it sees what was so some seconds ago, and that is cheap. */
static const char cache_control[] = "public, max-age=5";

static const char *
word_of(const struct tally_sum *sum, bool open)
{
	int64_t all = sum->well + sum->badly;

	if (!open)
		return "down";
	return sum->well * 1000 < all * DEGRADED_PER_MILLE ? "degraded" :
	    "ok";
}

/* The share that went well; null where nobody asked. */
static json_t *
availability(const struct tally_sum *sum)
{
	int64_t all = sum->well + sum->badly;

	return all > 0 ? json_real((double)sum->well / (double)all) :
	    json_null();
}

static json_t *
summary(const struct tally_sum *sum, bool open)
{
	return json_pack("{s:s, s:o, s:I}",
	    "status", word_of(sum, open),
	    "availability", availability(sum),
	    "requests", (json_int_t)(sum->well + sum->badly));
}

static json_t *
model_object(const struct exchange *x, const struct model *model)
{
	struct tally_sum sum = tally_sum(x->tally, model->id);
	int64_t wait_ms;
	json_t *object = json_pack("{s:s}", "id", model->id);
	json_t *rest = summary(&sum, ways_are_open(x, model, &wait_ms));

	if (!object || json_object_update(object, rest) != 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(rest);
	return object;
}

static json_t *
models_array(const struct exchange *x)
{
	json_t *array = json_array();

	for (size_t i = 0; i < x->conf->n_models; i++)
		if (json_array_append_new(array,
			model_object(x, &x->conf->models[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

bool
status_handle(struct exchange *x)
{
	struct tally_sum sum = tally_sum(x->tally, NULL);
	json_t *document = json_pack("{s:o, s:o, s:i}",
	    "gateway", summary(&sum, x->store != NULL),
	    "models", models_array(x),
	    "seconds", TALLY_MINUTES * 60);
	char *text = document ? json_dumps(document,
	    JSON_COMPACT | JSON_REAL_PRECISION(SHARE_DIGITS)) : NULL;

	json_decref(document);
	if (!text)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	exchange_answer_owned(x, 200, "application/json", text, strlen(text));
	x->cache_control = cache_control;
	return true;
}
