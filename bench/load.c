// SPDX-License-Identifier: BSD-3-Clause
/*
 * Shared part of the load generators: see load.h.
 */
#include "bench/load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC 1000000000ull
#define WARMUP_NS 300000000ull /* TCP windows open, caches and branch predictors settle */
#define HUGE_BYTES ((size_t)2 << 20)
#define SECS_MAX 3600.0

static const char *const op_names[LOAD_OP_N] = {
    [LOAD_RANDREAD] = "randread",
    [LOAD_RANDWRITE] = "randwrite",
    [LOAD_READ] = "read",
    [LOAD_WRITE] = "write",
};

int
load_parse_number(const char *text, long min, long max, long *ret)
{
    char *end = NULL;
    errno = 0;
    const long n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
        return -EINVAL;
    *ret = n;
    return 0;
}

int
load_parse_bytes(const char *text, uint64_t max, uint64_t *ret)
{
    if (text[0] < '0' || text[0] > '9') /* strtoull would take "-1" */
        return -EINVAL;
    char *end = NULL;
    errno = 0;
    const uint64_t n = strtoull(text, &end, 10);
    if (errno != 0)
        return -EINVAL;
    unsigned shift = 0;
    if (*end != '\0') {
        const char *const units = "KMGT";
        const char *const unit = strchr(units, *end++);
        if (unit == NULL || *end != '\0')
            return -EINVAL;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    if (n == 0 || n > max >> shift)
        return -EINVAL;
    *ret = n << shift;
    return 0;
}

static int
parse_op(const char *text, enum load_op *ret)
{
    for (enum load_op op = 0; op < LOAD_OP_N; op++)
        if (strcmp(text, op_names[op]) == 0) {
            *ret = op;
            return 0;
        }
    return -EINVAL;
}

static int
parse_secs(const char *text, double *ret)
{
    char *end = NULL;
    errno = 0;
    const double secs = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(secs > 0.0 && secs <= SECS_MAX))
        return -EINVAL;
    *ret = secs;
    return 0;
}

static int
parse_one(struct load_opts *o, int key, const char *text)
{
    long n = 0;
    uint64_t bytes = 0;
    int rc = 0;
    switch (key) {
    case 't':
        o->target = text;
        return 0;
    case 'o':
        return parse_op(text, &o->op);
    case 'b':
        rc = load_parse_bytes(text, LOAD_BS_MAX, &bytes);
        o->bs = (size_t)bytes;
        return rc;
    case 'q':
        rc = load_parse_number(text, 1, LOAD_QD_MAX, &n);
        o->qd = (unsigned)n;
        return rc;
    case 'c':
        rc = load_parse_number(text, 1, LOAD_CONNS_MAX, &n);
        o->conns = (unsigned)n;
        return rc;
    case 's':
        return parse_secs(text, &o->secs);
    case 'u':
        rc = load_parse_number(text, 0, CPU_SETSIZE - 1, &n);
        o->cpu = (int)n;
        return rc;
    case 'p':
        return load_parse_number(text, 1, INT32_MAX, &o->srv_pid);
    case 'S':
        o->spin = true;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    default:
        return -EINVAL;
    }
}

int
load_parse(struct load_opts *ret, const char *target_name, int argc, char **argv)
{
    const struct option names[] = {
        {target_name, required_argument, NULL, 't'},
        {"op", required_argument, NULL, 'o'},
        {"bs", required_argument, NULL, 'b'},
        {"qd", required_argument, NULL, 'q'},
        {"conns", required_argument, NULL, 'c'},
        {"secs", required_argument, NULL, 's'},
        {"cpu", required_argument, NULL, 'u'},
        {"srv-pid", required_argument, NULL, 'p'},
        {"spin", no_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    struct load_opts o = {
        .op = LOAD_RANDREAD, .bs = 4096, .qd = 32, .conns = 1, .secs = 2.0, .cpu = -1};
    int at = 0;
    for (int key; (key = getopt_long(argc, argv, "", names, &at)) != -1;) {
        if (key == '?') /* getopt has said which */
            return -EINVAL;
        if (parse_one(&o, key, optarg) < 0) {
            fprintf(stderr, "--%s %s: not a value it can have\n", names[at].name, optarg);
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: not an option\n", argv[optind]);
        return -EINVAL;
    }
    if (o.target == NULL) {
        fprintf(stderr, "--%s is missing\n", target_name);
        return -EINVAL;
    }
    *ret = o;
    return 0;
}

int
load_pin(int cpu)
{
    if (cpu < 0)
        return 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

void *
load_memory(size_t bytes)
{
    if (bytes > SIZE_MAX - 2 * HUGE_BYTES)
        return NULL;
    /* One huge page more, so that an aligned start lies inside. */
    const size_t len = (bytes + 2 * HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    char *const raw =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    char *const start = raw + (-(uintptr_t)raw & (HUGE_BYTES - 1));
    (void)madvise(start, len - HUGE_BYTES, MADV_HUGEPAGE); /* a wish: 4 KiB pages work too */
    memset(start, 0x5a, bytes);
    return start;
}

uint64_t
load_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

void
load_gen_init(struct load_gen *g, const struct load_opts *o, uint64_t span_bytes, unsigned seed)
{
    const uint64_t blocks = span_bytes / o->bs;
    *g = (struct load_gen){
        .state = 0x9e3779b97f4a7c15u * (seed + 1u),
        .next = blocks / o->conns * seed, /* sequential connections start apart */
        .blocks = blocks,
        .bs = o->bs,
        .random = o->op == LOAD_RANDREAD || o->op == LOAD_RANDWRITE,
    };
}

uint64_t
load_gen_next(struct load_gen *g)
{
    if (!g->random) {
        const uint64_t block = g->next;
        g->next = block + 1 < g->blocks ? block + 1 : 0;
        return block * g->bs;
    }
    g->state ^= g->state << 13; /* xorshift64 */
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return g->state % g->blocks * g->bs;
}

static unsigned
hist_bucket(uint64_t ns)
{
    if (ns < LOAD_HIST_SUB)
        return (unsigned)ns;
    const unsigned exp = 63u - (unsigned)__builtin_clzll(ns); /* at least 6 */
    const unsigned bucket =
        (exp - 5) * LOAD_HIST_SUB + (unsigned)(ns >> (exp - 6)) % LOAD_HIST_SUB;
    return bucket < LOAD_HIST_BUCKETS ? bucket : LOAD_HIST_BUCKETS - 1;
}

/* The middle of a bucket. */
static double
hist_value_ns(unsigned bucket)
{
    if (bucket < LOAD_HIST_SUB)
        return bucket;
    const unsigned exp = bucket / LOAD_HIST_SUB + 5;
    const double width = (double)(1ull << (exp - 6));
    return ((double)(LOAD_HIST_SUB + bucket % LOAD_HIST_SUB) + 0.5) * width;
}

static double
hist_percentile_us(const struct load_run *r, double fraction)
{
    const double want = (double)r->ops * fraction;
    double seen = 0;
    unsigned last = 0;
    for (unsigned i = 0; i < LOAD_HIST_BUCKETS; i++) {
        if (r->hist[i] == 0)
            continue;
        seen += (double)r->hist[i];
        last = i;
        if (seen >= want)
            break;
    }
    return hist_value_ns(last) / 1e3;
}

static uint64_t
own_cpu_ns(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0)
        return 0;
    const uint64_t secs = (uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec;
    const uint64_t usecs = (uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec;
    return secs * NS_PER_SEC + usecs * 1000;
}

/*
 * CPU time of a whole process, threads that ended included. Its CPU clock counts nanoseconds;
 * /proc/PID/stat has ticks of 10 ms, 1 % of a short run. Where the kernel does not account
 * interrupts apart, it contains the softirq work the process was interrupted for.
 */
static uint64_t
process_cpu_ns(long pid)
{
    clockid_t clock = 0;
    struct timespec ts;
    if (pid == 0 || clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
        clock_gettime(clock, &ts) != 0)
        return 0;
    return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

void
load_run_begin(struct load_run *r, const struct load_opts *o)
{
    *r = (struct load_run){.opts = o};
    r->start_ns = load_now_ns() + WARMUP_NS;
    r->stop_ns = r->start_ns + (uint64_t)(o->secs * (double)NS_PER_SEC);
}

bool
load_run_tick(struct load_run *r, uint64_t now_ns)
{
    if (now_ns < r->start_ns)
        return true;
    if (!r->measuring) { /* the warm-up is over */
        r->measuring = true;
        r->srv_cpu_ns = process_cpu_ns(r->opts->srv_pid);
        r->cli_cpu_ns = own_cpu_ns();
        r->start_ns = load_now_ns();
        return true;
    }
    if (now_ns < r->stop_ns)
        return true;
    r->last_ns = now_ns;
    r->measuring = false;
    r->cli_cpu_ns = own_cpu_ns() - r->cli_cpu_ns;
    r->srv_cpu_ns = process_cpu_ns(r->opts->srv_pid) - r->srv_cpu_ns;
    return false;
}

void
load_run_done(struct load_run *r, uint64_t submitted_ns, uint64_t now_ns, bool ok)
{
    r->errors += !ok;
    if (!r->measuring)
        return;
    r->ops++;
    r->hist[hist_bucket(now_ns - submitted_ns)]++;
}

int
load_report(const struct load_run *r)
{
    const struct load_opts *const o = r->opts;
    const double secs = (double)(r->last_ns - r->start_ns) / 1e9;
    const double ops = (double)r->ops;
    const double per_op_us = ops > 0 ? 1.0 / (ops * 1e3) : 0;
    const uint64_t bytes = r->ops * o->bs;
    char srv[32] = "null";
    if (o->srv_pid != 0)
        snprintf(srv, sizeof srv, "%.3f", (double)r->srv_cpu_ns * per_op_us);
    const double p50 = hist_percentile_us(r, .5), p99 = hist_percentile_us(r, .99);
    const double p999 = hist_percentile_us(r, .999);
    const double cli = (double)r->cli_cpu_ns * per_op_us;
    if (o->json)
        printf("{\"op\":\"%s\",\"bs\":%zu,\"qd\":%u,\"conns\":%u,\"secs\":%.3f,"
               "\"ops\":%" PRIu64 ",\"iops\":%.0f,\"gbps\":%.3f,\"p50_us\":%.2f,"
               "\"p99_us\":%.2f,\"p999_us\":%.2f,\"cli_us_op\":%.3f,\"srv_us_op\":%s,"
               "\"errors\":%" PRIu64 ",\"path\":{\"zc\":0,\"copied\":%" PRIu64
               ",\"direct\":0,\"unknown\":0}}\n",
               op_names[o->op], o->bs, o->qd, o->conns, secs, r->ops, ops / secs,
               (double)bytes / secs / 1e9, p50, p99, p999, cli, srv, r->errors, bytes);
    else
        printf("%s %zu B qd %u conns %u: %.0f/s %.3f GB/s, us p50 %.1f p99 %.1f p999 %.1f, "
               "CPU us/op client %.2f server %s, %" PRIu64 " errors\n",
               op_names[o->op], o->bs, o->qd, o->conns, ops / secs, (double)bytes / secs / 1e9,
               p50, p99, p999, cli, srv, r->errors);
    return r->ops > 0 && r->errors == 0 ? 0 : LOAD_EXIT_FAILED;
}
