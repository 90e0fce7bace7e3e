/* log.h: one key=value line at a time, to stderr or syslog. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * Only fcgi/ and admin/ log. A warning is worth a look; an error needs the
 * operator. Never log a secret or any part of a prompt.
 */
enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* name stands before each line; to_syslog chooses the place. */
void log_open(const char *name, int to_syslog);

/*
 * Lets go of the connection to syslog, if there is one; a line makes a new
 * one. A forked process calls this before it closes what is not its own.
 */
void log_close(void);

/*
 * Writes one line in one write, cut at about 2000 bytes. Control characters in
 * the text become '?', so that no client can forge a line. Leaves errno alone.
 */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
