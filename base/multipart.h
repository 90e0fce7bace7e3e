/*
 * multipart.h: takes a multipart/form-data body apart, however it arrives.
 *
 * A provider reads the same body with a parser of its own, and must find the
 * same fields in it. So what parsers are known to read in different ways is
 * refused: bytes before the first boundary, folded lines, escaped quotation
 * marks, encoded names.
 */
#ifndef BASE_MULTIPART_H
#define BASE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MULTIPART_BOUNDARY_MAX = 70,   /* RFC 2046 */
	MULTIPART_NAME_MAX = 64,
	MULTIPART_HEAD_BYTES_MAX = 4096,
};

/* What the head of a part says. */
struct multipart_part {
	char name[MULTIPART_NAME_MAX + 1]; /* letters, digits and "_-.[]" */
	bool is_file; /* it has a filename, whatever that is */
};

/* Each returns false to end the scan. */
struct multipart_calls {
	/* A part begins; offset is that of its first byte in the body. */
	bool (*begin)(const struct multipart_part *part, int64_t offset,
	    void *context);
	/* Some of its bytes; there may be none. */
	bool (*data)(const char *data, size_t len, void *context);
	bool (*end)(void *context);
};

enum multipart_rc {
	MULTIPART_OK,
	MULTIPART_MALFORMED, /* why tells what is wrong, in words */
	MULTIPART_STOPPED,   /* a call returned false */
};

/* A scan; all but why and offset is the scanner's own. It takes no memory. */
struct multipart {
	const struct multipart_calls *calls;
	void *context;
	/* "\r\n--" and the boundary: no byte but its first is a CR, so what
	 * is no delimiter after all cannot hide the beginning of one. */
	char delimiter[4 + MULTIPART_BOUNDARY_MAX];
	size_t delimiter_len;
	size_t matched;   /* of the delimiter */
	int state;
	bool in_part;     /* else before the first one */
	bool at_start;    /* nothing has come: an empty line may */
	int64_t offset;   /* in the body */
	char head[MULTIPART_HEAD_BYTES_MAX];
	size_t head_len;
	enum multipart_rc rc;
	const char *why;
};

/*
 * Finds the boundary in a Content-Type; false unless it is multipart/form-data
 * with a usable one.
 */
bool multipart_boundary(const char *content_type,
    char boundary[MULTIPART_BOUNDARY_MAX + 1]);

void multipart_init(struct multipart *scan, const char *boundary,
    const struct multipart_calls *calls, void *context);

/*
 * Takes the next bytes of the body; pieces may end anywhere. A result that is
 * not OK stays.
 */
enum multipart_rc multipart_feed(struct multipart *scan, const char *data,
    size_t len);

/*
 * Whether the last boundary has come: what is behind it, at scan->offset,
 * means nothing.
 */
bool multipart_is_complete(const struct multipart *scan);

#endif
