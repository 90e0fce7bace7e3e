/* arena.c: the memory of one request: taken bit by bit, given back at once. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_ALIGN_BYTES = 16 };

void
arena_init(struct arena *arena, void *block, size_t size_bytes)
{
	assert((uintptr_t)block % ARENA_ALIGN_BYTES == 0);
	arena->block = block;
	arena->size_bytes = size_bytes;
	arena_reset(arena);
}

void
arena_reset(struct arena *arena)
{
	arena->used_bytes = 0;
	arena->overflowed = false;
}

void *
arena_alloc(struct arena *arena, size_t size_bytes)
{
	size_t left = arena->size_bytes - arena->used_bytes;
	size_t need;
	void *piece;

	if (size_bytes > left) {
		arena->overflowed = true;
		return NULL;
	}
	need = size_bytes ? size_bytes : 1;
	need += ARENA_ALIGN_BYTES - 1;
	need -= need % ARENA_ALIGN_BYTES;
	if (need > left) {
		arena->overflowed = true;
		return NULL;
	}
	piece = arena->block + arena->used_bytes;
	arena->used_bytes += need;
	return memset(piece, 0, need);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy;

	if (len == SIZE_MAX) {
		arena->overflowed = true;
		return NULL;
	}
	copy = arena_alloc(arena, len + 1);
	return copy ? memcpy(copy, text, len) : NULL;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *
arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text = NULL;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	if (len >= 0)
		text = arena_alloc(arena, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

bool
arena_overflowed(const struct arena *arena)
{
	return arena->overflowed;
}

size_t
arena_mark(const struct arena *arena)
{
	return arena->used_bytes;
}

void
arena_rewind(struct arena *arena, size_t mark)
{
	assert(mark <= arena->used_bytes);
	arena->used_bytes = mark;
}
