/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One io_uring per shard: set-up with a feature probe, tagged completions, one system call a turn.
 * All calls but ring_probe() belong to the thread that called ring_open().
 */
#ifndef SERVER_OS_RING_H
#define SERVER_OS_RING_H

#include "server/os/ring_compat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What this kernel can do, found by trying (never by version), and what was switched off. */
struct ring_caps {
    bool defer_taskrun;    /* SINGLE_ISSUER | DEFER_TASKRUN */
    bool send_zc;          /* SEND_ZC, SENDMSG_ZC from plain memory */
    bool sendmsg_zc_fixed; /* SENDMSG_ZC out of one fixed buffer */
    bool report_usage;     /* notifications say whether the kernel copied */
    bool fixed;            /* fixed buffers at all */
    bool clone;            /* IORING_REGISTER_CLONE_BUFFERS */
    bool accept_multishot;
    bool buf_ring;      /* provided-buffer rings */
    uint64_t fixed_max; /* bytes one fixed buffer may cover, a multiple of 2 MiB */
};

/* Names for --disable, a bit each; ring_caps_disable() clears what they stand for. */
enum ring_cap_bit {
    RING_NO_CLONE = 1u << 0,            /* "clone" */
    RING_NO_REPORT_USAGE = 1u << 1,     /* "report-usage" */
    RING_NO_SENDMSG_ZC_FIXED = 1u << 2, /* "sendmsg-zc-fixed" */
    RING_NO_ZC = 1u << 3,               /* "zc" */
    RING_NO_FIXED = 1u << 4,            /* "fixed" */
};

/*
 * Try what the kernel offers. 0, or PMEMD_E_NORING with a sentence in why[why_len] that names the
 * sysctl (kernel.io_uring_disabled) or the system calls a seccomp filter must allow.
 */
int ring_probe(struct ring_caps *ret, char *why, size_t why_len)
    __attribute__((warn_unused_result));
void ring_caps_disable(struct ring_caps *caps, unsigned bits);

/* A sentence for an error of ring_open() (and of setting up any ring), with what to do. */
void ring_explain(int err, char *why, size_t why_len);

/* user_data = kind:8 | gen:24 | slot:32, never a pointer: a late completion of a reused slot is a
 * mismatch its handler can see. */
struct ring_tag {
    uint8_t kind;
    uint32_t gen; /* 24 bits */
    uint32_t slot;
};

#define RING_KINDS_MAX 16u

typedef void ring_handler(void *ctx, struct ring_tag tag, int res, unsigned cqe_flags);

struct ring_config {
    unsigned entries;     /* submission queue */
    unsigned cq_entries;  /* completion queue */
    unsigned batch_max;   /* completions handled per ring_dispatch() */
    unsigned fixed_slots; /* sparse table made at open; 0 = none */
};

struct ring {
    struct io_uring uring;
    ring_handler *on[RING_KINDS_MAX]; /* set before the first turn; NULL kinds assert */
    void *ctx;
    unsigned batch_max;
    unsigned enter_flags; /* private to ring.c */
    uint64_t enters;      /* io_uring_enter calls made */
};

/* 0; PMEMD_E_NORING or -errno (ENOMEM: RLIMIT_MEMLOCK) on failure, nothing left behind. Fills
 * all of *r but `on` and `ctx`, which may be set before or after. */
int ring_open(struct ring *r, const struct ring_caps *caps, const struct ring_config *cfg)
    __attribute__((warn_unused_result));

/* The kernel ends what is still in flight on its own time: drain first, or keep the buffers. A
 * zero *r is fine. */
void ring_close(struct ring *r);

/* A submission entry, all zero. Submits when the queue is full, so never NULL. The caller preps
 * it and calls ring_tag_set() before it asks for the next one. */
struct io_uring_sqe *ring_sqe(struct ring *r);
void ring_tag_set(struct io_uring_sqe *sqe, struct ring_tag tag);
uint64_t ring_tag_pack(struct ring_tag tag); /* for a cancel that names it */

/* Make room for `count` entries, so that ring_sqe() does not cut a chain of linked ones in two. */
void ring_reserve(struct ring *r, unsigned count);

/* Submit, wait for one completion at most until `wait_ns` from now (0 = do not wait, UINT64_MAX =
 * no limit): one io_uring_enter, which also runs the kernel's deferred work. Returns 0 or -errno
 * (0 also for -ETIME, -EINTR, and for -EAGAIN and -EBUSY: what was not taken goes next time). */
int ring_submit_wait(struct ring *r, uint64_t wait_ns) __attribute__((warn_unused_result));

/* Hand up to batch_max completions to their handlers; returns how many. Handlers may take
 * entries. */
unsigned ring_dispatch(struct ring *r);

/* Are completions waiting that need no system call? */
bool ring_ready(struct ring *r);

/* Provided-buffer ring: `count` (power of two, at most 32768) buffers of `len` bytes at `base`
 * (borrowed until close), group `group`. Empty at first: ring_bufs_put() each. Errors: -EINVAL,
 * -ENOMEM (RLIMIT_MEMLOCK). */
struct ring_bufs;
int ring_bufs_open(struct ring *r, unsigned group, void *base, unsigned count, uint32_t len,
                   struct ring_bufs **ret) __attribute__((warn_unused_result));
void ring_bufs_put(struct ring_bufs *b, unsigned bid);     /* hand one back to the kernel */
void ring_bufs_close(struct ring *r, struct ring_bufs *b); /* NULL allowed */

/* The buffer a completion with IORING_CQE_F_BUFFER used. */
static inline unsigned
ring_bid(unsigned cqe_flags)
{
    return cqe_flags >> IORING_CQE_BUFFER_SHIFT;
}

#endif
