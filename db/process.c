/* process.c: telling one process from another, also after one has died. */
#include "db/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { STAT_SIZE = 512, START_TIME_FIELD = 22, STATE_FIELD = 3 };

/* Reads a whole small file; async-signal-safe. False when there is none. */
static bool
read_small(const char *path, char *text, size_t size)
{
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

/* "/proc/PID/stat", without stdio, for signal handlers. */
static void
stat_path(pid_t pid, char path[32])
{
	char digits[12];
	int n = 0;

	do {
		digits[n++] = (char)('0' + pid % 10);
		pid /= 10;
	} while (pid > 0);
	memcpy(path, "/proc/", 6);
	path += 6;
	while (n > 0)
		*path++ = digits[--n];
	memcpy(path, "/stat", 6);
}

/*
 * Finds a field of proc(5)'s stat. Fields are counted from the last ')',
 * because the second one, the program's name, may hold anything.
 */
static const char *
stat_field(const char *text, int field)
{
	const char *at = strrchr(text, ')');

	for (int i = 2; at && i < field; i++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at;
}

/* The start time's low half, or 0 when the system does not tell. */
static uint32_t
start_time(const char *text)
{
	const char *at = stat_field(text, START_TIME_FIELD);
	uint32_t ticks = 0;

	while (at && *at >= '0' && *at <= '9')
		ticks = ticks * 10 + (uint32_t)(*at++ - '0');
	return ticks;
}

process_id
process_self(void)
{
	char path[32], text[STAT_SIZE];
	pid_t pid = getpid();
	uint32_t ticks = 0;

	stat_path(pid, path);
	if (read_small(path, text, sizeof(text)))
		ticks = start_time(text);
	return (uint64_t)ticks << 32 | (uint32_t)pid;
}

pid_t
process_pid(process_id process)
{
	return (pid_t)(process & UINT32_MAX);
}

bool
process_is_alive(process_id process)
{
	char path[32], text[STAT_SIZE];
	const char *state;
	uint32_t ticks = (uint32_t)(process >> 32);

	if (kill(process_pid(process), 0) != 0 && errno == ESRCH)
		return false;
	if (ticks == 0)
		return true;
	stat_path(process_pid(process), path);
	if (!read_small(path, text, sizeof(text)))
		return false;
	state = stat_field(text, STATE_FIELD);
	if (!state || *state == 'Z' || *state == 'X')
		return false;
	return start_time(text) == ticks;
}

bool
process_is_at_work(process_id process)
{
	char path[32], text[STAT_SIZE];
	const char *state;

	stat_path(process_pid(process), path);
	if (!read_small(path, text, sizeof(text)))
		return false;
	state = stat_field(text, STATE_FIELD);
	return state && (*state == 'R' || *state == 'D') &&
	       start_time(text) == (uint32_t)(process >> 32);
}

void
process_boot_id(char text[BOOT_ID_SIZE])
{
	if (!read_small("/proc/sys/kernel/random/boot_id", text, BOOT_ID_SIZE))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}
