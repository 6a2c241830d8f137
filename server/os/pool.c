/* SPDX-License-Identifier: BSD-3-Clause */
/* Equal blocks: a stack of free indices over one piece of memory. */
#include "server/os/pool.h"

#include "common/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
pool_init(struct pool *p, uint32_t count, size_t block_bytes, void *base)
{
    pmi_assert(count > 0);
    pmi_assert(block_bytes % 64 == 0);
    memset(p, 0, sizeof *p);
    p->free = calloc(count, sizeof *p->free);
    p->base = base != NULL ? base : aligned_alloc(64, count * block_bytes);
    if (p->free == NULL || p->base == NULL) {
        pool_fini(p, base == NULL);
        return -ENOMEM;
    }
    p->block_bytes = block_bytes;
    p->count = count;
    p->left = count;
    for (uint32_t i = 0; i < count; i++)
        p->free[i] = count - 1 - i; /* block 0 comes first */
    return 0;
}

void
pool_fini(struct pool *p, int owns_base)
{
    free(p->free);
    if (owns_base)
        free(p->base);
    memset(p, 0, sizeof *p);
}

void *
pool_get(struct pool *p)
{
    if (p->left == 0)
        return NULL;
    return pool_at(p, p->free[--p->left]);
}

void
pool_put(struct pool *p, void *block)
{
    const uint32_t index = pool_index(p, block);
    pmi_assert(index < p->count);
    pmi_assert(p->left < p->count);
    pmi_assert(pool_at(p, index) == block);
    p->free[p->left++] = index;
}
