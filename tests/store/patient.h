/* patient.h: a shared table on a machine that stops now and then. */
#ifndef TESTS_STORE_PATIENT_H
#define TESTS_STORE_PATIENT_H

#include "db/shared.h"

enum { PATIENT_TRIES = 20 };

/*
 * shared_lock() again and again: whoever has it may have been stopped by the
 * machine for longer than that waits. NULL after PATIENT_TRIES.
 */
static inline void *
patient_lock(struct shared *shared)
{
	void *table = NULL;

	for (int i = 0; !table && i < PATIENT_TRIES; i++)
		table = shared_lock(shared);
	return table;
}

#endif
