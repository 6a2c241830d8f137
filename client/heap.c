/* SPDX-License-Identifier: BSD-3-Clause */
/* Binary heap with positions kept in its members, so that any can be removed. */
#include "client/heap.h"

static void
place(struct flow *f, uint32_t at, struct request *r)
{
    f->heap[at] = r;
    r->heap_at = at;
}

static void
sift_up(struct flow *f, uint32_t at, struct request *r)
{
    while (at > 0) {
        const uint32_t up = (at - 1) / 2;
        if (f->heap[up]->deadline_ns <= r->deadline_ns)
            break;
        place(f, at, f->heap[up]);
        at = up;
    }
    place(f, at, r);
}

static void
sift_down(struct flow *f, uint32_t at, struct request *r)
{
    for (;;) {
        uint32_t down = 2 * at + 1;
        if (down >= f->heap_count)
            break;
        if (down + 1 < f->heap_count &&
            f->heap[down + 1]->deadline_ns < f->heap[down]->deadline_ns)
            down++;
        if (f->heap[down]->deadline_ns >= r->deadline_ns)
            break;
        place(f, at, f->heap[down]);
        at = down;
    }
    place(f, at, r);
}

void
heap_add(struct flow *f, struct request *r)
{
    pmi_assert(r->heap_at == DEADLINE_NONE);
    pmi_assert(f->heap_count < pmi_slots_capacity(&f->requests));
    sift_up(f, f->heap_count++, r);
}

void
heap_del(struct flow *f, struct request *r)
{
    const uint32_t at = r->heap_at;
    if (at == DEADLINE_NONE)
        return;
    pmi_assert(f->heap[at] == r);
    r->heap_at = DEADLINE_NONE;
    struct request *last = f->heap[--f->heap_count];
    if (last == r)
        return;
    if (at > 0 && f->heap[(at - 1) / 2]->deadline_ns > last->deadline_ns)
        sift_up(f, at, last);
    else
        sift_down(f, at, last);
}
