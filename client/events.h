/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finished events, oldest first, in a ring that never overflows: a request is admitted only
 * while there is room for both of its events, and events of the connection, of which nobody
 * knows how many will come, have a few places of their own.
 */
#ifndef PMI_CLIENT_EVENTS_H
#define PMI_CLIENT_EVENTS_H

#include <pmemd/pmemd.h>
#include <stdbool.h>

/* Places for CONNECTED, LOST and REFUSED. Once they are used up only the newest one is kept,
 * until somebody reaps. */
#define EVENTS_LINK_MAX 16u

struct events {
    struct pmemd_event *ring; /* owned */
    uint32_t capacity;        /* a power of two */
    uint32_t head, tail;      /* free running; tail - head are waiting */
    uint32_t link_waiting;    /* events of the connection among them */
    uint32_t promised;        /* events that admitted requests will still bring */
    bool owes;                /* `owed` is to be pushed when there is room */
    struct pmemd_event owed;
};

/* Room for the events of `requests` live requests and as many unreaped. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int events_init(struct events *e, uint32_t requests);
void events_fini(struct events *e);

static inline uint32_t
events_waiting(const struct events *e)
{
    return e->tail - e->head;
}

/* Promise room for the two events of one request; false if there is none until some are reaped. */
__attribute__((warn_unused_result)) bool events_promise(struct events *e);

/* An event of a request: one that was promised. */
void events_push(struct events *e, const struct pmemd_event *ev);

/* A promised event that is delivered otherwise. */
void events_waive(struct events *e);

/* An event of the connection. */
void events_push_link(struct events *e, const struct pmemd_event *ev);

/*
 * Move up to `max` events out, `stride` bytes apart. What the caller's record has beyond ours
 * is zeroed; `size` says what was filled.
 * Returns how many, or PMEMD_E_ARG for a stride no release had.
 */
__attribute__((warn_unused_result)) int events_take(struct events *e, void *out, size_t stride,
                                                    unsigned max);

#endif
