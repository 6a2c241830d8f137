// SPDX-License-Identifier: BSD-3-Clause
/* The progress line: see progress.h. */
#include "tools/pmemctl/progress.h"

#include "tools/lib/args.h"
#include "tools/lib/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define TERMINAL_STEP_NS (TOOL_NS_PER_S / 10)

void
progress_init(struct progress *p, bool asked, uint64_t first, uint64_t total)
{
    const bool terminal = isatty(STDERR_FILENO) == 1;
    const uint64_t now = tool_now_ns();
    *p = (struct progress){
        .on = asked || terminal,
        .terminal = terminal,
        .total = total,
        .first = first,
        .start_ns = now,
        .last_ns = now,
    };
}

const char *
progress_text(char dst[static PROGRESS_TEXT_BYTES], const struct progress *p, uint64_t done,
              uint64_t now_ns)
{
    const uint64_t moved = done - p->first;
    const uint64_t spent_ns = now_ns - p->start_ns;
    const double rate = tool_gbps(moved, spent_ns); /* bytes per ns */
    if (p->total == UINT64_MAX) {
        (void)snprintf(dst, PROGRESS_TEXT_BYTES, "%" PRIu64 " bytes  %.2f GB/s", done, rate);
        return dst;
    }
    char left[32] = "";
    if (moved > 0) {
        double secs = (double)(p->total - done) / rate / (double)TOOL_NS_PER_S;
        if (secs > 359999.0) /* 99:59:59: who waits longer needs no seconds */
            secs = 359999.0;
        const unsigned s = (unsigned)(secs + 0.5);
        if (s < 3600)
            (void)snprintf(left, sizeof left, "  %u:%02u left", s / 60, s % 60);
        else
            (void)snprintf(left, sizeof left, "  %u:%02u:%02u left", s / 3600, s / 60 % 60,
                           s % 60);
    }
    const double percent = p->total > 0 ? 100.0 * (double)done / (double)p->total : 100.0;
    (void)snprintf(dst, PROGRESS_TEXT_BYTES,
                   "%u %%  %" PRIu64 " of %" PRIu64 " bytes  %.2f GB/s%s", (unsigned)percent,
                   done, p->total, rate, left);
    return dst;
}

void
progress_step(struct progress *p, uint64_t done)
{
    if (!p->on)
        return;
    const uint64_t now = tool_now_ns();
    if (now - p->last_ns < (p->terminal ? TERMINAL_STEP_NS : TOOL_NS_PER_S))
        return;
    p->last_ns = now;
    char text[PROGRESS_TEXT_BYTES];
    (void)progress_text(text, p, done, now);
    if (p->terminal)
        (void)fprintf(stderr, "\r\033[K%s", text);
    else
        (void)fprintf(stderr, "%s\n", text);
    p->shown = p->terminal;
}

void
progress_clear(struct progress *p)
{
    if (p->shown)
        (void)fputs("\r\033[K", stderr);
    p->shown = false;
}
