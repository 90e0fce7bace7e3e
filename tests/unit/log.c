/* log.c: tests of base/log.h. */
#include "base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char written[8192];

/* What a call writes to standard error. */
static const char *
captured(enum log_level level, const char *text)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(file);
	assert_true(saved >= 0);
	dup2(fileno(file), STDERR_FILENO);
	log_line(level, "%s", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	len = fread(written, 1, sizeof(written) - 1, file);
	written[len] = '\0';
	fclose(file);
	return written;
}

static void
a_line_has_name_pid_and_level(void **state)
{
	char expected[128];

	(void)state;
	log_open("tester", 0);
	snprintf(expected, sizeof(expected),
	    "tester[%ld]: level=warning event=low\n", (long)getpid());
	assert_string_equal(captured(LOG_LEVEL_WARNING, "event=low"),
	    expected);
	assert_non_null(strstr(captured(LOG_LEVEL_INFO, "x"), "level=info "));
	assert_non_null(strstr(captured(LOG_LEVEL_ERROR, "x"),
	    "level=error "));
}

static void
a_line_cannot_be_forged(void **state)
{
	const char *line;

	(void)state;
	line = captured(LOG_LEVEL_INFO,
	    "model=a\nfarebox[1]: level=error \r\t\033[2J\177 %n%s");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_non_null(strstr(line,
	    "model=a?farebox[1]: level=error ???[2J? %n%s\n"));
}

static void
a_long_line_is_cut_and_still_ends(void **state)
{
	static char text[4096];
	const char *line;
	size_t len;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	line = captured(LOG_LEVEL_INFO, text);
	len = strlen(line);
	assert_in_range(len, 1900, 2048);
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

static void
a_long_name_is_cut(void **state)
{
	static char name[4096];
	const char *line;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	log_open(name, 0);
	line = captured(LOG_LEVEL_INFO, "event=x");
	log_open("tester", 0);
	assert_non_null(strstr(line, "n["));
	assert_non_null(strstr(line, "level=info event=x\n"));
}

static void
errno_is_left_alone(void **state)
{
	int saved = dup(STDERR_FILENO);
	int seen;

	(void)state;
	close(STDERR_FILENO);
	errno = EDOM;
	log_line(LOG_LEVEL_INFO, "event=nobody-listens");
	seen = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(seen, EDOM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_name_pid_and_level),
		cmocka_unit_test(a_line_cannot_be_forged),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(errno_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
