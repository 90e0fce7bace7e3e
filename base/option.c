/* option.c: the table that option.def makes. */
#include "base/conf.h"

#include <assert.h>

#include "base/conf_private.h"

const struct option_row option_rows[] = {
#define OPTION_FAREBOX(kind, name, value, min, max, unit, doc) \
	{ OPTION_SECTION_FAREBOX, OPTION_##kind, #name, value, min, max, \
		unit, doc, offsetof(struct conf, name) },
#define OPTION_PROVIDER(kind, name, value, min, max, unit, doc) \
	{ OPTION_SECTION_PROVIDER, OPTION_##kind, #name, value, min, max, \
		unit, doc, offsetof(struct provider, name) },
#define OPTION_ROUTE(kind, name, value, min, max, unit, doc) \
	{ OPTION_SECTION_ROUTE, OPTION_##kind, #name, value, min, max, \
		unit, doc, offsetof(struct route, name) },
#define OPTION_MODEL(kind, name, value, min, max, unit, doc) \
	{ OPTION_SECTION_MODEL, OPTION_##kind, #name, value, min, max, \
		unit, doc, offsetof(struct model, name) },
#define OPTION_PLAN(kind, name, value, min, max, unit, doc) \
	{ OPTION_SECTION_PLAN, OPTION_##kind, #name, value, min, max, \
		unit, doc, offsetof(struct plan, name) },
#include "base/option.def"
};

const size_t n_option_rows = sizeof(option_rows) / sizeof(option_rows[0]);

_Static_assert(sizeof(option_rows) / sizeof(option_rows[0]) == CONF_ROWS,
    "CONF_ROWS counts option.def");

static const char *const section_names[OPTION_SECTION__COUNT] = {
	[OPTION_SECTION_FAREBOX] = "farebox",
	[OPTION_SECTION_PROVIDER] = "provider",
	[OPTION_SECTION_ROUTE] = "route",
	[OPTION_SECTION_MODEL] = "model",
	[OPTION_SECTION_PLAN] = "plan",
};

const char *
option_section_name(enum option_section section)
{
	assert(section < OPTION_SECTION__COUNT);
	return section_names[section];
}
