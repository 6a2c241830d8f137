/* SPDX-License-Identifier: BSD-3-Clause */
/* Staging buffers: a pool behind a provided-buffer ring. */
#include "server/conn/stage.h"

#include "common/assert.h"
#include "server/link/env.h"

#define STAGE_OFFERED_MIN 4u

static void
offer(struct stage *s)
{
    while (s->offered < s->target) {
        void *buf = pool_get(&s->pool);
        if (buf == NULL)
            return;
        ring_bufs_put(s->bufs, pool_index(&s->pool, buf));
        s->offered++;
    }
}

int
stage_open(struct stage *s, struct ring *ring, void *memory, uint32_t count)
{
    *s = (struct stage){.ring = ring, .target = STAGE_OFFERED_MIN};
    pmi_assert(count >= STAGE_OFFERED_MIN);
    int rc = pool_init(&s->pool, count, ENV_STAGE_BYTES, memory);
    if (rc < 0)
        return rc;
    rc = ring_bufs_open(ring, STAGE_GROUP, memory, count, ENV_STAGE_BYTES, &s->bufs);
    if (rc < 0) {
        pool_fini(&s->pool, 0);
        return rc;
    }
    offer(s);
    return 0;
}

void
stage_close(struct stage *s)
{
    if (s->bufs == NULL)
        return;
    ring_bufs_close(s->ring, s->bufs);
    s->bufs = NULL;
    pool_fini(&s->pool, 0);
}

uint8_t *
stage_took(struct stage *s, unsigned bid)
{
    pmi_assert(bid < s->pool.count);
    pmi_assert(s->offered > 0);
    s->offered--;
    offer(s);
    return pool_at(&s->pool, bid);
}

uint8_t *
stage_borrow(struct stage *s)
{
    return pool_get(&s->pool);
}

bool
stage_is_short(const struct stage *s)
{
    return s->pool.left + s->offered <= s->pool.count / 4;
}

void
stage_put(struct stage *s, uint8_t *buf)
{
    pool_put(&s->pool, buf);
    offer(s);
}

void
stage_ran_dry(struct stage *s)
{
    s->target = s->target * 2 < s->pool.count ? s->target * 2 : s->pool.count;
    offer(s);
}
