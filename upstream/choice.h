/* choice.h: which of several routes a call takes. */
#ifndef UPSTREAM_CHOICE_H
#define UPSTREAM_CHOICE_H

#include <stddef.h>
#include <stdint.h>

enum choice_state {
	CHOICE_READY,
	CHOICE_ASIDE, /* it asked to be left alone: only when none is ready */
	CHOICE_OUT,   /* not at all */
};

struct choice {
	int64_t priority; /* the lowest number comes first */
	int64_t weight;   /* 1 or more: its part among those of one priority */
	enum choice_state state;
};

/*
 * The index of the one to take, or -1 when all are out. `point` is where in
 * all of 2^64 the lot falls: with points that are spread evenly each gets its
 * part exactly. The same arguments always give the same answer.
 */
int choice_make(const struct choice *choices, size_t n, uint64_t point);

/*
 * The next point of this process: each is as far from the others as can be, so
 * that weights are met over few calls, too. Two processes begin elsewhere.
 */
uint64_t choice_point(void);

#endif
