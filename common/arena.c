/* SPDX-License-Identifier: BSD-3-Clause */
/* A bump allocator: one offset that grows, and goes back to zero. */
#include "common/arena.h"

#include "common/assert.h"
#include "common/checked.h"

#include <string.h>

#define ARENA_MAGIC UINT32_C(0x41524e41)

void
pmi_arena_init(struct pmi_arena *a, void *mem, size_t size_bytes)
{
    pmi_assert(mem != NULL || size_bytes == 0);
    /* Aligning the base once makes every offset that is a multiple aligned too. */
    const size_t skip = -(uintptr_t)mem & (PMI_ARENA_ALIGN - 1);
    const size_t lost = pmi_min(skip, size_bytes);
    *a = (struct pmi_arena){
        .magic = ARENA_MAGIC,
        .base = mem == NULL ? NULL : (uint8_t *)mem + lost,
        .size_bytes = size_bytes - lost,
    };
}

void *
pmi_arena_alloc(struct pmi_arena *a, size_t n)
{
    pmi_alive(a, ARENA_MAGIC);
    pmi_assert(a->used_bytes <= a->size_bytes);
    size_t want;
    if (!pmi_align_up_ok(n == 0 ? 1 : n, PMI_ARENA_ALIGN, &want))
        return NULL;
    const size_t left = a->size_bytes - a->used_bytes;
    if (n > left || left == 0)
        return NULL;
    void *p = a->base + a->used_bytes;
    a->used_bytes += pmi_min(want, left); /* the last one may go without its padding */
    a->peak_bytes = pmi_max(a->peak_bytes, a->used_bytes);
    return p;
}

void *
pmi_arena_calloc(struct pmi_arena *a, size_t count, size_t size)
{
    size_t n;
    if (!pmi_mul_ok(count, size, &n))
        return NULL;
    void *p = pmi_arena_alloc(a, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

void
pmi_arena_reset(struct pmi_arena *a)
{
    pmi_alive(a, ARENA_MAGIC);
    a->used_bytes = 0;
}

size_t
pmi_arena_used(const struct pmi_arena *a)
{
    pmi_alive(a, ARENA_MAGIC);
    return a->used_bytes;
}

size_t
pmi_arena_peak(const struct pmi_arena *a)
{
    pmi_alive(a, ARENA_MAGIC);
    return a->peak_bytes;
}

void *
pmi_arena_pb_alloc(void *arena, size_t n)
{
    return pmi_arena_alloc(arena, n);
}

void
pmi_arena_pb_free(void *arena, void *ptr)
{
    const struct pmi_arena *a = arena;
    pmi_alive(a, ARENA_MAGIC);
    (void)ptr;
}
