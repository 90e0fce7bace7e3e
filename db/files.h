/* files.h: the store's files as files: opened, copied, flushed, listed. */
#ifndef DB_FILES_H
#define DB_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* Opens dir/name, with mode 0600 when it is made; -1 and errno. */
int file_open(const char *dir, const char *name, int flags);

/* The size of dir/name, or -1. */
int64_t file_size(const char *dir, const char *name);

/* Copies a file, which must not be there yet, and flushes it. errno. */
bool file_copy(const char *from_dir, const char *to_dir, const char *name);

/*
 * Writes what a file reads as into it once more, and flushes it: after a failed
 * flush the kernel may show what it will never write. Nobody else writes to it
 * meanwhile. True also when there is no such file. errno.
 */
bool file_rewrite(const char *dir, const char *name);

/* Moves a file from one directory to another of the same file system. */
bool file_move(const char *from_dir, const char *to_dir, const char *name);

/* Flushes the directory itself: which files there are. 0, or -1 and errno. */
int dir_flush(const char *dir);

/* Calls visit for each log file in dir, the oldest first, until it returns
 * false. False when it did, or when dir cannot be listed (errno). */
bool logs_each(const char *dir, bool (*visit)(const char *name, void *context),
    void *context);

#endif
