/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One data request (READ, WRITE, ZERO, FLUSH) from its header to the last byte of its reply: a
 * table of states; what a verb does in each is its `struct op`. Requests live in the shard's slot
 * table and belong to a connection, which they reach through `up`.
 */
#ifndef SERVER_REQ_REQ_H
#define SERVER_REQ_REQ_H

#include "proto/hot.h"
#include "server/link/env.h"
#include "server/link/outmsg.h"

#define REQ_MAGIC 0x52455131u
#define REQ_EXTENTS_INLINE 4u

/* States say where the bytes are. */
enum req_state {
    REQ_FREE,    /* nowhere */
    REQ_QUEUED,  /* waits for earlier requests it overlaps */
    REQ_WORK,    /* holds its extents: landing, zeroing, digesting */
    REQ_PERSIST, /* visible, becoming durable */
    REQ_REPLY,   /* the reply is queued or in the kernel */
    REQ_DRAIN,   /* given up; the kernel still owes something */
    REQ_STATE_N
};

enum req_event {
    EV_WAIT, /* nothing: the next event comes from elsewhere */
    EV_ADMIT,
    EV_GRANT,
    EV_MORE, /* the next slice of work is due */
    EV_DONE,
    EV_FAIL,
    EV_ABORT, /* the connection is going */
    EV_N
};

struct req;

struct op { /* one verb */
    const char *name;
    bool takes_locks;
    bool has_payload; /* in the request or in the reply */
    enum lock_mode mode;
    enum req_event (*work)(
        struct req *r); /* holds its extents; returns EV_MORE after a slice */
    bool persists;      /* has bytes to make durable */
};

/* Upward calls, handed down by the connection. */
struct req_up {
    /* A WRITE holds its extents: bring its payload in with req_land_next(). */
    void (*land)(struct req *r);
    /* r->out is ready to be queued. */
    void (*reply)(struct req *r);
    /* Somebody waits for extents whose bytes are in r->out: let go as soon as can be. */
    void (*let_go)(struct req *r);
    /* The same for extents in which r's payload is landing. */
    void (*hurry)(struct req *r);
    /* r waited so long for the peer that the connection must go. */
    void (*slow)(struct req *r);
    /* The last byte of its reply was accepted by the socket. */
    void (*sent)(struct req *r);
    /* r is about to be freed. */
    void (*freed)(struct req *r);
};

struct req {
    uint32_t magic;
    enum req_state state;
    struct env *env;
    struct hosted *home;
    const struct op *op;
    const struct req_up *up;
    void *conn;            /* borrowed: the connection outlives its requests */
    struct pmi_list link;  /* in the connection's list */
    struct env_work later; /* next slice */
    struct timer timer;    /* deadline while queued, patience while others wait */

    uint64_t tag;
    struct hot_req hdr; /* its views are not valid here: see extents, crcs */
    const struct pmemd_extent *extents;
    uint32_t *crcs; /* WRITE: the client's; READ: ours */
    uint8_t *block; /* owned: from env->heads when the inline room is too small */
    struct lock_hold hold;
    bool credited; /* its connection has the credit back */
    bool held;     /* locks_take() was called and locks_drop() not yet */

    uint32_t at;      /* extent in work */
    uint64_t at_off;  /* bytes of it done */
    uint32_t crc_at;  /* checksum piece in work */
    uint32_t crc_now; /* of the piece so far */
    uint64_t moved;   /* bytes done in all */

    const uint8_t *staged; /* WRITE: whole payload in staging, borrowed while in REQ_WORK */
    uint32_t owed;         /* things the kernel or the medium still holds */
    uint64_t wanted_ns;    /* when somebody began to wait for us; 0 = nobody */
    uint64_t wanted_moved; /* `moved` at that time */
    uint64_t progress_ns;  /* when bytes last arrived */
    int err;               /* of the reply */
    uint32_t detail;
    uint8_t outcome, level;

    struct outmsg out;
    uint8_t head[WIRE_PREFIX_BYTES + HOT_FIXED_BYTES + 4 * 4];
    struct pmemd_extent inline_extents[REQ_EXTENTS_INLINE];
    uint32_t inline_crcs[4];
};

const struct op *req_op(unsigned verb); /* NULL: not a hot verb of this version */

/* Payload bytes a request holds against its connection's credit (P7.1): zeroing moves none. */
static inline uint64_t
req_charge(const struct op *op, const struct hot_req *hdr)
{
    return op->has_payload ? hdr->bytes : 0;
}

/*
 * Make a request of a checked header. `hdr` views the caller's bytes, copied here. 0, or
 * PMEMD_E_BUSY: a pool is used up, try again later. Nothing happens before req_start().
 */
int req_new(struct env *env, struct hosted *home, const struct op *op, uint64_t tag,
            const struct hot_req *hdr, struct req **ret) __attribute__((warn_unused_result));

/*
 * Admit it: checks extents against the region, takes its locks. Returns 0, or PMEMD_E_BUSY (lock
 * nodes used up; call again later). After 0 the request runs by itself and may be gone already.
 */
int req_start(struct req *r) __attribute__((warn_unused_result));
void req_free_unstarted(struct req *r);

/* Feed an event; ends when the request waits or is gone. */
void req_step(struct req *r, enum req_event ev);

/*
 * Where the next payload bytes of a landing WRITE go: contiguous, at most `max`, never across a
 * checksum piece or a slot. req_landed() says how many arrived there and returns EV_WAIT (more to
 * come), EV_DONE (that was all) or EV_FAIL (a checksum is wrong; the rest is still to be
 * consumed, into nowhere).
 */
void req_store(const struct req *r, void *dst, const void *src,
               size_t len); /* as the medium wants */
struct region_slice req_land_next(const struct req *r, uint64_t max);
enum req_event req_landed(struct req *r, uint64_t len);

/* Something owed ended (landing receive, reply). In REQ_DRAIN the last one frees the request. */
void req_settle(struct req *r);

void req_unlock(struct req *r); /* fine when not held */

/* locks.h callbacks of every region (ctx unused). */
void req_granted(void *ctx, struct lock_hold *h);
void req_wanted(void *ctx, struct lock_hold *h);

#endif
