/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run measured, and printing it. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "tools/lib/text.h"
#include "tools/pmemd-bench/hist.h"
#include "tools/pmemd-bench/opts.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define REPORT_TEXT_BYTES 512

struct bench_result {
    uint64_t ns; /* measured */
    uint64_t ops, bytes, errors;
    uint64_t cli_ns, srv_ns; /* CPU */
    bool srv_known;
    bool crc; /* payloads were checksummed */
    struct tool_path path;
    struct hist latency;
    /* --op torn only */
    uint64_t torn, stale, excused, overlaps, reads, writes, lost;
};

/* The object; the caller owns it. NULL: no memory. */
json_t *bench_report_json(const struct bench_opts *o, const struct bench_result *r)
    __attribute__((warn_unused_result));

/* One line. Returns dst. */
const char *bench_report_text(char dst[static REPORT_TEXT_BYTES], const struct bench_opts *o,
                              const struct bench_result *r);

/* Print as the options say. Returns the exit code: torn or stale bytes 5; errors, or no request
 * done, 1. */
int bench_report(const struct bench_opts *o, const struct bench_result *r)
    __attribute__((warn_unused_result));

#endif
