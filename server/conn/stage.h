/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Staging buffers of one shard. The kernel borrows one when bytes arrive, so an idle connection
 * holds none. Few are offered at a time, so that the same hot ones are used again; more when
 * connections find none.
 */
#ifndef SERVER_CONN_STAGE_H
#define SERVER_CONN_STAGE_H

#include "server/os/pool.h"
#include "server/os/ring.h"

#define STAGE_GROUP 1u

struct stage {
    struct pool pool;
    struct ring_bufs *bufs;
    struct ring *ring;
    uint32_t offered; /* in the kernel's hands */
    uint32_t target;  /* how many should be */
};

/* `memory` is count * ENV_STAGE_BYTES, borrowed until stage_close(). count: a power of two. */
int stage_open(struct stage *s, struct ring *ring, void *memory, uint32_t count)
    __attribute__((warn_unused_result));
void stage_close(struct stage *s);

uint8_t *stage_took(struct stage *s, unsigned bid); /* a completion named this buffer */
uint8_t *stage_borrow(struct stage *s);             /* one for ourselves, or NULL */
void stage_put(struct stage *s, uint8_t *buf);
bool stage_is_short(const struct stage *s); /* few are left: do not sit on one */
void stage_ran_dry(struct stage *s);        /* a receive found none: offer more from now on */

#endif
