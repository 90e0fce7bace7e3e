/* histogram.h: how often what took how long, in a fixed piece of memory. */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 6, /* a bucket is 1/64 of its value wide */
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS) << HISTOGRAM_SUB_BITS,
};

struct histogram {
	uint64_t count;
	int64_t max;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

/* Counts a value; one below 0 counts as 0. */
void histogram_add(struct histogram *h, int64_t value);

/* What that part (0 .. 1) of the values does not exceed; 0 when there are
 * none. At most a 64th too large, and never above the maximum. */
int64_t histogram_part(const struct histogram *h, double part);

#endif
