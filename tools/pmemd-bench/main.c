// SPDX-License-Identifier: BSD-3-Clause
/* pmemd-bench: throughput, latency and the proof of linearizability. */
#include "tools/lib/exit.h"
#include "tools/pmemd-bench/opts.h"
#include "tools/pmemd-bench/report.h"
#include "tools/pmemd-bench/run.h"
#include "tools/pmemd-bench/usage.h"

#include <inttypes.h>
#include <pmemd/pmemd.h>
#include <stdio.h>

/* Static: the histogram is larger than a frame should be. */
static struct bench_result result;

int
main(int argc, char **argv)
{
    struct bench_opts o;
    char why[256];
    tool_name_set("pmemd-bench");
    int rc = bench_opts_parse(argc, argv, &o, why, sizeof why);
    if (rc != 0) {
        tool_say("%s", why);
        return rc;
    }
    if (o.help) {
        (void)fputs(bench_help, stdout);
        return TOOL_OK;
    }
    if (o.version) {
        printf("pmemd-bench %s (libpmemd %s)\n", PMEMD_TOOLS_VERSION, pmemd_version());
        return TOOL_OK;
    }
    uint64_t cpu_ns = 0;
    if (o.srv_pid != 0 && usage_process_ns(o.srv_pid, &cpu_ns) < 0) {
        tool_say("--srv-pid %" PRIu64 ": there is no such process", o.srv_pid);
        return TOOL_USAGE;
    }
    if (o.cpu != BENCH_CPU_ANY && usage_pin(o.cpu) < 0) {
        tool_say("--cpu %" PRIu32 ": this process may not run there", o.cpu);
        return TOOL_HOST;
    }
    rc = o.op == BENCH_TORN ? bench_torn(&o, &result) : bench_load(&o, &result);
    return rc == TOOL_OK ? bench_report(&o, &result) : rc;
}
