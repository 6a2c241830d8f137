/* SPDX-License-Identifier: BSD-3-Clause */
/* Names, units and texts of the counters, from the table that also declares them. */
#include "server/store/stats.h"

#include "common/assert.h"

static const struct stat_desc descs[] = {
#define STAT(name, unit, kind, text) {#name, unit, text, STAT_KIND_##kind},
#include "server/store/stats.def"
#undef STAT
};

#define STATS_N (sizeof descs / sizeof descs[0])

/* Counters are 64 bit each and nothing else, so the i-th one is the i-th word. */
pmi_static_assert(sizeof(struct stats) == STATS_N * sizeof(uint64_t));

unsigned
stats_count(void)
{
    return STATS_N;
}

const struct stat_desc *
stats_desc(unsigned i)
{
    pmi_assert(i < STATS_N);
    return &descs[i];
}

uint64_t
stats_read(const struct stats *s, unsigned i)
{
    pmi_assert(i < STATS_N);
    return __atomic_load_n((const uint64_t *)s + i, __ATOMIC_RELAXED);
}
