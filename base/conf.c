/* conf.c: farebox.conf, read and checked; the home of libinih. */
#include "base/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/conf_private.h"
#include "base/digest.h"

#ifndef FAREBOX_CONFIG_PATH
#define FAREBOX_CONFIG_PATH "/etc/farebox/farebox.conf"
#endif

static const char default_plan[] = "default";

static const char blanks[] = " \t\r\n\v\f";

/* Pieces of text that a configuration owns. */
struct conf_memory {
	struct conf_memory *next;
	size_t size_bytes;
	_Alignas(16) char text[];
};

/*
 * What feeds libinih. It tells its handler neither the line, nor that a
 * section begins, nor that it has cut a title or a line, and it takes an
 * indented line for more of the last value. So the reader passes on nothing
 * but lines with options, stripped on the left, one at a time.
 */
struct reader {
	struct conf_draft *draft;
	FILE *in;
	int line;
	enum { BEFORE_SECTIONS, IN_PART, IN_REFUSED } where;
	size_t part;   /* index in draft->parts, with IN_PART */
	bool unheard;  /* libinih has a line and has not called yet */
};

void *
conf_alloc(struct conf_draft *draft, size_t bytes)
{
	struct conf_memory *piece = calloc(1, sizeof(*piece) + bytes);

	if (!piece) {
		draft->no_memory = true;
		return NULL;
	}
	piece->next = draft->conf->memory;
	piece->size_bytes = bytes;
	draft->conf->memory = piece;
	return piece->text;
}

char *
conf_keep(struct conf_draft *draft, const char *text, size_t len)
{
	char *kept = conf_alloc(draft, len + 1);

	if (kept)
		memcpy(kept, text, len);
	return kept;
}

void
conf_free(struct conf *conf)
{
	if (!conf)
		return;
	while (conf->memory) {
		struct conf_memory *piece = conf->memory;

		conf->memory = piece->next;
		secret_wipe(piece->text, piece->size_bytes);
		free(piece);
	}
	free(conf->providers);
	free(conf->routes);
	free(conf->models);
	free(conf->plans);
	free(conf);
}

static bool
add_part(struct conf_draft *draft, enum option_section section,
    const char *title, int line)
{
	const char *kept = conf_keep(draft, title, strlen(title));
	struct conf_part *grown = realloc(draft->parts,
	    (draft->n_parts + 1) * sizeof(*grown));

	if (grown)
		draft->parts = grown;
	if (!grown || !kept) {
		draft->no_memory = true;
		return false;
	}
	draft->parts[draft->n_parts++] = (struct conf_part){
		.section = section, .title = kept, .line = line };
	return true;
}

/* The part that goes on with a section; a new one unless it was there. */
static void
enter_part(struct reader *reader, enum option_section section,
    const char *title)
{
	struct conf_draft *draft = reader->draft;
	size_t i;

	for (i = 0; i < draft->n_parts; i++)
		if (draft->parts[i].section == section &&
		    strcmp(draft->parts[i].title, title) == 0)
			break;
	if (i == draft->n_parts) {
		if (!add_part(draft, section, title, reader->line))
			return;
	} else if (draft->parts[i].line == 0) {
		draft->parts[i].line = reader->line;
	} else {
		conf_complain(draft, reader->line,
		    "[%s%s%s] is given twice; it began at line %d, and its "
		    "options belong together there",
		    option_section_name(section), *title ? " " : "", title,
		    draft->parts[i].line);
	}
	reader->part = i;
	reader->where = IN_PART;
}

/* The section that a title's first word names, or OPTION_SECTION__COUNT. */
static enum option_section
find_section(const char *word, size_t len)
{
	enum option_section section = 0;

	while (section < OPTION_SECTION__COUNT &&
	       (strlen(option_section_name(section)) != len ||
	        memcmp(option_section_name(section), word, len) != 0))
		section++;
	return section;
}

static void
refuse_section(struct reader *reader, char *word)
{
	struct conf_nearest nearest = { .word = word };
	char hint[CONF_MODEL_LEN_MAX];

	word[strcspn(word, blanks)] = '\0';
	for (int i = 0; i < OPTION_SECTION__COUNT; i++)
		conf_nearest_offer(&nearest, option_section_name(i));
	conf_complain(reader->draft, reader->line,
	    "unknown section [%s]; expected [farebox], [provider NAME], "
	    "[route NAME], [model ID] or [plan NAME]%s", word,
	    conf_nearest_hint(&nearest, hint));
}

/* Takes a title, without its brackets. */
static void
begin_section(struct reader *reader, char *title)
{
	size_t word_len, len;
	enum option_section section;

	title += strspn(title, blanks);
	for (len = strlen(title); len && strchr(blanks, title[len - 1]); len--)
		title[len - 1] = '\0';
	word_len = strcspn(title, blanks);
	section = find_section(title, word_len);
	if (section == OPTION_SECTION__COUNT) {
		refuse_section(reader, title);
		return;
	}
	title += word_len + strspn(title + word_len, blanks);
	if (section == OPTION_SECTION_FAREBOX && *title)
		conf_complain(reader->draft, reader->line,
		    "[farebox] takes no name; expected [farebox]");
	else if (section != OPTION_SECTION_FAREBOX && !*title)
		conf_complain(reader->draft, reader->line,
		    "[%s] lacks its name; expected [%s %s]",
		    option_section_name(section), option_section_name(section),
		    section == OPTION_SECTION_MODEL ? "ID" : "NAME");
	else
		enter_part(reader, section, title);
}

/* Takes a line that begins with '['. */
static void
take_section(struct reader *reader, char *line)
{
	char *end = strchr(line, ']');
	const char *rest;

	/* Until its title is known to be good, its options are not judged. */
	reader->where = IN_REFUSED;
	if (!end) {
		conf_complain(reader->draft, reader->line,
		    "the section's title does not end; expected ']'");
		return;
	}
	rest = end + 1 + strspn(end + 1, blanks);
	if (*rest && *rest != ';' && *rest != '#')
		conf_complain(reader->draft, reader->line,
		    "there is text behind the section's title; expected "
		    "options on lines of their own");
	*end = '\0';
	begin_section(reader, line + 1);
}

/*
 * Reads one line of any length, as much as fits with a newline behind it.
 * False at the end of the file; *len is what the line has.
 */
static bool
read_line(FILE *in, char *text, size_t size, size_t *len, bool *has_nul)
{
	int c;

	*len = 0;
	*has_nul = false;
	while ((c = getc(in)) != EOF && c != '\n') {
		if (*len < size - 2)
			text[*len] = (char)c;
		if (c == '\0')
			*has_nul = true;
		++*len;
	}
	return c != EOF || *len > 0;
}

/* True when a line holds an option, or what libinih shall look at as one. */
static bool
take_line(struct reader *reader, char *text, size_t size, size_t len,
    bool has_nul)
{
	static const char bom[] = "\xef\xbb\xbf";
	size_t indent;

	if (has_nul) {
		conf_complain(reader->draft, reader->line,
		    "the line has a NUL byte; expected text");
		return false;
	}
	if (len > size - 2) {
		conf_complain(reader->draft, reader->line,
		    "the line has %zu bytes; expected at most %zu%s", len,
		    size - 2, text[0] == '[' ?
		    " (give a long model ID with 'id = ...')" : "");
		if (text[0] == '[')
			reader->where = IN_REFUSED;
		return false;
	}
	text[len] = '\n';
	text[len + 1] = '\0';
	indent = reader->line == 1 && strncmp(text, bom, 3) == 0 ? 3 : 0;
	indent += strspn(text + indent, blanks);
	memmove(text, text + indent, len + 2 - indent);
	if (text[0] == '[')
		take_section(reader, text);
	return text[0] != '\0' && !strchr("[;#", text[0]);
}

static void
report_unheard(struct reader *reader)
{
	if (reader->unheard && reader->where != IN_REFUSED)
		conf_complain(reader->draft, reader->line,
		    "the line is neither a section, an option nor a comment; "
		    "expected 'name = value'");
	reader->unheard = false;
}

/* libinih's fgets. */
static char *
next_option_line(char *text, int size, void *stream)
{
	struct reader *reader = stream;
	bool has_nul;
	size_t len;

	report_unheard(reader);
	do {
		if (!read_line(reader->in, text, (size_t)size, &len, &has_nul))
			return NULL;
		reader->line++;
	} while (!take_line(reader, text, (size_t)size, len, has_nul));
	reader->unheard = true;
	return text;
}

/* Says where an option belongs that its section does not know. */
static void
refuse_option(struct reader *reader, enum option_section section,
    const char *name)
{
	struct conf_nearest nearest = { .word = name };
	char hint[CONF_MODEL_LEN_MAX];

	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->section == section)
			conf_nearest_offer(&nearest, row->name);
		else if (strcmp(row->name, name) == 0) {
			conf_complain(reader->draft, reader->line,
			    "option '%s' does not belong in [%s]; expected it "
			    "in [%s%s]", name, option_section_name(section),
			    option_section_name(row->section),
			    row->section == OPTION_SECTION_FAREBOX ? "" :
			    " ...");
			return;
		}
	}
	conf_complain(reader->draft, reader->line,
	    "unknown option '%s' in [%s]; expected one of farebox.conf(5)%s",
	    name, option_section_name(section),
	    conf_nearest_hint(&nearest, hint));
}

static bool
may_be_repeated(const struct option_row *row)
{
	return row->kind == OPTION_KEYS || row->kind == OPTION_SET ||
	       row->kind == OPTION_DROP || row->kind == OPTION_ROUTES;
}

/* Where the next value of an option goes; NULL without memory. */
static struct conf_setting *
one_more(struct reader *reader, struct conf_setting *setting)
{
	while (setting->more)
		setting = setting->more;
	setting->more = conf_alloc(reader->draft, sizeof(*setting));
	return setting->more;
}

static void
take_value(struct reader *reader, const struct option_row *row,
    struct conf_setting *setting, const char *value)
{
	if (setting->line && may_be_repeated(row)) {
		setting = one_more(reader, setting);
		if (!setting)
			return;
	} else if (setting->line) {
		conf_complain(reader->draft, reader->line,
		    "option '%s' is given twice; expected it once (it was "
		    "given at line %d)", row->name, setting->line);
		return;
	}
	setting->line = reader->line;
	setting->value = conf_keep(reader->draft, value, strlen(value));
}

/* libinih's handler: always 1, because its own count of errors is of no use. */
static int
take_option(void *user, const char *section, const char *name,
    const char *value)
{
	struct reader *reader = user;
	struct conf_part *part;

	(void)section;
	if (!value)
		return 1;
	reader->unheard = false;
	if (reader->where == BEFORE_SECTIONS)
		conf_complain(reader->draft, reader->line,
		    "option '%s' stands before any section; expected "
		    "[farebox] above it", name);
	if (reader->where != IN_PART)
		return 1;
	part = &reader->draft->parts[reader->part];
	for (size_t i = 0; i < n_option_rows; i++)
		if (option_rows[i].section == part->section &&
		    strcmp(option_rows[i].name, name) == 0) {
			take_value(reader, &option_rows[i],
			    &part->settings[i], value);
			return 1;
		}
	refuse_option(reader, part->section, name);
	return 1;
}

/* The directory of the file: what relative paths in it are relative to. */
static char *
directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *name, *dir;

	if (!slash)
		return realpath(".", NULL);
	name = strndup(file, slash == file ? 1 : (size_t)(slash - file));
	dir = name ? realpath(name, NULL) : NULL;
	free(name);
	return dir;
}

/* Reads the file into parts. False when it cannot be read. */
static bool
read_parts(struct conf_draft *draft)
{
	struct reader reader = { .draft = draft };
	int rc, error;

	reader.in = fopen(draft->file, "re");
	if (!reader.in) {
		conf_complain(draft, 0, "cannot be opened: %s; expected a "
		    "configuration file that this user may read",
		    strerror(errno));
		return false;
	}
	errno = 0;
	rc = ini_parse_stream(next_option_line, &reader, take_option, &reader);
	report_unheard(&reader);
	error = ferror(reader.in) ? errno : 0;
	fclose(reader.in);
	if (rc == -2)
		draft->no_memory = true;
	if (error)
		conf_complain(draft, 0, "cannot be read: %s; expected a "
		    "configuration file", strerror(error));
	return !error && !draft->no_memory;
}

/* A default that another option decides. */
static void
set_brand(struct conf *conf)
{
	static const char *const brands[DIALECT__COUNT] = {
		[DIALECT_NEXOROUTER] = "farebox",
		[DIALECT_NEMOROUTER] = "nemo",
	};

	if (!conf->brand)
		conf->brand = brands[conf->dialect];
}

struct conf *
conf_load(const char *file, struct conf_problems *problems)
{
	struct conf_draft draft = { .file = file };
	char *dir = directory_of(file);
	struct conf *conf;

	draft.dir = dir ? dir : "";
	draft.conf = conf = calloc(1, sizeof(*conf));
	if (!conf)
		draft.no_memory = true;
	else
		conf->file = conf_keep(&draft, file, strlen(file));
	if (!draft.no_memory &&
	    add_part(&draft, OPTION_SECTION_FAREBOX, "", 0) &&
	    add_part(&draft, OPTION_SECTION_PLAN, default_plan, 0) &&
	    read_parts(&draft))
		conf_fill(&draft);
	free(draft.parts);
	free(dir);
	if (draft.n_problems || draft.no_memory) {
		conf_report(&draft, problems);
		conf_free(conf);
		return NULL;
	}
	set_brand(conf);
	return conf;
}

const struct model *
conf_model(const struct conf *conf, const char *id, size_t id_len)
{
	for (size_t i = 0; i < conf->n_models; i++)
		if (strlen(conf->models[i].id) == id_len &&
		    memcmp(conf->models[i].id, id, id_len) == 0)
			return &conf->models[i];
	return NULL;
}

const struct provider *
conf_provider(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_providers; i++)
		if (strcmp(conf->providers[i].name, name) == 0)
			return &conf->providers[i];
	return NULL;
}

const struct plan *
conf_plan(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_plans; i++)
		if (strcmp(conf->plans[i].name, name) == 0)
			return &conf->plans[i];
	return NULL;
}

const struct plan *
conf_plan_of(const struct conf *conf, const char *name)
{
	const struct plan *plan = conf_plan(conf, name);

	return plan ? plan : conf_plan(conf, default_plan);
}

const char *
conf_path(const char *argument)
{
	const char *variable = getenv("FAREBOX_CONFIG");

	if (argument)
		return argument;
	return variable && *variable ? variable : FAREBOX_CONFIG_PATH;
}
