/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers for randomised tests: the same ones in every run (splitmix64), edges among them. */
#ifndef PMI_TEST_DICE_H
#define PMI_TEST_DICE_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t
dice(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline uint64_t
dice_below(uint64_t *seed, uint64_t n)
{
    return dice(seed) % n;
}

/* Any number, of any length in bits: 0 and UINT64_MAX come often. */
static inline uint64_t
dice_any(uint64_t *seed)
{
    const uint64_t bits = dice_below(seed, 66);
    if (bits == 65)
        return UINT64_MAX;
    return bits == 0 ? 0 : dice(seed) >> (64 - (bits > 64 ? 64 : bits));
}

static inline void
dice_fill(uint64_t *seed, void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)dice(seed);
}

#endif
