/* SPDX-License-Identifier: BSD-3-Clause */
/* Small things that both tools print or measure alike. */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC. */
uint64_t tool_now_ns(void);

/* 10^9 bytes per second; 0 when no time has passed. */
double tool_gbps(uint64_t bytes, uint64_t ns);

/* "volatile", "restart-safe", "power-safe"; "unknown" for anything else. */
const char *tool_class_name(uint32_t durability);

/* "received", "durable", "replicated"; "unknown" for anything else. */
const char *tool_level_name(uint32_t level);

/* How the bytes of a run travelled. */
struct tool_path {
    uint64_t zc, copied, unknown; /* how they left the sender */
    uint64_t direct;              /* of WRITE: those that landed in place at the server */
};

/* `to` minus `from`, member by member; 0 where a counter went back (the server restarted). */
struct tool_path tool_path_since(struct tool_path from, struct tool_path to);

#endif
