/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a shard lends to everything that runs on it: ring, timers, pools, counters, limits. One
 * per shard, used by its thread only.
 */
#ifndef SERVER_LINK_ENV_H
#define SERVER_LINK_ENV_H

#include "common/list.h"
#include "common/slots.h"
#include "proto/msg.h"
#include "server/os/pool.h"
#include "server/os/ring.h"
#include "server/os/timer.h"
#include "server/store/locks.h"
#include "server/store/region.h"
#include "server/store/stats.h"

/* Kinds of completions; each has one handler, set where its file is (conn/, shard.c). */
enum tag_kind {
    TAG_NONE = 0,   /* nobody waits for this one */
    TAG_ACCEPT = 1, /* slot = listener */
    TAG_MAIL = 2,   /* the eventfd others write to */
    TAG_RECV = 3,   /* slot = connection */
    TAG_SEND = 4,   /* slot = send operation */
    TAG_CLOSE = 5,  /* slot = connection: shutdown or disconnect */
};

#define ENV_HEAD_BYTES (36u << 10)   /* a block for extents, checksums or a long reply */
#define ENV_STAGE_BYTES (256u << 10) /* a staging buffer */
#define ENV_TURN_BYTES (1u << 20)    /* no turn zeroes, digests or copies more at once */

struct env_limits {         /* from the config, fixed for life */
    struct msg_limits wire; /* what HELLO announces */
    uint64_t slow_ns;       /* a waiting writer's patience with a slow peer */
    uint64_t handshake_ns, stall_ns;
    uint64_t zc_out_max; /* bytes of one connection that notifications may owe */
    uint64_t aside_max;  /* bytes of all connections copied aside */
    uint64_t parked_max; /* unread bytes of all connections moved out of staging */
    uint32_t zc_min, send_budget;
    int send_policy; /* enum path_policy */
};

/* Work that goes on in the next turn: embedded, linked while waiting. */
struct env_work {
    struct pmi_list link;
    void (*run)(struct env_work *w);
};

/* A region as its shard sees it. */
struct hosted {
    struct region *rg;
    struct locks *locks;
    struct pmi_list conns; /* that have it open */
};

struct env {
    struct ring *ring;
    struct timers *timers;
    const struct ring_caps *caps;
    const struct env_limits *limits;
    uint64_t now_ns; /* when this turn began */

    struct pmi_slots reqs;  /* struct req */
    struct pmi_slots sends; /* struct sendop */
    struct pool heads;      /* ENV_HEAD_BYTES each */
    struct lock_pool *nodes;
    struct pool controls;  /* the same, for control replies */
    uint64_t aside_bytes;  /* in use */
    uint64_t parked_bytes; /* in use */
    uint64_t turn_left;    /* bytes this turn may still zero, digest or copy aside */
    uint32_t budgets_left; /* sockets whose send budget may still be raised */

    struct pmi_list work; /* struct env_work */
    struct pmi_list
        hungry; /* the same, of those that want bytes of turn_left: first come first */
    struct pmi_list paused; /* connections that wait for a bounded resource */
    struct stats stats;

    uint8_t *scratch; /* MSG_ARENA_BYTES, for one message at a time */
};

/* Let `w` run when its turn has bytes left for it; fine if it already waits. */
static inline void
env_hungry(struct env *env, struct env_work *w)
{
    if (!pmi_list_linked(&w->link))
        pmi_list_push_back(&env->hungry, &w->link);
}

/* Let `w` run in the next turn; fine if it already waits. */
static inline void
env_later(struct env *env, struct env_work *w)
{
    if (!pmi_list_linked(&w->link))
        pmi_list_push_back(&env->work, &w->link);
}

#endif
