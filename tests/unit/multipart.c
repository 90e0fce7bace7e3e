/* multipart.c: tests of base/multipart.h. */
#include "base/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define PART(name) "--xY\r\nContent-Disposition: form-data; name=\"" name \
	"\"\r\n\r\n"
#define FILE_PART(name) "--xY\r\ncontent-disposition:form-data;name=" name \
	"; filename=\"a\\b; name=c.mp3\"\r\nContent-Type: audio/mpeg" \
	"\r\n\r\n"
#define END "--xY--\r\n"

enum { TOLD_SIZE = 1 << 16 };

/* What was told: "name[+]=bytes;" for each part, a file's with the '+'. */
struct told {
	char text[TOLD_SIZE];
	size_t len;
	int calls_left; /* then a call says false; -1: none does */
	int asked;
	const char *body, *at; /* which byte of it comes next */
};

static bool
count_call(struct told *told)
{
	told->asked++;
	return told->calls_left < 0 || told->calls_left-- > 0;
}

static bool
begin(const struct multipart_part *part, int64_t offset, void *context)
{
	struct told *told = context;

	told->len += (size_t)sprintf(told->text + told->len, "%s%s=",
	    part->name, part->is_file ? "+" : "");
	told->at = told->body + offset;
	return count_call(told);
}

static bool
data(const char *bytes, size_t len, void *context)
{
	struct told *told = context;

	assert_true(len > 0);
	assert_memory_equal(bytes, told->at, len);
	told->at += len;
	memcpy(told->text + told->len, bytes, len);
	told->len += len;
	return count_call(told);
}

static bool
end(void *context)
{
	struct told *told = context;

	told->text[told->len++] = ';';
	return count_call(told);
}

static const struct multipart_calls calls = { begin, data, end };

/* Scans a body in pieces of that size, each gone after it was fed. */
static void
scan(const char *body, size_t len, size_t piece, struct multipart *scan,
    struct told *told)
{
	told->len = 0;
	told->calls_left = -1;
	told->body = body;
	multipart_init(scan, "xY", &calls, told);
	for (size_t at = 0; at < len; at += piece) {
		size_t size = len - at < piece ? len - at : piece;
		char *copy = malloc(size);

		assert_non_null(copy);
		memcpy(copy, body + at, size);
		multipart_feed(scan, copy, size);
		free(copy);
	}
	told->text[told->len] = '\0';
}

/* A body, and what it says; NULL: it is not complete. */
static const struct {
	const char *body, *told;
} good[] = {
	{ PART("model") "m" "\r\n" END, "model=m;" },
	{ PART("a") "\r\n" END, "a=;" },
	{ PART("a") "1\r\n" PART("a") "2\r\n" END, "a=1;a=2;" },
	{ FILE_PART("file") "ID3\r\n" END, "file+=ID3;" },
	{ "\r\n" PART("a") "1\r\n" END, "a=1;" },
	{ PART("a") "1\r\n--xY--", "a=1;" },
	{ PART("a") "1\r\n" END "anything\r\n--xY\r\n", "a=1;" },
	{ END, "" },
	{ PART("a") "\r\r\n\r\n--\r\n--x\r\n-\r\r\n" END,
	    "a=\r\r\n\r\n--\r\n--x\r\n-\r;" },
	{ PART("a") "--xY\r\n" END, "a=--xY;" },
	{ "--xY \t \r\nX: 1\r\nContent-Disposition:\tForm-Data ; Name=a"
	  "\r\n\r\n1\r\n" END, "a=1;" },
	{ "--xY\r\nContent-Disposition: form-data; filename*=u; name=a"
	  "\r\n\r\n1\r\n" END, "a+=1;" },
};

static void
bodies_are_taken_apart(void **state)
{
	struct multipart form;
	static struct told told;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t piece = 1; piece <= strlen(good[i].body);
		    piece++) {
			scan(good[i].body, strlen(good[i].body), piece, &form,
			    &told);
			assert_int_equal(form.rc, MULTIPART_OK);
			assert_true(multipart_is_complete(&form));
			assert_string_equal(told.text, good[i].told);
		}
}

/* Cut anywhere, a body is what it was so far, and not complete. */
static void
a_cut_body_is_not_complete(void **state)
{
	static const char body[] = PART("model") "m\r\n" FILE_PART("file")
	    "\r\n--x\0y\r\n" "--xY--";
	struct multipart form;
	static struct told told, whole;

	(void)state;
	scan(body, sizeof(body) - 1, 1000, &form, &whole);
	assert_true(multipart_is_complete(&form));
	for (size_t len = 0; len < sizeof(body) - 1; len++) {
		scan(body, len, 1000, &form, &told);
		assert_int_equal(form.rc, MULTIPART_OK);
		assert_false(multipart_is_complete(&form));
		assert_true(told.len <= whole.len);
		assert_memory_equal(told.text, whole.text, told.len);
	}
}

static const struct {
	const char *body, *why;
} bad[] = {
	{ "--xYz\r\n", "does not end its line" },
	{ "anything", "does not begin" },
	{ "\n--xY\r\n", "does not begin" },
	{ "\r\n\r\n--xY\r\n", "does not begin" },
	{ "--x\r\n--xY\r\n", "does not begin" },
	{ "--xY\r\nContent-Disposition: form-data; name=b;"
	    "\r\n name=a\r\n\r\n",
	    "folded" },
	{ "--xY\r\nContent-Disposition: form-data; name=a; name*=u''b"
	  "\r\n\r\n", "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=\"a\\b\"\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=a; "
	  "filename=\"b\\\"; name=c\"\r\n\r\n", "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=a; b\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=\"a\"b\r\n\r\n",
	    "usable name" },
	{ "--xY-\r\n", "does not end its line" },
	{ "--xY\n", "does not end its line" },
	{ "--xY\r\r", "does not end its line" },
	{ "--xY --", "does not end its line" },
	{ "--xY\r\n\r\n", "no Content-Disposition" },
	{ "--xY\r\nContent-Type: a/b\r\n\r\n", "no Content-Disposition" },
	{ "--xY\r\nContent-Disposition: form-data\r\n\r\n", "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=\"a b\"\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
	    "usable name" },
	{ "--xY\r\nContent-Disposition: attachment; name=a\r\n\r\n",
	    "usable name" },
	{ PART("a\xc3\xa4"), "usable name" },
	{ PART("12345678901234567890123456789012345678901234567890123456789"
	    "012345"), "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=a\r\n"
	  "Content-Disposition: form-data; name=b\r\n\r\n", "usable name" },
	{ "--xY\r\nContent-Disposition: form-data; name=a\n\n",
	    "no lines of text" },
	{ "--xY\r\nA: b\rc", "no lines of text" },
};

static void
wrong_bodies_are_refused(void **state)
{
	struct multipart form;
	static struct told told;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t piece = 1; piece < 40; piece++) {
			scan(bad[i].body, strlen(bad[i].body), piece, &form,
			    &told);
			if (form.rc != MULTIPART_MALFORMED ||
			    !strstr(form.why, bad[i].why))
				fail_msg("%s: %s", bad[i].body, form.why);
			assert_false(multipart_is_complete(&form));
			assert_int_equal(told.len, 0);
		}
}

static void
an_enormous_head_is_refused(void **state)
{
	static char body[MULTIPART_HEAD_BYTES_MAX + 100];
	struct multipart form;
	static struct told told;

	(void)state;
	memset(body, 'a', sizeof(body));
	memcpy(body, "--xY\r\n", 6);
	scan(body, 6 + MULTIPART_HEAD_BYTES_MAX, 1000, &form, &told);
	assert_int_equal(form.rc, MULTIPART_OK);
	scan(body, 7 + MULTIPART_HEAD_BYTES_MAX, 1000, &form, &told);
	assert_int_equal(form.rc, MULTIPART_MALFORMED);
	assert_string_equal(form.why, "the head of a part is too long");
}

static void
calls_may_end_it(void **state)
{
	static const char body[] = PART("a") "1\r\n" PART("b") "2\r\n" END;
	struct multipart form;
	static struct told told;

	(void)state;
	for (int n = 0; n < 6; n++) {
		told.len = 0;
		told.asked = 0;
		told.body = body;
		told.calls_left = n;
		multipart_init(&form, "xY", &calls, &told);
		assert_int_equal(multipart_feed(&form, body, strlen(body)),
		    MULTIPART_STOPPED);
		assert_int_equal(multipart_feed(&form, body, strlen(body)),
		    MULTIPART_STOPPED);
		assert_int_equal(told.asked, n + 1);
	}
}

/* A Content-Type, and its boundary; NULL: it has none. */
static const struct {
	const char *type, *boundary;
} types[] = {
	{ "multipart/form-data; boundary=xY", "xY" },
	{ "Multipart/Form-Data;charset=utf-8; Boundary=\"a:b=c\" ; x=1",
	    "a:b=c" },
	{ " multipart/form-data ;boundary=----WebKitFormBoundary7Ma",
	    "----WebKitFormBoundary7Ma" },
	{ "multipart/form-data; boundary=", NULL },
	{ "multipart/form-data; boundary=\"\"", NULL },
	{ "multipart/form-data; boundary=\"a", NULL },
	{ "multipart/form-data; boundary=a\xc3\xa4", NULL },
	{ "multipart/form-data; boundary=\"a b\"", NULL },
	{ "multipart/form-data; boundary=1234567890123456789012345678901234"
	    "5678901234567890123456789012345678901", NULL },
	{ "multipart/form-data; boundary", NULL },
	{ "multipart/form-data", NULL },
	{ "multipart/form-datax; boundary=a", NULL },
	{ "multipart/mixed; boundary=a", NULL },
	{ "application/json", NULL },
	{ "", NULL },
};

static void
boundaries_are_found(void **state)
{
	char boundary[MULTIPART_BOUNDARY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		bool found = multipart_boundary(types[i].type, boundary);

		assert_int_equal(found, types[i].boundary != NULL);
		if (found)
			assert_string_equal(boundary, types[i].boundary);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_taken_apart),
		cmocka_unit_test(a_cut_body_is_not_complete),
		cmocka_unit_test(wrong_bodies_are_refused),
		cmocka_unit_test(an_enormous_head_is_refused),
		cmocka_unit_test(calls_may_end_it),
		cmocka_unit_test(boundaries_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
