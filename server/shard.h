/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard: one thread, one ring, the regions it owns and their connections. A turn hands out
 * completions, fires timers, runs what was put off, and makes one system call. Shards share
 * nothing but the list of regions and each other's counters.
 */
#ifndef SERVER_SHARD_H
#define SERVER_SHARD_H

#include "server/link/env.h"

struct shard;
struct sock_addr;

struct shard_config {
    uint32_t index, shard_count;
    const struct ring_caps *caps;
    const struct env_limits *limits;
    struct region *const *regions; /* all of the server, sorted by name */
    uint32_t region_count;
    struct shard **peers;           /* all shards; filled before the first starts */
    const struct stats **all_stats; /* the same */
    uint32_t connections, requests; /* table sizes */
    uint64_t busy_poll_ns;          /* spin this long for work before sleeping */
    uint32_t budgets;               /* sockets whose send budget it may raise */
    const int *listeners;           /* accepted on here; NULL elsewhere */
    const struct sock_addr *listen_addrs;
    uint32_t listener_count;
    void (*idle)(void *arg); /* called when a stopping shard has no connection left */
    void *idle_arg;
};

/* Allocate; no thread, no ring yet. *cfg is copied, what it points to is borrowed. */
int shard_new(const struct shard_config *cfg, struct shard **ret)
    __attribute__((warn_unused_result));
const struct stats *shard_stats(const struct shard *s);

/* Start the thread; returns when its ring is up and its regions are attached. Errors: those of
 * ring_open(), -ENOMEM, -EAGAIN (no thread). */
int shard_start(struct shard *s) __attribute__((warn_unused_result));

/* From any thread. finish: no more accepting; connections end when their replies are out; `idle`
 * follows. reset: the same at once. quit: the thread ends; call it when all shards are idle. */
void shard_finish(struct shard *s);
void shard_reset(struct shard *s);
void shard_quit(struct shard *s);

void shard_join(struct shard *s);
void shard_free(struct shard *s); /* NULL allowed */

#endif
