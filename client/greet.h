/* SPDX-License-Identifier: BSD-3-Clause */
/* HELLO and OPEN: made, sent, and their replies judged. Used by conn.c alone. */
#ifndef PMI_CLIENT_GREET_H
#define PMI_CLIENT_GREET_H

#include "client/conn.h"

/* Put the message into c->tx. */
void greet_make_hello(struct conn *c);
void greet_make_open(struct conn *c);

/*
 * Send what is unsent and receive what is there.
 * Returns 1 when the reply is whole (it is in c->stage), -EINPROGRESS, or why the connection is
 * of no use: a negated errno, PMEMD_E_LOST, PMEMD_E_PROTO.
 */
__attribute__((warn_unused_result)) int greet_move(struct conn *c);

/*
 * Judge the whole reply in c->stage. 0, or what the server (or we) said: *ret_text explains and
 * is borrowed until the next call.
 */
__attribute__((warn_unused_result)) int greet_take_hello(struct conn *c, const char **ret_text);
__attribute__((warn_unused_result)) int greet_take_open(struct conn *c, const char **ret_text);

#endif
