/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading option values. Each function sets *ret on success only. */
#ifndef TOOL_ARGS_H
#define TOOL_ARGS_H

#include <stdint.h>

#define TOOL_CHECK __attribute__((warn_unused_result))

#define TOOL_NS_PER_S UINT64_C(1000000000)

/* "4096", "4K", "1G": a whole number with K, M, G or T for powers of 1024, in either case.
 * -EINVAL, or -ERANGE if it does not fit 64 bits. */
TOOL_CHECK int tool_parse_size(const char *text, uint64_t *ret);

/* A decimal number in [min, max]. -EINVAL or -ERANGE. */
TOOL_CHECK int tool_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Seconds with an optional fraction, more than 0 and at most 30 days, as nanoseconds.
 * -EINVAL or -ERANGE. */
TOOL_CHECK int tool_parse_secs(const char *text, uint64_t *ret_ns);

#endif
