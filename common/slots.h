/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fixed table of equal objects, each known by slot number and generation. It owns every id we
 * hand to a peer or to the kernel: an id that comes back late names a generation that is over,
 * and is told from the slot's present user. Nothing is allocated after init. One thread.
 */
#ifndef PMI_SLOTS_H
#define PMI_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#define PMI_SLOTS_GEN_BITS 24
#define PMI_SLOTS_GEN_MAX ((UINT32_C(1) << PMI_SLOTS_GEN_BITS) - 1)
#define PMI_SLOTS_CAPACITY_MAX (UINT32_C(1) << 24)

struct pmi_slot_id {
    uint32_t slot; /* 0 .. capacity - 1 */
    uint32_t gen;  /* 1 .. PMI_SLOTS_GEN_MAX; 0 is never handed out */
};

struct pmi_slot_state; /* private to slots.c */

/* Fields are private to slots.c. All zero means "no table", which fini accepts. */
struct pmi_slots {
    uint32_t magic;
    uint32_t capacity;
    uint32_t used;
    uint32_t free_first;
    size_t stride_bytes;
    size_t object_bytes;
    uint8_t *objects;              /* owned */
    struct pmi_slot_state *states; /* owned */
};

/*
 * Allocate a table of `capacity` objects, all zero, on 64-byte aligned contiguous storage; each
 * object starts at a multiple of 16 bytes (of 64, if object_bytes is one).
 *
 * Errors   -EINVAL  capacity 0 or above PMI_SLOTS_CAPACITY_MAX, or object_bytes 0
 *          -ENOMEM  nothing was allocated
 */
__attribute__((warn_unused_result)) int pmi_slots_init(struct pmi_slots *t, uint32_t capacity,
                                                       size_t object_bytes);

/* Free the storage, live objects included; *t is zero afterwards. Tolerates a zero *t. */
void pmi_slots_fini(struct pmi_slots *t);

/*
 * Take the most recently put slot. Its object holds what its last user left there (zero at
 * first), so that buffers can stay with their slot.
 *
 * Returns  0, or -ENOSPC if every slot is in use
 */
__attribute__((warn_unused_result)) int
pmi_slots_take(struct pmi_slots *t, struct pmi_slot_id *ret_id, void **ret_obj);

/*
 * The object of an id, or NULL if the slot is out of bounds, free, or of another generation.
 * Any values are safe: ids may come from a peer. The pointer is borrowed until put.
 */
__attribute__((warn_unused_result)) void *pmi_slots_get(const struct pmi_slots *t,
                                                        uint32_t slot, uint32_t gen);

/* The object in a slot if it is in use, with its generation if ret_gen is not NULL; else NULL.
 */
__attribute__((warn_unused_result)) void *pmi_slots_at(const struct pmi_slots *t, uint32_t slot,
                                                       uint32_t *ret_gen);

/* Give back a live id (asserted). Its generation is over. */
void pmi_slots_put(struct pmi_slots *t, uint32_t slot, uint32_t gen);

/* The id of a live object of this table (asserted). */
__attribute__((warn_unused_result)) struct pmi_slot_id pmi_slots_id(const struct pmi_slots *t,
                                                                    const void *obj);

__attribute__((warn_unused_result)) uint32_t pmi_slots_used(const struct pmi_slots *t);
__attribute__((warn_unused_result)) uint32_t pmi_slots_capacity(const struct pmi_slots *t);

#endif
