/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of pmemd-bench. */
#ifndef BENCH_OPTS_H
#define BENCH_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_op {
    BENCH_RANDREAD,
    BENCH_RANDWRITE,
    BENCH_READ,
    BENCH_WRITE,
    BENCH_TORN,
    BENCH_COMMIT, /* this and the next: promised, refused by name */
    BENCH_CAS,
    BENCH_OP_N,
};

enum bench_crc {
    BENCH_CRC_AUTO, /* where bytes leave the host */
    BENCH_CRC_ON,
    BENCH_CRC_OFF,
};

#define BENCH_QD_MAX 2048u /* half of what a client takes: room for late releases */
#define BENCH_CONNS_MAX 1024u
#define BENCH_BS_MAX (UINT64_C(64) << 20)
#define BENCH_CPU_ANY UINT32_MAX

struct bench_opts {
    const char *uri; /* borrowed from argv */
    enum bench_op op;
    enum bench_crc crc;
    uint64_t bs;
    unsigned qd, conns;
    uint64_t run_ns;
    uint64_t timeout_ns;
    uint64_t region_bytes; /* use only so many of the region's; 0 = all */
    uint64_t srv_pid;      /* 0 = server CPU is not reported */
    uint32_t cpu;          /* BENCH_CPU_ANY = wherever the scheduler likes */
    bool spin, json, help, version;
};

/* Parse argv. ret is set on success only, `why` gets the sentence for the user otherwise.
 * Returns 0 or the exit code: 2 for usage, 4 for an operation that is not built yet. */
int bench_opts_parse(int argc, char **argv, struct bench_opts *ret, char *why, size_t why_bytes)
    __attribute__((warn_unused_result));

const char *bench_op_name(enum bench_op op);

static inline bool
bench_op_reads(enum bench_op op)
{
    return op == BENCH_RANDREAD || op == BENCH_READ;
}

/* What --help prints. */
extern const char bench_help[];

#endif
