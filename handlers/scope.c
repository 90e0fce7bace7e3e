/* scope.c: which models a key may use. */
#include "handlers/scope.h"

static bool
is_chat(const struct model *model)
{
	return model->kind == MODEL_CHAT;
}

enum store_rc
scope_allows(struct exchange *x, const struct model *model)
{
	switch (x->key.scope) {
	case KEY_SCOPE_ALL:
		return STORE_OK;
	case KEY_SCOPE_CHAT:
		return is_chat(model) ? STORE_OK : STORE_NOT_FOUND;
	case KEY_SCOPE_LIST:
		return key_lists_model(x->store, x->key.number, model->id);
	case KEY_SCOPE__COUNT:
		break;
	}
	return STORE_CORRUPT;
}

const struct model *
scope_model(struct exchange *x, const char *id, size_t id_len,
    const char *param)
{
	const struct model *model = conf_model(x->conf, id, id_len);
	enum store_rc rc = model ? scope_allows(x, model) : STORE_NOT_FOUND;

	if (rc == STORE_OK)
		return model;
	if (rc == STORE_NOT_FOUND) {
		exchange_fail(x, ERR_MODEL_NOT_FOUND, param,
		    "There is no model '%s' for this key. GET /v1/models lists "
		    "those there are.", exchange_excerpt(x, id, id_len));
		return NULL;
	}
	exchange_detail(x, "the key's models: %s", store_rc_text(rc));
	exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL, NULL);
	return NULL;
}
