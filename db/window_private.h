/* window_private.h: how many requests and tokens there were in the last minute,
 * exactly, in a table of fixed memory. */
#ifndef DB_WINDOW_PRIVATE_H
#define DB_WINDOW_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A window is a queue of requests, each with the moment from which it counts no
 * more. Those that count no more are taken off its front, so that the sums need
 * no walk: a request costs the same at a limit of 10 and of 100,000 in a
 * minute. A window that is empty is no window: what there is in memory is what
 * was admitted in the last minute.
 *
 * A request counts for WINDOW_US from when the provider is known to have it:
 * its end, or WINDOW_LATE_US after its admission, whichever is first. Counted
 * from admission, the next minute's first requests could reach the provider
 * less than a minute after this one's last, which took longer on their way. So
 * neither at the gateway nor at the provider are there ever more than the limit
 * in any WINDOW_US; and the price is that a place is free again up to
 * WINDOW_LATE_US later than an ideal gateway would have it. Requests leave in
 * the order in which they came: one that ended at once may wait for an older
 * one, never beyond those WINDOW_LATE_US of its own.
 *
 * Times are in microseconds on any clock that does not go back.
 */
enum {
	WINDOW_US = 60 * 1000000,
	WINDOW_LATE_US = 500 * 1000,
	WINDOW_ID_BYTES = 24,
	WINDOW_HEADS = 16384,
	BLOCK_BYTES = 512,
};

/* Whose window it is: any bytes, the rest zero; all zero is nobody. */
struct window_id {
	unsigned char bytes[WINDOW_ID_BYTES];
};

/* Begins the blocks that follow it in memory, BLOCK_BYTES each. Block 0 is
 * never used, so that 0 is no block. */
struct window_table {
	uint32_t n_blocks;
	uint32_t n_used;   /* below it are all that were ever used */
	uint32_t free;     /* the first of those that are free again */
	uint32_t seq;      /* of the last request */
	uint32_t hand;     /* where the search for empty windows goes on */
	uint32_t unused;
	uint32_t heads[WINDOW_HEADS];
};

/* What may be in a window; 0: no limit. */
struct window_limits {
	int64_t requests;
	int64_t tokens;
	int64_t output; /* tokens of answers that ended, see window_end() */
};

/* What is in a window. */
struct window_sums {
	int64_t requests, tokens, output;
	int64_t empty_us; /* when it will be empty, if nothing comes */
};

enum window_rc {
	WINDOW_OK,
	WINDOW_REQUESTS, /* would be too many requests */
	WINDOW_TOKENS,   /* would be too many tokens */
	WINDOW_OUTPUT,   /* there was too much output */
	WINDOW_NO_ROOM,  /* the table is full: nothing was counted */
};

/* Where a request stands, for window_end(). */
struct window_mark {
	uint32_t window, block, index, seq;
	int64_t tokens;  /* as it was admitted with */
};

/* How many bytes n blocks and the table need, and the blocks for bytes. */
size_t window_bytes(uint32_t n_blocks);
uint32_t window_blocks(size_t bytes);

/* Makes an empty table of zeros. */
void window_clear(struct window_table *table, uint32_t n_blocks);

/*
 * After a process died in the midst of a change: recounts what can be reached,
 * and frees the rest. What the dead process was counting may be missing.
 */
bool window_mend(struct window_table *table);

/* True when a new window or a longer one may find no block; then the caller may
 * raise n_blocks, having made room. */
bool window_is_short(struct window_table *table, int64_t now_us);

/*
 * Whether a request of so many tokens may come now, and what is in the window.
 * Counts nothing. When it may not, *when_us is the earliest time at which it
 * may, if nothing else comes.
 */
enum window_rc window_look(struct window_table *table,
    const struct window_id *id, const struct window_limits *limits,
    int64_t tokens, int64_t now_us, struct window_sums *sums,
    int64_t *when_us);

/* The same, and counts it when it may; sums are with it. */
enum window_rc window_take(struct window_table *table,
    const struct window_id *id, const struct window_limits *limits,
    int64_t tokens, int64_t now_us, struct window_sums *sums,
    int64_t *when_us, struct window_mark *mark);

/*
 * A request has ended: it used so many tokens in all, of which so much output
 * is to count. Nothing happens when it counts no more.
 */
void window_end(struct window_table *table, const struct window_mark *mark,
    int64_t tokens, int64_t output, int64_t now_us);

/* The rest is for window.c and window_mend.c. */

/* A request in a window; one of a full table stands for several. */
struct window_entry {
	int64_t free_us;   /* from then on it does not count */
	uint32_t seq;      /* 0: it has left */
	uint32_t requests;
	int64_t tokens;
	int64_t output;
};

/* Part of a window's queue. */
struct window_part {
	uint32_t next;     /* the block of the next, 0: none */
	uint32_t n;        /* entries written */
	struct window_entry entries[];
};

struct window {
	uint32_t chain;    /* the next window of the same head */
	uint32_t first;    /* block of the front entry; its own, mostly */
	uint32_t last;     /* block of the last one */
	uint32_t from;     /* index of the front entry */
	struct window_id id;
	int64_t requests, tokens, output;
	struct window_part own;
};

/* Entries of a window's own block, and of the others in its queue. */
enum {
	OWN_MAX = (BLOCK_BYTES - sizeof(struct window)) /
	    sizeof(struct window_entry),
	PART_MAX = (BLOCK_BYTES - sizeof(struct window_part)) /
	    sizeof(struct window_entry),
};

void *window_block(struct window_table *table, uint32_t number);

/* Part of a window's queue, its own block's or another's; and how many entries
 * it takes. */
struct window_part *window_part(struct window_table *table, uint32_t window,
    uint32_t block);
uint32_t window_part_max(uint32_t window, uint32_t block);

/* A window whose queue is empty begins in its own block again. */
void window_rewind(struct window *window, uint32_t number);

void window_free_block(struct window_table *table, uint32_t number);

#endif
