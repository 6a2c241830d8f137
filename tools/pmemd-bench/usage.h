/* SPDX-License-Identifier: BSD-3-Clause */
/* CPU time that was used, by us and by the server. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdint.h>

/* Our own, user and system. */
uint64_t usage_self_ns(void);

/*
 * Of all threads of a process: the sum over /proc/PID/task/TID/schedstat, which counts
 * nanoseconds; where the kernel keeps none, /proc/PID/stat, which counts ticks. Returns 0 and
 * *ret, or -ENOENT when there is no such process.
 */
int usage_process_ns(uint64_t pid, uint64_t *ret) __attribute__((warn_unused_result));

/* The fallback alone: in steps of 10 ms on most kernels. */
int usage_process_ticks_ns(uint64_t pid, uint64_t *ret) __attribute__((warn_unused_result));

/* Bind this thread to one CPU. Returns 0 or -errno. */
int usage_pin(unsigned cpu) __attribute__((warn_unused_result));

#endif
