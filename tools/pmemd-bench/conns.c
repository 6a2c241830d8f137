// SPDX-License-Identifier: BSD-3-Clause
/* The connections of a run: see conns.h. */
#include "tools/pmemd-bench/conns.h"

#include "tools/lib/exit.h"
#include "tools/lib/link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS UINT64_C(50000) /* what blocking calls spin; the loop itself never sleeps */
#define INFLIGHT_MAX 4096u
#define NS_PER_S UINT64_C(1000000000)

static void
make_config(struct pmemd_config *cfg, const struct bench_opts *o)
{
    tool_config(cfg, o->timeout_ns);
    /* A request that is DONE may wait for its RELEASED while the next one is submitted. */
    const unsigned want = 2 * o->qd + 8;
    cfg->inflight_max = want < INFLIGHT_MAX ? want : INFLIGHT_MAX;
    cfg->busy_poll_ns = o->spin ? SPIN_NS : 0;
    if (o->crc == BENCH_CRC_ON)
        cfg->flags |= PMEMD_CFG_CRC_ON;
    if (o->crc == BENCH_CRC_OFF)
        cfg->flags |= PMEMD_CFG_CRC_OFF;
}

static int
watch(struct conns *cs, unsigned which)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = which};
    const int fd = pmemd_fd(cs->clients[which]);
    return epoll_ctl(cs->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int
open_all(struct conns *cs)
{
    struct pmemd_config cfg;
    make_config(&cfg, cs->opts);
    int rc = tool_open(cs->opts->uri, &cfg, &cs->info, &cs->observer);
    for (unsigned i = 0; rc == TOOL_OK && i < cs->count; i++) {
        rc = tool_open(cs->opts->uri, &cfg, &cs->info, &cs->clients[i]);
        if (rc != TOOL_OK)
            break;
        const int err = watch(cs, i);
        if (err < 0)
            rc = (int)tool_fail("epoll", err, NULL);
    }
    return rc;
}

int
conns_open(struct conns *ret, const struct bench_opts *o, conns_handler *handler, void *ctx)
{
    struct conns cs = {.opts = o, .count = o->conns, .handler = handler, .ctx = ctx};
    cs.clients = calloc(cs.count, sizeof(struct pmemd_client *));
    cs.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = TOOL_OK;
    if (cs.clients == NULL || cs.epoll_fd < 0)
        rc = (int)tool_fail("connections", cs.clients == NULL ? -ENOMEM : -errno, NULL);
    else
        rc = open_all(&cs);
    if (rc != TOOL_OK) {
        conns_close(&cs);
        return rc;
    }
    *ret = cs;
    return TOOL_OK;
}

void
conns_close(struct conns *cs)
{
    for (unsigned i = 0; cs->clients != NULL && i < cs->count; i++)
        pmemd_close(cs->clients[i]);
    pmemd_close(cs->observer);
    free(cs->clients);
    if (cs->epoll_fd > 0)
        (void)close(cs->epoll_fd);
    *cs = (struct conns){0};
}

/* Hand on what one connection has. */
static int
serve(struct conns *cs, unsigned which)
{
    struct pmemd_event events[CONNS_BATCH];
    int n = (int)CONNS_BATCH;
    while (n == (int)CONNS_BATCH) {
        n = pmemd_reap(cs->clients[which], events, sizeof events[0], CONNS_BATCH);
        if (n > 0)
            cs->handler(cs->ctx, which, events, (unsigned)n, tool_now_ns());
    }
    return n < 0 ? n : 0;
}

/* The same among several connections: what was submitted in return leaves at once, however
 * busy the others are. A single one sends it before it sleeps. */
static int
serve_and_send(struct conns *cs, unsigned which)
{
    const int rc = serve(cs, which);
    const int more = rc == 0 ? pmemd_wait(cs->clients[which], 0, 0) : rc;
    return more < 0 && more != -EINTR ? more : 0;
}

static int
serve_all(struct conns *cs)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < cs->count; i++)
        rc = serve_and_send(cs, i);
    return rc;
}

/* Several connections: sleep in epoll, then serve those that are ready. */
static int
turn_many(struct conns *cs, uint64_t wait_ns)
{
    for (unsigned i = 0; i < cs->count; i++) {
        const uint64_t most = pmemd_wait_max_ns(cs->clients[i]);
        if (most < wait_ns)
            wait_ns = most;
    }
    const struct timespec ts = {
        .tv_sec = (time_t)(wait_ns / NS_PER_S),
        .tv_nsec = (long)(wait_ns % NS_PER_S),
    };
    struct epoll_event ready[CONNS_BATCH];
    const int n = epoll_pwait2(cs->epoll_fd, ready, (int)CONNS_BATCH, &ts, NULL);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0) /* somebody's timer */
        return serve_all(cs);
    int rc = 0;
    for (int i = 0; rc == 0 && i < n; i++)
        rc = serve_and_send(cs, ready[i].data.u32);
    return rc;
}

int
conns_turn(struct conns *cs, uint64_t wait_ns)
{
    if (cs->count > 1)
        return cs->opts->spin ? serve_all(cs) : turn_many(cs, wait_ns);
    if (cs->opts->spin)
        return serve(cs, 0);
    const int rc = pmemd_wait(cs->clients[0], 1, wait_ns);
    return rc < 0 && rc != -EINTR ? rc : serve(cs, 0);
}

int
conns_path(struct conns *cs, struct tool_path *ret)
{
    struct pmemd_info info;
    const int rc = pmemd_stat(cs->observer, &info, sizeof info);
    if (rc < 0)
        return rc;
    if (cs->opts->op != BENCH_RANDWRITE && cs->opts->op != BENCH_WRITE) {
        *ret = (struct tool_path){info.bytes_zc, info.bytes_copied, info.bytes_unknown, 0};
        return 0;
    }
    struct tool_path sum = {.direct = info.bytes_direct};
    for (unsigned i = 0; i < cs->count; i++) {
        struct tool_path one = {0};
        pmemd_sent(cs->clients[i], &one.zc, &one.copied, &one.unknown);
        sum.zc += one.zc;
        sum.copied += one.copied;
        sum.unknown += one.unknown;
    }
    *ret = sum;
    return 0;
}
