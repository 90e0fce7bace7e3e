/* multipart.c: takes a multipart/form-data body apart, however it arrives. */
#include "base/multipart.h"

#include <string.h>
#include <strings.h>

enum state {
	STATE_DATA,      /* of a part, or before the first one */
	STATE_DELIMITED, /* behind a boundary */
	STATE_DASH,      /* behind a boundary and "-" */
	STATE_PADDING,   /* blanks behind a boundary */
	STATE_LINE_END,  /* behind the CR of a boundary's line */
	STATE_HEAD,
	STATE_EPILOGUE,
};

static const char blanks[] = " \t";

/* RFC 2046's characters of a boundary, without the blank. */
static bool
is_boundary(const char *text, size_t len)
{
	static const char others[] = "'()+_,-./:=?";

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || (c && strchr(others, c))))
			return false;
	}
	return len > 0 && len <= MULTIPART_BOUNDARY_MAX;
}

/* One "; name=value" of a header; the value without its quotation marks. */
struct parameter {
	const char *name, *value;
	size_t name_len, value_len;
};

/*
 * Takes the next parameter off *rest, which ends at end. False when there is
 * none, or it is no parameter: then *rest is not at the end. A backslash is a
 * byte like any other, and must not stand before a quotation mark.
 */
static bool
next_parameter(const char **rest, const char *end, struct parameter *found)
{
	const char *at = *rest;

	while (at < end && strchr("; \t", *at))
		at++;
	*rest = at;
	found->name = at;
	while (at < end && *at != '=' && *at != ';')
		at++;
	found->name_len = (size_t)(at - found->name);
	if (at == end || *at != '=' || found->name_len == 0)
		return false;
	at++;
	if (at < end && *at == '"') {
		found->value = ++at;
		while (at < end && *at != '"')
			at++;
		found->value_len = (size_t)(at - found->value);
		if (at == end || at[-1] == '\\')
			return false;
		*rest = at + 1;
		return true;
	}
	found->value = at;
	while (at < end && *at != ';' && !strchr(blanks, *at))
		at++;
	found->value_len = (size_t)(at - found->value);
	*rest = at;
	return true;
}

static bool
is_named(const struct parameter *parameter, const char *name)
{
	return parameter->name_len == strlen(name) &&
	       strncasecmp(parameter->name, name, parameter->name_len) == 0;
}

bool
multipart_boundary(const char *content_type,
    char boundary[MULTIPART_BOUNDARY_MAX + 1])
{
	static const char form[] = "multipart/form-data";
	const char *rest = content_type + strspn(content_type, blanks);
	const char *end = rest + strlen(rest);
	struct parameter found;
	size_t len = strcspn(rest, "; \t");

	if (len != sizeof(form) - 1 || strncasecmp(rest, form, len) != 0)
		return false;
	rest += len;
	while (next_parameter(&rest, end, &found)) {
		if (!is_named(&found, "boundary"))
			continue;
		if (!is_boundary(found.value, found.value_len))
			return false;
		memcpy(boundary, found.value, found.value_len);
		boundary[found.value_len] = '\0';
		return true;
	}
	return false;
}

void
multipart_init(struct multipart *scan, const char *boundary,
    const struct multipart_calls *calls, void *context)
{
	scan->calls = calls;
	scan->context = context;
	memcpy(scan->delimiter, "\r\n--", 4);
	scan->delimiter_len = 4 + strlen(boundary);
	memcpy(scan->delimiter + 4, boundary, strlen(boundary));
	/* The line before the first boundary need not be there. */
	scan->matched = 2;
	scan->at_start = true;
	scan->state = STATE_DATA;
	scan->in_part = false;
	scan->offset = 0;
	scan->head_len = 0;
	scan->rc = MULTIPART_OK;
	scan->why = "";
}

static void
malformed(struct multipart *scan, const char *why)
{
	scan->rc = MULTIPART_MALFORMED;
	scan->why = why;
}

static void
check(struct multipart *scan, bool going)
{
	if (!going && scan->rc == MULTIPART_OK)
		scan->rc = MULTIPART_STOPPED;
}

static void
give(struct multipart *scan, const char *data, size_t len)
{
	if (scan->in_part && len > 0)
		check(scan, scan->calls->data(data, len, scan->context));
}

static bool
is_name(const char *text, size_t len)
{
	static const char others[] = "_-.[]";

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || (c && strchr(others, c))))
			return false;
	}
	return len > 0 && len <= MULTIPART_NAME_MAX;
}

/* What is in the disposition of a part. False when it has no usable name. */
static bool
read_disposition(const char *line, const char *end,
    struct multipart_part *part)
{
	static const char form_data[] = "form-data";
	struct parameter found;
	size_t len = sizeof(form_data) - 1;
	bool named = false;

	while (line < end && strchr(blanks, *line))
		line++;
	if ((size_t)(end - line) < len ||
	    strncasecmp(line, form_data, len) != 0)
		return false;
	line += len;
	while (next_parameter(&line, end, &found)) {
		if (is_named(&found, "filename") ||
		    is_named(&found, "filename*"))
			part->is_file = true;
		if (is_named(&found, "name*"))
			return false;
		if (!is_named(&found, "name"))
			continue;
		if (named || !is_name(found.value, found.value_len))
			return false;
		memcpy(part->name, found.value, found.value_len);
		named = true;
	}
	return named && line == end;
}

/* Reads the lines of a head, each of which ends in CR LF. */
static void
take_head(struct multipart *scan)
{
	static const char disposition[] = "content-disposition:";
	struct multipart_part part = { .is_file = false };
	const char *line = scan->head, *all = scan->head + scan->head_len;
	size_t len = sizeof(disposition) - 1;
	bool found = false;

	while (line < all) {
		const char *end = memchr(line, '\r', (size_t)(all - line));

		if (!end)
			break;
		if (end > line && strchr(blanks, *line)) {
			malformed(scan, "a line of a part's head is folded");
			return;
		}
		if ((size_t)(end - line) >= len &&
		    strncasecmp(line, disposition, len) == 0) {
			if (found ||
			    !read_disposition(line + len, end, &part)) {
				malformed(scan, "a part has no usable name");
				return;
			}
			found = true;
		}
		line = end + 2;
	}
	if (!found) {
		malformed(scan, "a part has no Content-Disposition");
		return;
	}
	scan->in_part = true;
	scan->state = STATE_DATA;
	scan->matched = 0;
	check(scan, scan->calls->begin(&part, scan->offset, scan->context));
}

/* A byte of a head; the offset is behind it. */
static void
head_byte(struct multipart *scan, char c)
{
	const char *head = scan->head;
	size_t len = scan->head_len;

	if (len == MULTIPART_HEAD_BYTES_MAX) {
		malformed(scan, "the head of a part is too long");
		return;
	}
	if ((c == '\n') != (len > 0 && head[len - 1] == '\r') || c == '\0') {
		malformed(scan, "the head of a part is no lines of text");
		return;
	}
	scan->head[scan->head_len++] = c;
	if (c == '\n' && (scan->head_len == 2 ||
	    (scan->head_len >= 4 && memcmp(head + scan->head_len - 4,
	    "\r\n\r\n", 4) == 0)))
		take_head(scan);
}

/* The whole delimiter has come. */
static void
end_part(struct multipart *scan)
{
	scan->state = STATE_DELIMITED;
	scan->matched = 0;
	if (scan->in_part)
		check(scan, scan->calls->end(scan->context));
	scan->in_part = false;
}

/* Nothing may stand there but the end of an empty line. */
static bool
before_first(struct multipart *scan)
{
	if (scan->in_part)
		return false;
	malformed(scan, "it does not begin with its boundary");
	return true;
}

/* Bytes of a part, as many as there are; how many were taken. */
static size_t
data_bytes(struct multipart *scan, const char *data, size_t len)
{
	const char *start;

	/* That the first line's end need not be there does not mean that it
	 * must not. */
	if (scan->at_start) {
		scan->at_start = false;
		if (*data == '\r')
			scan->matched = 0;
	}
	if (scan->matched > 0) {
		if (*data == scan->delimiter[scan->matched]) {
			if (++scan->matched == scan->delimiter_len)
				end_part(scan);
			return 1;
		}
		/* It was none. */
		if (before_first(scan))
			return 0;
		give(scan, scan->delimiter, scan->matched);
		scan->matched = 0;
		return 0;
	}
	start = memchr(data, '\r', len);
	if (start == data) {
		scan->matched = 1;
		return 1;
	}
	len = start ? (size_t)(start - data) : len;
	give(scan, data, len);
	return len;
}

/* A byte behind a boundary. */
static void
line_byte(struct multipart *scan, char c)
{
	bool first = scan->state == STATE_DELIMITED;

	switch ((enum state)scan->state) {
	case STATE_DELIMITED:
	case STATE_PADDING:
		if (first && c == '-') {
			scan->state = STATE_DASH;
			return;
		}
		if (c == '\r' || c == ' ' || c == '\t') {
			scan->state = c == '\r' ? STATE_LINE_END :
			    STATE_PADDING;
			return;
		}
		break;
	case STATE_DASH:
		if (c == '-') {
			scan->state = STATE_EPILOGUE;
			return;
		}
		break;
	case STATE_LINE_END:
		if (c == '\n') {
			scan->state = STATE_HEAD;
			scan->head_len = 0;
			return;
		}
		break;
	case STATE_DATA:
	case STATE_HEAD:
	case STATE_EPILOGUE:
		break;
	}
	malformed(scan, "a boundary does not end its line");
}

enum multipart_rc
multipart_feed(struct multipart *scan, const char *data, size_t len)
{
	while (len > 0 && scan->rc == MULTIPART_OK) {
		size_t taken = 1;

		switch ((enum state)scan->state) {
		case STATE_DATA:
			taken = data_bytes(scan, data, len);
			scan->offset += (int64_t)taken;
			break;
		case STATE_HEAD:
			scan->offset++;
			head_byte(scan, *data);
			break;
		case STATE_EPILOGUE:
			return MULTIPART_OK;
		case STATE_DELIMITED:
		case STATE_DASH:
		case STATE_PADDING:
		case STATE_LINE_END:
			scan->offset++;
			line_byte(scan, *data);
			break;
		}
		data += taken;
		len -= taken;
	}
	return scan->rc;
}

bool
multipart_is_complete(const struct multipart *scan)
{
	return scan->rc == MULTIPART_OK && scan->state == STATE_EPILOGUE;
}
