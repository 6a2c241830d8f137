/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The slot table. Free slots form a stack threaded through their states, so that the slot put
 * last, whose lines are still in the cache, is taken first. Free objects are poisoned for the
 * address sanitizer, which then sees every use after put.
 */
#include "common/slots.h"

#include "common/assert.h"
#include "common/checked.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOTS_POISON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SLOTS_POISON)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define SLOTS_MAGIC UINT32_C(0x534c4f54)
#define SLOT_LIVE UINT32_MAX       /* in `next`: the slot is in use */
#define SLOT_NONE (UINT32_MAX - 1) /* in `next`: the last free one */
#define STORAGE_ALIGN 64
#define OBJECT_ALIGN 16

pmi_static_assert(PMI_SLOTS_CAPACITY_MAX < SLOT_NONE);

struct pmi_slot_state {
    uint32_t gen;  /* of the present user, or of the next one */
    uint32_t next; /* next free slot, SLOT_NONE or SLOT_LIVE */
};

static void *
object_at(const struct pmi_slots *t, uint32_t slot)
{
    pmi_assert(slot < t->capacity);
    return t->objects + slot * t->stride_bytes;
}

static bool
is_live(const struct pmi_slots *t, uint32_t slot)
{
    return slot < t->capacity && t->states[slot].next == SLOT_LIVE;
}

int
pmi_slots_init(struct pmi_slots *t, uint32_t capacity, size_t object_bytes)
{
    size_t stride, total;
    if (capacity == 0 || capacity > PMI_SLOTS_CAPACITY_MAX || object_bytes == 0)
        return -EINVAL;
    if (!pmi_align_up_ok(object_bytes, OBJECT_ALIGN, &stride) ||
        !pmi_mul_ok(stride, capacity, &total) || !pmi_align_up_ok(total, STORAGE_ALIGN, &total))
        return -ENOMEM;
    struct pmi_slot_state *states = calloc(capacity, sizeof *states);
    uint8_t *objects = aligned_alloc(STORAGE_ALIGN, total);
    if (states == NULL || objects == NULL) {
        free(states);
        free(objects);
        return -ENOMEM;
    }
    memset(objects, 0, total); /* also makes the pages present before they are needed */
    for (uint32_t i = 0; i < capacity; i++)
        states[i] = (struct pmi_slot_state){
            .gen = 1,
            .next = i + 1 < capacity ? i + 1 : SLOT_NONE,
        };
    ASAN_POISON_MEMORY_REGION(objects, total);
    *t = (struct pmi_slots){
        .magic = SLOTS_MAGIC,
        .capacity = capacity,
        .stride_bytes = stride,
        .object_bytes = object_bytes,
        .objects = objects,
        .states = states,
    };
    return 0;
}

void
pmi_slots_fini(struct pmi_slots *t)
{
    if (t->magic == 0) /* never made */
        return;
    pmi_alive(t, SLOTS_MAGIC);
    ASAN_UNPOISON_MEMORY_REGION(t->objects, t->stride_bytes * t->capacity);
    free(t->objects);
    free(t->states);
    *t = (struct pmi_slots){0};
}

int
pmi_slots_take(struct pmi_slots *t, struct pmi_slot_id *ret_id, void **ret_obj)
{
    pmi_alive(t, SLOTS_MAGIC);
    if (t->free_first == SLOT_NONE)
        return -ENOSPC;
    const uint32_t slot = t->free_first;
    pmi_assert(slot < t->capacity);
    struct pmi_slot_state *state = &t->states[slot];
    pmi_assert(state->next != SLOT_LIVE);
    pmi_assert(state->gen != 0);
    t->free_first = state->next;
    state->next = SLOT_LIVE;
    t->used++;
    void *obj = object_at(t, slot);
    ASAN_UNPOISON_MEMORY_REGION(obj, t->object_bytes);
    *ret_id = (struct pmi_slot_id){.slot = slot, .gen = state->gen};
    *ret_obj = obj;
    return 0;
}

void *
pmi_slots_get(const struct pmi_slots *t, uint32_t slot, uint32_t gen)
{
    pmi_alive(t, SLOTS_MAGIC);
    if (!is_live(t, slot) || t->states[slot].gen != gen)
        return NULL;
    return object_at(t, slot);
}

void *
pmi_slots_at(const struct pmi_slots *t, uint32_t slot, uint32_t *ret_gen)
{
    pmi_alive(t, SLOTS_MAGIC);
    if (!is_live(t, slot))
        return NULL;
    if (ret_gen != NULL)
        *ret_gen = t->states[slot].gen;
    return object_at(t, slot);
}

void
pmi_slots_put(struct pmi_slots *t, uint32_t slot, uint32_t gen)
{
    pmi_alive(t, SLOTS_MAGIC);
    pmi_assert(is_live(t, slot));
    struct pmi_slot_state *state = &t->states[slot];
    pmi_assert(state->gen == gen);
    pmi_assert(t->used > 0);
    state->gen = gen == PMI_SLOTS_GEN_MAX ? 1 : gen + 1; /* 0 stays "never" */
    state->next = t->free_first;
    t->free_first = slot;
    t->used--;
    ASAN_POISON_MEMORY_REGION(object_at(t, slot), t->stride_bytes);
}

struct pmi_slot_id
pmi_slots_id(const struct pmi_slots *t, const void *obj)
{
    pmi_alive(t, SLOTS_MAGIC);
    const uintptr_t off = (uintptr_t)obj - (uintptr_t)t->objects; /* wraps if below */
    pmi_assert(off % t->stride_bytes == 0);
    pmi_assert(off / t->stride_bytes < t->capacity);
    const uint32_t slot = (uint32_t)(off / t->stride_bytes);
    pmi_assert(is_live(t, slot));
    return (struct pmi_slot_id){.slot = slot, .gen = t->states[slot].gen};
}

uint32_t
pmi_slots_used(const struct pmi_slots *t)
{
    pmi_alive(t, SLOTS_MAGIC);
    return t->used;
}

uint32_t
pmi_slots_capacity(const struct pmi_slots *t)
{
    pmi_alive(t, SLOTS_MAGIC);
    return t->capacity;
}
