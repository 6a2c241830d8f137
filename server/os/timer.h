/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines of one shard: a binary heap of embedded timers, fixed capacity, no allocation. */
#ifndef SERVER_OS_TIMER_H
#define SERVER_OS_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer;
typedef void timer_fire(void *ctx, struct timer *t);

struct timer { /* zero-initialised = disarmed */
    uint64_t at_ns;
    uint32_t index; /* in the heap, from 1; 0 = not armed */
    timer_fire *fire;
};

struct timers;
/* PMEMD_E_ARG for a capacity of 0 or above a thousand million, -ENOMEM. */
int timers_new(uint32_t capacity, void *ctx, struct timers **ret)
    __attribute__((warn_unused_result));
void timers_free(struct timers *ts); /* disarms what is armed; NULL is fine */

/* Arm, or move if armed. The capacity covers every embedded timer of the shard (asserted). */
void timer_arm(struct timers *ts, struct timer *t, uint64_t at_ns, timer_fire *fire);
void timer_disarm(struct timers *ts, struct timer *t); /* a disarmed one is fine */

/* Fire what is due (at most `max`, rest next turn); each is disarmed before its callback, which
 * may arm and disarm any timer. One armed in the past by a callback fires in the same run. */
void timers_run(struct timers *ts, uint64_t now_ns, unsigned max);
uint64_t timers_next_ns(const struct timers *ts); /* UINT64_MAX when none */

#endif
