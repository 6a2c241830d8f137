/* SPDX-License-Identifier: BSD-3-Clause */
/* A lock index on a pool of its own, which records the callbacks. */
#ifndef TEST_LOCKS_BED_H
#define TEST_LOCKS_BED_H

#include "tests/lib/test.h"

#include "common/assert.h"
#include "server/store/frame.h"
#include "server/store/locks.h"

#include <pmemd/errors.h>
#include <string.h>

#define BED_EVENTS_MAX 4096

struct bed {
    struct lock_pool *pool;
    struct locks *locks;
    uint32_t nodes;
    struct lock_hold *granted[BED_EVENTS_MAX]; /* in the order of the callbacks */
    struct lock_hold *wanted[BED_EVENTS_MAX];
    unsigned granted_count, wanted_count;
    void (*on_granted)(struct bed *b, struct lock_hold *h); /* NULL: only recorded */
    void (*on_wanted)(struct bed *b, struct lock_hold *h);
    void *arg;
};

static inline void
bed_granted(void *ctx, struct lock_hold *h)
{
    struct bed *b = ctx;
    pmi_assert(b->granted_count < BED_EVENTS_MAX);
    b->granted[b->granted_count++] = h;
    if (b->on_granted != NULL)
        b->on_granted(b, h);
}

static inline void
bed_wanted(void *ctx, struct lock_hold *h)
{
    struct bed *b = ctx;
    pmi_assert(b->wanted_count < BED_EVENTS_MAX);
    b->wanted[b->wanted_count++] = h;
    if (b->on_wanted != NULL)
        b->on_wanted(b, h);
}

static inline void
bed_up(struct bed *b, uint64_t region_len, uint32_t nodes)
{
    static const struct locks_up up = {bed_granted, bed_wanted};
    memset(b, 0, sizeof *b);
    b->nodes = nodes;
    assert_int_equal(lock_pool_new(nodes, &b->pool), 0);
    assert_int_equal(locks_new(region_len, b->pool, &up, b, &b->locks), 0);
}

/* Everything was dropped: no node may be missing. */
static inline void
bed_down(struct bed *b)
{
    assert_int_equal(lock_pool_left(b->pool), b->nodes);
    locks_free(b->locks);
    lock_pool_free(b->pool);
}

static inline int
bed_take(struct bed *b, struct lock_hold *h, enum lock_mode mode, uint64_t off, uint64_t len)
{
    const struct pmemd_extent e = {off, len};
    return locks_take(b->locks, h, mode, &e, 1);
}

/* xorshift64*: the same run for the same seed everywhere. */
static inline uint64_t
bed_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1dull;
}

static inline uint64_t
bed_below(uint64_t *seed, uint64_t limit)
{
    return bed_random(seed) % limit;
}

#endif
