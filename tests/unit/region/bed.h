/* SPDX-License-Identifier: BSD-3-Clause */
/* What these tests share: small regions of many slots. */
#ifndef TEST_REGION_BED_H
#define TEST_REGION_BED_H

#include "server/store/region.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define MIB (1ull << 20)

/* Slots of `data_mib` data each, nothing registered. */
static inline struct ring_caps
bed_caps(uint64_t data_mib)
{
    return (struct ring_caps){.fixed_max = REGION_ARENA_BYTES + data_mib * MIB};
}

static inline struct region *
bed_region(const struct ring_caps *caps, uint64_t len)
{
    const struct region_config cfg = {
        .name = "bed", .medium = "mem", .len = len, .no_hugetlb = true};
    struct region *rg = NULL;
    char why[512] = "";
    if (region_open(&cfg, caps, &rg, why, sizeof why) != 0)
        fail_msg("%s", why);
    return rg;
}

#endif
