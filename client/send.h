/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests onto the socket: cut, credited, encoded, and as many as fit in one send. */
#ifndef PMI_CLIENT_SEND_H
#define PMI_CLIENT_SEND_H

#include "client/flow.h"
#include "client/zc.h"

#define SEND_IOV_MAX 1024u

struct sender {
    bool blocked; /* the socket is full */
    bool idle;    /* nothing can be sent before a reply, room in the socket or a new request */
    uint64_t zc_min;
    struct zc zc; /* of the present socket */
    struct zc_stats stats;
    struct iovec iov[SEND_IOV_MAX];
    struct pmemd_extent extents[WIRE_EXTENTS_MAX]; /* of the op being encoded */
};

/* A new socket. */
void send_reset(struct sender *s, bool zc_usable, bool zc_always);

/* Send what credits and the socket allow. 0, or a negated errno: the connection is over. */
__attribute__((warn_unused_result)) int send_turn(struct sender *s, struct flow *f, int fd,
                                                  uint64_t now_ns);

#endif
