// SPDX-License-Identifier: BSD-3-Clause
/* Printing a result: see report.h. */
#include "tools/pmemd-bench/report.h"

#include "tools/lib/exit.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *
whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* CPU time per operation. */
static double
per_op_us(uint64_t cpu_ns, uint64_t ops)
{
    return ops > 0 ? (double)cpu_ns / (double)ops / 1e3 : 0.0;
}

static double
iops(const struct bench_result *r)
{
    return r->ns > 0 ? (double)r->ops * 1e9 / (double)r->ns : 0.0;
}

static double
latency_us(const struct bench_result *r, double fraction)
{
    return hist_percentile_ns(&r->latency, fraction) / 1e3;
}

static int
add_torn(json_t *object, const struct bench_result *r)
{
    int rc = json_object_set_new(object, "torn", whole(r->torn));
    rc |= json_object_set_new(object, "stale", whole(r->stale));
    rc |= json_object_set_new(object, "overlaps", whole(r->overlaps));
    rc |= json_object_set_new(object, "reads", whole(r->reads));
    rc |= json_object_set_new(object, "writes", whole(r->writes));
    rc |= json_object_set_new(object, "excused", whole(r->excused));
    rc |= json_object_set_new(object, "lost", whole(r->lost));
    return rc;
}

json_t *
bench_report_json(const struct bench_opts *o, const struct bench_result *r)
{
    json_t *const srv = r->srv_known ? json_real(per_op_us(r->srv_ns, r->ops)) : json_null();
    json_t *const path = json_pack("{s:o, s:o, s:o, s:o}", "zc", whole(r->path.zc), "copied",
                                   whole(r->path.copied), "direct", whole(r->path.direct),
                                   "unknown", whole(r->path.unknown));
    json_t *const object = json_pack(
        "{s:s, s:o, s:o, s:o, s:f, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:b, s:b}",
        "op", bench_op_name(o->op), "bs", whole(o->bs), "qd", whole(o->qd), "conns",
        whole(o->conns), "secs", (double)r->ns / 1e9, "ops", whole(r->ops), "iops", iops(r),
        "gbps", tool_gbps(r->bytes, r->ns), "p50_us", latency_us(r, 0.5), "p99_us",
        latency_us(r, 0.99), "p999_us", latency_us(r, 0.999), "cli_us_op",
        per_op_us(r->cli_ns, r->ops), "srv_us_op", srv, "errors", whole(r->errors), "path",
        path, "crc", r->crc ? 1 : 0, "spin", o->spin ? 1 : 0);
    if (object == NULL || o->op != BENCH_TORN || add_torn(object, r) == 0)
        return object;
    json_decref(object);
    return NULL;
}

const char *
bench_report_text(char dst[static REPORT_TEXT_BYTES], const struct bench_opts *o,
                  const struct bench_result *r)
{
    char server[32] = "-", verdict[192] = "";
    if (r->srv_known)
        (void)snprintf(server, sizeof server, "%.2f", per_op_us(r->srv_ns, r->ops));
    if (o->op == BENCH_TORN)
        (void)snprintf(verdict, sizeof verdict,
                       "; %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64 " overlaps: %" PRIu64
                       " torn, %" PRIu64 " stale",
                       r->reads, r->writes, r->overlaps, r->torn, r->stale);
    (void)snprintf(dst, REPORT_TEXT_BYTES,
                   "%s %" PRIu64 " B, qd %u, conns %u, crc %s: %.0f/s, %.3f GB/s; "
                   "us p50 %.1f p99 %.1f p999 %.1f; CPU us/op client %.2f server %s; "
                   "bytes zero-copy %" PRIu64 " copied %" PRIu64 " unknown %" PRIu64
                   "; %" PRIu64 " errors%s",
                   bench_op_name(o->op), o->bs, o->qd, o->conns, r->crc ? "on" : "off", iops(r),
                   tool_gbps(r->bytes, r->ns), latency_us(r, 0.5), latency_us(r, 0.99),
                   latency_us(r, 0.999), per_op_us(r->cli_ns, r->ops), server, r->path.zc,
                   r->path.copied, r->path.unknown, r->errors, verdict);
    return dst;
}

int
bench_report(const struct bench_opts *o, const struct bench_result *r)
{
    int rc = 0;
    if (o->json) {
        json_t *const object = bench_report_json(o, r);
        rc = object != NULL ? json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6))
                            : -1;
        json_decref(object);
    } else {
        char text[REPORT_TEXT_BYTES];
        rc = fputs(bench_report_text(text, o, r), stdout) == EOF ? -1 : 0;
    }
    if (putchar('\n') == EOF || fflush(stdout) == EOF || rc < 0) {
        tool_say("the result cannot be printed");
        return TOOL_FAILED;
    }
    if (r->torn > 0 || r->stale > 0)
        return TOOL_DIFFERS;
    return r->ops > 0 && r->errors == 0 ? TOOL_OK : TOOL_FAILED;
}
