/* gate_line.c: those who write to the same account line up before the gate. */
#include "db/gate_private.h"

#include <assert.h>
#include <time.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/clock.h"

/*
 * What a line's word says: whether somebody is first, and may be awaited. Two
 * can be first when one of them has taken the line of a dead process while a
 * third came; that does no harm, and ends when they leave.
 */
enum { LINE_FREE, LINE_TAKEN, LINE_AWAITED };

enum {
	PATIENCE_MS = 2000,
	LOOK_MS = 100, /* between two looks whether the first one lives */
	NAP_US = 100, /* where a word cannot be waited for */
};

/* Waits until the word changes, or for as long as is left; false when it is
 * time to go on. */
static bool
wait_for_change(_Atomic uint32_t *word, int64_t end_us)
{
	int64_t left_us = end_us - clock_mono_us();

	if (left_us <= 0)
		return false;
#ifdef __linux__
	struct timespec left = { 0, left_us * 1000 };

	syscall(SYS_futex, word, FUTEX_WAIT, LINE_AWAITED, &left, NULL, 0);
#else
	(void)word;
	clock_sleep_us(NAP_US);
#endif
	return true;
}

static void
call_next(_Atomic uint32_t *word)
{
#ifdef __linux__
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
#else
	(void)word;
#endif
}

static bool
is_dead(process_id owner)
{
	return owner == 0 || !process_is_alive(owner);
}

/* False when the time is up, and whoever is first lives. */
static bool
wait_in_line(struct gate_line *line)
{
	int64_t look_us = clock_mono_us() + LOOK_MS * 1000;
	int64_t end_us = clock_mono_us() + PATIENCE_MS * 1000;

	while (atomic_exchange(&line->word, LINE_AWAITED) != LINE_FREE) {
		if (wait_for_change(&line->word, look_us))
			continue;
		if (is_dead(atomic_load(&line->owner)))
			return true;
		if (look_us >= end_us)
			return false;
		look_us += LOOK_MS * 1000;
	}
	return true;
}

void
gate_line_up(struct gate *gate, uint32_t account)
{
	struct gate_line *line = &gate->table->lines[account % GATE_LINES];
	uint32_t was = LINE_FREE;

	assert(!gate->line);
	if (!atomic_compare_exchange_strong(&line->word, &was, LINE_TAKEN) &&
	    !wait_in_line(line))
		return;
	atomic_store(&line->owner, gate->self);
	gate->line = line;
}

void
gate_line_leave(struct gate *gate)
{
	struct gate_line *line = gate->line;

	if (!line)
		return;
	gate->line = NULL;
	if (atomic_exchange(&line->word, LINE_FREE) == LINE_AWAITED)
		call_next(&line->word);
}
