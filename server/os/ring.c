/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring of a shard. Submission goes through io_uring_enter2() directly: liburing's waiting
 * calls return early, or enter twice, depending on what is queued; a turn here is one call.
 */
#include "server/os/ring.h"

#include "common/assert.h"

#include <errno.h>
#include <pmemd/errors.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TAG_GEN_BITS 24
#define SUBMIT_TRIES_MAX 1000000u /* the kernel is out of memory that long: give up */

pmi_static_assert(sizeof(struct io_uring_sqe) == 64);

struct ring_bufs {
    struct io_uring_buf_ring *br; /* owned: mapped */
    size_t br_bytes;
    uint8_t *base; /* borrowed */
    unsigned count;
    unsigned group;
    uint32_t len;
};

static int
setup(struct io_uring *u, const struct ring_config *cfg, unsigned flags)
{
    struct io_uring_params p = {
        .flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
        .cq_entries = cfg->cq_entries,
    };
    return io_uring_queue_init_params(cfg->entries, u, &p);
}

int
ring_open(struct ring *r, const struct ring_caps *caps, const struct ring_config *cfg)
{
    pmi_assert(cfg->entries > 0);
    pmi_assert(cfg->batch_max > 0);
    int rc = -EINVAL;
    if (caps->defer_taskrun)
        rc = setup(&r->uring, cfg, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (rc == -EINVAL)
        rc = setup(&r->uring, cfg, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN);
    if (rc == -EINVAL)
        rc = setup(&r->uring, cfg, 0);
    if (rc < 0)
        return rc == -EPERM || rc == -ENOSYS || rc == -EACCES ? PMEMD_E_NORING : rc;

    r->batch_max = cfg->batch_max;
    r->enters = 0;
    /* Spares a descriptor look-up per call; without it all works the same. */
    r->enter_flags =
        io_uring_register_ring_fd(&r->uring) == 1 ? IORING_ENTER_REGISTERED_RING : 0;
    if (cfg->fixed_slots > 0)
        rc = io_uring_register_buffers_sparse(&r->uring, cfg->fixed_slots);
    if (rc < 0)
        ring_close(r);
    return rc;
}

void
ring_close(struct ring *r)
{
    if (r->uring.sq.ring_ptr != NULL)
        io_uring_queue_exit(&r->uring);
    memset(&r->uring, 0, sizeof r->uring);
}

/* ---- Tags -------------------------------------------------------------------------------- */

uint64_t
ring_tag_pack(struct ring_tag tag)
{
    pmi_assert(tag.kind < RING_KINDS_MAX);
    pmi_assert(tag.gen >> TAG_GEN_BITS == 0);
    return (uint64_t)tag.kind << 56 | (uint64_t)tag.gen << 32 | tag.slot;
}

void
ring_tag_set(struct io_uring_sqe *sqe, struct ring_tag tag)
{
    sqe->user_data = ring_tag_pack(tag);
}

static struct ring_tag
tag_unpack(uint64_t user_data)
{
    return (struct ring_tag){
        .kind = (uint8_t)(user_data >> 56),
        .gen = (uint32_t)(user_data >> 32) & ((1u << TAG_GEN_BITS) - 1),
        .slot = (uint32_t)user_data,
    };
}

/* ---- Submitting -------------------------------------------------------------------------- */

/* Show the prepared entries to the kernel. Returns how many it has not taken yet. */
static unsigned
sq_flush(struct io_uring_sq *sq)
{
    unsigned tail = *sq->ktail;
    for (; sq->sqe_head != sq->sqe_tail; sq->sqe_head++, tail++)
        if (sq->array != NULL) /* newer liburing may set up without it */
            sq->array[tail & sq->ring_mask] = sq->sqe_head & sq->ring_mask;
    *sq->ktail = tail; /* read by the kernel inside our own call only: no SQPOLL */
    return tail - *sq->khead;
}

static int
enter(struct ring *r, unsigned wait_count, const struct __kernel_timespec *ts)
{
    struct io_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)ts};
    const unsigned flags = r->enter_flags | IORING_ENTER_GETEVENTS;
    const unsigned fd = (unsigned)r->uring.enter_ring_fd;
    const unsigned queued = sq_flush(&r->uring.sq);
    r->enters++;
    const int rc = ts == NULL
                       ? io_uring_enter(fd, queued, wait_count, flags, NULL)
                       : io_uring_enter2(fd, queued, wait_count, flags | IORING_ENTER_EXT_ARG,
                                         (void *)&arg, sizeof arg);
    switch (rc) {
    case -ETIME:
    case -EINTR:
    case -EAGAIN:
    case -EBUSY:
        return 0;
    default:
        return rc < 0 ? rc : 0;
    }
}

int
ring_submit_wait(struct ring *r, uint64_t wait_ns)
{
    if (wait_ns == 0)
        return enter(r, 0, NULL);
    if (wait_ns == UINT64_MAX)
        return enter(r, 1, NULL);
    const struct __kernel_timespec ts = {
        .tv_sec = (int64_t)(wait_ns / 1000000000u),
        .tv_nsec = (int64_t)(wait_ns % 1000000000u),
    };
    return enter(r, 1, &ts);
}

void
ring_reserve(struct ring *r, unsigned count)
{
    pmi_assert(count <= r->uring.sq.ring_entries);
    for (unsigned tries = 0; io_uring_sq_space_left(&r->uring) < count; tries++) {
        const int rc = enter(r, 0, NULL);
        pmi_assert(rc == 0);
        pmi_assert(tries < SUBMIT_TRIES_MAX);
    }
}

struct io_uring_sqe *
ring_sqe(struct ring *r)
{
    ring_reserve(r, 1);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
    if (sqe == NULL)
        pmi_assert_fail(__FILE__, __LINE__, __func__, "a reserved entry is there");
    memset(sqe, 0, sizeof *sqe);
    return sqe;
}

/* ---- Completions ------------------------------------------------------------------------- */

unsigned
ring_dispatch(struct ring *r)
{
    const struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    io_uring_for_each_cqe(&r->uring, head, cqe) {
        if (seen == r->batch_max) /* one shouting peer cannot starve the timers */
            break;
        seen++;
        const struct ring_tag tag = tag_unpack(cqe->user_data);
        pmi_assert(tag.kind < RING_KINDS_MAX);
        pmi_assert(r->on[tag.kind] != NULL);
        r->on[tag.kind](r->ctx, tag, cqe->res, cqe->flags);
    }
    io_uring_cq_advance(&r->uring, seen);
    return seen;
}

bool
ring_ready(struct ring *r)
{
    return io_uring_cq_ready(&r->uring) > 0;
}

/* ---- Provided buffers -------------------------------------------------------------------- */

int
ring_bufs_open(struct ring *r, unsigned group, void *base, unsigned count, uint32_t len,
               struct ring_bufs **ret)
{
    if (count == 0 || count > 32768 || (count & (count - 1)) != 0 || group > UINT16_MAX)
        return -EINVAL;
    struct ring_bufs *b = calloc(1, sizeof *b);
    if (b == NULL)
        return -ENOMEM;
    const size_t bytes = count * sizeof(struct io_uring_buf);
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
        free(b);
        return -ENOMEM;
    }
    struct io_uring_buf_reg reg = {
        .ring_addr = (uint64_t)(uintptr_t)at,
        .ring_entries = count,
        .bgid = (uint16_t)group,
    };
    const int rc = io_uring_register_buf_ring(&r->uring, &reg, 0);
    if (rc < 0) {
        (void)munmap(at, bytes);
        free(b);
        return rc;
    }
    *b = (struct ring_bufs){
        .br = at,
        .br_bytes = bytes,
        .base = base,
        .count = count,
        .group = group,
        .len = len,
    };
    io_uring_buf_ring_init(b->br);
    *ret = b;
    return 0;
}

void
ring_bufs_put(struct ring_bufs *b, unsigned bid)
{
    pmi_assert(bid < b->count);
    io_uring_buf_ring_add(b->br, b->base + (size_t)bid * b->len, b->len, (uint16_t)bid,
                          io_uring_buf_ring_mask(b->count), 0);
    io_uring_buf_ring_advance(b->br, 1);
}

void
ring_bufs_close(struct ring *r, struct ring_bufs *b)
{
    if (b == NULL)
        return;
    const int rc = io_uring_unregister_buf_ring(&r->uring, (int)b->group);
    pmi_assert(rc == 0);
    (void)munmap(b->br, b->br_bytes);
    free(b);
}
