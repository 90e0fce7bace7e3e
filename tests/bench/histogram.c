/* histogram.c: how often what took how long, in a fixed piece of memory. */
#include "tests/bench/histogram.h"

/* Values below 64 have a bucket each; above, each power of two has 64. */
static unsigned
bucket_of(uint64_t value)
{
	unsigned shift = 0;

	while (value >> shift >= 2u << HISTOGRAM_SUB_BITS)
		shift++;
	return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The largest value of a bucket. */
static int64_t
bucket_top(unsigned bucket)
{
	const unsigned sub = 1u << HISTOGRAM_SUB_BITS;
	unsigned shift = bucket < 2 * sub ? 0 :
	    (bucket >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t first = bucket - (shift << HISTOGRAM_SUB_BITS);

	return (int64_t)(((first + 1) << shift) - 1);
}

void
histogram_add(struct histogram *h, int64_t value)
{
	unsigned bucket = bucket_of(value > 0 ? (uint64_t)value : 0);

	if (bucket >= HISTOGRAM_BUCKETS)
		bucket = HISTOGRAM_BUCKETS - 1;
	h->buckets[bucket]++;
	h->count++;
	if (value > h->max)
		h->max = value;
}

int64_t
histogram_part(const struct histogram *h, double part)
{
	uint64_t wanted = (uint64_t)((double)h->count * part + 0.5), seen = 0;

	if (wanted < 1)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= wanted && h->buckets[i] > 0)
			return bucket_top(i) < h->max ? bucket_top(i) :
			    h->max;
	}
	return h->max;
}
