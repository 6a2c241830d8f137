// SPDX-License-Identifier: BSD-3-Clause
/*
 * Throughput and latency of one operation.
 *
 * Method. Each connection keeps qd requests in flight; a completion is answered by the next
 * submission at once. The clock is read once per batch of reaped events, after it: that moment
 * ends the batch's requests and begins those submitted in return. A latency thus contains the
 * wait of up to one batch (64 records) on either side, so it is never too small. Only requests
 * that began inside the measured interval count for latency, all that ended inside it for
 * throughput. Server figures are taken between warm-up and interval over a connection of their
 * own.
 *
 * A buffer is read into again when its request was RELEASED. Write buffers never change, so
 * they may be sent again as soon as the request is DONE.
 */
#include "tools/lib/exit.h"
#include "tools/lib/memory.h"
#include "tools/lib/text.h"
#include "tools/pmemd-bench/conns.h"
#include "tools/pmemd-bench/gen.h"
#include "tools/pmemd-bench/run.h"
#include "tools/pmemd-bench/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define WARMUP_NS UINT64_C(300000000)
#define DRAIN_NS UINT64_C(5000000000)
#define TURN_NS UINT64_C(100000000) /* look at the clock at least so often */
#define ERRORS_MAX 1000u            /* of this many, more would only be noise */
#define PAGE_BYTES UINT64_C(4096)

struct lane {
    struct pmemd_client *client; /* borrowed */
    struct gen gen;
    char *data;         /* qd buffers */
    uint64_t *begin_ns; /* owned; per request */
    unsigned *parked;   /* owned; requests the client had no room for */
    unsigned parked_count;
    unsigned flying;
};

struct load {
    const struct bench_opts *opts; /* borrowed */
    struct conns conns;
    struct lane *lanes; /* owned */
    char *memory;
    size_t memory_bytes, buffer_bytes;
    struct pmemd_req req; /* all that does not change from request to request */
    struct pmemd_extent extent;
    struct pmemd_iov iov;
    uint32_t again_at; /* the event that frees a request's place */
    uint64_t now_ns, start_ns;
    bool measuring, stopping;
    int err; /* the first that ends the run */
    struct bench_result *result;
};

static void
submit(struct load *l, struct lane *lane, unsigned slot)
{
    l->extent.off = gen_next(&lane->gen);
    l->iov.data = lane->data + slot * l->buffer_bytes;
    l->req.cookie = slot;
    const int rc = pmemd_submit(lane->client, &l->req);
    if (rc == 0) {
        lane->begin_ns[slot] = l->now_ns;
        lane->flying++;
        return;
    }
    lane->parked[lane->parked_count++] = slot;
    if (rc != -EAGAIN && l->err == 0)
        l->err = rc;
}

static void
on_done(struct load *l, struct lane *lane, const struct pmemd_event *ev)
{
    lane->flying--;
    if (ev->err < 0) {
        if (l->result->errors++ == 0)
            (void)tool_fail("a request", ev->err, lane->client);
        if (l->result->errors >= ERRORS_MAX && l->err == 0)
            l->err = ev->err;
        return;
    }
    if (!l->measuring)
        return;
    l->result->ops++;
    if (lane->begin_ns[ev->cookie] >= l->start_ns)
        hist_add(&l->result->latency, l->now_ns - lane->begin_ns[ev->cookie]);
}

static void
on_events(void *ctx, unsigned which, const struct pmemd_event *events, unsigned count,
          uint64_t now_ns)
{
    struct load *const l = ctx;
    struct lane *const lane = &l->lanes[which];
    l->now_ns = now_ns;
    for (unsigned i = 0; i < count; i++) {
        const struct pmemd_event *const ev = &events[i];
        if (ev->what == PMEMD_EV_DONE)
            on_done(l, lane, ev);
        else if (ev->what == PMEMD_EV_REFUSED && l->err == 0)
            l->err = ev->err < 0 ? ev->err : PMEMD_E_STATE;
        if (ev->what != l->again_at)
            continue;
        if (l->stopping || l->err < 0)
            lane->parked[lane->parked_count++] = (unsigned)ev->cookie;
        else
            submit(l, lane, (unsigned)ev->cookie);
    }
    /* Places come free with every RELEASED: try those that were turned away, once each. */
    for (unsigned n = lane->parked_count; n > 0 && !l->stopping && l->err == 0; n--)
        submit(l, lane, lane->parked[--lane->parked_count]);
}

static int
lane_init(struct load *l, unsigned which, uint64_t blocks)
{
    const struct bench_opts *const o = l->opts;
    struct lane *const lane = &l->lanes[which];
    const bool random = o->op == BENCH_RANDREAD || o->op == BENCH_RANDWRITE;
    lane->client = l->conns.clients[which];
    lane->data = l->memory + (size_t)which * o->qd * l->buffer_bytes;
    lane->begin_ns = calloc(o->qd, sizeof *lane->begin_ns);
    lane->parked = calloc(o->qd, sizeof *lane->parked);
    if (lane->begin_ns == NULL || lane->parked == NULL)
        return -ENOMEM;
    gen_init(&lane->gen, random, o->bs, blocks, which, o->conns);
    return 0;
}

/* Bytes that no compression or zero detection below could make easy. */
static void
fill_memory(struct load *l)
{
    struct rng rng;
    rng_init(&rng, UINT64_C(0x706d656d64));
    for (size_t at = 0; at + 8 <= l->memory_bytes; at += 8) {
        const uint64_t word = rng_next(&rng);
        __builtin_memcpy(l->memory + at, &word, sizeof word);
    }
}

/* What the region allows, and all memory. Returns TOOL_OK or the exit code. */
static int
prepare(struct load *l)
{
    const struct bench_opts *const o = l->opts;
    uint64_t span = l->conns.info.len;
    if (o->region_bytes > 0 && o->region_bytes < span)
        span = o->region_bytes;
    if (span < o->bs) {
        tool_say("--bs %" PRIu64 ": the region has only %" PRIu64 " bytes", o->bs, span);
        return TOOL_USAGE;
    }
    l->buffer_bytes = (size_t)((o->bs + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
    l->memory_bytes = l->buffer_bytes * o->qd * o->conns;
    l->memory = tool_memory_new(l->memory_bytes);
    l->lanes = calloc(o->conns, sizeof *l->lanes);
    int rc = l->lanes != NULL && l->memory != NULL ? 0 : -ENOMEM;
    for (unsigned i = 0; rc == 0 && i < o->conns; i++)
        rc = lane_init(l, i, span / o->bs);
    if (rc < 0) {
        tool_say("%zu bytes of buffers are more than this host has free: lower --bs, --qd or "
                 "--conns",
                 l->memory_bytes);
        return TOOL_HOST;
    }
    fill_memory(l);
    const bool reads = bench_op_reads(o->op);
    pmemd_req_init(&l->req, sizeof l->req);
    l->req.verb = reads ? PMEMD_VERB_READ : PMEMD_VERB_WRITE;
    l->req.extents = &l->extent;
    l->req.iov = &l->iov;
    l->req.extent_count = l->req.iov_count = 1;
    l->extent.len = l->iov.len = o->bs;
    l->again_at = reads ? PMEMD_EV_RELEASED : PMEMD_EV_DONE;
    return TOOL_OK;
}

/* Turn until the moment; l->err ends it early. */
static void
turn_until(struct load *l, uint64_t end_ns)
{
    uint64_t looked_ns = tool_now_ns();
    while (l->err == 0 && looked_ns < end_ns) {
        const uint64_t left = end_ns - looked_ns;
        const int rc = conns_turn(&l->conns, left < TURN_NS ? left : TURN_NS);
        if (rc < 0 && l->err == 0)
            l->err = rc;
        /* The last batch's clock will do, unless there was no batch. */
        looked_ns = l->now_ns > looked_ns ? l->now_ns : tool_now_ns();
    }
    l->now_ns = looked_ns;
}

static void
snapshot(struct load *l, struct tool_path *path, uint64_t *srv_ns)
{
    const int rc = conns_path(&l->conns, path);
    if (rc < 0 && l->err == 0)
        l->err = rc;
    l->result->srv_known =
        l->opts->srv_pid != 0 && usage_process_ns(l->opts->srv_pid, srv_ns) == 0;
}

static void
drain(struct load *l)
{
    const uint64_t end_ns = tool_now_ns() + DRAIN_NS;
    l->stopping = true;
    for (;;) {
        unsigned flying = 0;
        for (unsigned i = 0; i < l->opts->conns; i++)
            flying += l->lanes[i].flying;
        if (flying == 0 || tool_now_ns() >= end_ns)
            return;
        if (conns_turn(&l->conns, TURN_NS) < 0)
            return;
    }
}

/* Warm up, measure, drain. */
static void
measure(struct load *l)
{
    const struct bench_opts *const o = l->opts;
    struct bench_result *const r = l->result;
    struct tool_path path_before = {0}, path_after = {0};
    uint64_t srv_before = 0, srv_after = 0;
    l->now_ns = tool_now_ns();
    for (unsigned i = 0; i < o->conns && l->err == 0; i++)
        for (unsigned slot = 0; slot < o->qd; slot++)
            submit(l, &l->lanes[i], slot);
    turn_until(l, l->now_ns + WARMUP_NS);
    snapshot(l, &path_before, &srv_before);
    const uint64_t cli_before = usage_self_ns();
    l->start_ns = l->now_ns = tool_now_ns();
    l->measuring = true;
    turn_until(l, l->start_ns + o->run_ns);
    l->measuring = false;
    r->ns = l->now_ns - l->start_ns;
    r->cli_ns = usage_self_ns() - cli_before;
    if (l->err == 0)
        snapshot(l, &path_after, &srv_after);
    r->srv_ns = srv_after - srv_before;
    r->path = tool_path_since(path_before, path_after);
    r->bytes = r->ops * o->bs;
    r->crc = (l->conns.info.flags & PMEMD_INFO_CRC) != 0;
    if (l->err == 0)
        drain(l);
}

int
bench_load(const struct bench_opts *o, struct bench_result *ret)
{
    struct load l = {.opts = o, .result = ret};
    int code = conns_open(&l.conns, o, on_events, &l);
    if (code != TOOL_OK)
        return code;
    code = prepare(&l);
    if (code == TOOL_OK) {
        measure(&l);
        if (l.err < 0) {
            code = (int)tool_fail(o->uri, l.err, l.conns.clients[0]);
            for (unsigned i = 0; i < o->conns; i++)
                pmemd_abort(l.conns.clients[i]); /* do not wait for what has failed */
        }
    }
    conns_close(&l.conns);
    for (unsigned i = 0; l.lanes != NULL && i < o->conns; i++) {
        free(l.lanes[i].begin_ns);
        free(l.lanes[i].parked);
    }
    free(l.lanes);
    tool_memory_free(l.memory, l.memory_bytes);
    return code;
}
