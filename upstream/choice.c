/* choice.c: which of several routes a call takes. */
#include "upstream/choice.h"

#include <stdbool.h>

#include "base/digest.h"

/* 2^64 divided by the golden ratio: no multiple of it comes near another. */
static const uint64_t golden_step = 0x9e3779b97f4a7c15;

static bool
comes_before(const struct choice *a, const struct choice *b)
{
	return a->state != b->state ? a->state < b->state :
	    a->priority < b->priority;
}

/* One of the best, or NULL. */
static const struct choice *
find_best(const struct choice *choices, size_t n)
{
	const struct choice *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (choices[i].state != CHOICE_OUT &&
		    (!best || comes_before(&choices[i], best)))
			best = &choices[i];
	return best;
}

static bool
is_as_good(const struct choice *a, const struct choice *b)
{
	return a->state == b->state && a->priority == b->priority;
}

int
choice_make(const struct choice *choices, size_t n, uint64_t point)
{
	const struct choice *best = find_best(choices, n);
	uint64_t total = 0, at;

	if (!best)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (is_as_good(&choices[i], best))
			total += (uint64_t)choices[i].weight;
	at = (uint64_t)((unsigned __int128)point * total >> 64);
	for (size_t i = 0; i < n; i++) {
		if (!is_as_good(&choices[i], best))
			continue;
		if (at < (uint64_t)choices[i].weight)
			return (int)i;
		at -= (uint64_t)choices[i].weight;
	}
	return -1;
}

uint64_t
choice_point(void)
{
	static uint64_t point;
	static bool begun;

	if (!begun)
		begun = random_bytes(&point, sizeof(point));
	return point += golden_step;
}
