/* SPDX-License-Identifier: BSD-3-Clause */
/* The two kinds of run. Each fills *ret, says what went wrong otherwise, and returns TOOL_OK or
 * the exit code. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "tools/pmemd-bench/opts.h"
#include "tools/pmemd-bench/report.h"

/* Throughput and latency of one operation. */
int bench_load(const struct bench_opts *o, struct bench_result *ret)
    __attribute__((warn_unused_result));

/* Overlapping readers and writers, every byte checked. */
int bench_torn(const struct bench_opts *o, struct bench_result *ret)
    __attribute__((warn_unused_result));

#endif
