/* conf.h: farebox.conf, read and checked; the home of libinih. */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/money.h"

/* The order is that of the words in option.def. */
enum hold_input { HOLD_INPUT_BOUND, HOLD_INPUT_ESTIMATE };
enum durability { DURABILITY_FLUSH, DURABILITY_PROCESS };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };
enum per_model { PER_MODEL_NO, PER_MODEL_YES };
enum model_kind {
	MODEL_CHAT,
	MODEL_COMPLETION,
	MODEL_EMBEDDING,
	MODEL_IMAGE,
	MODEL_SPEECH,
	MODEL_TRANSCRIPTION,
	MODEL_KIND__COUNT
};
enum model_free { FREE_NO, FREE_YES };
enum stream_options { STREAM_OPTIONS_YES, STREAM_OPTIONS_NO };

struct provider;

/* Texts of an option that may be given several times, with their lines. */
struct conf_texts {
	const struct conf_text {
		const char *text;
		int line;
	} *list;
	size_t n;
};

/* Changes to the body of a request. */
struct conf_edits {
	const struct json_edit *list;
	size_t n;
};

/* What the operator pays, where that is told. */
struct conf_cost {
	bool known;
	struct price price;
};

/* At least one; in the order of the file. */
struct conf_routes {
	const struct route *list;
	size_t n;
};

enum {
	PROVIDER_KEYS_MAX = 16,
	MODEL_ROUTES_MAX = 16,
	ROUTE_EDITS_MAX = 20, /* set_fields, or drop_fields */
};

enum { IMAGE_PRICES_MAX = 24 };

/* What images of a size and quality cost; NULL: of any. */
struct image_price {
	const char *size;
	const char *quality;
	price each;
};

struct image_prices {
	size_t n;
	struct image_price list[IMAGE_PRICES_MAX];
};

#define OPTION_C_TEXT const char *
#define OPTION_C_INT int64_t
#define OPTION_C_CHOICE int
#define OPTION_C_PRICE struct price
#define OPTION_C_PRICE_EACH struct price
#define OPTION_C_IMAGES struct image_prices
#define OPTION_C_KEYS struct conf_texts
#define OPTION_C_SUPPLIER const struct provider *
#define OPTION_C_SET struct conf_edits
#define OPTION_C_DROP struct conf_edits
#define OPTION_C_COST struct conf_cost
#define OPTION_C_ROUTES struct conf_routes

/*
 * One [provider NAME]. `keys` are the secrets that key_file or key_env lead
 * to; none when the provider needs none.
 */
struct provider {
	const char *name;
	int line;
	const char *keys[PROVIDER_KEYS_MAX];
	size_t n_keys;
#define OPTION_PROVIDER(kind, name, value, min, max, unit, doc) \
	OPTION_C_##kind name;
#include "base/option.def"
};

/*
 * One way to a model: a `route =` of it, or a [route NAME] that such a line
 * takes over. In a model, no number is 0: a time-out that is not given is the
 * provider's.
 */
struct route {
	const char *name; /* of the section; else the provider's */
	int line;
#define OPTION_ROUTE(kind, name, value, min, max, unit, doc) \
	OPTION_C_##kind name;
#include "base/option.def"
};

/* One [model ID]; `id` is its public ID. */
struct model {
	const char *name;
	int line;
#define OPTION_MODEL(kind, name, value, min, max, unit, doc) \
	OPTION_C_##kind name;
#include "base/option.def"
};

/* One [plan NAME]: the limits of a key, unless it has some of its own. */
struct plan {
	const char *name;
	int line;
#define OPTION_PLAN(kind, name, value, min, max, unit, doc) \
	OPTION_C_##kind name;
#include "base/option.def"
};

/* A whole configuration. Read-only once loaded; every pointer is its own. */
struct conf {
#define OPTION_FAREBOX(kind, name, value, min, max, unit, doc) \
	OPTION_C_##kind name;
#include "base/option.def"
	struct provider *providers;
	size_t n_providers;
	struct route *routes; /* the [route NAME] sections */
	size_t n_routes;
	struct model *models;
	size_t n_models;
	struct plan *plans; /* one of them is "default" */
	size_t n_plans;
	const char *file;
	struct conf_memory *memory; /* of conf.c */
};

enum option_kind {
	OPTION_TEXT,
	OPTION_INT,
	OPTION_CHOICE,
	OPTION_PRICE,
	OPTION_PRICE_EACH,
	OPTION_IMAGES,
	OPTION_KEYS,
	OPTION_SUPPLIER,
	OPTION_SET,
	OPTION_DROP,
	OPTION_COST,
	OPTION_ROUTES,
};

enum option_section {
	OPTION_SECTION_FAREBOX,
	OPTION_SECTION_PROVIDER,
	OPTION_SECTION_ROUTE,
	OPTION_SECTION_MODEL,
	OPTION_SECTION_PLAN,
	OPTION_SECTION__COUNT
};

/* One row of option.def; `offset` is that of its field. */
struct option_row {
	enum option_section section;
	enum option_kind kind;
	const char *name;
	const char *value; /* the default; NULL none, "!" must be given */
	int64_t min, max;
	const char *unit;
	const char *doc;
	size_t offset;
};

extern const struct option_row option_rows[];
extern const size_t n_option_rows;

/* "farebox", "provider", "route", "model", "plan" */
const char *option_section_name(enum option_section section);

/* Everything that is wrong with a file, a line each. */
struct conf_problems {
	char *text;  /* "FILE:LINE: what is wrong; what was expected\n" ... */
	size_t len;
	int count;
};

/*
 * Reads a file. Returns a configuration that the caller gives to conf_free(),
 * or NULL with at least one problem. Problems are appended, all of them at
 * once; the caller frees problems->text.
 */
struct conf *conf_load(const char *file, struct conf_problems *problems);

/* NULL is allowed. */
void conf_free(struct conf *conf);

/* The model of that public ID, or NULL. The ID need not be terminated. */
const struct model *conf_model(const struct conf *conf, const char *id,
    size_t id_len);

/*
 * The most that an image of this size and quality can cost; a NULL one is for
 * the provider to choose. False when there is no price for it.
 */
bool conf_image_price(const struct model *model, const char *size,
    const char *quality, price *dearest);

/* The provider of that name, or NULL. */
const struct provider *conf_provider(const struct conf *conf,
    const char *name);

/* The plan of that name; NULL when there is none. */
const struct plan *conf_plan(const struct conf *conf, const char *name);

/* The plan of an account: "default" for "", and for one that the configuration
 * has no more. */
const struct plan *conf_plan_of(const struct conf *conf, const char *name);

/* Writes a commented sample with every option at its default. */
void conf_write_sample(FILE *out);

/* Which file to read: the argument, $FAREBOX_CONFIG, or the built-in path. */
const char *conf_path(const char *argument);

#endif
