/* conf_fields.c: the fields of a request that a route changes. */
#include "base/conf_private.h"

#include <stdlib.h>
#include <string.h>

static const char separators[] = " \t,";

/*
 * What is held, billed and answered depends on these. A dropped `n` asks for
 * less than was held, which does no harm.
 */
static const char *const untouchable[] = {
	"model", "messages", "prompt", "input", "stream", "stream_options",
	"max_tokens", "max_completion_tokens",
};
static const char *const unsettable[] = { "n", "best_of", "size", "quality" };

static bool
is_among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

#define AMONG(names, name) \
	is_among(names, sizeof(names) / sizeof((names)[0]), name)

static bool
check(struct conf_draft *draft, int line, const struct option_row *row,
    const char *name)
{
	if (!conf_is_word(name, CONF_NAME_LEN_MAX) || strpbrk(name, "\"\\"))
		conf_complain(draft, line,
		    "%s has a bad name of a field; expected 1 to %d visible "
		    "ASCII characters without '\"' and '\\'", row->name,
		    CONF_NAME_LEN_MAX);
	else if (AMONG(untouchable, name) ||
	    (row->kind == OPTION_SET && AMONG(unsettable, name)))
		conf_complain(draft, line,
		    "%s names '%s', on which the bill depends; expected fields "
		    "that Farebox does not know", row->name, name);
	else
		return true;
	return false;
}

static void
add(struct conf_draft *draft, int line, const struct option_row *row,
    struct conf_edits *edits, const char *name, const char *value)
{
	struct json_edit *grown;

	if (!check(draft, line, row, name))
		return;
	for (size_t i = 0; i < edits->n; i++)
		if (strcmp(edits->list[i].name, name) == 0) {
			conf_complain(draft, line,
			    "%s names '%s' twice; expected it once",
			    row->name, name);
			return;
		}
	if (edits->n == ROUTE_EDITS_MAX) {
		conf_complain(draft, line,
		    "%s names too many fields; expected at most %d", row->name,
		    ROUTE_EDITS_MAX);
		return;
	}
	grown = conf_alloc(draft, (edits->n + 1) * sizeof(*grown));
	if (!grown)
		return;
	if (edits->n > 0)
		memcpy(grown, edits->list, edits->n * sizeof(*grown));
	grown[edits->n++] = (struct json_edit){ name, value };
	edits->list = grown;
}

void
conf_drop_fields(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	const char *text = setting->value;

	for (text += strspn(text, separators); *text;
	    text += strspn(text, separators)) {
		size_t len = strcspn(text, separators);
		const char *name = conf_keep(draft, text, len);

		if (name)
			add(draft, setting->line, row, field, name, NULL);
		text += len;
	}
}

void
conf_set_fields(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	char why[256];
	json_t *object = json_parse_request(setting->value,
	    strlen(setting->value), why, sizeof(why));
	const char *name;
	json_t *value;

	if (!object) {
		conf_complain(draft, setting->line,
		    "%s is not a JSON object: %s Expected one such as "
		    "{\"service_tier\": \"flex\"}", row->name, why);
		return;
	}
	json_object_foreach(object, name, value) {
		char *text = json_dumps(value,
		    JSON_COMPACT | JSON_ENCODE_ANY);
		const char *kept = conf_keep(draft, name, strlen(name));
		const char *kept_value = text ?
		    conf_keep(draft, text, strlen(text)) : NULL;

		if (kept && kept_value)
			add(draft, setting->line, row, field, kept,
			    kept_value);
		else
			draft->no_memory = true;
		free(text);
	}
	json_decref(object);
}
