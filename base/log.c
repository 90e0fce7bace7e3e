/* log.c: one key=value line at a time, to stderr or syslog. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum {
	LINE_SIZE = 2048,
	NAME_LEN_MAX = 64,
};

static const char *log_name = "farebox";
static bool log_to_syslog;

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
};

void
log_open(const char *name, int to_syslog)
{
	log_name = name;
	log_to_syslog = to_syslog != 0;
	if (log_to_syslog)
		openlog(name, LOG_PID, LOG_DAEMON);
}

void
log_close(void)
{
	closelog();
}

/* A log that cannot be written is nothing a request should die of. */
static void
write_once(const char *line, size_t len)
{
	ssize_t written = write(STDERR_FILENO, line, len);

	(void)written;
}

void
log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_SIZE];
	int saved_errno = errno;
	va_list args;
	size_t head, len;

	head = (size_t)snprintf(line, sizeof(line), "%.*s[%ld]: level=%s ",
	    NAME_LEN_MAX, log_name, (long)getpid(), levels[level].word);
	va_start(args, format);
	/* One byte is kept for the newline. */
	vsnprintf(line + head, sizeof(line) - head - 1, format, args);
	va_end(args);
	len = strlen(line);
	for (size_t i = head; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	if (log_to_syslog) {
		syslog(levels[level].priority, "%s", line + head);
	} else {
		line[len] = '\n';
		write_once(line, len + 1);
	}
	errno = saved_errno;
}
