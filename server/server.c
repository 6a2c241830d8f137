/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a server: regions, listeners, shards, signals, and all of it back in order. */
#include "server/server.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "server/conn/path.h"
#include "server/os/sock.h"
#include "server/shard.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_HOST_CANNOT 3
#define EXIT_REFUSED 4
#define BACKLOG 4096
#define ASIDE_MAX (64ull << 20)  /* bytes a shard copies aside for waiting writers */
#define PARKED_MAX (32ull << 20) /* unread bytes a shard moves out of staging */
#define ZERO_MAX (64ull << 20)   /* one request: a lock node for each 2 MiB */
#define ZC_OUT_MAX (32ull << 20) /* bytes of one connection the kernel may hold */
#define IDLE_POLL_NS (50 * PMI_NS_PER_MS)

struct server {
    const struct config *cfg;
    struct ring_caps caps;
    struct env_limits limits;
    uint32_t budgets; /* sockets that may have the send budget */
    struct region *regions[CONFIG_REGIONS_MAX];
    uint32_t region_count;
    struct sock_addr addrs[CONFIG_LISTEN_MAX];
    int listeners[CONFIG_LISTEN_MAX];
    uint32_t listener_count;
    bool forgotten; /* their socket files are gone */
    struct shard **shards;
    const struct stats **stats;
    uint32_t shard_count, started;
    sem_t idle; /* posted by a shard that has no connection left */
};

static int
say(int exit_code, const char *why)
{
    (void)fprintf(stderr, "pmemd: %s\n", why);
    return exit_code;
}

/* ---- Parts ------------------------------------------------------------------------------- */

static int
probe(struct server *s)
{
    char why[CONFIG_WHY_BYTES];
    if (ring_probe(&s->caps, why, sizeof why) < 0)
        return say(EXIT_HOST_CANNOT, why);
    ring_caps_disable(&s->caps, s->cfg->disable);
    if (sock_budget_allowed())
        s->budgets = (uint32_t)(sock_tcp_mem_bytes() / s->cfg->send_budget);
    pmi_log(PMI_LOG_INFO, "kernel.features",
            "defer_taskrun=%d send_zc=%d sendmsg_zc_fixed=%d report_usage=%d fixed=%d clone=%d "
            "accept_multishot=%d buf_ring=%d send_budgets=%u",
            s->caps.defer_taskrun, s->caps.send_zc, s->caps.sendmsg_zc_fixed,
            s->caps.report_usage, s->caps.fixed, s->caps.clone, s->caps.accept_multishot,
            s->caps.buf_ring, s->budgets);
    return 0;
}

static void
set_limits(struct server *s)
{
    const struct config *c = s->cfg;
    s->limits = (struct env_limits){
        .wire =
            {
                .extents_max = WIRE_EXTENTS_MAX,
                .io_max = WIRE_PAYLOAD_MAX,
                .zero_max = ZERO_MAX,
                .stage_max = c->stage_max,
                .credit_requests = c->credit_requests,
                .credit_bytes = c->credit_bytes,
                .credit_extents = c->credit_extents,
            },
        .slow_ns = c->slow_ms * PMI_NS_PER_MS,
        .handshake_ns = c->handshake_ms * PMI_NS_PER_MS,
        .stall_ns = c->stall_ms * PMI_NS_PER_MS,
        .zc_out_max = ZC_OUT_MAX,
        .aside_max = ASIDE_MAX,
        .parked_max = PARKED_MAX,
        .zc_min = (uint32_t)c->zc_min,
        .send_budget = (uint32_t)c->send_budget,
        .send_policy = (int)c->send,
    };
}

static int
by_name(const void *a, const void *b)
{
    const struct region *const *x = a;
    const struct region *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int
open_regions(struct server *s)
{
    char why[CONFIG_WHY_BYTES];
    for (uint32_t i = 0; i < s->cfg->region_count; i++) {
        const struct config_region *r = &s->cfg->regions[i];
        const struct region_config rc = {
            .name = r->name,
            .medium = r->medium,
            .path = r->path[0] != '\0' ? r->path : NULL,
            .len = r->size,
            .class_min = r->class,
            .no_hugetlb = (s->cfg->disable & CONFIG_NO_HUGETLB) != 0,
        };
        const int err = region_open(&rc, &s->caps, &s->regions[i], why, sizeof why);
        if (err == PMEMD_E_UNSUPPORTED || err == PMEMD_E_CLASS)
            return say(EXIT_REFUSED, why);
        if (err < 0)
            return say(EXIT_HOST_CANNOT, why);
        s->region_count++;
    }
    /* An array of pointers. NOLINTNEXTLINE(bugprone-sizeof-expression) */
    qsort(s->regions, s->region_count, sizeof s->regions[0], by_name);
    for (uint32_t i = 0; i < s->region_count; i++)
        s->regions[i]->shard = i % s->shard_count;
    return 0;
}

static int
open_listeners(struct server *s)
{
    char why[CONFIG_WHY_BYTES];
    for (uint32_t i = 0; i < s->cfg->listen.count; i++) {
        if (sock_addr_parse(s->cfg->listen.text[i], &s->addrs[i], why, sizeof why) < 0)
            return say(2, why);
        const int fd =
            sock_listen(&s->addrs[i], BACKLOG, (uint32_t)s->cfg->rcvbuf, why, sizeof why);
        if (fd < 0)
            return say(1, why);
        s->listeners[s->listener_count++] = fd;
    }
    return 0;
}

static void
shard_is_idle(void *arg)
{
    struct server *s = arg;
    (void)sem_post(&s->idle);
}

static int
start_shards(struct server *s)
{
    char why[CONFIG_WHY_BYTES];
    s->shards = calloc(s->shard_count, sizeof(struct shard *));
    s->stats = calloc(s->shard_count, sizeof(struct stats *));
    int rc = s->shards == NULL || s->stats == NULL ? -ENOMEM : 0;
    for (uint32_t i = 0; i < s->shard_count && rc == 0; i++) {
        const struct shard_config sc = {
            .index = i,
            .shard_count = s->shard_count,
            .caps = &s->caps,
            .limits = &s->limits,
            .regions = s->regions,
            .region_count = s->region_count,
            .peers = s->shards,
            .all_stats = s->stats,
            .connections = s->cfg->connections,
            .requests = s->cfg->requests,
            .busy_poll_ns = s->cfg->busy_poll_us * PMI_NS_PER_US,
            .budgets = s->budgets / s->shard_count,
            .listeners = s->listeners,
            .listen_addrs = s->addrs,
            .listener_count = i == 0 ? s->listener_count : 0,
            .idle = shard_is_idle,
            .idle_arg = s,
        };
        rc = shard_new(&sc, &s->shards[i]);
        if (rc == 0)
            s->stats[i] = shard_stats(s->shards[i]);
    }
    /* The last one first: shard 0 accepts, and may move connections to any other. */
    for (uint32_t i = s->shard_count; i-- > 0 && rc == 0;) {
        rc = shard_start(s->shards[i]);
        s->started += rc == 0;
    }
    if (rc == 0)
        return 0;
    ring_explain(rc, why, sizeof why);
    return say(EXIT_HOST_CANNOT, why);
}

static void
announce(const struct server *s)
{
    for (uint32_t i = 0; i < s->listener_count; i++)
        pmi_log(PMI_LOG_INFO, "server.listen", "address=%s", s->cfg->listen.text[i]);
    pmi_log(PMI_LOG_INFO, "server.ready", "pid=%d shards=%u regions=%u", (int)getpid(),
            s->shard_count, s->region_count);
}

/* ---- Stopping ---------------------------------------------------------------------------- */

static int
connections_left(const struct server *s)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->shard_count; i++)
        n += __atomic_load_n(&s->stats[i]->conns_open, __ATOMIC_RELAXED);
    return n > 0;
}

/* Wait for a signal of `set` or until `deadline_ns`; the signal, or 0. */
static int
signal_until(const sigset_t *set, uint64_t deadline_ns)
{
    const uint64_t now = pmi_now_ns();
    const uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    const struct timespec ts = {.tv_sec = (time_t)(left / PMI_NS_PER_S),
                                .tv_nsec = (long)(left % PMI_NS_PER_S)};
    const int sig = sigtimedwait(set, NULL, &ts);
    return sig > 0 ? sig : 0;
}

/* Remove the files of Unix sockets, once: a successor may make them anew while we finish. */
static void
forget_addresses(struct server *s)
{
    for (uint32_t i = 0; i < s->listener_count && !s->forgotten; i++)
        sock_unlink(&s->addrs[i]);
    s->forgotten = true;
}

static void
tell_shards(struct server *s, void (*what)(struct shard *))
{
    for (uint32_t i = 0; i < s->shard_count; i++)
        what(s->shards[i]);
}

/* Finish what is in flight; a second signal, or the time being over, breaks the rest off. */
static void
stop(struct server *s, const sigset_t *set)
{
    const uint64_t until = pmi_now_ns() + s->cfg->stop_ms * PMI_NS_PER_MS;
    pmi_log(PMI_LOG_INFO, "server.stopping", "patience_ms=%u", s->cfg->stop_ms);
    forget_addresses(s);
    tell_shards(s, shard_finish);
    bool reset = false;
    for (uint32_t idle = 0; idle < s->shard_count || connections_left(s);) {
        while (sem_trywait(&s->idle) == 0)
            idle++;
        const uint64_t now = pmi_now_ns();
        const uint64_t poll_until = now + IDLE_POLL_NS;
        const int sig = signal_until(set, connections_left(s) ? poll_until : now);
        if (!reset && (sig != 0 || now >= until)) {
            reset = true;
            pmi_log(PMI_LOG_WARN, "server.reset", "why=\"%s\"",
                    sig != 0 ? "second signal" : "stop_ms is over");
            tell_shards(s, shard_reset);
        }
    }
}

static void
tear_down(struct server *s)
{
    for (uint32_t i = s->shard_count - s->started; i < s->shard_count; i++)
        shard_quit(s->shards[i]);
    for (uint32_t i = 0; s->shards != NULL && i < s->shard_count; i++)
        if (s->shards[i] != NULL)
            shard_join(s->shards[i]);
    for (uint32_t i = 0; s->shards != NULL && i < s->shard_count; i++)
        shard_free(s->shards[i]);
    forget_addresses(s);
    for (uint32_t i = 0; i < s->listener_count; i++)
        close(s->listeners[i]);
    for (uint32_t i = 0; i < s->region_count; i++)
        region_close(s->regions[i]);
    free(s->shards);
    free(s->stats);
    (void)sem_destroy(&s->idle);
}

int
server_run(const struct config *cfg)
{
    struct server s = {.cfg = cfg, .shard_count = cfg->shards};
    sigset_t set;
    pmi_assert(cfg->shards > 0);
    (void)sem_init(&s.idle, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    int rc = probe(&s);
    set_limits(&s);
    if (rc == 0)
        rc = open_listeners(&s); /* before the memory: a taken address is told at once */
    if (rc == 0)
        rc = open_regions(&s);
    if (rc == 0)
        rc = start_shards(&s);
    if (rc == 0) {
        announce(&s);
        while (sigwaitinfo(&set, NULL) < 0) {
        }
        stop(&s, &set);
        pmi_log(PMI_LOG_INFO, "server.stopped", NULL);
    }
    tear_down(&s);
    return rc;
}
