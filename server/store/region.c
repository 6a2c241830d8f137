/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Regions: layout, registration, frames. The whole of a slot must be of one page size, arena
 * included, for the kernel to keep one descriptor per huge page, so an arena is memory of the
 * same ladder as the data, and nothing inside a slot is ever unmapped or protected by itself.
 */
#include "server/store/region.h"

#include "common/err.h"
#include "common/log.h"
#include "server/os/meminfo.h"

#include <errno.h>
#include <inttypes.h>
#include <pmemd/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>

#define SLOT_BYTES_DEFAULT (1ull << 30)
#define REGION_LEN_MAX (1ull << 52)
#define CELL_WORDS (REGION_CELLS / 64)

pmi_static_assert(REGION_CELLS % 64 == 0);
pmi_static_assert((uint64_t)REGION_CELLS *REGION_CELL_BYTES <= REGION_ARENA_BYTES);
pmi_static_assert(sizeof(struct frame) <= 64);

struct region_cells {
    uint64_t used[CELL_WORDS]; /* a bit each; catches a cell that is put twice */
    uint16_t free[REGION_CELLS];
    uint16_t left; /* free[0..left): the top is next, the lowest cells come first */
};

/* ---- Layout ------------------------------------------------------------------------------ */

static uint64_t
slot_bytes(const struct ring_caps *caps)
{
    const uint64_t max = caps->fixed_max != 0 ? caps->fixed_max : SLOT_BYTES_DEFAULT;
    return pmi_max_u64(pmi_align_down(max, FRAME_BYTES), REGION_ARENA_BYTES + FRAME_BYTES);
}

static void
lay_out(struct region *rg, const struct ring_caps *caps)
{
    rg->slot_bytes = slot_bytes(caps);
    rg->slot_data_bytes = rg->slot_bytes - REGION_ARENA_BYTES;
    rg->slot_frames = (uint32_t)(rg->slot_data_bytes >> FRAME_SHIFT);
    rg->frame_count = (rg->len + FRAME_BYTES - 1) >> FRAME_SHIFT;
    rg->slot_count = region_slots_needed(rg->len, caps);
}

uint32_t
region_slots_needed(uint64_t len, const struct ring_caps *caps)
{
    const uint64_t data = slot_bytes(caps) - REGION_ARENA_BYTES;
    return (uint32_t)((len + data - 1) / data);
}

/* Data bytes of memory in a slot: whole frames, so it may reach past rg->len. */
static uint64_t
slot_memory(const struct region *rg, uint32_t slot)
{
    const uint64_t from = (uint64_t)slot * rg->slot_frames;
    return pmi_min_u64(rg->slot_frames, rg->frame_count - from) << FRAME_SHIFT;
}

static uint8_t *
slot_at(const struct region *rg, uint32_t slot)
{
    return rg->base + slot * rg->slot_bytes;
}

static uint64_t
reserved_bytes(const struct region *rg)
{
    return rg->slot_count * rg->slot_bytes;
}

static int
reserve(struct region *rg)
{
    const uint64_t len = reserved_bytes(rg);
    uint8_t *at = mmap(NULL, len + FRAME_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    const uint64_t skip = -(uintptr_t)at & (FRAME_BYTES - 1);
    if (skip > 0)
        (void)munmap(at, skip);
    (void)munmap(at + skip + len, FRAME_BYTES - skip);
    rg->base = at + skip;
    return 0;
}

static int
map_slots(struct region *rg)
{
    for (uint32_t i = 0; i < rg->slot_count; i++) {
        uint8_t *at = slot_at(rg, i);
        int rc =
            rg->arenas->ops->map(rg->arenas, at, i * REGION_ARENA_BYTES, REGION_ARENA_BYTES);
        if (rc == 0)
            rc = rg->medium->ops->map(rg->medium, at + REGION_ARENA_BYTES,
                                      i * rg->slot_data_bytes, slot_memory(rg, i));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- Registration ------------------------------------------------------------------------ */

static void
not_fixed(struct region *rg, const char *reason)
{
    rg->fixed_count = 0;
    rg->fixed_first = REGION_NOT_FIXED;
    (void)snprintf(rg->why_not_fixed, sizeof rg->why_not_fixed, "%s", reason);
    pmi_log(PMI_LOG_WARN, "region.not_fixed", "region=%s reason=\"%s\"", rg->name,
            rg->why_not_fixed);
}

static void
not_fixed_because(struct region *rg, int err)
{
    char text[sizeof rg->why_not_fixed];
    uint64_t limit;
    if (err == -ENOMEM && meminfo_memlock_binds(&limit))
        (void)snprintf(text, sizeof text,
                       "the locked-memory limit is %" PRIu64
                       " bytes; raise RLIMIT_MEMLOCK or grant CAP_IPC_LOCK",
                       limit);
    else
        (void)snprintf(text, sizeof text, "the kernel does not take it as fixed buffers: %s",
                       pmi_err_text(err));
    not_fixed(rg, text);
}

/* Small pages in front of huge ones would cost the whole buffer its huge descriptors (and make
 * registering it six times slower than small pages alone): such arenas stay outside. */
static bool
arenas_fit(const struct region *rg)
{
    return rg->arenas->page_size >= rg->medium->page_size;
}

static struct iovec *
slot_iovecs(const struct region *rg)
{
    const uint64_t skip = arenas_fit(rg) ? 0 : REGION_ARENA_BYTES;
    struct iovec *iov = calloc(rg->slot_count, sizeof *iov);
    for (uint32_t i = 0; iov != NULL && i < rg->slot_count; i++)
        iov[i] = (struct iovec){
            .iov_base = slot_at(rg, i) + skip,
            .iov_len = REGION_ARENA_BYTES - skip + slot_memory(rg, i),
        };
    return iov;
}

/* A ring that others may clone from: made without SINGLE_ISSUER, and never used for I/O. */
static int
register_once(struct region *rg)
{
    int rc = io_uring_queue_init(1, &rg->registrar, 0);
    if (rc < 0) {
        memset(&rg->registrar, 0, sizeof rg->registrar);
        return rc;
    }
    struct iovec *iov = slot_iovecs(rg);
    rc = iov == NULL ? -ENOMEM : io_uring_register_buffers(&rg->registrar, iov, rg->slot_count);
    free(iov);
    if (rc < 0) {
        io_uring_queue_exit(&rg->registrar);
        memset(&rg->registrar, 0, sizeof rg->registrar);
        return rc;
    }
    rg->registered = true;
    rg->fixed_count = rg->slot_count;
    return 0;
}

static void
register_slots(struct region *rg, const struct ring_caps *caps)
{
    rg->fixed_first = REGION_NOT_FIXED;
    if (!caps->fixed) {
        not_fixed(rg, "fixed buffers are switched off, or this kernel has none");
    } else if (!rg->medium->pinnable) {
        not_fixed(rg, "the kernel cannot pin this medium");
    } else if (rg->slot_count > IORING_MAX_REG_BUFFERS) {
        not_fixed(rg, "it needs more fixed buffers than one ring can hold");
    } else if (caps->clone) {
        const int rc = register_once(rg);
        if (rc < 0)
            not_fixed_because(rg, rc);
    } /* else the owner's ring registers for itself, in region_attach() */
}

static int
clone_to(const struct region *rg, struct ring *ring, uint32_t first)
{
    const struct ring_clone_buffers arg = {
        .src_fd = (uint32_t)rg->registrar.ring_fd,
        .flags = IORING_REGISTER_DST_REPLACE,
        .dst_off = first,
        .nr = rg->slot_count,
    };
    return io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_CLONE_BUFFERS, &arg,
                             1);
}

static void
clear_slots(struct ring *ring, uint32_t first, uint32_t count)
{
    const struct iovec none = {0};
    for (uint32_t i = 0; i < count; i++)
        (void)io_uring_register_buffers_update_tag(&ring->uring, first + i, &none, NULL, 1);
}

static int
register_in(const struct region *rg, struct ring *ring, uint32_t first)
{
    struct iovec *iov = slot_iovecs(rg);
    if (iov == NULL)
        return -ENOMEM;
    const int done =
        io_uring_register_buffers_update_tag(&ring->uring, first, iov, NULL, rg->slot_count);
    int rc = done < 0 ? done : 0;
    if (done >= 0 && (uint32_t)done < rg->slot_count) {
        /* The kernel hides the error behind the count of those that went well: ask again. */
        clear_slots(ring, first, (uint32_t)done);
        rc = io_uring_register_buffers_update_tag(&ring->uring, first, iov + done, NULL, 1);
        if (rc >= 0) {
            clear_slots(ring, first, 1);
            rc = -ENOMEM;
        }
    }
    free(iov);
    return rc;
}

int
region_attach(struct region *rg, struct ring *ring, const struct ring_caps *caps,
              uint32_t first)
{
    pmi_alive(rg, REGION_MAGIC);
    pmi_assert(rg->fixed_first == REGION_NOT_FIXED);
    if (rg->why_not_fixed[0] != '\0')
        return 0; /* decided, and logged, at open */
    pmi_assert(first < IORING_MAX_REG_BUFFERS);
    pmi_assert(caps->fixed);
    const int rc = rg->registered ? clone_to(rg, ring, first) : register_in(rg, ring, first);
    if (rc < 0) {
        not_fixed_because(rg, rc);
        return 0;
    }
    rg->fixed_first = first;
    rg->fixed_count = rg->slot_count;
    return 0;
}

void
region_detach(struct region *rg, struct ring *ring)
{
    pmi_alive(rg, REGION_MAGIC);
    if (rg->fixed_first == REGION_NOT_FIXED)
        return;
    clear_slots(ring, rg->fixed_first, rg->slot_count);
    rg->fixed_first = REGION_NOT_FIXED;
    if (!rg->registered)
        rg->fixed_count = 0;
}

/* ---- Life -------------------------------------------------------------------------------- */

static int
open_media(struct region *rg, const struct region_config *cfg, char *why, size_t why_len)
{
    char arena_name[sizeof rg->name + 8];
    struct medium_config mc = {
        .name = rg->name,
        .medium = cfg->medium,
        .path = cfg->path,
        .len = rg->frame_count << FRAME_SHIFT,
        .no_hugetlb = cfg->no_hugetlb,
    };
    int rc = medium_open(&mc, &rg->medium, why, why_len);
    if (rc < 0)
        return rc;
    if (rg->medium->durability < cfg->class_min) {
        (void)snprintf(why, why_len,
                       "medium '%s' of region %s is less durable than its class asks",
                       cfg->medium, rg->name);
        return PMEMD_E_CLASS;
    }
    /* DRAM of the same page size, if the data has huge ones; hugetlb and THP mix well. */
    (void)snprintf(arena_name, sizeof arena_name, "%s/arena", rg->name);
    mc = (struct medium_config){
        .name = arena_name,
        .medium = "mem",
        .len = rg->slot_count * REGION_ARENA_BYTES,
        .no_hugetlb = cfg->no_hugetlb,
        .quiet = true, /* the region's own line names both kinds */
    };
    return medium_open(&mc, &rg->arenas, why, why_len);
}

static int
open_cells(struct region *rg)
{
    rg->cells = calloc(rg->slot_count, sizeof *rg->cells);
    if (rg->cells == NULL)
        return -ENOMEM;
    for (uint32_t s = 0; arenas_fit(rg) && s < rg->slot_count; s++) {
        struct region_cells *c = &rg->cells[s];
        for (uint32_t i = 0; i < REGION_CELLS; i++)
            c->free[i] = (uint16_t)(REGION_CELLS - 1 - i);
        c->left = REGION_CELLS;
    }
    return 0;
}

static int
open_memory(struct region *rg, const struct region_config *cfg, char *why, size_t why_len)
{
    bool huge;
    void *frames;
    int rc = open_media(rg, cfg, why, why_len);
    if (rc < 0)
        return rc;
    rc = reserve(rg);
    if (rc == 0)
        rc = map_slots(rg);
    if (rc == 0)
        rc = medium_scratch(rg->frame_count * sizeof *rg->frames, &frames, &huge);
    if (rc == 0) {
        rg->frames = frames;
        rc = open_cells(rg);
    }
    if (rc < 0)
        (void)snprintf(why, why_len, "region %s cannot be mapped: %s", rg->name,
                       pmi_err_text(rc));
    return rc;
}

int
region_open(const struct region_config *cfg, const struct ring_caps *caps, struct region **ret,
            char *why, size_t why_len)
{
    if (cfg->len == 0 || cfg->len > REGION_LEN_MAX) {
        (void)snprintf(why, why_len, "the size of region %s is 1 byte to 4096T", cfg->name);
        return PMEMD_E_ARG;
    }
    if (strlen(cfg->name) >= sizeof(((struct region *)NULL)->name)) {
        (void)snprintf(why, why_len, "a region name has at most 128 bytes");
        return PMEMD_E_ARG;
    }
    struct region *rg = calloc(1, sizeof *rg);
    if (rg == NULL) {
        (void)snprintf(why, why_len, "out of memory");
        return -ENOMEM;
    }
    rg->magic = REGION_MAGIC;
    rg->len = cfg->len;
    rg->epoch = 1;
    memcpy(rg->name, cfg->name, strlen(cfg->name) + 1);
    lay_out(rg, caps);
    int rc = getrandom(rg->history, sizeof rg->history, 0) == (ssize_t)sizeof rg->history
                 ? open_memory(rg, cfg, why, why_len)
                 : -EIO;
    if (rc < 0) {
        region_close(rg);
        return rc;
    }
    register_slots(rg, caps);
    pmi_log(PMI_LOG_INFO, "region.open",
            "region=%s bytes=%" PRIu64 " medium=%s memory=%s arena=%s slots=%" PRIu32
            " registered=%" PRIu32,
            rg->name, rg->len, rg->medium->name, rg->medium->memory_kind,
            rg->arenas->memory_kind, rg->slot_count, rg->fixed_count);
    *ret = rg;
    return 0;
}

void
region_close(struct region *rg)
{
    if (rg == NULL)
        return;
    pmi_alive(rg, REGION_MAGIC);
    for (uint64_t i = 0; rg->frames != NULL && i < rg->frame_count; i++)
        pmi_assert(rg->frames[i].pins == 0);
    if (rg->registered)
        io_uring_queue_exit(&rg->registrar);
    free(rg->cells);
    medium_scratch_free(rg->frames, rg->frame_count * sizeof *rg->frames);
    if (rg->base != NULL)
        (void)munmap(rg->base, reserved_bytes(rg));
    if (rg->arenas != NULL)
        rg->arenas->ops->close(rg->arenas);
    if (rg->medium != NULL)
        rg->medium->ops->close(rg->medium);
    rg->magic = 0;
    free(rg);
}

/* ---- Cells ------------------------------------------------------------------------------- */

void *
region_cell_get(struct region *rg, uint32_t slot)
{
    pmi_assert(slot < rg->slot_count);
    struct region_cells *c = &rg->cells[slot];
    if (c->left == 0)
        return NULL;
    const uint32_t i = c->free[--c->left];
    pmi_assert((c->used[i / 64] >> i % 64 & 1) == 0);
    c->used[i / 64] |= 1ull << i % 64;
    return slot_at(rg, slot) + (size_t)i * REGION_CELL_BYTES;
}

void
region_cell_put(struct region *rg, uint32_t slot, void *cell)
{
    pmi_assert(slot < rg->slot_count);
    struct region_cells *c = &rg->cells[slot];
    const uint64_t at = (uint64_t)((uintptr_t)cell - (uintptr_t)slot_at(rg, slot));
    const uint64_t i = at / REGION_CELL_BYTES;
    pmi_assert(at % REGION_CELL_BYTES == 0);
    pmi_assert(i < REGION_CELLS);
    pmi_assert((c->used[i / 64] >> i % 64 & 1) == 1);
    c->used[i / 64] &= ~(1ull << i % 64);
    c->free[c->left++] = (uint16_t)i;
}

/* ---- Frames ------------------------------------------------------------------------------ */

struct span { /* of frames, both included */
    struct frame *first, *last;
};

static struct span
frames_of(const struct region *rg, uint64_t off, uint64_t len)
{
    pmi_assert(len > 0);
    pmi_assert(region_holds(rg, off, len));
    return (struct span){
        .first = &rg->frames[off >> FRAME_SHIFT],
        .last = &rg->frames[(off + len - 1) >> FRAME_SHIFT],
    };
}

void
region_pin(struct region *rg, uint64_t off, uint64_t len)
{
    const struct span s = frames_of(rg, off, len);
    for (struct frame *f = s.first; f <= s.last; f++) {
        pmi_assert(f->pins < UINT32_MAX);
        f->pins++;
    }
}

void
region_unpin(struct region *rg, uint64_t off, uint64_t len)
{
    const struct span s = frames_of(rg, off, len);
    for (struct frame *f = s.first; f <= s.last; f++) {
        pmi_assert(f->pins > 0);
        f->pins--;
    }
}

void
region_mark_copy(struct region *rg, uint64_t off, uint64_t len, uint64_t until_ns)
{
    const struct span s = frames_of(rg, off, len);
    for (struct frame *f = s.first; f <= s.last; f++)
        f->copy_until_ns = pmi_max_u64(f->copy_until_ns, until_ns);
}

bool
region_wants_copy(const struct region *rg, uint64_t off, uint64_t len, uint64_t now_ns)
{
    const struct span s = frames_of(rg, off, len);
    for (const struct frame *f = s.first; f <= s.last; f++)
        if (f->copy_until_ns > now_ns)
            return true;
    return false;
}
