/* json_edit.c: changing members of an object's text and nothing else in it. */
#include "base/json_view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What is to become of a text, and what it becomes. */
struct editing {
	const struct json_view *view;
	const struct json_edit *edits;
	size_t n_edits;
	struct json_text *out;
	bool has_members; /* written */
};

/* There is room: see reserve(). */
static void
put(struct editing *e, const char *bytes, size_t len)
{
	if (len > 0)
		memcpy(e->out->bytes + e->out->len, bytes, len);
	e->out->len += len;
}

static void
put_text(struct editing *e, const char *text)
{
	put(e, text, strlen(text));
}

/* Which edit a member is for; n_edits when it is for none. */
static size_t
find_edit(const struct editing *e, const struct json_part *name)
{
	size_t i = 0;

	while (i < e->n_edits &&
	    !json_view_says(e->view, name, e->edits[i].name))
		i++;
	return i;
}

/* How long the text can become: of several with one name all are edited. */
static size_t
most(const struct editing *e)
{
	static const char around[] = ",\"\":";
	const struct json_part *name = e->view->part + 1;
	size_t need = e->view->len + 1;

	for (size_t i = 0; i < e->n_edits; i++)
		if (e->edits[i].value)
			need += strlen(e->edits[i].name) + sizeof(around) +
			    strlen(e->edits[i].value);
	for (uint32_t n = e->view->part->size; n > 0; n--) {
		size_t i = find_edit(e, name);

		if (i < e->n_edits && e->edits[i].value)
			need += strlen(e->edits[i].value);
		name += 1 + name[1].parts;
	}
	return need;
}

/* Has room for what will be put. */
static bool
reserve(const struct editing *e)
{
	size_t need = most(e), size = e->out->size;
	char *bytes;

	if (need <= size)
		return true;
	/* What grows is about to grow again. */
	need += size > 0 ? need / 2 : 0;
	bytes = realloc(e->out->bytes, need);
	if (!bytes)
		return false;
	e->out->bytes = bytes;
	e->out->size = need;
	return true;
}

static void
put_comma(struct editing *e)
{
	if (e->has_members)
		put(e, ",", 1);
	e->has_members = true;
}

/* The members that were not there. */
static void
put_new(struct editing *e)
{
	for (size_t i = 0; i < e->n_edits; i++) {
		const struct json_edit *edit = &e->edits[i];

		if (!edit->value ||
		    json_view_member(e->view, e->view->part, edit->name))
			continue;
		put_comma(e);
		put(e, "\"", 1);
		put_text(e, edit->name);
		put(e, "\":", 2);
		put_text(e, edit->value);
	}
}

/* Writes what lies between two places of the text. */
static void
put_between(struct editing *e, size_t from, size_t to)
{
	put(e, e->view->text + from, to - from);
}

/*
 * Writes a member that begins, with its blanks, at start, as it is to be.
 * Returns where it ends: at a ',' or '}'.
 */
static size_t
put_member(struct editing *e, const struct json_part *name, size_t start)
{
	const struct json_part *value = name + 1;
	size_t i = find_edit(e, name), behind = value->end;

	while (!memchr(",}", e->view->text[behind], 2))
		behind++;
	if (i < e->n_edits && !e->edits[i].value)
		return behind;
	put_comma(e);
	put_between(e, start, value->start);
	if (i < e->n_edits)
		put_text(e, e->edits[i].value);
	else
		put_between(e, value->start, value->end);
	put_between(e, value->end, behind);
	return behind;
}

bool
json_view_edit(const struct json_view *view,
    const struct json_edit *edits, size_t n_edits, struct json_text *out)
{
	struct editing e = { .view = view, .edits = edits,
		.n_edits = n_edits, .out = out };
	const struct json_part *object = view->part, *name = object + 1;
	size_t at = object->start + 1;

	assert(n_edits <= JSON_EDITS_MAX);
	out->len = 0;
	if (!reserve(&e))
		return false;
	put_between(&e, 0, at);
	put_new(&e);
	for (uint32_t i = 0; i < object->size; i++) {
		at = put_member(&e, name, at + (i > 0));
		name += 1 + name[1].parts;
	}
	put_between(&e, at, view->len);
	out->bytes[out->len] = '\0';
	return true;
}

char *
json_edit_members(const char *text, size_t len, const struct json_edit *edits,
    size_t n_edits, size_t *edited_len)
{
	struct json_view view = { 0 };
	struct json_text out = { 0 };

	if (json_view(&view, text, len, JSON_VIEW_MEMBERS) &&
	    json_view_edit(&view, edits, n_edits, &out))
		*edited_len = out.len;
	json_view_clear(&view);
	return out.bytes;
}
