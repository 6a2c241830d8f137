/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requests of one client and the wire requests ("ops") they are cut into, and where each
 * of them is. A request is cut as credits allow, so it holds few ops however large it is.
 *
 *   request   queue (something of it is not cut yet) -> ops only -> DONE -> RELEASED
 *   op        sending (encoded, bytes may have left) -> waiting (for its reply) -> gone
 *             retry (to be sent again, before anything new)
 *             HELD: only the kernel still reads its bytes (MSG_ZEROCOPY)
 *
 * flow.c keeps these in order; it does no I/O.
 */
#ifndef PMI_CLIENT_FLOW_H
#define PMI_CLIENT_FLOW_H

#include "client/cut.h"
#include "client/events.h"
#include "common/list.h"
#include "common/slots.h"
#include "proto/hot.h"
#include "proto/msg.h"

#define REQUEST_MAGIC 0x52714331u
#define OP_MAGIC 0x4f704331u
#define FLOW_INLINE 4u     /* extents and iovs kept without an allocation */
#define FLOW_OPS_EXTRA 33u /* ops beyond the requests: pieces of large ones */
#define OP_CRCS_INLINE (FLOW_INLINE + WIRE_PAYLOAD_MAX / WIRE_PIECE_BYTES)
#define OP_HEADER_INLINE                                                                       \
    (WIRE_PREFIX_BYTES + HOT_FIXED_BYTES + FLOW_INLINE * HOT_EXTENT_BYTES + OP_CRCS_INLINE * 4)
#define DEADLINE_NONE UINT32_MAX /* position of a request that is not in the heap */

/* Where a blocking call waits for its own request; its events go nowhere else. */
struct sync_wait {
    bool done, released;
    struct pmemd_event event; /* DONE's */
};

/* What one reply said, or what we know instead of it. */
struct flow_result {
    int err;
    uint32_t outcome, level, durability;
    uint64_t bytes, lsn, epoch;
};

struct request {
    uint32_t magic;
    uint32_t flags, level;
    uint8_t verb;
    bool uncut;           /* in flow.queue */
    bool done;            /* DONE was given */
    bool sent_any;        /* a byte of it has left, on any connection */
    bool in_range;        /* its extents were held against the region's length */
    bool effect;          /* a part of it may have had one */
    uint32_t op_count;    /* ops attached: they use its memory */
    uint32_t ops_open;    /* those whose result is not known */
    uint32_t heap_at;     /* in the deadline heap, or DEADLINE_NONE */
    uint64_t deadline_ns; /* UINT64_MAX = none */
    uint64_t cookie;
    struct cut_span span;
    struct cut_pos rest; /* first byte not cut yet */
    uint64_t rest_bytes;
    struct flow_result result; /* of the ops so far */
    struct sync_wait *sync;    /* borrowed until released; NULL: events go to the ring */
    struct pmi_list link;      /* flow.queue */
    struct pmi_list ops;       /* op.sibling */
    struct pmi_slot_id id;
    uint8_t trace[16];
    /* What follows is not cleared when the slot is taken again. */
    char list_after[WIRE_NAME_MAX + 1]; /* LIST: last name had */
    struct pmemd_extent extents_inline[FLOW_INLINE];
    struct pmemd_iov iov_inline[FLOW_INLINE];
    void *big; /* owned, stays with the slot: extents and iovs when they are many */
    size_t big_bytes;
};

struct op {
    uint32_t magic;
    uint8_t verb;
    bool on_wire;     /* holds credits; in `sending` or `waiting` */
    bool replied;     /* its reply came; the rest of its bytes must still leave */
    bool ended;       /* its request has its result, or gave up on it */
    bool zc;          /* to leave by MSG_ZEROCOPY on this connection */
    bool zc_held;     /* the connection owes a notification; in flow.held */
    bool crc_known;   /* crcs[] hold what was computed at the first send */
    bool crc_again;   /* one repeat after a checksum error is used up */
    bool sent_ever;   /* a byte of it has left, on any connection */
    uint8_t graves;   /* bit per old socket whose notifications are missing */
    uint32_t zc_last; /* number of the last send that held bytes of it */
    uint32_t crc_count;
    uint32_t extents;        /* of this part */
    uint32_t header_len;     /* prefix and header */
    struct request *req;     /* NULL once its memory is not needed any more */
    struct pmi_list link;    /* retry, sending or waiting */
    struct pmi_list sibling; /* request.ops */
    struct pmi_list held;    /* flow.held, by zc_last */
    struct cut_pos at;       /* first byte */
    uint64_t todo;           /* bytes from there that are this op's to do */
    uint64_t part;           /* of which this many go with the present wire request */
    uint64_t sent;           /* bytes of header and payload sent on this connection */
    struct cut_pos tx_at;    /* memory of the next payload byte to send */
    struct pmi_slot_id id;
    uint8_t *header; /* header_inline or in `big` */
    uint32_t *crcs;  /* host order; sent with a WRITE, got with a READ */
    /* What follows is not cleared when the slot is taken again. */
    void *big;          /* owned, stays with the slot */
    size_t big_extents; /* for how many extents `big` is large enough */
    uint8_t header_inline[OP_HEADER_INLINE];
    uint32_t crcs_inline[OP_CRCS_INLINE];
};

struct flow {
    struct pmi_slots requests; /* struct request */
    struct pmi_slots ops;      /* struct op */
    struct pmi_list queue;     /* request.link */
    struct pmi_list retry;     /* op.link, oldest first, as the next two */
    struct pmi_list sending;
    struct pmi_list waiting;
    struct pmi_list held;  /* op.held */
    struct request **heap; /* owned; by deadline */
    uint32_t heap_count;
    struct events events;
    struct msg_limits limits;             /* of the present connection */
    uint64_t region_len;                  /* 0 = not known */
    bool crc;                             /* payloads are checksummed on this connection */
    bool answered;                        /* a request was answered on the present connection */
    uint32_t used_requests, used_extents; /* credits (P7) */
    uint64_t used_bytes;
    uint64_t backlog_bytes;  /* encoded and not sent */
    char said[MSG_TEXT_MAX]; /* the server's own words about a refusal, for the next line */
    char detail[512];        /* why the last request failed, for pmemd_detail() */
};

/* 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int flow_init(struct flow *f, uint32_t inflight_max);
void flow_fini(struct flow *f);

/* ---- requests ---------------------------------------------------------------------------- */

/*
 * Copy *from into a new request and queue it; `sync` NULL: its events go to the ring.
 * Errors: -EAGAIN, -ENOMEM.
 */
__attribute__((warn_unused_result)) int flow_add(struct flow *f, const struct pmemd_req *from,
                                                 uint64_t deadline_ns, struct sync_wait *sync);

/* End a request now, whatever its ops are doing. */
void flow_give_up(struct flow *f, struct request *r, int err);

/* The same for all that are live. */
void flow_give_up_all(struct flow *f, int err);

/* How many that are not done carry this cookie and were given up. */
unsigned flow_cancel(struct flow *f, uint64_t cookie);

/* End those whose deadline has passed. */
void flow_expire(struct flow *f, uint64_t now_ns);

/* The earliest deadline; UINT64_MAX if none. */
uint64_t flow_deadline_ns(const struct flow *f);

/* Live requests: not RELEASED yet. */
uint32_t flow_live(const struct flow *f);

/* ---- ops --------------------------------------------------------------------------------- */

/* An op for the first part of a request's uncut rest, sized `part`; NULL if none is free. */
__attribute__((warn_unused_result)) struct op *flow_cut(struct flow *f, struct request *r,
                                                        const struct cut_part *part);

/* Take a request out of the queue: nothing of it is left to cut. */
void flow_uncut_end(struct flow *f, struct request *r);

/* The op a peer's tag names, NULL if there is none on the wire. */
struct op *flow_op_of_tag(const struct flow *f, uint64_t tag);
uint64_t flow_tag(const struct op *op);

/* The result of an op for its request. Once per op; flow_settle() follows. */
void flow_op_end(struct flow *f, struct op *op, const struct flow_result *res);

/* One wire request of an op went well, and more of the op is left: go on with the rest. */
void flow_op_more(struct flow *f, struct op *op, const struct flow_result *res);

/* A page of a LIST has come, and another is to be asked for. */
void flow_op_page(struct flow *f, struct op *op, const struct flow_result *res);

/* Send an op again whose reply has come. */
void flow_op_retry(struct flow *f, struct op *op);

/* Bytes of header and payload of the present wire request. */
static inline uint64_t
flow_op_total(const struct op *op)
{
    return op->header_len + (op->verb == PMEMD_VERB_WRITE ? op->part : 0);
}

/* Put an encoded op on the wire: takes its credits. It must not be in a list. */
void flow_op_on_wire(struct flow *f, struct op *op);

/* All bytes of an op have left. */
void flow_op_sent(struct flow *f, struct op *op);

/* The live connection's send number `number` held bytes of this op by reference. */
void flow_op_hold(struct flow *f, struct op *op, uint32_t number);

/* Off the wire: gives the credits back. */
void flow_op_off_wire(struct flow *f, struct op *op);

/* Let go of whatever of an op is not needed any more, in the end of itself and its request. */
void flow_settle(struct flow *f, struct op *op);

/* ---- connections ------------------------------------------------------------------------- */

/*
 * The connection is gone: what was on it goes back to `retry` in the order it was sent. Ops
 * whose bytes the kernel still holds get the bit `grave_bit` (0 if there are none).
 */
void flow_lost(struct flow *f, uint8_t grave_bit);

/* The kernel let go of everything sent on those old sockets. */
void flow_graves_empty(struct flow *f, uint8_t bits);

/* Notifications came for all sends before number `first`. */
void flow_notified(struct flow *f, uint32_t first);

#endif
