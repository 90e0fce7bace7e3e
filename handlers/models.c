/* models.c: GET /v1/models and /v1/models/{id}: what the key may use. */
#include <string.h>

#include "handlers/endpoint.h"
#include "handlers/scope.h"

static json_t *
describe(const struct model *model)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "id", model->id,
	    "object", "model", "created", (json_int_t)model->created,
	    "owned_by", model->owned_by);
}

bool
models_handle(struct exchange *x)
{
	json_t *data = json_array();
	enum store_rc rc;

	for (size_t i = 0; i < x->conf->n_models; i++) {
		rc = scope_allows(x, &x->conf->models[i]);
		if (rc == STORE_NOT_FOUND)
			continue;
		if (rc != STORE_OK) {
			json_decref(data);
			exchange_detail(x, "the key's models: %s",
			    store_rc_text(rc));
			return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL,
			    NULL);
		}
		if (json_array_append_new(data,
		    describe(&x->conf->models[i])) != 0) {
			json_decref(data);
			return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
		}
	}
	return exchange_answer_json(x, 200, json_pack("{s:s, s:o}",
	    "object", "list", "data", data));
}

bool
model_handle(struct exchange *x)
{
	const struct model *model = scope_model(x, x->argument,
	    strlen(x->argument), "model");

	return model && exchange_answer_json(x, 200, describe(model));
}
