/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a peer may take. Alone, it may be as slow as PATIENCE_ALONE_RATE and silent for
 * stall_ns; while others wait for what it holds, PATIENCE_WANTED_RATE and slow_ns.
 */
#ifndef SERVER_CONN_PATIENCE_H
#define SERVER_CONN_PATIENCE_H

#include "server/conn/conn.h"

#define PATIENCE_ALONE_RATE (4u << 10)    /* bytes a second of a message that is due */
#define PATIENCE_WANTED_RATE (256u << 10) /* the same while others wait */
#define PATIENCE_RELIEF_MAX 16u           /* connections reset at a time */

void conn_touch(struct conn *c); /* bytes moved */
void conn_watch(struct conn *c); /* the peer owes us bytes, or reading: mind the clock */

/* It waits for a bounded resource from now on. When it has for slow_ns, those that hold such
 * and stand still are reset, the oldest first, a few at a time. */
void conn_pause(struct conn *c, enum conn_pause what);

void conn_served(struct conn *c, enum conn_pause what); /* it had what it waited for */

/* Let every connection that waits for a bounded resource try again. */
void conn_resume_paused(struct env *env);

#endif
