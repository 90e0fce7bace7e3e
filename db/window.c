/* window.c: how many requests and tokens there were in the last minute. */
#include "db/window_private.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum { GLANCES = 4 }; /* heads looked at for empty windows, each time */

/* A free block. */
struct hole {
	uint32_t next;
};

void *
window_block(struct window_table *table, uint32_t number)
{
	assert(number > 0 && number < table->n_blocks);
	return (char *)(table + 1) + (size_t)(number - 1) * BLOCK_BYTES;
}

size_t
window_bytes(uint32_t n_blocks)
{
	return sizeof(struct window_table) +
	       (size_t)(n_blocks - 1) * BLOCK_BYTES;
}

uint32_t
window_blocks(size_t bytes)
{
	return (uint32_t)((bytes - sizeof(struct window_table)) /
	    BLOCK_BYTES) + 1;
}

void
window_clear(struct window_table *table, uint32_t n_blocks)
{
	table->n_blocks = n_blocks;
	table->n_used = 1;
}

/* What is written before must be in memory before what is written after, for
 * whoever finds this process dead between the two. */
static void
in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static uint32_t *
head_of(struct window_table *table, const struct window_id *id)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < sizeof(id->bytes); i++)
		hash = (hash ^ id->bytes[i]) * 0x100000001b3;
	return &table->heads[(hash ^ hash >> 32) % WINDOW_HEADS];
}

struct window_part *
window_part(struct window_table *table, uint32_t window, uint32_t block)
{
	struct window *own;

	if (block != window)
		return window_block(table, block);
	own = window_block(table, window);
	return &own->own;
}

uint32_t
window_part_max(uint32_t window, uint32_t block)
{
	return block == window ? OWN_MAX : PART_MAX;
}

void
window_free_block(struct window_table *table, uint32_t number)
{
	struct hole *hole = window_block(table, number);

	hole->next = table->free;
	in_order();
	table->free = number;
}

/* 0 when there is none. */
static uint32_t
take_block(struct window_table *table)
{
	uint32_t number = table->free;
	const struct hole *hole;

	if (number) {
		hole = window_block(table, number);
		table->free = hole->next;
	} else if (table->n_used < table->n_blocks) {
		number = table->n_used++;
	} else {
		return 0;
	}
	memset(window_block(table, number), 0, BLOCK_BYTES);
	return number;
}

void
window_rewind(struct window *window, uint32_t number)
{
	window->first = window->last = number;
	window->from = 0;
	window->own.next = 0;
	window->own.n = 0;
}

/* The front entry, or NULL; moves on from a part that is used up. */
static struct window_entry *
front_of(struct window_table *table, struct window *window, uint32_t number)
{
	for (;;) {
		struct window_part *part = window_part(table, number,
		    window->first);
		uint32_t used_up = window->first, next = part->next;

		if (window->from < part->n)
			return &part->entries[window->from];
		if (!next) {
			if (used_up != number) {
				window_rewind(window, number);
				in_order();
				window_free_block(table, used_up);
			} else {
				window_rewind(window, number);
			}
			return NULL;
		}
		window->from = 0;
		window->first = next;
		in_order();
		if (used_up != number)
			window_free_block(table, used_up);
	}
}

static void
expire(struct window_table *table, struct window *window, uint32_t number,
    int64_t now_us)
{
	struct window_entry *entry;

	while ((entry = front_of(table, window, number)) != NULL &&
	       entry->free_us <= now_us) {
		window->requests -= entry->requests;
		window->tokens -= entry->tokens;
		window->output -= entry->output;
		entry->seq = 0;
		window->from++;
	}
}

/* Frees the empty windows of a head. */
static void
sweep_head(struct window_table *table, uint32_t *head, int64_t now_us)
{
	uint32_t *link = head;

	while (*link) {
		uint32_t number = *link;
		struct window *window = window_block(table, number);

		expire(table, window, number, now_us);
		if (front_of(table, window, number)) {
			link = &window->chain;
			continue;
		}
		*link = window->chain;
		in_order();
		window_free_block(table, number);
	}
}

bool
window_is_short(struct window_table *table, int64_t now_us)
{
	for (int i = 0; i < GLANCES; i++) {
		table->hand = (table->hand + 1) % WINDOW_HEADS;
		sweep_head(table, &table->heads[table->hand], now_us);
	}
	/* One for a window, one for its queue. */
	return table->n_used + 2 > table->n_blocks && (!table->free ||
	    !((struct hole *)window_block(table, table->free))->next);
}

/* The number of a window's block, or 0. */
static uint32_t
find(struct window_table *table, const struct window_id *id)
{
	uint32_t number = *head_of(table, id);

	while (number) {
		const struct window *window = window_block(table, number);

		if (memcmp(&window->id, id, sizeof(*id)) == 0)
			break;
		number = window->chain;
	}
	return number;
}

static uint32_t
make(struct window_table *table, const struct window_id *id)
{
	uint32_t *head = head_of(table, id);
	uint32_t number = take_block(table);
	struct window *window;

	if (!number)
		return 0;
	window = window_block(table, number);
	window->id = *id;
	window->chain = *head;
	window_rewind(window, number);
	in_order();
	*head = number;
	return number;
}

static void
sum_up(struct window_table *table, uint32_t number, int64_t now_us,
    struct window_sums *sums)
{
	struct window *window;
	const struct window_part *last;

	*sums = (struct window_sums){ .empty_us = now_us };
	if (!number)
		return;
	window = window_block(table, number);
	sums->requests = window->requests;
	sums->tokens = window->tokens;
	sums->output = window->output;
	if (!front_of(table, window, number))
		return;
	last = window_part(table, number, window->last);
	sums->empty_us = last->entries[last->n - 1].free_us;
}

static enum window_rc
judge(const struct window_limits *limits, int64_t tokens,
    const struct window_sums *sums)
{
	if (limits->requests && sums->requests >= limits->requests)
		return WINDOW_REQUESTS;
	if (limits->tokens && sums->tokens > limits->tokens - tokens)
		return WINDOW_TOKENS;
	if (limits->output && sums->output >= limits->output)
		return WINDOW_OUTPUT;
	return WINDOW_OK;
}

/* When so many have left that a request may come. */
static int64_t
when_it_may(struct window_table *table, uint32_t number,
    const struct window_limits *limits, int64_t tokens,
    struct window_sums sums)
{
	const struct window *window = window_block(table, number);
	uint32_t block = window->first, i = window->from;
	int64_t when_us = 0;

	while (block && judge(limits, tokens, &sums) != WINDOW_OK) {
		const struct window_part *part = window_part(table, number,
		    block);
		const struct window_entry *entry = &part->entries[i];

		if (i >= part->n) {
			block = part->next;
			i = 0;
			continue;
		}
		sums.requests -= entry->requests;
		sums.tokens -= entry->tokens;
		sums.output -= entry->output;
		if (entry->free_us > when_us)
			when_us = entry->free_us;
		i++;
	}
	return when_us;
}

static enum window_rc
look_at(struct window_table *table, uint32_t number,
    const struct window_limits *limits, int64_t tokens, int64_t now_us,
    struct window_sums *sums, int64_t *when_us)
{
	enum window_rc rc;

	*when_us = now_us;
	if (number)
		expire(table, window_block(table, number), number, now_us);
	sum_up(table, number, now_us, sums);
	rc = judge(limits, tokens, sums);
	if (rc != WINDOW_OK && number)
		*when_us = when_it_may(table, number, limits, tokens, *sums);
	return rc;
}

enum window_rc
window_look(struct window_table *table, const struct window_id *id,
    const struct window_limits *limits, int64_t tokens, int64_t now_us,
    struct window_sums *sums, int64_t *when_us)
{
	return look_at(table, find(table, id), limits, tokens, now_us, sums,
	    when_us);
}

/*
 * A table that is full still counts: the newest entry stands for one more, and
 * leaves when that would. So there are never too many; a place may be free
 * later than it should.
 */
static bool
merge(struct window_table *table, uint32_t number, int64_t tokens,
    int64_t free_us)
{
	struct window *window = window_block(table, number);
	struct window_part *last = window_part(table, number, window->last);
	struct window_entry *entry;

	if (!front_of(table, window, number))
		return false;
	entry = &last->entries[last->n - 1];
	entry->free_us = free_us;
	entry->requests++;
	entry->tokens += tokens;
	return true;
}

/* The place of a new entry at the end, in *block and *index. */
static struct window_part *
place(struct window_table *table, uint32_t number, uint32_t *block,
    uint32_t *index)
{
	struct window *window = window_block(table, number);
	struct window_part *last = window_part(table, number, window->last);
	uint32_t added;

	if (last->n == window_part_max(number, window->last)) {
		added = take_block(table);
		if (!added)
			return NULL;
		last->next = added;
		in_order();
		window->last = added;
		last = window_block(table, added);
	}
	*block = window->last;
	*index = last->n;
	return last;
}

static void
push(struct window_table *table, uint32_t number, int64_t tokens,
    int64_t now_us, struct window_mark *mark)
{
	struct window *window = window_block(table, number);
	int64_t free_us = now_us + WINDOW_US + WINDOW_LATE_US;
	struct window_part *part;

	*mark = (struct window_mark){ .window = number, .tokens = tokens };
	part = place(table, number, &mark->block, &mark->index);
	if (part) {
		if (++table->seq == 0)
			table->seq = 1;
		mark->seq = table->seq;
		part->entries[part->n] = (struct window_entry){
			.free_us = free_us,
			.seq = mark->seq,
			.requests = 1,
			.tokens = tokens,
		};
		in_order();
		part->n++;
	} else if (!merge(table, number, tokens, free_us)) {
		return;
	}
	window->requests++;
	window->tokens += tokens;
}

enum window_rc
window_take(struct window_table *table, const struct window_id *id,
    const struct window_limits *limits, int64_t tokens, int64_t now_us,
    struct window_sums *sums, int64_t *when_us, struct window_mark *mark)
{
	uint32_t number = find(table, id);
	enum window_rc rc = look_at(table, number, limits, tokens, now_us,
	    sums, when_us);

	*mark = (struct window_mark){ 0 };
	if (rc != WINDOW_OK)
		return rc;
	if (!number)
		number = make(table, id);
	if (!number)
		return WINDOW_NO_ROOM;
	push(table, number, tokens, now_us, mark);
	sum_up(table, number, now_us, sums);
	return WINDOW_OK;
}

void
window_end(struct window_table *table, const struct window_mark *mark,
    int64_t tokens, int64_t output, int64_t now_us)
{
	struct window_part *part;
	struct window *window;
	struct window_entry *entry;

	/* The blocks may be another's by now. */
	if (!mark->seq || mark->block >= table->n_used ||
	    mark->window >= table->n_used ||
	    mark->index >= window_part_max(mark->window, mark->block))
		return;
	window = window_block(table, mark->window);
	if (find(table, &window->id) != mark->window)
		return;
	part = window_part(table, mark->window, mark->block);
	entry = &part->entries[mark->index];
	if (mark->index >= part->n || entry->seq != mark->seq)
		return;
	entry->tokens += tokens - mark->tokens;
	window->tokens += tokens - mark->tokens;
	entry->output += output;
	window->output += output;
	if (entry->requests == 1 && now_us + WINDOW_US < entry->free_us)
		entry->free_us = now_us + WINDOW_US;
}
