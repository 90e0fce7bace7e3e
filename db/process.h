/* process.h: telling one process from another, also after one has died. */
#ifndef DB_PROCESS_H
#define DB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process's identity: its pid below, its start time above, so that a reused
 * pid is another process. Zero is nobody. Valid within one boot and one pid
 * namespace.
 */
typedef uint64_t process_id;

enum { BOOT_ID_SIZE = 64 };

process_id process_self(void);
pid_t process_pid(process_id process);

/*
 * False once it is gone or only a zombie. Async-signal-safe. Where the system
 * tells no start times, a reused pid passes for alive.
 */
bool process_is_alive(process_id process);

/*
 * True while it runs, or would if it had a processor, or waits for a disk; not
 * when it sleeps, or was stopped. False where the system does not tell.
 * Async-signal-safe.
 */
bool process_is_at_work(process_id process);

/* This boot's identity; "" where the system tells none. */
void process_boot_id(char text[BOOT_ID_SIZE]);

#endif
