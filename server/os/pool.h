/* SPDX-License-Identifier: BSD-3-Clause */
/* Equal blocks out of one allocation, last in first out so that the hot one is used again. */
#ifndef SERVER_OS_POOL_H
#define SERVER_OS_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
    uint8_t *base;  /* owned unless lent */
    uint32_t *free; /* owned: indices, the top is next */
    size_t block_bytes;
    uint32_t count, left;
};

/* `count` blocks of `block_bytes` each, a multiple of 64; memory from `base`, which the pool
 * borrows until fini, or its own when base is NULL. 0 or -ENOMEM. */
int pool_init(struct pool *p, uint32_t count, size_t block_bytes, void *base)
    __attribute__((warn_unused_result));
void pool_fini(struct pool *p, int owns_base);

void *pool_get(struct pool *p); /* NULL when all are taken */
void pool_put(struct pool *p, void *block);

static inline uint32_t
pool_index(const struct pool *p, const void *block)
{
    return (uint32_t)((size_t)((const uint8_t *)block - p->base) / p->block_bytes);
}

static inline void *
pool_at(const struct pool *p, uint32_t index)
{
    return p->base + (size_t)index * p->block_bytes;
}

#endif
