/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receiver: bytes come into a staging buffer borrowed for the purpose; whole messages are
 * taken out of it, small payloads copied, the tail of a large one received straight into the
 * region. One receive at a time is armed per connection.
 */
#ifndef SERVER_CONN_RX_H
#define SERVER_CONN_RX_H

#include "server/conn/conn.h"

#define RX_LAND_BYTES (256u << 10) /* one receive straight into the region */

void rx_start(struct conn *c);   /* begin to read */
void rx_resume(struct conn *c);  /* what it waited for may be there: go on */
void rx_stop(struct conn *c);    /* read no more; an armed receive is cancelled */
void rx_discard(struct conn *c); /* read on, but only to see the peer close */

/* req_up.land of a WRITE on this connection. */
void rx_land(struct conn *c, struct req *r);
/* Somebody waits for the extents this one is landing in. */
void rx_hurry(struct conn *c, const struct req *r);
/* A request whose payload is still due will not take it (it failed, or is going). */
void rx_forget(struct conn *c, struct req *r);

void rx_on_recv(struct conn_world *w, struct ring_tag tag, int res, unsigned flags);

/* Is a receive armed, or a message begun? Then a silent peer is stalling. */
bool rx_midway(const struct conn *c);

/* ---- For rx.c: what messages mean (control.c, conn.c) ------------------------------------ */

/* A whole control message at `header`. 0, or an error that closes the connection. */
int control_message(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
    __attribute__((warn_unused_result));

/* Answer a message that cannot be served: a hot reply or a protobuf refusal, as the verb wants. */
int control_refuse(struct conn *c, const struct wire_prefix *p, int err, const char *text)
    __attribute__((warn_unused_result));

/* OPEN's reply, on the shard that owns the region. */
int control_opened(struct conn *c) __attribute__((warn_unused_result));

#endif
