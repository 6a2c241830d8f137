/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bump allocator over memory of its caller. It cannot grow, so what a peer makes us decode has
 * a known price; everything is freed at once by one store. One thread.
 */
#ifndef PMI_ARENA_H
#define PMI_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* What pmi_arena_alloc() and pmi_arena_pb_alloc() align to: enough for any C object. */
#define PMI_ARENA_ALIGN 16

/* Fields are private to arena.c. */
struct pmi_arena {
    uint32_t magic;
    uint8_t *base; /* borrowed until the arena is used no more */
    size_t size_bytes;
    size_t used_bytes;
    size_t peak_bytes;
};

/* Use size_bytes at mem, at any alignment, which stay the caller's. */
void pmi_arena_init(struct pmi_arena *a, void *mem, size_t size_bytes);

/*
 * n bytes, uninitialised, aligned to PMI_ARENA_ALIGN; NULL if they do not fit, which leaves the
 * arena as it was. 0 bytes give a pointer that is not NULL. Borrowed until the next reset.
 */
__attribute__((warn_unused_result)) void *pmi_arena_alloc(struct pmi_arena *a, size_t n);

/* The same for `count` items of `size` bytes, zeroed. NULL also if the product wraps. */
__attribute__((warn_unused_result)) void *pmi_arena_calloc(struct pmi_arena *a, size_t count,
                                                           size_t size);

/* Free everything at once; the peak stays. */
void pmi_arena_reset(struct pmi_arena *a);

__attribute__((warn_unused_result)) size_t pmi_arena_used(const struct pmi_arena *a);

/* Highest use since init, for sizing. */
__attribute__((warn_unused_result)) size_t pmi_arena_peak(const struct pmi_arena *a);

/* The pair a ProtobufCAllocator wants, with the arena as its allocator_data; free does nothing.
 */
void *pmi_arena_pb_alloc(void *arena, size_t n);
void pmi_arena_pb_free(void *arena, void *ptr);

#endif
