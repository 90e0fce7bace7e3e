/* arena.h: the memory of one request: taken bit by bit, given back at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * An arena hands out zeroed, 16-byte aligned pieces of one block that it does
 * not own. When a piece does not fit it returns NULL and remembers so:
 * a caller may take several pieces and ask arena_overflowed() once.
 */
struct arena {
	unsigned char *block;
	size_t size_bytes;
	size_t used_bytes;
	bool overflowed;
};

/* The block must be 16-byte aligned and outlive the arena. */
void arena_init(struct arena *arena, void *block, size_t size_bytes);

/* Forgets all pieces and the overflow. */
void arena_reset(struct arena *arena);

/* A zeroed piece, or NULL. A size of 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *arena, size_t size_bytes)
    __attribute__((malloc));

/* A terminated copy of text[0..len), or NULL when it does not fit. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);

/* Like arena_strndup(arena, text, strlen(text)); NULL gives NULL. */
char *arena_strdup(struct arena *arena, const char *text);

/* A formatted string, or NULL when it does not fit. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* True once any piece did not fit, until arena_reset(). */
bool arena_overflowed(const struct arena *arena);

/* A place to rewind to; all pieces taken since are given back. */
size_t arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, size_t mark);

#endif
