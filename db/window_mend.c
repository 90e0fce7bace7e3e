/* window_mend.c: a table of windows after a process died while it wrote. */
#include <stdlib.h>

#include "db/window_private.h"

/* What is reached while a table is mended. */
struct survey {
	struct window_table *table;
	unsigned char *reached; /* a byte per block */
};

static bool
reach(struct survey *survey, uint32_t number)
{
	if (number == 0 || number >= survey->table->n_used ||
	    survey->reached[number])
		return false;
	survey->reached[number] = 1;
	return true;
}

/* What has left, and was still in its place, counts nothing any more. */
static void
recount(struct window *window, struct window_part *part, uint32_t from)
{
	for (uint32_t i = from; i < part->n; i++) {
		struct window_entry *entry = &part->entries[i];

		if (!entry->seq)
			*entry = (struct window_entry){ 0 };
		window->requests += entry->requests;
		window->tokens += entry->tokens;
		window->output += entry->output;
	}
}

static void
mend_window(struct survey *survey, struct window *window, uint32_t number)
{
	uint32_t block = window->first;

	window->requests = window->tokens = window->output = 0;
	if (block != number && !reach(survey, block)) {
		window_rewind(window, number);
		return;
	}
	for (uint32_t from = window->from;; from = 0) {
		struct window_part *part = window_part(survey->table, number,
		    block);

		if (part->n > window_part_max(number, block))
			part->n = window_part_max(number, block);
		recount(window, part, from);
		window->last = block;
		if (part->next && !reach(survey, part->next))
			part->next = 0;
		if (!part->next)
			break;
		block = part->next;
	}
}

bool
window_mend(struct window_table *table)
{
	struct survey survey = { .table = table };

	if (table->n_used == 0 || table->n_used > table->n_blocks)
		return false;
	survey.reached = calloc(table->n_used, 1);
	if (!survey.reached)
		return false;
	for (size_t i = 0; i < WINDOW_HEADS; i++) {
		uint32_t *link = &table->heads[i];

		while (*link && reach(&survey, *link)) {
			struct window *window = window_block(table, *link);

			mend_window(&survey, window, *link);
			link = &window->chain;
		}
		*link = 0;
	}
	table->free = 0;
	for (uint32_t i = 1; i < table->n_used; i++)
		if (!survey.reached[i])
			window_free_block(table, i);
	free(survey.reached);
	return true;
}
