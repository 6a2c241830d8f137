/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A latency histogram: log-linear buckets, 128 per power of two, so a value read back is within
 * 0.4 % of the true one; below 256 ns it is exact. Fixed size, no allocation.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 7u
#define HIST_MAX_BITS 42u /* 2^42 ns are 73 minutes; what is longer counts as that */
#define HIST_BUCKETS ((HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
    uint64_t count;
    uint64_t max_ns;
    uint32_t buckets[HIST_BUCKETS];
};

void hist_reset(struct hist *h);

/* `ns` as the bucket it falls into. */
static inline unsigned
hist_bucket(uint64_t ns)
{
    if (ns < UINT64_C(2) << HIST_SUB_BITS)
        return (unsigned)ns;
    const unsigned top = 63u - (unsigned)__builtin_clzll(ns);
    if (top >= HIST_MAX_BITS)
        return HIST_BUCKETS - 1;
    const unsigned shift = top - HIST_SUB_BITS;
    return (shift << HIST_SUB_BITS) + (unsigned)(ns >> shift);
}

static inline void
hist_add(struct hist *h, uint64_t ns)
{
    h->buckets[hist_bucket(ns)]++;
    h->count++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

/* The value that `fraction` (0..1) of all are not above; 0 when there are none. */
double hist_percentile_ns(const struct hist *h, double fraction);

#endif
