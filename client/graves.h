/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets whose connection is over while the kernel may still read our callers' memory for
 * them. Each stays until its last notification came; then its bit is reported empty.
 */
#ifndef PMI_CLIENT_GRAVES_H
#define PMI_CLIENT_GRAVES_H

#include "client/zc.h"

#define GRAVES_MAX 8u

struct grave {
    int fd; /* owned */
    uint64_t due_ns, wait_ns;
    struct zc zc;
};

struct graves {
    uint8_t used; /* bit per entry */
    struct grave at[GRAVES_MAX];
};

/* Is there room for another? Without it no connection may be made. */
static inline bool
graves_room(const struct graves *g)
{
    return g->used != (1u << GRAVES_MAX) - 1;
}

/* Reset the connection of `fd` and keep it; takes fd. Returns its bit. */
uint8_t graves_bury(struct graves *g, int fd, const struct zc *z, uint64_t now_ns);

/* Bits of those that emptied; their sockets are closed and their places free. */
uint8_t graves_poll(struct graves *g, uint64_t now_ns, struct zc_stats *stats);

/* When to poll next; UINT64_MAX if there are none. */
uint64_t graves_due_ns(const struct graves *g);

/* Close all, whatever the kernel does (in a forked child, whose memory is its own). */
void graves_fini(struct graves *g);

#endif
