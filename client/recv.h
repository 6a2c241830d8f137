/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replies from the socket. One large receive brings many small replies into the stage, from
 * which payloads are copied; what the stage does not hold of a large one is received straight
 * into the caller's memory, with the stage behind it for what follows.
 */
#ifndef PMI_CLIENT_RECV_H
#define PMI_CLIENT_RECV_H

#include "client/control.h"
#include "client/flow.h"

#define RECV_IOV_MAX 64u

struct receiver {
    uint8_t *stage; /* borrowed: `capacity` bytes, more than the largest header */
    size_t capacity;
    size_t head, tail;            /* bytes received and not looked at */
    bool large;                   /* replies are large: receive few bytes besides payload */
    struct op *op;                /* whose payload is being received; NULL between messages */
    uint64_t left;                /* payload bytes still to come */
    struct cut_pos at;            /* where in the op's memory */
    struct hot_reply reply;       /* of that op, without its checksums, which are in the op */
    uint32_t crcs[WIRE_CRCS_MAX]; /* scratch: what the received bytes sum to */
};

/* A new connection. */
void recv_reset(struct receiver *rx);

/*
 * Take what has arrived. 0, or why the connection is over: a negated errno, PMEMD_E_LOST (the
 * peer closed), PMEMD_E_PROTO, PMEMD_E_CLOSING.
 */
__attribute__((warn_unused_result)) int recv_turn(struct receiver *rx, struct flow *f,
                                                  struct control *k, int fd);

#endif
