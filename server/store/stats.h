/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of one shard, from one table. The owner adds; any thread may read a copy. */
#ifndef SERVER_STORE_STATS_H
#define SERVER_STORE_STATS_H

#include <stdint.h>

struct stats {
#define STAT(name, unit, kind, text) uint64_t name;
#include "server/store/stats.def"
#undef STAT
};

enum {
#define STAT(name, unit, kind, text) STATS_INDEX_##name,
#include "server/store/stats.def"
#undef STAT
    STATS_MAX /* how many there are */
};

enum stat_kind { STAT_KIND_COUNTER, STAT_KIND_GAUGE };

struct stat_desc {
    const char *name, *unit, *text;
    enum stat_kind kind;
};

unsigned stats_count(void);
const struct stat_desc *stats_desc(unsigned i);

/* Only the owning thread adds, so a relaxed load and store are enough; others never see a torn
 * value. */
static inline void
stat_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline void
stat_sub(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter - n, __ATOMIC_RELAXED);
}

/* The i-th counter's value, readable from any thread. */
uint64_t stats_read(const struct stats *s, unsigned i);

#endif
