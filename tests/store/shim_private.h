/* shim_private.h: what the files of the shim share. */
#ifndef TESTS_STORE_SHIM_PRIVATE_H
#define TESTS_STORE_SHIM_PRIVATE_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/store/shim.h"

/* The function that ours stands before. */
#define REAL(name) \
	({ \
		static __typeof__(name) *real; \
		if (!real) \
			real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
		real; \
	})

extern struct shim_state *shim_state;

/* Counts a call; true when it is one that must fail, with that error. */
bool shim_fails(enum shim_kind kind, int error);

/*
 * The disk that has only so many blocks left. space_take() is false, with
 * ENOSPC, when it has no room for a write.
 */
bool space_take(int fd, off_t offset, size_t len);
void space_give(int64_t blocks);
int64_t space_of(int dir, const char *path);

/* The name of a path within SHIM_DIR, or NULL when it is not in there. */
const char *shim_name_in_dir(const char *path);

/*
 * Notes what became of a file between journal_lock() and journal_unlock(),
 * which keep the order true between processes. All do nothing without a
 * journal.
 */
void journal_open(const char *path, const char *dir);
bool journal_is_open(void);
void journal_lock(void);
void journal_unlock(void);
/* The position of the record. */
uint64_t journal_note(enum shim_event event, int fd, uint64_t offset,
    const void *bytes, size_t len);
void journal_gate(void);

/* Which descriptors are of files that are noted. */
void journal_watch(int fd, const char *name);
void journal_forget(int fd);
bool journal_watches(int fd);

#endif
