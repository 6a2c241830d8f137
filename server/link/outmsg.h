/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message on its way out: header bytes, then payload straight from the region (or, once it was
 * copied aside, from there). Whoever makes it keeps header and extents alive until `done`.
 */
#ifndef SERVER_LINK_OUTMSG_H
#define SERVER_LINK_OUTMSG_H

#include "common/assert.h"
#include "common/list.h"

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stdint.h>

struct region;

struct outmsg {
    struct pmi_list link; /* in its connection's queue */
    const uint8_t *head;  /* borrowed until done */
    uint32_t head_len;
    uint32_t extent_count;
    const struct pmemd_extent *extents; /* borrowed until done */
    struct region *rg;                  /* NULL without payload */
    uint64_t payload_len;
    uint64_t sent; /* header and payload bytes the kernel accepted */

    uint8_t *aside;      /* owned: payload from aside_from on, or NULL */
    uint64_t aside_from; /* payload offset of aside[0] */
    uint64_t aside_len;  /* bytes copied there so far */

    uint32_t notifs; /* zero-copy notifications owed */
    bool submitted;  /* part of the operation in flight */
    bool plain;      /* copy this one: the kernel would not send it zero-copy */
    bool wanted;     /* a writer waits for its extents */
    bool released;   /* the region's bytes are no longer needed */

    /* The kernel holds nothing of it any more: all sent, or the connection broke. */
    void (*done)(struct outmsg *m);
    /* Its last byte was accepted by the socket; `done` may come later. NULL: not asked. */
    void (*left)(struct outmsg *m);
    /* The region's bytes are no longer needed, `done` will come later. */
    void (*release)(struct outmsg *m);
};

static inline uint64_t
outmsg_left(const struct outmsg *m)
{
    return m->head_len + m->payload_len - m->sent;
}

/* Payload bytes the kernel accepted. */
static inline uint64_t
outmsg_payload_sent(const struct outmsg *m)
{
    return m->sent > m->head_len ? m->sent - m->head_len : 0;
}

/* The region's bytes from payload byte `from` to the end of the extent it lies in. */
static inline struct pmemd_extent
outmsg_range_at(const struct outmsg *m, uint64_t from)
{
    unsigned i = 0;
    while (from >= m->extents[i].len) {
        from -= m->extents[i].len;
        i++;
        pmi_assert(i < m->extent_count); /* the extents are the payload */
    }
    const struct pmemd_extent e = m->extents[i];
    return (struct pmemd_extent){.off = e.off + from, .len = e.len - from};
}

#endif
