/* conf_private.h: what the files that read farebox.conf share. */
#ifndef BASE_CONF_PRIVATE_H
#define BASE_CONF_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"

enum {
	CONF_ROWS = 0
#define OPTION_FAREBOX(kind, name, value, min, max, unit, doc) + 1
#define OPTION_PROVIDER(kind, name, value, min, max, unit, doc) + 1
#define OPTION_ROUTE(kind, name, value, min, max, unit, doc) + 1
#define OPTION_MODEL(kind, name, value, min, max, unit, doc) + 1
#define OPTION_PLAN(kind, name, value, min, max, unit, doc) + 1
#include "base/option.def"
};

enum {
	CONF_BRAND_LEN_MAX = 32,
	CONF_NAME_LEN_MAX = 63,   /* of a provider */
	CONF_PLAN_LEN_MAX = 23,   /* of a plan: PLAN_NAME_SIZE of the store */
	CONF_MODEL_LEN_MAX = 127, /* of a model ID, public or a provider's */
	CONF_KEY_LEN_MAX = 4096,
};

/* What a file says about one option; line 0 when it says nothing. */
struct conf_setting {
	const char *value;
	int line;
	struct conf_setting *more; /* of an option that is given again */
};

/* One section of a file, not interpreted yet. */
struct conf_part {
	enum option_section section;
	const char *title; /* NAME of [provider NAME]; "" of [farebox] */
	int line;          /* 0 when the file lacks it */
	struct conf_setting settings[CONF_ROWS]; /* as in option_rows */
};

struct conf_problem {
	int line;
	char *text;
};

/*
 * A configuration while it is being read. All that is wrong is noted, and
 * what follows goes on with what there is.
 */
struct conf_draft {
	const char *file;
	const char *dir;         /* of file, absolute */
	struct conf *conf;
	struct conf_part *parts; /* the first is [farebox] */
	size_t n_parts;
	struct conf_problem *problems;
	size_t n_problems;
	bool no_memory;
};

/*
 * Notes a problem of a line (0: of the file). Never put a value into it that
 * may be a secret by mistake.
 */
void conf_complain(struct conf_draft *draft, int line, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* Appends what was noted, by line, to problems, and forgets it. */
void conf_report(struct conf_draft *draft, struct conf_problems *problems);

/*
 * A terminated copy that lives as long as the configuration and is wiped with
 * it; NULL, and draft->no_memory set, when memory runs out.
 */
char *conf_keep(struct conf_draft *draft, const char *text, size_t len);

/* Zeroed memory that lives as long, or NULL likewise. */
void *conf_alloc(struct conf_draft *draft, size_t bytes);

/* The offered word that is most like another, where one is. */
struct conf_nearest {
	const char *word;
	const char *best; /* NULL: none is near */
	size_t distance;
};

void conf_nearest_offer(struct conf_nearest *nearest, const char *word);

/* "; did you mean 'best'?" or "" */
const char *conf_nearest_hint(const struct conf_nearest *nearest,
    char hint[CONF_MODEL_LEN_MAX]);

/* Interprets the parts: fills draft->conf. */
void conf_fill(struct conf_draft *draft);

/*
 * Checks the text of an option of kind TEXT. Returns what is to be kept (it
 * may be the text itself), or NULL with a problem noted.
 */
const char *conf_check_text(struct conf_draft *draft,
    const struct option_row *row, const struct conf_setting *setting);

/* Reads the keys that a provider's key_file or key_env lead to. */
void conf_read_keys(struct conf_draft *draft, struct provider *provider);

/*
 * Sets a field from a setting's value; notes a problem when it cannot. Of an
 * option that is given several times, called for each; the field grows.
 */
typedef void conf_set_field(struct conf_draft *draft,
    const struct option_row *row, const struct conf_setting *setting,
    void *field);

/* conf_fill.c: that of a row's kind. */
conf_set_field *conf_setter(const struct option_row *row);

/* conf_route.c: those about routes. */
conf_set_field conf_set_supplier, conf_set_routes;

/* conf_fields.c: those that change a request. */
conf_set_field conf_set_fields, conf_drop_fields;

/* Finishes the routes of a model, whose ID is known. */
void conf_finish_routes(struct conf_draft *draft, struct model *model);

/* Checks a [route NAME] against the others and the providers. */
void conf_check_route(struct conf_draft *draft, const struct route *route);

/* Up to len_max letters, digits, '.', '_' or '-'. */
bool conf_is_name(const char *text, size_t len_max);

/* What a part says about an option of its section. */
const struct conf_setting *conf_setting_of(const struct conf_part *part,
    const char *name);

/* Sets the struct image_prices of a model. */
void conf_read_images(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field);

/*
 * Checks that a model has the prices of what its kind sells, and no others,
 * and fills in those that follow from others.
 */
void conf_check_prices(struct conf_draft *draft, const struct conf_part *part,
    struct model *model);

/* True for 1 to len_max visible ASCII characters. */
bool conf_is_word(const char *text, size_t len_max);

#endif
