/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arithmetic that says "no" instead of wrapping. Each _ok function returns false and leaves
 * *ret alone when the true result does not fit; looking at the answer is not optional.
 */
#ifndef PMI_CHECKED_H
#define PMI_CHECKED_H

#include "common/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

pmi_static_assert(sizeof(size_t) == sizeof(uint64_t)); /* 64-bit hosts only */

#define PMI_CHECKED __attribute__((warn_unused_result)) static inline

PMI_CHECKED bool
pmi_add_ok(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

PMI_CHECKED bool
pmi_sub_ok(uint64_t a, uint64_t b, uint64_t *ret)
{
    if (b > a)
        return false;
    *ret = a - b;
    return true;
}

PMI_CHECKED bool
pmi_mul_ok(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret = product;
    return true;
}

PMI_CHECKED bool
pmi_is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

/* Smallest multiple of `align` (a power of two) that is not below v. */
PMI_CHECKED bool
pmi_align_up_ok(uint64_t v, uint64_t align, uint64_t *ret)
{
    pmi_assert(pmi_is_pow2(align));
    uint64_t sum;
    if (__builtin_add_overflow(v, align - 1, &sum))
        return false;
    *ret = sum & ~(align - 1);
    return true;
}

/* Largest multiple of `align` (a power of two) that is not above v. */
PMI_CHECKED uint64_t
pmi_align_down(uint64_t v, uint64_t align)
{
    pmi_assert(pmi_is_pow2(align));
    return v & ~(align - 1);
}

PMI_CHECKED bool
pmi_is_aligned(uint64_t v, uint64_t align)
{
    pmi_assert(pmi_is_pow2(align));
    return (v & (align - 1)) == 0;
}

/* True if [off, off + len) lies within [0, limit). The empty range at the end does. */
PMI_CHECKED bool
pmi_range_ok(uint64_t off, uint64_t len, uint64_t limit)
{
    return off <= limit && len <= limit - off; /* subtract; a sum could wrap */
}

PMI_CHECKED size_t
pmi_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

PMI_CHECKED size_t
pmi_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

PMI_CHECKED uint64_t
pmi_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

PMI_CHECKED uint64_t
pmi_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

PMI_CHECKED uint32_t
pmi_min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

PMI_CHECKED uint32_t
pmi_max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

#undef PMI_CHECKED

#endif
