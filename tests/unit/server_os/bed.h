/* SPDX-License-Identifier: BSD-3-Clause */
/* What these tests share: a ring on this host, or a reason to skip. */
#ifndef TEST_SERVER_OS_BED_H
#define TEST_SERVER_OS_BED_H

#include "server/os/ring.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define BED_KIND 3u

/* 0, or TEST_SKIPPED with the reason printed. */
static inline int
bed_probe(struct ring_caps *ret)
{
    char why[512];
    if (ring_probe(ret, why, sizeof why) == 0)
        return 0;
    (void)printf("skipped: %s\n", why);
    return TEST_SKIPPED;
}

static inline void
bed_ring(struct ring *r, const struct ring_caps *caps, unsigned entries, unsigned batch_max)
{
    const struct ring_config cfg = {
        .entries = entries,
        .cq_entries = 4 * entries,
        .batch_max = batch_max,
    };
    *r = (struct ring){0};
    assert_int_equal(ring_open(r, caps, &cfg), 0);
}

#endif
