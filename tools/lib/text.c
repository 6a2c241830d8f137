// SPDX-License-Identifier: BSD-3-Clause
/* Shared words and figures: see text.h. */
#include "tools/lib/text.h"

#include <pmemd/pmemd.h>
#include <time.h>

uint64_t
tool_now_ns(void)
{
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

double
tool_gbps(uint64_t bytes, uint64_t ns)
{
    return ns > 0 ? (double)bytes / (double)ns : 0.0;
}

const char *
tool_class_name(uint32_t durability)
{
    switch (durability) {
    case PMEMD_CLASS_VOLATILE:
        return "volatile";
    case PMEMD_CLASS_RESTART_SAFE:
        return "restart-safe";
    case PMEMD_CLASS_POWER_SAFE:
        return "power-safe";
    default:
        return "unknown";
    }
}

const char *
tool_level_name(uint32_t level)
{
    switch (level) {
    case PMEMD_LEVEL_RECEIVED:
        return "received";
    case PMEMD_LEVEL_DURABLE:
        return "durable";
    case PMEMD_LEVEL_REPLICATED:
        return "replicated";
    default:
        return "unknown";
    }
}

static uint64_t
grown(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

struct tool_path
tool_path_since(struct tool_path from, struct tool_path to)
{
    return (struct tool_path){
        .zc = grown(from.zc, to.zc),
        .copied = grown(from.copied, to.copied),
        .unknown = grown(from.unknown, to.unknown),
        .direct = grown(from.direct, to.direct),
    };
}
