// SPDX-License-Identifier: BSD-3-Clause
/*
 * What every load generator here shares: options, clock, offsets, the latency histogram, CPU
 * accounting and the report. A generator brings only its protocol, so two of them differ in
 * nothing else.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_CHECK __attribute__((warn_unused_result))

#define LOAD_USAGE                                                                             \
    "[--op randread|randwrite|read|write] [--bs N]\n"                                          \
    "           [--qd N] [--conns N] [--secs S] [--spin] [--cpu N] [--srv-pid PID] [--json]"

enum load_op { LOAD_RANDREAD, LOAD_RANDWRITE, LOAD_READ, LOAD_WRITE, LOAD_OP_N };

enum {
    LOAD_EXIT_FAILED = 1,
    LOAD_EXIT_USAGE = 2,
    LOAD_QD_MAX = 512, /* header and payload of each fit one iovec array of 1024 */
    LOAD_CONNS_MAX = 64,
    LOAD_BS_MAX = 64 << 20,
    LOAD_HIST_SUB = 64, /* buckets per power of two: values are within 1.6 % */
    LOAD_HIST_BUCKETS = LOAD_HIST_SUB * 42, /* up to 2^47 ns, 39 hours */
};

struct load_opts {
    const char *target; /* borrowed from argv */
    enum load_op op;
    size_t bs; /* bytes per request */
    unsigned qd;
    unsigned conns;
    double secs;
    bool spin;
    bool json;
    int cpu;      /* -1 = wherever the scheduler likes */
    long srv_pid; /* 0 = server CPU is not reported */
};

/* Offsets of one connection: aligned to the block size, inside [0, span). */
struct load_gen {
    uint64_t state;
    uint64_t next;
    uint64_t blocks;
    size_t bs;
    bool random;
};

struct load_run {
    const struct load_opts *opts; /* borrowed */
    uint64_t start_ns;            /* the measured interval begins */
    uint64_t stop_ns;             /* ... and is to end */
    uint64_t last_ns;             /* ... and did end; 0 before */
    bool measuring;
    uint64_t ops;
    uint64_t errors; /* of the warm-up too: a wrong reply is wrong at any time */
    uint64_t cli_cpu_ns;
    uint64_t srv_cpu_ns;
    uint64_t hist[LOAD_HIST_BUCKETS];
};

static inline bool
load_is_read(enum load_op op)
{
    return op == LOAD_RANDREAD || op == LOAD_READ;
}

/*
 * Parse the options of a load generator. `target_name` is "connect" or "uri", what its
 * address option is called. Returns 0, or -EINVAL after saying on stderr what is wrong.
 */
LOAD_CHECK int load_parse(struct load_opts *ret, const char *target_name, int argc,
                          char **argv);

/* A byte count with an optional K, M, G or T (powers of 1024), at most `max`. -EINVAL. */
LOAD_CHECK int load_parse_bytes(const char *text, uint64_t max, uint64_t *ret);

/* A decimal number in [min, max]. -EINVAL. */
LOAD_CHECK int load_parse_number(const char *text, long min, long max, long *ret);

/* Pin the calling thread; -1 leaves it alone. Returns 0 or -errno. */
LOAD_CHECK int load_pin(int cpu);

/*
 * `bytes` of anonymous memory on huge pages where the kernel has them, every page touched, so
 * that no run measures page faults. NULL when there is not enough. Never freed.
 */
void *load_memory(size_t bytes);

uint64_t load_now_ns(void);

/* span_bytes must hold at least one block. */
void load_gen_init(struct load_gen *g, const struct load_opts *o, uint64_t span_bytes,
                   unsigned seed);
uint64_t load_gen_next(struct load_gen *g);

/* The warm-up starts now; measuring starts by itself in load_run_tick(). */
void load_run_begin(struct load_run *r, const struct load_opts *o);

/* Call once per turn. False when the measured interval is over. */
bool load_run_tick(struct load_run *r, uint64_t now_ns);

/* One request completed. */
void load_run_done(struct load_run *r, uint64_t submitted_ns, uint64_t now_ns, bool ok);

/* Print the result. Returns the exit code: 0, or 1 if there were errors or no request done. */
int load_report(const struct load_run *r);

#endif
