// SPDX-License-Identifier: BSD-3-Clause
/* The judge of the torn test: see history.h, whose rules T1..S2 are named here. */
#include "tools/pmemd-bench/history.h"

#include "tools/pmemd-bench/stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 4096u /* writes remembered per writer */
#define FINDINGS_MAX 4096u
#define WINDOWS_MAX 4096u
#define TEXTS_MAX 64u
#define NEVER UINT64_MAX /* a moment that does not come */

struct write_rec {
    uint64_t seq;   /* 0: none */
    uint64_t begin; /* moment */
    uint64_t end;   /* moment of the ack; 0 = in flight; NEVER = its fate is unknown */
    uint64_t known[HISTORY_EXTENTS_MAX]; /* moment since when it is known; 0 = not yet */
    uint64_t masks[HISTORY_EXTENTS_MAX]; /* blocks that show each extent, overlays removed */
    bool broken;
};

struct writer {
    uint64_t last; /* sequence number handed out last */
    bool lost;     /* its connection broke once: S2 is off */
    bool failed;   /* a write's fate is unknown: the ends of forgotten writes are, too */
    struct write_rec *ring;
};

enum kind { KIND_MIXED, KIND_FOREIGN, KIND_MOMENT, KIND_STALE };

struct finding {
    enum kind kind;
    bool excused;
    uint64_t mask;       /* blocks concerned */
    uint64_t begin, end; /* of the read */
    uint64_t a, b;       /* stamps */
    size_t at;           /* byte in the block (KIND_MIXED) */
};

/* A time in which blocks may be half written. */
struct window {
    uint64_t mask, begin, end;
};

struct history {
    unsigned blocks, writer_count;
    uint64_t now;
    uint64_t floor[HISTORY_BLOCKS_MAX]; /* the latest begin of a known write of the block */
    struct writer writers[HISTORY_CONNS_MAX];
    struct history_result result; /* findings that found no room */
    unsigned finding_count, window_count;
    struct finding findings[FINDINGS_MAX];
    struct window windows[WINDOWS_MAX];
};

struct history *
history_new(unsigned blocks, unsigned writers)
{
    if (blocks == 0 || blocks > HISTORY_BLOCKS_MAX || writers == 0 ||
        writers > HISTORY_CONNS_MAX)
        return NULL;
    struct history *const h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->blocks = blocks;
    h->writer_count = writers;
    for (unsigned w = 0; w < writers; w++) {
        h->writers[w].ring = calloc(RING, sizeof *h->writers[w].ring);
        if (h->writers[w].ring == NULL) {
            history_free(h);
            return NULL;
        }
    }
    return h;
}

void
history_free(struct history *h)
{
    if (h == NULL)
        return;
    for (unsigned w = 0; w < h->writer_count; w++)
        free(h->writers[w].ring);
    free(h);
}

static uint64_t
extent_mask(struct history_extent e)
{
    return (e.count < 64 ? (UINT64_C(1) << e.count) - 1 : UINT64_MAX) << e.first;
}

uint64_t
history_mask(const struct history_extent *extents, unsigned count)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < count; i++)
        mask |= extent_mask(extents[i]);
    return mask;
}

/* The record of a write; NULL when it was forgotten or never was. */
static struct write_rec *
find(struct history *h, unsigned writer, uint64_t seq)
{
    if (writer >= h->writer_count || seq == 0)
        return NULL;
    struct write_rec *const rec = &h->writers[writer].ring[seq % RING];
    return rec->seq == seq ? rec : NULL;
}

/* Extent `e` of a write is known since `moment`. */
static void
make_known(struct history *h, struct write_rec *rec, unsigned e, uint64_t moment)
{
    if (rec->known[e] != 0)
        return;
    rec->known[e] = moment;
    for (uint64_t left = rec->masks[e]; left != 0; left &= left - 1) {
        uint64_t *const floor = &h->floor[__builtin_ctzll(left)];
        if (*floor < rec->begin)
            *floor = rec->begin;
    }
}

uint64_t
history_write_begin(struct history *h, unsigned writer, const struct history_extent *extents,
                    unsigned count)
{
    struct writer *const w = &h->writers[writer];
    struct write_rec *const rec = &w->ring[(w->last + 1) % RING];
    if (rec->seq != 0 && rec->end == 0)
        return 0;
    *rec = (struct write_rec){.seq = ++w->last, .begin = ++h->now};
    uint64_t later = 0;
    for (unsigned i = count; i-- > 0;) {
        rec->masks[i] = extent_mask(extents[i]) & ~later;
        later |= rec->masks[i];
    }
    return rec->seq;
}

void
history_write_end(struct history *h, unsigned writer, uint64_t seq, bool acked)
{
    struct write_rec *const rec = find(h, writer, seq);
    if (rec == NULL)
        return;
    const uint64_t now = ++h->now;
    uint64_t mask = 0;
    rec->end = acked ? now : NEVER;
    for (unsigned e = 0; e < HISTORY_EXTENTS_MAX; e++) {
        mask |= rec->masks[e];
        if (acked)
            make_known(h, rec, e, now);
    }
    if (!acked)
        h->writers[writer].failed = true;
    if ((rec->broken || !acked) && h->window_count < WINDOWS_MAX)
        h->windows[h->window_count++] = (struct window){mask, rec->begin, rec->end};
}

void
history_writer_lost(struct history *h, unsigned writer)
{
    struct writer *const w = &h->writers[writer];
    w->lost = true;
    for (unsigned i = 0; i < RING; i++)
        if (w->ring[i].seq != 0 && w->ring[i].end == 0)
            w->ring[i].broken = true;
}

void
history_read_begin(struct history *h, struct history_read *r,
                   const struct history_extent *extents, unsigned count)
{
    r->begin = ++h->now;
    r->extent_count = count;
    memcpy(r->extents, extents, count * sizeof *extents);
    for (uint64_t left = history_mask(extents, count); left != 0; left &= left - 1) {
        const unsigned block = (unsigned)__builtin_ctzll(left);
        r->floor[block] = h->floor[block];
    }
}

static void
found(struct history *h, struct finding f)
{
    if (h->finding_count < FINDINGS_MAX)
        h->findings[h->finding_count++] = f;
    else if (f.kind == KIND_STALE)
        h->result.stale++;
    else
        h->result.torn++;
}

/* S1: `end` of a write that may be forgotten; 0 when nothing can be said. */
static uint64_t
latest_end(struct history *h, struct stamp s)
{
    const struct write_rec *const rec = find(h, s.writer, s.seq);
    if (rec != NULL)
        return rec->end == NEVER ? 0 : rec->end;
    const struct writer *const w = &h->writers[s.writer];
    if (w->failed)
        return 0;
    /* A forgotten write had ended before the one that took its place began; if that one is
     * forgotten too, before the oldest remembered one did. */
    uint64_t heir = s.seq + RING;
    if (heir + RING <= w->last)
        heir = w->last - RING + 1;
    const struct write_rec *const after = find(h, s.writer, heir);
    return after != NULL ? after->begin : 0;
}

/* S2: has the writer a later write of the block that was known before `moment`? */
static bool
overtaken(struct history *h, struct stamp s, unsigned block, uint64_t moment)
{
    const struct writer *const w = &h->writers[s.writer];
    if (w->lost)
        return false;
    uint64_t seq = s.seq + 1;
    if (seq + RING <= w->last)
        seq = w->last - RING + 1;
    for (; seq <= w->last; seq++) {
        const struct write_rec *const rec = find(h, s.writer, seq);
        if (rec == NULL)
            continue;
        for (unsigned e = 0; e < HISTORY_EXTENTS_MAX; e++)
            if ((rec->masks[e] >> block & 1) != 0 && rec->known[e] != 0 &&
                rec->known[e] < moment)
                return true;
    }
    return false;
}

/* T2: can the stamp be there at all? A forgotten write is given the benefit of the doubt. */
static bool
plausible(struct history *h, uint64_t bits, unsigned block)
{
    struct stamp s;
    if (!stamp_unpack(bits, &s) || s.writer >= h->writer_count || s.seq == 0 ||
        s.seq > h->writers[s.writer].last)
        return false;
    const struct write_rec *const rec = find(h, s.writer, s.seq);
    return rec == NULL || (rec->masks[s.extent] >> block & 1) != 0;
}

/* T1, T2, S1, S2 on one block. True: the stamp can be trusted further. */
static bool
judge_block(struct history *h, const struct history_read *r, uint64_t now, unsigned block,
            const struct history_seen *seen)
{
    struct finding f = {
        .mask = UINT64_C(1) << block,
        .begin = r->begin,
        .end = now,
        .a = seen->bits,
        .b = seen->other,
        .at = seen->at,
    };
    if (seen->mixed) {
        f.kind = KIND_MIXED;
        found(h, f);
        return false;
    }
    if (!plausible(h, seen->bits, block)) {
        f.kind = KIND_FOREIGN;
        found(h, f);
        return false;
    }
    struct stamp s;
    (void)stamp_unpack(seen->bits, &s);
    const uint64_t end = latest_end(h, s);
    if ((end != 0 && end < r->floor[block]) || overtaken(h, s, block, r->begin)) {
        f.kind = KIND_STALE;
        found(h, f);
    }
    return true;
}

/* T3 on two blocks i and j of one extent, in one direction: A in i, B in j. */
static bool
not_one_moment(struct history *h, uint64_t a_bits, uint64_t b_bits, unsigned i, unsigned j)
{
    struct stamp a, b;
    (void)stamp_unpack(a_bits, &a);
    (void)stamp_unpack(b_bits, &b);
    if (a.writer == b.writer && a.seq == b.seq) /* the same extent, or its request's other */
        return false;
    const struct write_rec *const ra = find(h, a.writer, a.seq);
    const struct write_rec *const rb = find(h, b.writer, b.seq);
    if (ra == NULL || (ra->masks[a.extent] >> j & 1) == 0)
        return false;
    const uint64_t b_end = latest_end(h, b);
    if (b_end != 0 && b_end < ra->begin)
        return true;
    return rb != NULL && (rb->masks[b.extent] >> i & 1) != 0;
}

static void
judge_extent(struct history *h, const struct history_read *r, uint64_t now,
             struct history_extent e, const struct history_seen *seen, const bool *good)
{
    for (unsigned i = 0; i < e.count; i++)
        for (unsigned j = i + 1; j < e.count; j++) {
            if (!good[i] || !good[j])
                continue;
            const unsigned bi = e.first + i, bj = e.first + j;
            const uint64_t a = seen[i].bits, b = seen[j].bits;
            if (!not_one_moment(h, a, b, bi, bj) && !not_one_moment(h, b, a, bj, bi))
                continue;
            found(h, (struct finding){
                         .kind = KIND_MOMENT,
                         .mask = UINT64_C(1) << bi | UINT64_C(1) << bj,
                         .begin = r->begin,
                         .end = now,
                         .a = a,
                         .b = b,
                     });
        }
}

void
history_read_end(struct history *h, const struct history_read *r,
                 const struct history_seen *seen)
{
    const uint64_t now = ++h->now;
    bool good[HISTORY_EXTENTS_MAX * HISTORY_BLOCKS_MAX];
    unsigned at = 0;
    for (unsigned x = 0; x < r->extent_count; x++) {
        const struct history_extent e = r->extents[x];
        for (unsigned i = 0; i < e.count; i++)
            good[at + i] = judge_block(h, r, now, e.first + i, &seen[at + i]);
        judge_extent(h, r, now, e, seen + at, good + at);
        at += e.count;
    }
    for (unsigned i = 0; i < at; i++) {
        struct stamp s;
        if (!good[i] || !stamp_unpack(seen[i].bits, &s))
            continue;
        struct write_rec *const rec = find(h, s.writer, s.seq);
        if (rec != NULL)
            make_known(h, rec, s.extent, now);
    }
}

/* Writes that broke and have not ended by now may be half done for ever. */
static void
close_windows(struct history *h)
{
    for (unsigned w = 0; w < h->writer_count; w++)
        for (unsigned i = 0; i < RING; i++) {
            const struct write_rec *const rec = &h->writers[w].ring[i];
            if (rec->seq != 0 && rec->end == 0 && rec->broken && h->window_count < WINDOWS_MAX)
                h->windows[h->window_count++] = (struct window){
                    rec->masks[0] | rec->masks[1] | rec->masks[2] | rec->masks[3], rec->begin,
                    NEVER};
        }
}

static bool
is_excused(const struct history *h, const struct finding *f)
{
    if (f->kind == KIND_STALE)
        return false;
    for (unsigned i = 0; i < h->window_count; i++) {
        const struct window *const w = &h->windows[i];
        if ((w->mask & f->mask) != 0 && w->begin <= f->end && w->end >= f->begin)
            return true;
    }
    return false;
}

struct history_result
history_judge(struct history *h)
{
    close_windows(h);
    struct history_result sum = h->result;
    for (unsigned i = 0; i < h->finding_count; i++) {
        struct finding *const f = &h->findings[i];
        f->excused = is_excused(h, f);
        if (f->excused)
            sum.excused++;
        else if (f->kind == KIND_STALE)
            sum.stale++;
        else
            sum.torn++;
    }
    return sum;
}

static const char *
stamp_text(char dst[static 48], uint64_t bits)
{
    struct stamp s;
    if (stamp_unpack(bits, &s))
        (void)snprintf(dst, 48, "write %u.%" PRIu64 " extent %u", s.writer, s.seq, s.extent);
    else
        (void)snprintf(dst, 48, "foreign bytes %016" PRIx64, bits);
    return dst;
}

bool
history_finding(const struct history *h, unsigned at, char dst[static HISTORY_TEXT_BYTES])
{
    if (at >= h->finding_count || at >= TEXTS_MAX)
        return false;
    const struct finding *const f = &h->findings[at];
    const unsigned block = (unsigned)__builtin_ctzll(f->mask);
    char a[48], b[48];
    (void)stamp_text(a, f->a);
    (void)stamp_text(b, f->b);
    const char *const note = f->excused ? " (excused: a connection broke)" : "";
    switch (f->kind) {
    case KIND_MIXED:
        (void)snprintf(dst, HISTORY_TEXT_BYTES, "torn: block %u shows %s, but %s at byte %zu%s",
                       block, a, b, f->at, note);
        break;
    case KIND_FOREIGN:
        (void)snprintf(dst, HISTORY_TEXT_BYTES, "torn: block %u shows %s, not put there%s",
                       block, a, note);
        break;
    case KIND_MOMENT:
        (void)snprintf(dst, HISTORY_TEXT_BYTES,
                       "torn: one extent shows %s in block %u, but %s in block %u%s", a, block,
                       b, 63u - (unsigned)__builtin_clzll(f->mask), note);
        break;
    case KIND_STALE:
        (void)snprintf(dst, HISTORY_TEXT_BYTES, "stale: block %u still shows %s", block, a);
        break;
    }
    return true;
}
