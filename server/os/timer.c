/* SPDX-License-Identifier: BSD-3-Clause */
/* A binary heap of pointers to embedded timers, from index 1; a timer knows its place in it. */
#include "server/os/timer.h"

#include "common/assert.h"

#include <errno.h>
#include <pmemd/errors.h>
#include <stddef.h>
#include <stdlib.h>

#define TIMERS_MAGIC 0x54494d53u /* "TIMS" */
#define CAPACITY_MAX (UINT32_MAX / 4)

struct timers {
    uint32_t magic;
    uint32_t count, capacity;
    void *ctx;            /* borrowed, for the callbacks */
    struct timer *heap[]; /* borrowed while armed; [0] is unused */
};

static void
place(struct timers *ts, uint32_t i, struct timer *t)
{
    ts->heap[i] = t;
    t->index = i;
}

static void
sift_up(struct timers *ts, uint32_t i, struct timer *t)
{
    for (; i > 1 && ts->heap[i / 2]->at_ns > t->at_ns; i /= 2)
        place(ts, i, ts->heap[i / 2]);
    place(ts, i, t);
}

static void
sift_down(struct timers *ts, uint32_t i, struct timer *t)
{
    for (uint32_t child = 2 * i; child <= ts->count; child = 2 * i) {
        if (child < ts->count && ts->heap[child + 1]->at_ns < ts->heap[child]->at_ns)
            child++;
        if (ts->heap[child]->at_ns >= t->at_ns)
            break;
        place(ts, i, ts->heap[child]);
        i = child;
    }
    place(ts, i, t);
}

/* Put t where it belongs, the hole at i being its place or on the way to it. */
static void
sift(struct timers *ts, uint32_t i, struct timer *t)
{
    if (i > 1 && ts->heap[i / 2]->at_ns > t->at_ns)
        sift_up(ts, i, t);
    else
        sift_down(ts, i, t);
}

int
timers_new(uint32_t capacity, void *ctx, struct timers **ret)
{
    if (capacity == 0 || capacity > CAPACITY_MAX)
        return PMEMD_E_ARG;
    struct timers *ts = calloc(1, sizeof *ts + ((size_t)capacity + 1) * sizeof(struct timer *));
    if (ts == NULL)
        return -ENOMEM;
    ts->magic = TIMERS_MAGIC;
    ts->capacity = capacity;
    ts->ctx = ctx;
    *ret = ts;
    return 0;
}

void
timers_free(struct timers *ts)
{
    if (ts == NULL)
        return;
    pmi_alive(ts, TIMERS_MAGIC);
    while (ts->count > 0)
        timer_disarm(ts, ts->heap[ts->count]);
    ts->magic = 0;
    free(ts);
}

void
timer_arm(struct timers *ts, struct timer *t, uint64_t at_ns, timer_fire *fire)
{
    pmi_alive(ts, TIMERS_MAGIC);
    pmi_assert(fire != NULL);
    t->at_ns = at_ns;
    t->fire = fire;
    if (t->index == 0) {
        pmi_assert(ts->count < ts->capacity);
        sift_up(ts, ++ts->count, t);
        return;
    }
    pmi_assert(t->index <= ts->count);
    pmi_assert(ts->heap[t->index] == t);
    sift(ts, t->index, t);
}

void
timer_disarm(struct timers *ts, struct timer *t)
{
    pmi_alive(ts, TIMERS_MAGIC);
    if (t->index == 0)
        return;
    pmi_assert(t->index <= ts->count);
    pmi_assert(ts->heap[t->index] == t);
    struct timer *last = ts->heap[ts->count];
    ts->heap[ts->count--] = NULL;
    if (last != t)
        sift(ts, t->index, last);
    t->index = 0;
}

void
timers_run(struct timers *ts, uint64_t now_ns, unsigned max)
{
    pmi_alive(ts, TIMERS_MAGIC);
    for (unsigned fired = 0; fired < max && timers_next_ns(ts) <= now_ns; fired++) {
        if (ts->count == 0) /* nothing is armed, and now is the end of time */
            return;
        struct timer *t = ts->heap[1];
        timer_disarm(ts, t);
        t->fire(ts->ctx, t);
    }
}

uint64_t
timers_next_ns(const struct timers *ts)
{
    pmi_alive(ts, TIMERS_MAGIC);
    return ts->count == 0 ? UINT64_MAX : ts->heap[1]->at_ns;
}
