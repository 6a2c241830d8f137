/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's clocks, and the pointers through which everybody reads them. */
#include "common/clock.h"

#include "common/assert.h"
#include "common/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST_SECOND_OF_9999 INT64_C(253402300799)

static uint64_t
read_clock(clockid_t id)
{
    struct timespec ts;
    const int rc = clock_gettime(id, &ts);
    pmi_assert(rc == 0); /* both clocks exist on every Linux */
    pmi_assert(ts.tv_sec >= 0);
    return (uint64_t)ts.tv_sec * PMI_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t
kernel_monotonic_ns(void *arg)
{
    (void)arg;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t
kernel_realtime_ns(void *arg)
{
    (void)arg;
    return read_clock(CLOCK_REALTIME);
}

static const struct pmi_clock kernel_clock = {
    .monotonic_ns = kernel_monotonic_ns,
    .realtime_ns = kernel_realtime_ns,
};

static struct pmi_clock current = {
    .monotonic_ns = kernel_monotonic_ns,
    .realtime_ns = kernel_realtime_ns,
};

uint64_t
pmi_now_ns(void)
{
    return current.monotonic_ns(current.arg);
}

uint64_t
pmi_realtime_ns(void)
{
    return current.realtime_ns(current.arg);
}

uint64_t
pmi_deadline_ns(uint64_t now_ns, uint64_t delta_ns)
{
    uint64_t sum;
    return pmi_add_ok(now_ns, delta_ns, &sum) ? sum : UINT64_MAX;
}

void
pmi_clock_utc(uint64_t realtime_ns, char dst[static PMI_CLOCK_UTC_BYTES])
{
    const uint64_t ms = realtime_ns / PMI_NS_PER_MS % 1000;
    const time_t seconds =
        (time_t)pmi_min_u64(realtime_ns / PMI_NS_PER_S, (uint64_t)LAST_SECOND_OF_9999);
    struct tm tm;
    const struct tm *ok = gmtime_r(&seconds, &tm);
    pmi_assert(ok != NULL); /* the year is in range */
    const size_t n = strftime(dst, PMI_CLOCK_UTC_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    pmi_assert(n == strlen("2026-11-23T02:53:10"));
    (void)snprintf(dst + n, PMI_CLOCK_UTC_BYTES - n, ".%03" PRIu64 "Z", ms);
}

void
pmi_clock_set(const struct pmi_clock *clock)
{
    if (clock == NULL)
        clock = &kernel_clock;
    pmi_assert(clock->monotonic_ns != NULL);
    pmi_assert(clock->realtime_ns != NULL);
    current = *clock;
}
