// SPDX-License-Identifier: BSD-3-Clause
/*
 * The torn test: several connections, half of them writing, half reading, all in one small hot
 * area, with requests of 1..4 extents of 1..4 whole blocks each at random places. Every word
 * written tells its write (stamp.h), every word read is looked at, and history.h judges what
 * was seen; its opening comment says precisely what is checked.
 *
 * `overlaps` counts, at each submission, the requests then in flight that touch one of its
 * blocks where at least one of the two writes: how often the server had to keep two requests
 * apart. Without overlaps a clean result would prove nothing.
 */
#include "tools/lib/exit.h"
#include "tools/lib/memory.h"
#include "tools/lib/text.h"
#include "tools/pmemd-bench/conns.h"
#include "tools/pmemd-bench/gen.h"
#include "tools/pmemd-bench/history.h"
#include "tools/pmemd-bench/inflight.h"
#include "tools/pmemd-bench/run.h"
#include "tools/pmemd-bench/stamp.h"
#include "tools/pmemd-bench/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define BLOCKS 32u
#define BLOCKS_MIN 4u
#define SPAN_BLOCKS ((size_t)HISTORY_EXTENTS_MAX * HISTORY_SPAN_MAX) /* of one request */
#define TURN_NS UINT64_C(100000000)
#define DRAIN_NS UINT64_C(10000000000)
#define ERRORS_MAX 100u
#define FINDINGS_SHOWN 8u
#define POISON UINT64_C(0x0bad0bad0bad0bad) /* no stamp: its first four bits are not the tag */

struct shot {
    char *data; /* SPAN_BLOCKS blocks */
    uint64_t begin_ns;
    uint64_t seq; /* of a write */
    unsigned extent_count;
    unsigned blocks; /* of all extents, each time they occur */
    struct history_extent extents[HISTORY_EXTENTS_MAX];
    struct history_read read;
};

struct torn {
    const struct bench_opts *opts; /* borrowed */
    struct conns conns;
    struct history *history; /* owned */
    struct inflight inflight;
    struct shot *shots; /* owned; qd per connection */
    char *memory;
    size_t memory_bytes;
    unsigned blocks;
    unsigned
        writers; /* connections 0..writers-1 write; writer number `writers` laid the base */
    unsigned flying;
    struct rng rng;
    bool stopping;
    int err;
    struct bench_result *result;
};

static bool
writes(const struct torn *t, unsigned which)
{
    return which < t->writers;
}

static void
choose_extents(struct torn *t, struct shot *s)
{
    s->extent_count = 1 + (unsigned)rng_below(&t->rng, HISTORY_EXTENTS_MAX);
    s->blocks = 0;
    for (unsigned i = 0; i < s->extent_count; i++) {
        const unsigned first = (unsigned)rng_below(&t->rng, t->blocks);
        const unsigned room = t->blocks - first;
        const unsigned most = room < HISTORY_SPAN_MAX ? room : HISTORY_SPAN_MAX;
        s->extents[i] = (struct history_extent){first, 1 + (unsigned)rng_below(&t->rng, most)};
        s->blocks += s->extents[i].count;
    }
}

/* The bytes of a write, each extent with its stamp. */
static void
stamp_shot(const struct torn *t, unsigned writer, struct shot *s)
{
    const size_t words = t->opts->bs / sizeof(uint64_t);
    uint64_t *at = (uint64_t *)(void *)s->data;
    for (unsigned i = 0; i < s->extent_count; i++) {
        const struct history_extent e = s->extents[i];
        const uint64_t bits =
            stamp_pack((struct stamp){.writer = writer, .extent = i, .seq = s->seq});
        stamp_fill(at, e.count * words, e.first * words, bits);
        at += e.count * words;
    }
}

/* So that a block the read did not fill cannot pass for one it did. */
static void
poison_shot(const struct torn *t, struct shot *s)
{
    const size_t words = t->opts->bs / sizeof(uint64_t);
    uint64_t *const at = (uint64_t *)(void *)s->data;
    for (unsigned i = 0; i < s->blocks; i++) {
        at[i * words] = POISON;
        at[i * words + words / 2] = POISON;
        at[i * words + words - 1] = POISON;
    }
}

static int
submit_shot(struct torn *t, unsigned which, unsigned slot)
{
    const uint64_t bs = t->opts->bs;
    const struct shot *const s = &t->shots[which * t->opts->qd + slot];
    struct pmemd_extent extents[HISTORY_EXTENTS_MAX];
    struct pmemd_iov iov[HISTORY_EXTENTS_MAX];
    char *at = s->data;
    for (unsigned i = 0; i < s->extent_count; i++) {
        extents[i] = (struct pmemd_extent){s->extents[i].first * bs, s->extents[i].count * bs};
        iov[i] = (struct pmemd_iov){at, extents[i].len};
        at += extents[i].len;
    }
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = writes(t, which) ? PMEMD_VERB_WRITE : PMEMD_VERB_READ;
    req.extents = extents;
    req.iov = iov;
    req.extent_count = req.iov_count = s->extent_count;
    req.cookie = slot;
    return pmemd_submit(t->conns.clients[which], &req);
}

static void
fire(struct torn *t, unsigned which, unsigned slot)
{
    const unsigned place = which * t->opts->qd + slot;
    struct shot *const s = &t->shots[place];
    choose_extents(t, s);
    if (writes(t, which)) {
        s->seq = history_write_begin(t->history, which, s->extents, s->extent_count);
        if (s->seq == 0) { /* thousands went past one that hangs: the run cannot judge on */
            t->err = PMEMD_E_SLOW;
            return;
        }
        stamp_shot(t, which, s);
    } else {
        poison_shot(t, s);
        history_read_begin(t->history, &s->read, s->extents, s->extent_count);
    }
    s->begin_ns = tool_now_ns();
    const int rc = submit_shot(t, which, slot);
    if (rc < 0) {
        if (writes(t, which))
            history_write_end(t->history, which, s->seq, false);
        if (t->err == 0)
            t->err = rc;
        return;
    }
    t->flying++;
    t->result->overlaps += inflight_enter(
        &t->inflight, place, history_mask(s->extents, s->extent_count), writes(t, which));
}

/* Every word that was read, and the judge. */
static void
look(struct torn *t, const struct shot *s)
{
    struct history_seen seen[SPAN_BLOCKS];
    const size_t words = t->opts->bs / sizeof(uint64_t);
    const uint64_t *at = (const uint64_t *)(const void *)s->data;
    unsigned n = 0;
    for (unsigned i = 0; i < s->extent_count; i++)
        for (unsigned b = 0; b < s->extents[i].count; b++, n++, at += words) {
            const uint64_t first = (s->extents[i].first + b) * words;
            const size_t same = stamp_scan(at, words, first, &seen[n].bits);
            seen[n].mixed = same < words;
            seen[n].at = same * sizeof *at;
            seen[n].other = 0;
            if (seen[n].mixed) {
                uint64_t rest = 0;
                (void)stamp_scan(at + same, words - same, first + same, &rest);
                seen[n].other = rest;
            }
        }
    history_read_end(t->history, &s->read, seen);
}

static void
on_done(struct torn *t, unsigned which, const struct pmemd_event *ev)
{
    const unsigned place = which * t->opts->qd + (unsigned)ev->cookie;
    struct shot *const s = &t->shots[place];
    t->flying--;
    inflight_leave(&t->inflight, place);
    if (writes(t, which))
        history_write_end(t->history, which, s->seq, ev->err == 0);
    if (ev->err < 0) {
        if (t->result->errors++ == 0)
            (void)tool_fail("a request", ev->err, t->conns.clients[which]);
        if (t->result->errors >= ERRORS_MAX && t->err == 0)
            t->err = ev->err;
        return;
    }
    if (writes(t, which)) {
        t->result->writes++;
    } else {
        t->result->reads++;
        look(t, s);
    }
    t->result->bytes += s->blocks * t->opts->bs;
    hist_add(&t->result->latency, tool_now_ns() - s->begin_ns);
}

static void
on_events(void *ctx, unsigned which, const struct pmemd_event *events, unsigned count,
          uint64_t now_ns)
{
    struct torn *const t = ctx;
    (void)now_ns;
    for (unsigned i = 0; i < count; i++) {
        const struct pmemd_event *const ev = &events[i];
        if (ev->what == PMEMD_EV_DONE) {
            on_done(t, which, ev);
        } else if (ev->what == PMEMD_EV_RELEASED) { /* the buffer may be written again */
            if (!t->stopping && t->err == 0)
                fire(t, which, (unsigned)ev->cookie);
        } else if (ev->what == PMEMD_EV_LOST) {
            t->result->lost++;
            if (writes(t, which))
                history_writer_lost(t->history, which);
        } else if (ev->what == PMEMD_EV_REFUSED && t->err == 0) {
            t->err = ev->err < 0 ? ev->err : PMEMD_E_STATE;
        }
    }
}

/* Give every block a first stamp, so that all that is read is somebody's. */
static int
lay_base(struct torn *t)
{
    const struct history_extent all = {0, t->blocks};
    const size_t words = t->opts->bs / sizeof(uint64_t);
    const uint64_t seq = history_write_begin(t->history, t->writers, &all, 1);
    const uint64_t bits = stamp_pack((struct stamp){.writer = t->writers, .seq = seq});
    uint64_t *const data = (uint64_t *)(void *)t->memory; /* no request is in flight yet */
    for (unsigned b = 0; b < t->blocks; b++) {
        stamp_fill(data, words, b * words, bits);
        const int rc = pmemd_write(t->conns.clients[0], b * t->opts->bs, data, t->opts->bs,
                                   PMEMD_LEVEL_RECEIVED);
        if (rc < 0)
            return rc;
    }
    history_write_end(t->history, t->writers, seq, true);
    return 0;
}

/* Memory and tables. Returns TOOL_OK or the exit code. */
static int
prepare(struct torn *t)
{
    const struct bench_opts *const o = t->opts;
    const struct pmemd_info *const info = &t->conns.info;
    uint64_t span = info->len;
    if (o->region_bytes > 0 && o->region_bytes < span)
        span = o->region_bytes;
    t->blocks = span / o->bs < BLOCKS ? (unsigned)(span / o->bs) : BLOCKS;
    if (t->blocks < BLOCKS_MIN || o->bs * SPAN_BLOCKS > info->io_max) {
        tool_say("--bs %" PRIu64 ": torn needs at least %u blocks in the region (%" PRIu64
                 " bytes), and %zu of them in one request (%" PRIu64 " bytes)",
                 o->bs, BLOCKS_MIN, span, SPAN_BLOCKS, info->io_max);
        return TOOL_USAGE;
    }
    const unsigned shots = o->conns * o->qd;
    const size_t shot_bytes = (size_t)o->bs * SPAN_BLOCKS;
    t->memory_bytes = shot_bytes * shots;
    t->memory = tool_memory_new(t->memory_bytes);
    t->shots = calloc(shots, sizeof *t->shots);
    t->history = history_new(t->blocks, t->writers + 1);
    if (t->memory == NULL || t->shots == NULL || t->history == NULL ||
        inflight_init(&t->inflight, shots) < 0) {
        tool_say("%zu bytes of buffers are more than this host has free: lower --bs, --qd or "
                 "--conns",
                 t->memory_bytes);
        return TOOL_HOST;
    }
    for (unsigned i = 0; i < shots; i++)
        t->shots[i].data = t->memory + i * shot_bytes;
    rng_init(&t->rng, tool_now_ns());
    return TOOL_OK;
}

/* Turn until the moment, or until nothing is in flight if that is waited for. */
static void
turn_until(struct torn *t, uint64_t end_ns)
{
    for (uint64_t now = tool_now_ns(); now < end_ns; now = tool_now_ns()) {
        if (t->err < 0 || (t->stopping && t->flying == 0))
            return;
        const uint64_t left = end_ns - now;
        const int rc = conns_turn(&t->conns, left < TURN_NS ? left : TURN_NS);
        if (rc < 0 && t->err == 0)
            t->err = rc;
    }
}

static void
run(struct torn *t)
{
    const struct bench_opts *const o = t->opts;
    struct bench_result *const r = t->result;
    struct tool_path path_before = {0}, path_after = {0};
    uint64_t srv_before = 0, srv_after = 0;
    t->err = lay_base(t);
    if (t->err == 0)
        t->err = conns_path(&t->conns, &path_before);
    r->srv_known = o->srv_pid != 0 && usage_process_ns(o->srv_pid, &srv_before) == 0;
    const uint64_t cli_before = usage_self_ns();
    const uint64_t start_ns = tool_now_ns();
    for (unsigned i = 0; i < o->conns; i++)
        for (unsigned slot = 0; slot < o->qd && t->err == 0; slot++)
            fire(t, i, slot);
    turn_until(t, start_ns + o->run_ns);
    t->stopping = true;
    turn_until(t, tool_now_ns() + DRAIN_NS);
    r->ns = tool_now_ns() - start_ns;
    r->cli_ns = usage_self_ns() - cli_before;
    r->srv_known = r->srv_known && usage_process_ns(o->srv_pid, &srv_after) == 0;
    r->srv_ns = srv_after - srv_before;
    if (t->err == 0 && t->flying > 0)
        t->err = PMEMD_E_TIMEOUT;
    if (t->err == 0)
        t->err = conns_path(&t->conns, &path_after);
    r->path = tool_path_since(path_before, path_after);
    r->ops = r->reads + r->writes;
    r->crc = (t->conns.info.flags & PMEMD_INFO_CRC) != 0;
}

static void
judge(struct torn *t)
{
    const struct history_result sum = history_judge(t->history);
    t->result->torn = sum.torn;
    t->result->stale = sum.stale;
    t->result->excused = sum.excused;
    char text[HISTORY_TEXT_BYTES];
    for (unsigned i = 0; i < FINDINGS_SHOWN && history_finding(t->history, i, text); i++)
        tool_say("%s", text);
}

int
bench_torn(const struct bench_opts *o, struct bench_result *ret)
{
    struct torn t = {.opts = o, .writers = o->conns / 2, .result = ret};
    int code = conns_open(&t.conns, o, on_events, &t);
    if (code != TOOL_OK)
        return code;
    code = prepare(&t);
    if (code == TOOL_OK) {
        run(&t);
        judge(&t);
        if (t.err < 0) {
            code = (int)tool_fail(o->uri, t.err, t.conns.clients[0]);
            if (ret->torn > 0 || ret->stale > 0)
                code = TOOL_DIFFERS;
            for (unsigned i = 0; i < o->conns; i++)
                pmemd_abort(t.conns.clients[i]); /* do not wait for what has failed */
        }
    }
    conns_close(&t.conns);
    history_free(t.history);
    inflight_fini(&t.inflight);
    free(t.shots);
    tool_memory_free(t.memory, t.memory_bytes);
    return code;
}
