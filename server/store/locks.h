/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index of in-flight extents of one region: a request takes all its extents at once or queues,
 * and waits for every earlier request (holding or queued) that it overlaps, unless both only read.
 * FIFO, so no deadlock and no starvation. One shard owns the region: plain integers.
 */
#ifndef SERVER_STORE_LOCKS_H
#define SERVER_STORE_LOCKS_H

#include "common/list.h"

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct locks;
struct lock_pool; /* nodes shared by the regions of a shard, sized once */
struct lock_node;

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

/* One request's hold; embedded in the request, zero-initialised. All but owner is locks.c's. */
struct lock_hold {
    struct lock_node *nodes; /* borrowed from the pool between take and drop */
    struct pmi_list link;    /* while a callback about this hold is due */
    uint64_t arrival;        /* order of the takes */
    uint32_t blockers;       /* overlapping pairs still in front of us */
    enum lock_mode mode;
    bool taken;   /* between take and drop */
    bool granted; /* has its extents, and its owner knows */
    void *owner;  /* for the callbacks; set by the caller */
};

/*
 * granted   a queued hold got all its extents. Called from a drop (or from a take whose `wanted`
 *           dropped something), after that drop finished, in the order of arrival
 * wanted    somebody queued behind a hold that has its extents; may come many times. A hold that
 *           is granted late asks locks_is_wanted() about those who queued before
 *
 * Both may call locks_take() and locks_drop() for any hold, also for the one they are about.
 */
struct locks_up {
    void (*granted)(void *ctx, struct lock_hold *h);
    void (*wanted)(void *ctx, struct lock_hold *holder);
};

/* 1 to 64 Mi nodes of 64 bytes, allocated and touched here. PMEMD_E_ARG, -ENOMEM. */
int lock_pool_new(uint32_t node_count, struct lock_pool **ret)
    __attribute__((warn_unused_result));
void lock_pool_free(struct lock_pool *p);
uint32_t lock_pool_left(const struct lock_pool *p);

int locks_new(uint64_t region_len, struct lock_pool *pool, const struct locks_up *up, void *ctx,
              struct locks **ret) __attribute__((warn_unused_result));
void locks_free(struct locks *l); /* asserts that nothing is held */

/*
 * 1: granted now; 0: queued, `granted` will be called (unless a callback run by this take dropped
 * this very hold); PMEMD_E_BUSY: the pool is used up, nothing was taken. Needs one node per
 * extent and frame it touches: a pool smaller than the largest request never has them.
 * Extents lie inside the region, len >= 1 (asserted: checked at the border); those of one hold
 * may overlap each other. More than 32 extents of one hold in one frame are locked coarsely: the
 * last node there grows to cover the rest. `extents` is not kept.
 */
int locks_take(struct locks *l, struct lock_hold *h, enum lock_mode mode,
               const struct pmemd_extent *extents, unsigned count)
    __attribute__((warn_unused_result));

/* Give up, granted or still queued. No callback about this hold comes any more. */
void locks_drop(struct locks *l, struct lock_hold *h);

/* Does anybody queue behind this hold? */
bool locks_is_wanted(const struct locks *l, const struct lock_hold *h);

#endif
