// SPDX-License-Identifier: BSD-3-Clause
/* The command line: see opts.h. */
#include "tools/pmemd-bench/opts.h"

#include "tools/lib/args.h"
#include "tools/lib/exit.h"
#include "tools/pmemd-bench/history.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char bench_help[] =
    "usage: pmemd-bench --uri URI [options]\n"
    "\n"
    "  --uri URI          the region to load; its contents are overwritten by writing ops\n"
    "  --op OP            randread (default), randwrite, read, write: throughput and latency\n"
    "                     torn: overlapping readers and writers, every byte checked\n"
    "  --bs N             bytes per request (default 4K); torn: per block (default 64K)\n"
    "  --qd N             requests in flight per connection (default 32; torn: 4)\n"
    "  --conns N          connections (default 1; torn: 8, half of them write)\n"
    "  --secs S           how long to measure (default 2), after 0.3 s of warming up\n"
    "  --spin             never sleep: lowest latency for a whole core\n"
    "  --crc | --no-crc   checksum payloads always or never (default: as the library does)\n"
    "  --cpu N            run on this CPU\n"
    "  --srv-pid PID      report the CPU time of that process too\n"
    "  --region-bytes N   stay in the first N bytes of the region\n"
    "  --timeout SECS     how long to look for a server that is not there (default 10)\n"
    "  --json             one JSON object on standard output\n"
    "  --help, --version\n"
    "\n"
    "N takes K, M, G or T (powers of 1024). gbps is 10^9 bytes per second. Exit codes: 0 ok,\n"
    "1 failed or errors, 2 usage, 3 this host cannot, 4 refused, 5 torn or stale bytes.\n";

static const char *const op_names[BENCH_OP_N] = {
    [BENCH_RANDREAD] = "randread", [BENCH_RANDWRITE] = "randwrite", [BENCH_READ] = "read",
    [BENCH_WRITE] = "write",       [BENCH_TORN] = "torn",           [BENCH_COMMIT] = "commit",
    [BENCH_CAS] = "cas",
};

enum {
    KEY_URI = 1,
    KEY_OP,
    KEY_BS,
    KEY_QD,
    KEY_CONNS,
    KEY_SECS,
    KEY_SPIN,
    KEY_CRC,
    KEY_NO_CRC,
    KEY_CPU,
    KEY_SRV_PID,
    KEY_REGION_BYTES,
    KEY_TIMEOUT,
    KEY_JSON,
    KEY_HELP,
    KEY_VERSION,
};

static const struct option names[] = {
    {"uri", required_argument, NULL, KEY_URI},
    {"op", required_argument, NULL, KEY_OP},
    {"bs", required_argument, NULL, KEY_BS},
    {"qd", required_argument, NULL, KEY_QD},
    {"conns", required_argument, NULL, KEY_CONNS},
    {"secs", required_argument, NULL, KEY_SECS},
    {"spin", no_argument, NULL, KEY_SPIN},
    {"crc", no_argument, NULL, KEY_CRC},
    {"no-crc", no_argument, NULL, KEY_NO_CRC},
    {"cpu", required_argument, NULL, KEY_CPU},
    {"srv-pid", required_argument, NULL, KEY_SRV_PID},
    {"region-bytes", required_argument, NULL, KEY_REGION_BYTES},
    {"timeout", required_argument, NULL, KEY_TIMEOUT},
    {"json", no_argument, NULL, KEY_JSON},
    {"help", no_argument, NULL, KEY_HELP},
    {"version", no_argument, NULL, KEY_VERSION},
    {NULL, 0, NULL, 0},
};

struct why {
    char *text;
    size_t bytes;
};

static int __attribute__((format(printf, 3, 4)))
refuse(struct why why, enum tool_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why.text, why.bytes, format, args);
    va_end(args);
    return (int)code;
}

const char *
bench_op_name(enum bench_op op)
{
    return op_names[op];
}

static int
take_op(const char *text, enum bench_op *ret)
{
    for (unsigned op = 0; op < BENCH_OP_N; op++)
        if (strcmp(text, op_names[op]) == 0) {
            *ret = (enum bench_op)op;
            return 0;
        }
    return -EINVAL;
}

static int
take_size(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;
    const int rc = tool_parse_size(text, &n);
    if (rc < 0)
        return rc;
    if (n == 0 || n > max)
        return -ERANGE;
    *ret = n;
    return 0;
}

/* The option's value, for those that have one. */
static int
take_value(struct bench_opts *o, int key, const char *text)
{
    uint64_t n = 0;
    int rc = 0;
    switch (key) {
    case KEY_URI:
        o->uri = text;
        return 0;
    case KEY_OP:
        return take_op(text, &o->op);
    case KEY_BS:
        return take_size(text, BENCH_BS_MAX, &o->bs);
    case KEY_QD:
        rc = tool_parse_number(text, 1, BENCH_QD_MAX, &n);
        o->qd = (unsigned)n;
        return rc;
    case KEY_CONNS:
        rc = tool_parse_number(text, 1, BENCH_CONNS_MAX, &n);
        o->conns = (unsigned)n;
        return rc;
    case KEY_SECS:
        return tool_parse_secs(text, &o->run_ns);
    case KEY_CPU:
        rc = tool_parse_number(text, 0, CPU_SETSIZE - 1, &n);
        o->cpu = (uint32_t)n;
        return rc;
    case KEY_SRV_PID:
        return tool_parse_number(text, 1, INT32_MAX, &o->srv_pid);
    case KEY_REGION_BYTES:
        return take_size(text, UINT64_MAX, &o->region_bytes);
    case KEY_TIMEOUT:
        return tool_parse_secs(text, &o->timeout_ns);
    default:
        return -EINVAL;
    }
}

static void
take_flag(struct bench_opts *o, int key)
{
    switch (key) {
    case KEY_SPIN:
        o->spin = true;
        break;
    case KEY_CRC:
        o->crc = BENCH_CRC_ON;
        break;
    case KEY_NO_CRC:
        o->crc = BENCH_CRC_OFF;
        break;
    case KEY_JSON:
        o->json = true;
        break;
    case KEY_HELP:
        o->help = true;
        break;
    default:
        o->version = true;
        break;
    }
}

static int
take_options(int argc, char **argv, struct bench_opts *o, struct why why)
{
    optind = 0; /* start anew: a test parses many command lines */
    opterr = 0;
    int at = 0;
    unsigned crcs = 0;
    for (int key; (key = getopt_long(argc, argv, "", names, &at)) != -1;) {
        if (key == '?')
            return refuse(why, TOOL_USAGE, "'%s' is not an option, or lacks its value",
                          argv[optind - 1]);
        if (key == KEY_CRC || key == KEY_NO_CRC)
            crcs |= 1u << key;
        if (names[at].has_arg == no_argument) {
            take_flag(o, key);
            continue;
        }
        const int rc = take_value(o, key, optarg);
        if (rc < 0)
            return refuse(why, TOOL_USAGE, "--%s %s: %s", names[at].name, optarg,
                          rc == -ERANGE ? "outside its range" : "not a value it can have");
    }
    if (crcs == (1u << KEY_CRC | 1u << KEY_NO_CRC))
        return refuse(why, TOOL_USAGE, "--crc and --no-crc exclude each other");
    if (optind < argc)
        return refuse(why, TOOL_USAGE, "'%s' is not an option", argv[optind]);
    return 0;
}

/* Defaults that depend on the operation, and what does not fit together. */
static int
settle(struct bench_opts *o, struct why why)
{
    const bool torn = o->op == BENCH_TORN;
    if (o->op == BENCH_COMMIT || o->op == BENCH_CAS)
        return refuse(why, TOOL_REFUSED, "'%s' is not built into this version",
                      op_names[o->op]);
    if (o->uri == NULL)
        return refuse(why, TOOL_USAGE, "--uri is missing");
    if (o->bs == 0)
        o->bs = torn ? 64 << 10 : 4 << 10;
    if (o->qd == 0)
        o->qd = torn ? 4 : 32;
    if (o->conns == 0)
        o->conns = torn ? 8 : 1;
    if (o->region_bytes > 0 && o->region_bytes < o->bs)
        return refuse(why, TOOL_USAGE, "--region-bytes must hold one block of --bs");
    if (!torn)
        return 0;
    if (o->bs % 64 != 0)
        return refuse(why, TOOL_USAGE, "torn needs --bs in multiples of 64");
    if (o->conns < 2 || o->conns > HISTORY_CONNS_MAX)
        return refuse(why, TOOL_USAGE, "torn needs 2 to %u connections", HISTORY_CONNS_MAX);
    if (o->qd > HISTORY_QD_MAX)
        return refuse(why, TOOL_USAGE, "torn needs --qd of at most %u", HISTORY_QD_MAX);
    return 0;
}

int
bench_opts_parse(int argc, char **argv, struct bench_opts *ret, char *why, size_t why_bytes)
{
    struct bench_opts o = {
        .op = BENCH_RANDREAD,
        .run_ns = 2 * TOOL_NS_PER_S,
        .timeout_ns = 10 * TOOL_NS_PER_S,
        .cpu = BENCH_CPU_ANY,
    };
    const struct why w = {why, why_bytes};
    int rc = take_options(argc, argv, &o, w);
    if (rc == 0 && !o.help && !o.version)
        rc = settle(&o, w);
    if (rc == 0)
        *ret = o;
    return rc;
}
