/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: timers fire when due, earliest first, disarmed before their callback, bounded per turn.
 * Method: named cases, then random arming, moving, disarming and running beside a plain array.
 */
#include "tests/lib/test.h"

#include "server/os/timer.h"
#include "tests/lib/death.h"

#include <pmemd/errors.h>
#include <string.h>

#define MODEL_TIMERS 61u
#define MODEL_STEPS 100000u

struct log {
    struct timers *ts;
    struct timer *fired[256];
    unsigned count;
};

static void
note(void *ctx, struct timer *t)
{
    struct log *log = ctx;
    assert_int_equal(t->index, 0);
    assert_true(log->count < TEST_COUNT(log->fired));
    log->fired[log->count++] = t;
}

static void
fires_in_order_and_only_what_is_due(void **state)
{
    (void)state;
    struct log log = {0};
    struct timer t[5] = {0};
    static const uint64_t at[] = {50, 10, 40, 20, 30};
    assert_int_equal(timers_new(TEST_COUNT(t), &log, &log.ts), 0);
    assert_true(timers_next_ns(log.ts) == UINT64_MAX);
    for (unsigned i = 0; i < TEST_COUNT(t); i++)
        timer_arm(log.ts, &t[i], at[i], note);
    assert_int_equal(timers_next_ns(log.ts), 10);
    timers_run(log.ts, 9, 100);
    assert_int_equal(log.count, 0);
    timers_run(log.ts, 40, 100);
    assert_int_equal(log.count, 4);
    assert_ptr_equal(log.fired[0], &t[1]);
    assert_ptr_equal(log.fired[1], &t[3]);
    assert_ptr_equal(log.fired[2], &t[4]);
    assert_ptr_equal(log.fired[3], &t[2]);
    assert_int_equal(timers_next_ns(log.ts), 50);
    timers_free(log.ts); /* with one armed */
    assert_int_equal(t[0].index, 0);
}

static void
a_run_is_bounded(void **state)
{
    (void)state;
    struct log log = {0};
    struct timer t[5] = {0};
    assert_int_equal(timers_new(TEST_COUNT(t), &log, &log.ts), 0);
    for (unsigned i = 0; i < TEST_COUNT(t); i++)
        timer_arm(log.ts, &t[i], i, note);
    timers_run(log.ts, 100, 2);
    assert_int_equal(log.count, 2);
    timers_run(log.ts, 100, 0);
    assert_int_equal(log.count, 2);
    timers_run(log.ts, 100, 100);
    assert_int_equal(log.count, 5);
    timers_free(log.ts);
}

static void
arming_an_armed_one_moves_it(void **state)
{
    (void)state;
    struct log log = {0};
    struct timer a = {0}, b = {0};
    assert_int_equal(timers_new(2, &log, &log.ts), 0);
    timer_arm(log.ts, &a, 10, note);
    timer_arm(log.ts, &b, 20, note);
    timer_arm(log.ts, &a, 30, note);
    assert_int_equal(timers_next_ns(log.ts), 20);
    timer_arm(log.ts, &a, 5, note);
    assert_int_equal(timers_next_ns(log.ts), 5);
    timer_disarm(log.ts, &a);
    timer_disarm(log.ts, &a);
    assert_int_equal(timers_next_ns(log.ts), 20);
    timer_disarm(log.ts, &b);
    timers_run(log.ts, UINT64_MAX, 10);
    assert_int_equal(log.count, 0);
    timers_free(log.ts);
}

static void
rearm(void *ctx, struct timer *t)
{
    struct log *log = ctx;
    note(log, t);
    timer_arm(log->ts, t, t->at_ns + 10, rearm);
}

static void
a_callback_may_arm_and_disarm(void **state)
{
    (void)state;
    struct log log = {0};
    struct timer t = {0};
    assert_int_equal(timers_new(1, &log, &log.ts), 0);
    timer_arm(log.ts, &t, 10, rearm);
    timers_run(log.ts, 15, 10);
    assert_int_equal(log.count, 1);
    timers_run(log.ts, 45, 10);
    assert_int_equal(log.count, 4);
    assert_int_equal(timers_next_ns(log.ts), 50);
    timers_run(log.ts, UINT64_MAX, 10); /* re-arms itself in the past: bounded all the same */
    assert_int_equal(log.count, 14);
    timers_free(log.ts);
}

static void
arm_two(void *arg)
{
    struct timer t[2] = {0};
    struct timers *ts = arg;
    timer_arm(ts, &t[0], 1, note);
    timer_arm(ts, &t[1], 1, note);
}

static void
capacity_is_checked(void **state)
{
    (void)state;
    struct timers *ts = NULL;
    char text[DEATH_TEXT_BYTES];
    assert_int_equal(timers_new(0, NULL, &ts), PMEMD_E_ARG);
    assert_int_equal(timers_new(UINT32_MAX, NULL, &ts), PMEMD_E_ARG);
    assert_null(ts);
    timers_free(NULL);
    assert_int_equal(timers_new(1, NULL, &ts), 0);
    assert_true(death_aborts(arm_two, ts, text));
    assert_non_null(strstr(text, "capacity"));
    timers_free(ts);
}

struct model {
    struct timers *ts;
    struct timer t[MODEL_TIMERS];
    bool armed[MODEL_TIMERS];
    uint64_t now_ns, seed;
    unsigned fired;
};

static uint64_t
below(struct model *m, uint64_t limit)
{
    m->seed = m->seed * 6364136223846793005ull + 1442695040888963407ull;
    return (m->seed >> 33) % limit;
}

static uint64_t
earliest(const struct model *m)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < MODEL_TIMERS; i++)
        if (m->armed[i] && m->t[i].at_ns < at)
            at = m->t[i].at_ns;
    return at;
}

static void
model_fired(void *ctx, struct timer *t)
{
    struct model *m = ctx;
    const size_t i = (size_t)(t - m->t);
    assert_true(m->armed[i]);
    assert_true(t->at_ns <= m->now_ns);
    assert_true(t->at_ns == earliest(m));
    m->armed[i] = false;
    m->fired++;
}

static void
model_step(struct model *m)
{
    const size_t i = below(m, MODEL_TIMERS);
    switch (below(m, 6)) {
    case 0:
        timer_disarm(m->ts, &m->t[i]);
        m->armed[i] = false;
        break;
    case 1:
        m->now_ns += below(m, 200);
        m->fired = 0;
        timers_run(m->ts, m->now_ns, 7);
        assert_true(m->fired <= 7);
        assert_true(m->fired == 7 || earliest(m) > m->now_ns);
        break;
    default:
        timer_arm(m->ts, &m->t[i], m->now_ns + below(m, 1000), model_fired);
        m->armed[i] = true;
        break;
    }
    assert_true(timers_next_ns(m->ts) == earliest(m));
    assert_int_equal(m->t[i].index != 0, m->armed[i]);
}

static void
agrees_with_an_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model m = {.seed = seed};
        print_message("seed=%llu\n", (unsigned long long)seed);
        assert_int_equal(timers_new(MODEL_TIMERS, &m, &m.ts), 0);
        for (unsigned i = 0; i < MODEL_STEPS; i++)
            model_step(&m);
        timers_free(m.ts);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_order_and_only_what_is_due),
        cmocka_unit_test(a_run_is_bounded),
        cmocka_unit_test(arming_an_armed_one_moves_it),
        cmocka_unit_test(a_callback_may_arm_and_disarm),
        cmocka_unit_test(capacity_is_checked),
        cmocka_unit_test(agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
