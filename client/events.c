/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of finished events. */
#include "client/events.h"

#include "common/assert.h"
#include "common/checked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_SIZE_1_0 (offsetof(struct pmemd_event, epoch) + sizeof(uint64_t))
#define EVENT_SIZE_TOP 4096u

pmi_static_assert(EVENT_SIZE_1_0 == 56);

int
events_init(struct events *e, uint32_t requests)
{
    uint32_t capacity = EVENTS_LINK_MAX * 2;
    while (capacity < 4 * requests + EVENTS_LINK_MAX)
        capacity *= 2;
    struct pmemd_event *ring = calloc(capacity, sizeof *ring);
    if (ring == NULL)
        return -ENOMEM;
    *e = (struct events){.ring = ring, .capacity = capacity};
    return 0;
}

void
events_fini(struct events *e)
{
    free(e->ring);
    *e = (struct events){0};
}

bool
events_promise(struct events *e)
{
    /* Places of the connection's events are never lent, so they are not counted as used. */
    const uint32_t used = events_waiting(e) - e->link_waiting + e->promised;
    if (used + 2 > e->capacity - EVENTS_LINK_MAX)
        return false;
    e->promised += 2;
    return true;
}

static void
put(struct events *e, const struct pmemd_event *ev)
{
    pmi_assert(events_waiting(e) < e->capacity);
    struct pmemd_event *at = &e->ring[e->tail++ & (e->capacity - 1)];
    *at = *ev;
    at->size = sizeof *at;
}

void
events_push(struct events *e, const struct pmemd_event *ev)
{
    events_waive(e);
    put(e, ev);
}

void
events_waive(struct events *e)
{
    pmi_assert(e->promised > 0);
    e->promised--;
}

void
events_push_link(struct events *e, const struct pmemd_event *ev)
{
    if (e->link_waiting == EVENTS_LINK_MAX) {
        e->owed = *ev;
        e->owes = true;
        return;
    }
    e->link_waiting++;
    put(e, ev);
}

static bool
is_link(const struct pmemd_event *ev)
{
    return ev->what != PMEMD_EV_DONE && ev->what != PMEMD_EV_RELEASED;
}

int
events_take(struct events *e, void *out, size_t stride, unsigned max)
{
    if (stride < EVENT_SIZE_1_0 || stride > EVENT_SIZE_TOP ||
        stride % _Alignof(struct pmemd_event) != 0)
        return PMEMD_E_ARG;
    const size_t known = pmi_min(stride, sizeof(struct pmemd_event));
    char *at = out;
    unsigned n = 0;
    for (; n < max && n < INT32_MAX && events_waiting(e) > 0; n++, at += stride) {
        struct pmemd_event *ev = &e->ring[e->head++ & (e->capacity - 1)];
        if (is_link(ev))
            e->link_waiting--;
        ev->size = (uint32_t)known;
        memcpy(at, ev, known);
        memset(at + known, 0, stride - known);
        if (e->owes && e->link_waiting < EVENTS_LINK_MAX) {
            e->owes = false;
            events_push_link(e, &e->owed);
        }
    }
    return (int)n;
}
