/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A region: a medium's memory laid out in slots the kernel accepts as fixed buffers, its frames,
 * and its registration.
 *
 * Address space: one reservation, cut into slots of `slot_bytes` (at most what one fixed buffer
 * may cover). Each slot is a 2 MiB header arena followed by data, so that a reply's header and
 * payload can leave in one SENDMSG_ZC out of one fixed buffer. Data offsets know nothing of
 * arenas: region_slice() translates and cuts at slot borders.
 *
 * A region is opened by the main thread, then belongs to its shard.
 */
#ifndef SERVER_STORE_REGION_H
#define SERVER_STORE_REGION_H

#include "common/assert.h"
#include "common/checked.h"
#include "server/media/medium.h"
#include "server/os/ring.h"
#include "server/store/frame.h"

#define REGION_ARENA_BYTES FRAME_BYTES
#define REGION_CELL_BYTES 256u /* one reply header in an arena */
#define REGION_CELLS 512u /* used per slot, from its low end: their offset is charged too */
#define REGION_NOT_FIXED UINT32_MAX
#define REGION_MAGIC 0x72656731u

struct region_cells; /* private: which cells of a slot's arena are free */

struct region_paths { /* written by the owning shard, read by any (relaxed) */
    uint64_t zc, copied, staged, unknown, direct; /* bytes */
};

struct region {
    uint32_t magic;
    uint32_t shard; /* index of the owner */
    char name[129];
    uint64_t len; /* data bytes, as configured; the memory is rounded up to a frame */
    struct medium *medium;
    struct frame *frames;
    uint64_t frame_count;
    uint8_t history[16]; /* random at open: memory starts empty */
    uint64_t lsn, epoch;
    uint8_t *base;       /* owned: the reservation; slot 0 begins here */
    uint64_t slot_bytes; /* address space per slot, arena included; the last may be shorter */
    uint64_t slot_data_bytes; /* data per slot */
    uint32_t slot_frames;     /* the same in frames */
    uint32_t slot_count;
    uint32_t fixed_first; /* index of slot 0 in the owner's table, or REGION_NOT_FIXED */
    uint32_t fixed_count; /* registered buffers, 0 = plain operations */
    char why_not_fixed[160];
    struct region_paths paths;
    uint64_t connections;

    struct medium *arenas;      /* owned: one REGION_ARENA_BYTES per slot */
    struct region_cells *cells; /* owned: one per slot */
    struct io_uring registrar;  /* holds the registration where rings can clone it */
    bool registered;            /* by the registrar */
};

struct region_config {
    const char *name, *medium, *path;
    uint64_t len;
    uint32_t class_min; /* refuse to open below it (config key `class`) */
    bool no_hugetlb;
};

/*
 * Open: medium, address space, frames (zero), epoch 1; registers the slots with a registrar ring
 * of the region's own in one call where rings can clone (a refusal is logged as region.not_fixed
 * with its reason and kept in why_not_fixed; never fatal). The name is a region name, of at most
 * 128 bytes.
 *
 * Errors   as medium_open(), with the sentence in why; PMEMD_E_ARG (size 0, or no such size);
 *          PMEMD_E_CLASS (the medium is below class_min)
 */
int region_open(const struct region_config *cfg, const struct ring_caps *caps,
                struct region **ret, char *why, size_t why_len)
    __attribute__((warn_unused_result));

/* Slots a region of this size has, so that the owner's table can be sized (all its regions). */
uint32_t region_slots_needed(uint64_t len, const struct ring_caps *caps);

/*
 * On the owner's thread: clone the registration into `ring`'s table at `first` (DST_REPLACE), or
 * register there directly where cloning is not to be had. Sets fixed_first. 0 even when it could
 * not be registered: then fixed_count is 0, why_not_fixed says why, and it is logged. Slots
 * [first, first + slot_count) of the table belong to the region until region_detach().
 */
int region_attach(struct region *rg, struct ring *ring, const struct ring_caps *caps,
                  uint32_t first) __attribute__((warn_unused_result));
/* On the owner's thread: empty its slots in the table. Not needed where the ring is closed. */
void region_detach(struct region *rg, struct ring *ring);
void region_close(struct region *rg); /* NULL allowed; asserts that no frame is pinned */

/* A piece of the region that is contiguous in memory and lies in one slot. */
struct region_slice {
    uint8_t *data;
    uint64_t len;
    uint32_t slot;
};

/* Is [off, off + len) inside? */
static inline bool
region_holds(const struct region *rg, uint64_t off, uint64_t len)
{
    return pmi_range_ok(off, len, rg->len);
}

/* The first piece of [off, off + len); len >= 1 and the range lies inside the region (asserted:
 * requests are checked at the border). */
static inline struct region_slice
region_slice(const struct region *rg, uint64_t off, uint64_t len)
{
    pmi_assert(len > 0);
    pmi_assert(region_holds(rg, off, len));
    /* 32 bits of frames are 8 PiB, and divide faster than 64 bits of bytes */
    const uint32_t slot = (uint32_t)(off >> FRAME_SHIFT) / rg->slot_frames;
    const uint64_t in = off - slot * rg->slot_data_bytes;
    return (struct region_slice){
        .data = rg->base + slot * rg->slot_bytes + REGION_ARENA_BYTES + in,
        .len = pmi_min_u64(len, rg->slot_data_bytes - in),
        .slot = slot,
    };
}

/* The rest of the slot from an address on that region_slice() gave; slot REGION_NOT_FIXED and
 * len 0 for an address that is no data of this region. */
static inline struct region_slice
region_slice_of(const struct region *rg, const void *data)
{
    const uint64_t at =
        (uint64_t)((uintptr_t)data - (uintptr_t)rg->base); /* wraps below base */
    const uint64_t slot = at / rg->slot_bytes;
    const uint64_t in = at % rg->slot_bytes;
    if (slot >= rg->slot_count || in < REGION_ARENA_BYTES)
        return (struct region_slice){.slot = REGION_NOT_FIXED};
    const uint64_t off = slot * rg->slot_data_bytes + (in - REGION_ARENA_BYTES);
    if (off >= rg->len)
        return (struct region_slice){.slot = REGION_NOT_FIXED};
    return region_slice(rg, off, rg->len - off);
}

/* Header cells of a slot's arena. NULL when all are taken, and always where only small pages
 * were left for the arenas of a huge-page region: then the data alone is registered. */
void *region_cell_get(struct region *rg, uint32_t slot);
void region_cell_put(struct region *rg, uint32_t slot, void *cell);

/* Pin counts of the frames under a range, and the "a writer waited here" mark (it only grows).
 * All with len >= 1 and the range inside (asserted). */
void region_pin(struct region *rg, uint64_t off, uint64_t len);
void region_unpin(struct region *rg, uint64_t off, uint64_t len);
void region_mark_copy(struct region *rg, uint64_t off, uint64_t len, uint64_t until_ns);
bool region_wants_copy(const struct region *rg, uint64_t off, uint64_t len, uint64_t now_ns);

#endif
