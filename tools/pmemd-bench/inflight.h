/* SPDX-License-Identifier: BSD-3-Clause */
/* Which requests of the torn test are in flight, to count those that overlap. */
#ifndef BENCH_INFLIGHT_H
#define BENCH_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct inflight {
    unsigned count;  /* places */
    uint64_t *masks; /* owned; the blocks of the request in each place, 0 = none */
    bool *writes;    /* owned */
};

/* Returns 0 or -ENOMEM. */
int inflight_init(struct inflight *f, unsigned count) __attribute__((warn_unused_result));

void inflight_fini(struct inflight *f);

/* A request on the blocks of `mask` enters. Returns how many of those in flight touch one of
 * its blocks where at least one of the two writes. */
unsigned inflight_enter(struct inflight *f, unsigned place, uint64_t mask, bool write);

void inflight_leave(struct inflight *f, unsigned place);

#endif
