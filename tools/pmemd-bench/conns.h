/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connections of a run, driven by one thread. Events are handed on in batches; there is one
 * clock call per batch, and nothing is allocated after conns_open().
 */
#ifndef BENCH_CONNS_H
#define BENCH_CONNS_H

#include "tools/lib/text.h"
#include "tools/pmemd-bench/opts.h"

#include <pmemd/pmemd.h>

#define CONNS_BATCH 64u

/* `count` events of connection `which` were reaped; now_ns was read after that. */
typedef void conns_handler(void *ctx, unsigned which, const struct pmemd_event *events,
                           unsigned count, uint64_t now_ns);

struct conns {
    const struct bench_opts *opts; /* borrowed */
    unsigned count;
    struct pmemd_client **clients; /* owned, `count` of them */
    struct pmemd_client *observer; /* owned; asks the server for its figures, so that the
                                      measured connections are not disturbed */
    struct pmemd_info info;        /* of the first connection */
    conns_handler *handler;
    void *ctx; /* borrowed */
    int epoll_fd;
};

/* Open and connect them all. Says what failed. Returns TOOL_OK or the exit code; nothing is to
 * be closed then. */
int conns_open(struct conns *ret, const struct bench_opts *o, conns_handler *handler, void *ctx)
    __attribute__((warn_unused_result));

/* Waits for what is in flight. Tolerates zeroes. */
void conns_close(struct conns *cs);

/* Sleep at most wait_ns (not at all if spinning) until a connection has events, and hand on
 * what there is. Returns 0 or an error. */
int conns_turn(struct conns *cs, uint64_t wait_ns) __attribute__((warn_unused_result));

/*
 * How payload travelled so far, as this run sees it: reads (and torn) as the server counts for
 * the region, writes as the clients count. Returns 0 or an error.
 */
int conns_path(struct conns *cs, struct tool_path *ret) __attribute__((warn_unused_result));

#endif
