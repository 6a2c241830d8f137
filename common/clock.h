/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time, behind pointers that tests and the simulator replace. Deadlines and rates use the
 * monotonic clock; the real one is for log lines alone.
 */
#ifndef PMI_CLOCK_H
#define PMI_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define PMI_NS_PER_US UINT64_C(1000)
#define PMI_NS_PER_MS UINT64_C(1000000)
#define PMI_NS_PER_S UINT64_C(1000000000)

/* "2026-11-23T02:53:10.123Z" and its NUL. */
#define PMI_CLOCK_UTC_BYTES 25

struct pmi_clock {
    uint64_t (*monotonic_ns)(void *arg);
    uint64_t (*realtime_ns)(void *arg); /* since 1970-01-01 UTC */
    void *arg;                          /* borrowed until the clock is replaced */
};

/* Nanoseconds since some fixed moment; never goes back. */
__attribute__((warn_unused_result)) uint64_t pmi_now_ns(void);

/* Nanoseconds since 1970-01-01 UTC; may jump. */
__attribute__((warn_unused_result)) uint64_t pmi_realtime_ns(void);

/* now + delta, or UINT64_MAX (never) if that does not fit. */
__attribute__((warn_unused_result)) uint64_t pmi_deadline_ns(uint64_t now_ns,
                                                             uint64_t delta_ns);

/* Write `realtime_ns` as UTC with milliseconds; years above 9999 are shown as 9999. */
void pmi_clock_utc(uint64_t realtime_ns, char dst[static PMI_CLOCK_UTC_BYTES]);

/* Replace both clocks (copied); NULL restores the kernel's. Not while other threads run. */
void pmi_clock_set(const struct pmi_clock *clock);

#endif
