/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The unsent payload of a reply that a writer waits for, copied out of the region so that its
 * extents can be let go: bounded in all (env_limits.aside_max) and per turn.
 */
#ifndef SERVER_CONN_ASIDE_H
#define SERVER_CONN_ASIDE_H

#include "server/link/env.h"
#include "server/link/outmsg.h"

enum aside_result {
    ASIDE_DONE,    /* nothing of it is needed in the region any more */
    ASIDE_MORE,    /* the turn's budget is used up */
    ASIDE_NO_ROOM, /* the pool is: the reader will have to be reset */
};

/* Copy on, at most *budget bytes, which is lowered by what was copied. The message is in no
 * operation of the kernel's. */
enum aside_result aside_copy(struct env *env, struct outmsg *m, uint64_t *budget);

/* Begun and not finished: such a message must not be sent. */
static inline bool
aside_is_midway(const struct outmsg *m)
{
    return m->aside != NULL && m->aside_from + m->aside_len < m->payload_len;
}

/* Is it worth taking the message back from the kernel to copy it aside? */
static inline bool
aside_would_help(const struct env *env, const struct outmsg *m)
{
    const uint64_t rest = m->payload_len - outmsg_payload_sent(m);
    return !m->released && m->aside == NULL &&
           rest <= env->limits->aside_max - env->aside_bytes;
}

void aside_free(struct env *env, struct outmsg *m); /* fine without one */

#endif
