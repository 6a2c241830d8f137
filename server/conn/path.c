/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy, probe, zero-copy: what moves a connection between the three is in path_pick() (time) and
 * path_report() (what the kernel said). A probe starts only when no report of an earlier send is
 * awaited, so every report that comes while probing is about a probe.
 */
#include "server/conn/path.h"

#include "common/assert.h"
#include "common/checked.h"
#include "common/clock.h"

static const char *const whys[] = {
    [PATH_WHY_NONE] = "",
    [PATH_WHY_UNIX] = "Unix sockets have no zero-copy send",
    [PATH_WHY_KERNEL] = "this kernel has no zero-copy send",
    [PATH_WHY_CONFIG] = "switched off in the configuration",
    [PATH_WHY_COPIED] = "the kernel reported that it copied",
    [PATH_WHY_LATE] = "the kernel held the bytes for too long",
    [PATH_WHY_UNREPORTED] = "a loopback peer, and this kernel does not report copies",
    [PATH_WHY_PROBING] = "not decided yet",
};

static void
stay_on_copy(struct path *p, enum path_why why)
{
    p->mode = PATH_COPY;
    p->why = why;
    p->retry_at_ns = UINT64_MAX;
}

static void
probe(struct path *p)
{
    pmi_assert(p->sends_out == 0);
    p->mode = PATH_PROBE;
    p->why = PATH_WHY_PROBING;
    p->good = 0;
    p->bad = 0;
}

static void
promote(struct path *p, uint64_t now_ns)
{
    p->mode = PATH_ZC;
    p->why = PATH_WHY_NONE;
    p->bad = 0;
    p->promoted_at_ns = now_ns;
}

/* A path that flaps waits longer each time; one that did well for long starts anew. */
static void
demote(struct path *p, enum path_why why, uint64_t now_ns)
{
    if (p->mode == PATH_ZC && now_ns >= pmi_deadline_ns(p->promoted_at_ns, PATH_RETRY_MAX_NS))
        p->retry_ns = PATH_RETRY_MIN_NS;
    p->mode = PATH_COPY;
    p->why = why;
    p->retry_at_ns = pmi_deadline_ns(now_ns, p->retry_ns);
    p->retry_ns = pmi_min_u64(2 * p->retry_ns, PATH_RETRY_MAX_NS);
}

static void
count_report(struct path *p, bool copied, uint64_t late_ns, uint64_t now_ns)
{
    if (late_ns > PATH_LATE_NS) {
        demote(p, PATH_WHY_LATE, now_ns);
        return;
    }
    if (copied) {
        if (++p->bad >= PATH_PROBE_BAD)
            demote(p, PATH_WHY_COPIED, now_ns);
        return;
    }
    if (p->mode == PATH_ZC)
        p->bad = 0;
    else if (++p->good >= PATH_PROBE_GOOD)
        promote(p, now_ns);
}

void
path_init(struct path *p, const struct path_config *cfg, uint64_t now_ns)
{
    *p = (struct path){.cfg = *cfg, .retry_ns = PATH_RETRY_MIN_NS};
    if (!cfg->is_tcp)
        stay_on_copy(p, PATH_WHY_UNIX);
    else if (!cfg->has_zc)
        stay_on_copy(p, PATH_WHY_KERNEL);
    else if (cfg->policy == PATH_FORCE_COPY)
        stay_on_copy(p, PATH_WHY_CONFIG);
    else if (cfg->policy == PATH_FORCE_ZC)
        promote(p, now_ns);
    else if (cfg->is_loopback && !cfg->has_report)
        stay_on_copy(p, PATH_WHY_UNREPORTED);
    else
        probe(p);
}

bool
path_pick(struct path *p, uint64_t payload_len, uint64_t now_ns)
{
    if (payload_len < p->cfg.zc_min)
        return false;
    if (p->mode == PATH_COPY && p->sends_out == 0 && p->retry_at_ns != UINT64_MAX &&
        now_ns >= p->retry_at_ns)
        probe(p);
    if (p->mode == PATH_COPY)
        return false;
    if (p->mode == PATH_PROBE && p->good + p->sends_out >= PATH_PROBE_GOOD)
        return false; /* enough to decide is under way */
    p->sends_out++;
    return true;
}

bool
path_may_fix(const struct path *p)
{
    return p->mode == PATH_ZC && (p->cfg.has_report || p->cfg.policy == PATH_FORCE_ZC);
}

bool
path_report(struct path *p, bool failed, bool copied, uint64_t late_ns, uint64_t now_ns)
{
    pmi_assert(p->sends_out > 0);
    p->sends_out--;
    if (failed || p->mode == PATH_COPY || p->cfg.policy == PATH_FORCE_ZC)
        return false;
    const enum path_mode before = p->mode;
    count_report(p, copied, late_ns, now_ns);
    return p->mode != before;
}

const char *
path_why_text(const struct path *p)
{
    pmi_assert((size_t)p->why < sizeof whys / sizeof whys[0]);
    return whys[p->why];
}

const char *
path_mode_name(enum path_mode m)
{
    switch (m) {
    case PATH_COPY:
        return "copy";
    case PATH_PROBE:
        return "probe";
    case PATH_ZC:
        return "zero-copy";
    }
    return "unknown";
}
