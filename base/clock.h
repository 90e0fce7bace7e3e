/* clock.h: the clocks, and times as text. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 32 };

/* Wall clock, milliseconds since 1970-01-01 UTC. For records and people. */
int64_t clock_wall_ms(void);

/* Monotonic clock in microseconds. For durations and deadlines. */
int64_t clock_mono_us(void);

/*
 * The same where the system has one that goes on while the machine is
 * suspended. For what outlives a process, but not a reboot.
 */
int64_t clock_boot_us(void);

/* "2025-06-17T12:00:00Z" */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

/* Sleeps; a signal may end it early. */
void clock_sleep_us(int64_t us);

#endif
