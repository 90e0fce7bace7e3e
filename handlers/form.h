/* form.h: a request's body that is a form, which may carry a file. */
#ifndef HANDLERS_FORM_H
#define HANDLERS_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"

struct exchange;

enum {
	FORM_PARTS_MAX = 64,
	FORM_TEXT_BYTES_MAX = 65536, /* of a part that is no file */
	FORM_VALUE_BYTES_MAX = 255,  /* that is kept of it in memory */
};

struct form_part {
	const char *name;
	const char *value; /* terminated, and cut; "" of a file */
	bool is_file;
	int64_t offset, len; /* of its bytes in the body */
};

/*
 * A form as it arrived: its body is in a file without a name, on disk, since
 * it may be sent more than once, and what is in it is known.
 */
struct form {
	int fd;
	int64_t len;
	const char *content_type; /* with the boundary */
	struct form_part parts[FORM_PARTS_MAX];
	size_t n_parts;
	/* Of the names and bytes of the parts, whatever the boundary: a retry
	 * has another one. */
	unsigned char digest[DIGEST_BYTES];
};

/* A form while it arrives. */
struct form_maker;

/*
 * Begins x->form, which is the arena's; its file is closed by
 * exchange_clear(). NULL with a failure noted: the Content-Type is none of a
 * form, or there is no room. form_end() is due otherwise.
 */
struct form_maker *form_begin(struct exchange *x);

/* Takes the next bytes of the body. False with a failure noted. */
bool form_add(struct form_maker *maker, const char *data, size_t len);

/* All has come, or something failed before. False with a failure noted. */
bool form_end(struct form_maker *maker);

/*
 * The part of that name, or NULL. *n is how many there are, of which it is the
 * first.
 */
const struct form_part *form_find(const struct form *form, const char *name,
    size_t *n);

/* Up to size bytes of the body, from offset on; -1 when there are none. */
ssize_t form_read(const struct form *form, int64_t offset, void *data,
    size_t size);

/* A form with the value of one part exchanged, to be read bit by bit. */
struct form_edit {
	const struct form *form;
	const struct form_part *part;
	const char *value;
};

int64_t form_edit_len(const struct form_edit *edit);

/* As struct upstream_request wants it; the context is a struct form_edit. */
ssize_t form_edit_read(int64_t offset, char *data, size_t size,
    void *context);

#endif
