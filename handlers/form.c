/* form.c: a request's body that is a form, which may carry a file. */
#include "handlers/form.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/multipart.h"
#include "handlers/exchange.h"

struct form_maker {
	struct exchange *x;
	struct form *form;
	struct digest_run *digest;
	struct multipart scan;
	struct form_part *part; /* that arrives; NULL: none does */
	char value[FORM_VALUE_BYTES_MAX + 1];
};

static bool
no_room(struct exchange *x, const char *what)
{
	exchange_detail(x, "%s in %s: %s", what, x->conf->spool_dir,
	    strerror(errno));
	return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
}

/* Not every file system knows files that never had a name. */
static int
open_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *path;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR &&
	    errno != ENOENT))
		return fd;
	if (asprintf(&path, "%s/farebox-XXXXXX", dir) < 0)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

static bool
begin_part(const struct multipart_part *part, int64_t offset, void *context)
{
	struct form_maker *maker = context;
	struct exchange *x = maker->x;
	struct form *form = maker->form;

	if (form->n_parts == FORM_PARTS_MAX)
		return exchange_fail(x, ERR_INVALID_REQUEST, NULL,
		    "The form has more than %d fields.", FORM_PARTS_MAX);
	maker->part = &form->parts[form->n_parts++];
	*maker->part = (struct form_part){
		.name = arena_strdup(x->arena, part->name),
		.value = "",
		.is_file = part->is_file,
		.offset = offset,
	};
	digest_add(maker->digest, part->name, strlen(part->name));
	return maker->part->name ||
	       exchange_fail(x, ERR_REQUEST_TOO_LARGE, NULL, NULL);
}

static void
keep_value(struct form_maker *maker, const char *data, size_t len)
{
	size_t at = (size_t)maker->part->len;

	if (at >= FORM_VALUE_BYTES_MAX)
		return;
	if (len > FORM_VALUE_BYTES_MAX - at)
		len = FORM_VALUE_BYTES_MAX - at;
	memcpy(maker->value + at, data, len);
	maker->value[at + len] = '\0';
}

static bool
take_data(const char *data, size_t len, void *context)
{
	struct form_maker *maker = context;
	struct form_part *part = maker->part;

	if (!part->is_file) {
		keep_value(maker, data, len);
		if (part->len + (int64_t)len > FORM_TEXT_BYTES_MAX)
			return exchange_fail(maker->x, ERR_INVALID_REQUEST,
			    part->name, "%s is longer than %d bytes, and is "
			    "no file.", part->name, FORM_TEXT_BYTES_MAX);
	}
	part->len += (int64_t)len;
	digest_add(maker->digest, data, len);
	return true;
}

/* The lengths at its end tell a part from all others, read backwards. */
static bool
end_part(void *context)
{
	struct form_maker *maker = context;
	struct form_part *part = maker->part;
	int64_t lengths[] = { part->len, (int64_t)strlen(part->name),
		part->is_file };

	digest_add(maker->digest, lengths, sizeof(lengths));
	if (!part->is_file && part->len > 0)
		part->value = arena_strndup(maker->x->arena, maker->value,
		    strlen(maker->value));
	maker->part = NULL;
	return part->value ||
	       exchange_fail(maker->x, ERR_REQUEST_TOO_LARGE, NULL, NULL);
}

static const struct multipart_calls calls = {
	begin_part, take_data, end_part,
};

static struct form_maker *
fail_begin(struct exchange *x, struct form_maker *maker)
{
	if (maker)
		digest_end(maker->digest, maker->form->digest);
	free(maker);
	exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	return NULL;
}

struct form_maker *
form_begin(struct exchange *x)
{
	const char *type = exchange_variable(x, "CONTENT_TYPE");
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	struct form_maker *maker;
	struct form *form;

	if (!type || !multipart_boundary(type, boundary)) {
		exchange_fail(x, ERR_UNSUPPORTED_MEDIA_TYPE, NULL,
		    "The body must be a form. Send 'Content-Type: "
		    "multipart/form-data' with its boundary.");
		return NULL;
	}
	form = arena_alloc(x->arena, sizeof(*form));
	maker = form ? malloc(sizeof(*maker)) : NULL;
	if (!maker)
		return fail_begin(x, NULL);
	form->n_parts = 0;
	form->len = 0;
	/* With a boundary of our own making, nothing else of it is needed. */
	form->content_type = arena_printf(x->arena,
	    "multipart/form-data; boundary=\"%s\"", boundary);
	form->fd = open_nameless(x->conf->spool_dir);
	x->form = form;
	maker->x = x;
	maker->form = form;
	maker->part = NULL;
	maker->digest = digest_begin();
	multipart_init(&maker->scan, boundary, &calls, maker);
	if (form->fd < 0)
		no_room(x, "no file for a body");
	if (form->fd < 0 || !maker->digest || !form->content_type)
		return fail_begin(x, maker);
	return maker;
}

static bool
spool(struct form_maker *maker, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(maker->form->fd, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return no_room(maker->x, "a body cannot be written");
		data += put;
		len -= (size_t)put;
		maker->form->len += put;
	}
	return true;
}

bool
form_add(struct form_maker *maker, const char *data, size_t len)
{
	switch (multipart_feed(&maker->scan, data, len)) {
	case MULTIPART_OK:
		return spool(maker, data, len);
	case MULTIPART_MALFORMED:
		return exchange_fail(maker->x, ERR_INVALID_REQUEST, NULL,
		    "The form is not well-formed: %s.", maker->scan.why);
	case MULTIPART_STOPPED: /* the reason is noted */
		break;
	}
	return false;
}

/* Behind the last boundary nothing is meant, and nothing is sent on. */
static void
cut_off_rest(struct form_maker *maker)
{
	struct form *form = maker->form;
	int64_t end = maker->scan.offset;
	char line_end[2];

	if (pread(form->fd, line_end, 2, (off_t)end) == 2 &&
	    memcmp(line_end, "\r\n", 2) == 0)
		end += 2;
	if (end < form->len)
		form->len = end;
}

bool
form_end(struct form_maker *maker)
{
	struct exchange *x = maker->x;
	bool digested = digest_end(maker->digest, maker->form->digest);

	if (x->err == ERR_NONE && !multipart_is_complete(&maker->scan))
		exchange_fail(x, ERR_INVALID_REQUEST, NULL,
		    "The form ended before its last boundary. Send it again.");
	if (x->err == ERR_NONE)
		cut_off_rest(maker);
	if (x->err == ERR_NONE && !digested)
		exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	free(maker);
	return x->err == ERR_NONE;
}

const struct form_part *
form_find(const struct form *form, const char *name, size_t *n)
{
	const struct form_part *found = NULL;

	*n = 0;
	for (size_t i = 0; i < form->n_parts; i++) {
		if (strcmp(form->parts[i].name, name) != 0)
			continue;
		if (!found)
			found = &form->parts[i];
		(*n)++;
	}
	return found;
}

int64_t
form_edit_len(const struct form_edit *edit)
{
	return edit->form->len - edit->part->len +
	       (int64_t)strlen(edit->value);
}

ssize_t
form_read(const struct form *form, int64_t offset, void *data, size_t size)
{
	ssize_t got;

	do {
		got = pread(form->fd, data, size, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	return got > 0 ? got : -1;
}

ssize_t
form_edit_read(int64_t offset, char *data, size_t size, void *context)
{
	const struct form_edit *edit = context;
	int64_t value_len = (int64_t)strlen(edit->value);
	int64_t begin = edit->part->offset, end = begin + value_len;

	if (offset < begin) {
		if ((int64_t)size > begin - offset)
			size = (size_t)(begin - offset);
		return form_read(edit->form, offset, data, size);
	}
	if (offset < end) {
		if ((int64_t)size > end - offset)
			size = (size_t)(end - offset);
		memcpy(data, edit->value + (offset - begin), size);
		return (ssize_t)size;
	}
	return form_read(edit->form, offset - value_len + edit->part->len,
	    data, size);
}
