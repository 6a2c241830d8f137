/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sender: one operation at a time per connection, out of the messages at the head of its
 * queue. Small ones leave together in one copying SENDMSG; a large one leaves zero-copy when the
 * path controller says so, and its bytes stay pinned until the notification.
 */
#ifndef SERVER_CONN_TX_H
#define SERVER_CONN_TX_H

#include "server/conn/conn.h"

#include <sys/uio.h>

#define TX_IOVS 128u
#define TX_COPY_BYTES (1u << 20) /* copied in one operation at most */
#define TX_ZC_BYTES (4u << 20)   /* zero-copy in one operation at most */

struct sendop {
    struct conn *conn;
    struct outmsg *zc;  /* the message of a zero-copy send, or NULL: the queue's head on */
    uint64_t from, len; /* payload range of `zc` in this operation: pinned */
    uint64_t moved;     /* payload bytes of it the kernel accepted */
    uint64_t bytes;     /* all bytes in this operation */
    uint64_t t_ns;      /* when it was submitted */
    void *cell;         /* header cell in the arena of `slot`, or NULL */
    uint32_t slot;
    bool failed; /* the kernel refused: its report says nothing about the path */
    struct pmi_slot_id id;
    struct msghdr mh;
    struct iovec iov[TX_IOVS];
};

void tx_init(struct conn *c);
void tx_queue(struct conn *c, struct outmsg *m); /* and start sending if idle */
void tx_kick(struct conn *c);
void tx_let_go(struct conn *c, struct outmsg *m);
void tx_abort(struct conn *c);      /* drop what is not in the kernel; `done` for each */
bool tx_idle(const struct conn *c); /* nothing queued, in flight or owed */

/* TAG_SEND. */
void tx_on_send(struct conn_world *w, struct ring_tag tag, int res, unsigned flags);

#endif
