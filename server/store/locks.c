/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One node per (extent, 2 MiB frame), clipped to the frame, in the bucket of its frame in order
 * of arrival. A blocking pair is an earlier and a later node of two holds that overlap and do
 * not both only read; `blockers` of a hold is the number of pairs in which its nodes are the
 * later ones. take() counts them by walking what stands in front, drop() uncounts them by
 * walking what stands behind, both with blocks(): so the count is 0 exactly when nobody is in
 * front.
 *
 * A hold has at most NODES_PER_FRAME_MAX nodes in one frame, or two requests of a thousand tiny
 * extents each would cost a million comparisons; further extents widen the last of them. That
 * locks more than was asked, which may make somebody wait in vain, but never less.
 *
 * Callbacks never run inside a walk. Holds to speak about are linked into one of two queues and
 * delivered when the index is consistent again; drop() takes a hold out of them.
 */
#include "server/store/locks.h"

#include "common/assert.h"
#include "common/checked.h"
#include "server/store/frame.h"

#include <errno.h>
#include <pmemd/errors.h>
#include <stdlib.h>

#define LOCKS_MAGIC 0x4c4f434bu     /* "LOCK" */
#define LOCK_POOL_MAGIC 0x4c504f4cu /* "LPOL" */

#define NODES_PER_FRAME_MAX 32u
#define POOL_NODES_MAX (1u << 26) /* times the above still fits 32 bits */
#define BUCKETS_MIN 16u
#define BUCKETS_MAX 65536u /* 1 MiB of heads; larger regions share buckets */

struct lock_node {
    struct pmi_list peers;     /* in its bucket, in order of arrival */
    struct lock_node *sibling; /* next of the same hold, or of the free ones */
    struct lock_hold *hold;    /* borrowed while taken */
    uint64_t start, end;       /* bytes in the region; never leaves one frame */
    bool exclusive;
};

struct lock_pool {
    uint32_t magic;
    uint32_t count, left;
    struct lock_node *free;  /* borrowed, in nodes */
    struct lock_node *nodes; /* owned */
};

struct locks {
    uint32_t magic;
    uint32_t holds;          /* taken and not dropped */
    uint32_t bucket_count;   /* a power of two */
    bool delivering;         /* an outer call delivers grants; inner ones only queue them */
    uint64_t region_len;     /* bytes */
    uint64_t arrivals;       /* number of takes so far */
    struct pmi_list grants;  /* holds to call granted() about, in the order of delivery */
    struct pmi_list wanteds; /* holds to call wanted() about */
    struct lock_pool *pool;  /* shared; outlives us */
    const struct locks_up *up;
    void *ctx;
    struct pmi_list buckets[]; /* heads */
};

static struct lock_node *
node_of(struct pmi_list *peers)
{
    return pmi_containerof(peers, struct lock_node, peers);
}

static struct lock_hold *
hold_of(struct pmi_list *link)
{
    return pmi_containerof(link, struct lock_hold, link);
}

/* Would the earlier of the two make the later one wait? The one rule, used by take and drop. */
static bool
blocks(const struct lock_node *a, const struct lock_node *b)
{
    return a->start < b->end && b->start < a->end && (a->exclusive || b->exclusive) &&
           a->hold != b->hold;
}

static size_t
bucket_of(const struct locks *l, uint64_t off)
{
    return (off >> FRAME_SHIFT) & (l->bucket_count - 1);
}

/* End of the part of [start, end) that lies in the frame of start. */
static uint64_t
frame_clip(uint64_t start, uint64_t end)
{
    const uint64_t left = FRAME_BYTES - (start & (FRAME_BYTES - 1));
    return end - start < left ? end : start + left;
}

static uint64_t
nodes_needed(const struct locks *l, const struct pmemd_extent *extents, unsigned count)
{
    uint64_t need = 0;
    for (unsigned i = 0; i < count; i++) {
        const uint64_t off = extents[i].off, len = extents[i].len;
        pmi_assert(len >= 1);
        pmi_assert(pmi_range_ok(off, len, l->region_len));
        need += ((off + len - 1) >> FRAME_SHIFT) - (off >> FRAME_SHIFT) + 1;
    }
    return need;
}

static struct lock_node *
pool_get(struct lock_pool *p)
{
    struct lock_node *n = p->free;
    pmi_assert(n != NULL); /* counted before the first one is taken */
    pmi_assert(p->left > 0);
    p->free = n->sibling;
    p->left--;
    return n;
}

static void
pool_put(struct lock_pool *p, struct lock_node *n)
{
    pmi_assert(p->left < p->count);
    *n = (struct lock_node){.sibling = p->free};
    p->free = n;
    p->left++;
}

/* The latest node of h in the frame of `off`, if it has as many there as it may; else NULL.
 * While a hold is taken, its nodes are the last ones of their buckets. */
static struct lock_node *
node_to_widen(struct pmi_list *bucket, const struct lock_hold *h, uint64_t off)
{
    struct lock_node *latest = NULL;
    unsigned own = 0;
    for (struct pmi_list *it = bucket->prev; it != bucket; it = it->prev) {
        struct lock_node *n = node_of(it);
        if (n->hold != h)
            break;
        if ((n->start ^ off) >> FRAME_SHIFT != 0) /* another frame of this bucket */
            continue;
        if (own++ == 0)
            latest = n;
    }
    return own < NODES_PER_FRAME_MAX ? NULL : latest;
}

/* Count the nodes in front that block `now`, but not yet `before` (NULL: there was no before), and
 * remember whom of their holders to tell. */
static void
count_ahead(struct locks *l, const struct pmi_list *bucket, const struct lock_node *before,
            const struct lock_node *now)
{
    struct lock_hold *h = now->hold;
    pmi_list_for_each(it, bucket) {
        struct lock_hold *ahead = node_of(it)->hold;
        if (!blocks(node_of(it), now) || (before != NULL && blocks(node_of(it), before)))
            continue;
        pmi_assert(h->blockers < UINT32_MAX);
        h->blockers++;
        if (ahead->granted && !pmi_list_linked(&ahead->link))
            pmi_list_push_back(&l->wanteds, &ahead->link);
    }
}

/* Queue up with [start, end), which lies in one frame. */
static void
node_add(struct locks *l, struct lock_hold *h, uint64_t start, uint64_t end)
{
    struct pmi_list *bucket = &l->buckets[bucket_of(l, start)];
    struct lock_node *n = node_to_widen(bucket, h, start);
    if (n != NULL) {
        const struct lock_node before = *n;
        n->start = pmi_min_u64(n->start, start);
        n->end = pmi_max_u64(n->end, end);
        count_ahead(l, bucket, &before, n);
        return;
    }
    n = pool_get(l->pool);
    n->hold = h;
    n->start = start;
    n->end = end;
    n->exclusive = h->mode == LOCK_EXCLUSIVE;
    n->sibling = h->nodes;
    h->nodes = n;
    count_ahead(l, bucket, NULL, n);
    pmi_list_init(&n->peers);
    pmi_list_push_back(bucket, &n->peers);
}

/* Let go of those behind; the ones nobody else holds back join `freed`. */
static void
node_remove(struct locks *l, struct lock_node *n, struct pmi_list *freed)
{
    const struct pmi_list *bucket = &l->buckets[bucket_of(l, n->start)];
    for (struct pmi_list *it = n->peers.next; it != bucket; it = it->next) {
        struct lock_hold *behind = node_of(it)->hold;
        if (!blocks(n, node_of(it)))
            continue;
        pmi_assert(behind->blockers > 0);
        if (--behind->blockers == 0)
            pmi_list_push_back(freed, &behind->link);
    }
    pmi_list_del(&n->peers);
    pool_put(l->pool, n);
}

/* Move the first of `from` to the back of `to`. */
static void
move_first(struct pmi_list *from, struct pmi_list *to)
{
    struct pmi_list *it = from->next;
    pmi_assert(it != from);
    pmi_list_del(it);
    pmi_list_push_back(to, it);
}

/* Of the first ones of two lists, move the one that arrived earlier to the back of `out`. */
static void
merge_step(struct pmi_list *out, struct pmi_list *a, struct pmi_list *b)
{
    const bool b_first =
        pmi_list_empty(a) ||
        (!pmi_list_empty(b) && hold_of(b->next)->arrival < hold_of(a->next)->arrival);
    move_first(b_first ? b : a, out);
}

static bool
is_sorted(const struct pmi_list *holds)
{
    for (struct pmi_list *it = holds->next; it != holds && it->next != holds; it = it->next) {
        if (hold_of(it->next)->arrival < hold_of(it)->arrival)
            return false;
    }
    return true;
}

/* Sort by arrival: merge runs of doubling length. Nodes of several frames were walked one after
 * the other, so the list consists of few ascending runs; most often it is one. */
static void
sort_by_arrival(struct pmi_list *holds)
{
    for (uint64_t run = 1; !is_sorted(holds); run *= 2) {
        struct pmi_list out, a, b;
        pmi_list_init(&out);
        while (!pmi_list_empty(holds)) {
            pmi_list_init(&a);
            pmi_list_init(&b);
            for (uint64_t i = 0; i < run && !pmi_list_empty(holds); i++)
                move_first(holds, &a);
            for (uint64_t i = 0; i < run && !pmi_list_empty(holds); i++)
                move_first(holds, &b);
            while (!pmi_list_empty(&a) || !pmi_list_empty(&b))
                merge_step(&out, &a, &b);
        }
        while (!pmi_list_empty(&out))
            move_first(&out, holds);
    }
}

/* Outermost call only: inner drops add to the queue this loop empties. */
static void
deliver_grants(struct locks *l)
{
    if (l->delivering)
        return;
    l->delivering = true;
    struct pmi_list *link;
    while ((link = pmi_list_pop_front(&l->grants)) != NULL) {
        struct lock_hold *h = hold_of(link);
        pmi_assert(h->taken);
        pmi_assert(!h->granted);
        h->granted = true;
        l->up->granted(l->ctx, h);
    }
    l->delivering = false;
}

/* Grants that the callbacks cause wait until take() knows what became of its own hold. */
static void
deliver_wanteds(struct locks *l)
{
    const bool outer = l->delivering;
    l->delivering = true;
    struct pmi_list *link;
    while ((link = pmi_list_pop_front(&l->wanteds)) != NULL)
        l->up->wanted(l->ctx, hold_of(link));
    l->delivering = outer;
}

int
lock_pool_new(uint32_t node_count, struct lock_pool **ret)
{
    if (node_count == 0 || node_count > POOL_NODES_MAX)
        return PMEMD_E_ARG;
    struct lock_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    p->nodes = calloc(node_count, sizeof *p->nodes);
    if (p->nodes == NULL) {
        free(p);
        return -ENOMEM;
    }
    p->magic = LOCK_POOL_MAGIC;
    p->count = node_count;
    for (uint32_t i = node_count; i > 0; i--) /* the first one is used first */
        pool_put(p, &p->nodes[i - 1]);
    *ret = p;
    return 0;
}

void
lock_pool_free(struct lock_pool *p)
{
    if (p == NULL)
        return;
    pmi_alive(p, LOCK_POOL_MAGIC);
    pmi_assert(p->left == p->count);
    p->magic = 0;
    free(p->nodes);
    free(p);
}

uint32_t
lock_pool_left(const struct lock_pool *p)
{
    pmi_alive(p, LOCK_POOL_MAGIC);
    return p->left;
}

int
locks_new(uint64_t region_len, struct lock_pool *pool, const struct locks_up *up, void *ctx,
          struct locks **ret)
{
    pmi_alive(pool, LOCK_POOL_MAGIC);
    pmi_assert(up->granted != NULL);
    pmi_assert(up->wanted != NULL);
    if (region_len == 0)
        return PMEMD_E_ARG;
    const uint64_t frames = ((region_len - 1) >> FRAME_SHIFT) + 1;
    uint32_t buckets = BUCKETS_MIN;
    while (buckets < frames && buckets < BUCKETS_MAX)
        buckets *= 2;
    struct locks *l = calloc(1, sizeof *l + buckets * sizeof l->buckets[0]);
    if (l == NULL)
        return -ENOMEM;
    l->magic = LOCKS_MAGIC;
    l->bucket_count = buckets;
    l->region_len = region_len;
    l->pool = pool;
    l->up = up;
    l->ctx = ctx;
    pmi_list_init(&l->grants);
    pmi_list_init(&l->wanteds);
    for (uint32_t i = 0; i < buckets; i++)
        pmi_list_init(&l->buckets[i]);
    *ret = l;
    return 0;
}

void
locks_free(struct locks *l)
{
    if (l == NULL)
        return;
    pmi_alive(l, LOCKS_MAGIC);
    pmi_assert(l->holds == 0);
    pmi_assert(!l->delivering);
    l->magic = 0;
    free(l);
}

int
locks_take(struct locks *l, struct lock_hold *h, enum lock_mode mode,
           const struct pmemd_extent *extents, unsigned count)
{
    pmi_alive(l, LOCKS_MAGIC);
    pmi_assert(!h->taken);
    if (nodes_needed(l, extents, count) > l->pool->left)
        return PMEMD_E_BUSY;
    const uint64_t arrival = ++l->arrivals;
    h->nodes = NULL;
    h->blockers = 0;
    h->mode = mode;
    h->taken = true;
    h->granted = false;
    h->arrival = arrival;
    pmi_list_init(&h->link);
    l->holds++;
    for (unsigned i = 0; i < count; i++) {
        const uint64_t end = extents[i].off + extents[i].len;
        for (uint64_t at = extents[i].off; at < end; at = frame_clip(at, end))
            node_add(l, h, at, frame_clip(at, end));
    }
    if (h->blockers > 0) {
        deliver_wanteds(l);
        if (!h->taken || h->arrival != arrival || h->blockers > 0) {
            deliver_grants(l);
            return 0;
        }
        pmi_list_del(&h->link); /* a callback made room: our answer is the grant */
    }
    h->granted = true;
    deliver_grants(l);
    return h->taken && h->arrival == arrival ? 1 : 0;
}

void
locks_drop(struct locks *l, struct lock_hold *h)
{
    pmi_alive(l, LOCKS_MAGIC);
    pmi_assert(h->taken);
    pmi_assert(l->holds > 0);
    struct pmi_list freed;
    pmi_list_init(&freed);
    pmi_list_del(&h->link);
    while (h->nodes != NULL) {
        struct lock_node *n = h->nodes;
        h->nodes = n->sibling;
        node_remove(l, n, &freed);
    }
    h->blockers = 0;
    h->taken = false;
    h->granted = false;
    l->holds--;
    sort_by_arrival(&freed);
    while (!pmi_list_empty(&freed))
        move_first(&freed, &l->grants);
    deliver_grants(l);
}

bool
locks_is_wanted(const struct locks *l, const struct lock_hold *h)
{
    pmi_alive(l, LOCKS_MAGIC);
    pmi_assert(h->taken);
    for (const struct lock_node *n = h->nodes; n != NULL; n = n->sibling) {
        const struct pmi_list *bucket = &l->buckets[bucket_of(l, n->start)];
        for (struct pmi_list *it = n->peers.next; it != bucket; it = it->next) {
            if (blocks(n, node_of(it)))
                return true;
        }
    }
    return false;
}
