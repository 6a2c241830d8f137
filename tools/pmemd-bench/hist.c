// SPDX-License-Identifier: BSD-3-Clause
/* The latency histogram: see hist.h. */
#include "tools/pmemd-bench/hist.h"

#include <string.h>

_Static_assert(HIST_SUB_BITS < HIST_MAX_BITS && HIST_MAX_BITS < 64, "buckets would overlap");

void
hist_reset(struct hist *h)
{
    memset(h, 0, sizeof *h);
}

/* The middle of a bucket. */
static double
bucket_value_ns(unsigned bucket)
{
    if (bucket < 2u << HIST_SUB_BITS)
        return bucket;
    const unsigned shift = (bucket >> HIST_SUB_BITS) - 1;
    const uint64_t low = (uint64_t)(bucket - (shift << HIST_SUB_BITS)) << shift;
    return (double)low + (double)(UINT64_C(1) << shift) / 2.0;
}

double
hist_percentile_ns(const struct hist *h, double fraction)
{
    if (h->count == 0)
        return 0.0;
    /* The rank of the value asked for, 1 up: the smallest that covers the fraction. */
    const double exact = fraction * (double)h->count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact || rank == 0)
        rank++;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank && h->buckets[i] > 0) {
            const double value = bucket_value_ns(i);
            return value < (double)h->max_ns ? value : (double)h->max_ns;
        }
    }
    return (double)h->max_ns;
}
