/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: deadlines fire without traffic, not early, not by spinning; an idle loop sleeps.
 * Method: a server that never answers, requests with deadlines, and a count of the loop's turns.
 */
#include "tests/unit/loop_ev/desk.h"

#include <poll.h>

/* Turns a deadline may take: the submit, the timer, and a few that an early timer costs. */
#define TURNS_PER_DEADLINE 4u

static void
deadline__without_traffic(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_TCP, desk_script_mute);
    desk_connect(&d);
    const uint64_t start = desk_now_ns();
    const unsigned before = ev_iteration(d.loop);
    desk_read(&d, 1, 30 * DESK_MS);
    desk_run(&d, 2);
    const uint64_t took = desk_now_ns() - start;
    assert_int_equal(d.got[0].what, PMEMD_EV_DONE);
    assert_int_equal(d.got[0].err, PMEMD_E_TIMEOUT);
    assert_int_equal(d.got[1].what, PMEMD_EV_RELEASED);
    assert_true(took >= 30 * DESK_MS);
    assert_true(took < 1000 * DESK_MS); /* on a loaded host */
    assert_true(ev_iteration(d.loop) - before <= TURNS_PER_DEADLINE);
    desk_down(&d);
}

static void
deadline__of_every_size_takes_few_turns(void **state)
{
    (void)state;
    static const uint64_t sizes_ns[] = {1,       999,     50000,   999999,   1000000,
                                        1000001, 1500000, 2499999, 10000001, 25000000};
    static struct desk d;
    desk_up(&d, FAKE_UNIX, desk_script_mute);
    desk_connect(&d);
    for (unsigned i = 0; i < TEST_COUNT(sizes_ns); i++) {
        const uint64_t start = desk_now_ns();
        const unsigned before = ev_iteration(d.loop);
        d.count = 0;
        desk_read(&d, i, sizes_ns[i]);
        desk_run(&d, 2);
        assert_int_equal(d.got[0].err, PMEMD_E_TIMEOUT);
        assert_true(desk_now_ns() - start >= sizes_ns[i]);
        assert_true(ev_iteration(d.loop) - before <= TURNS_PER_DEADLINE);
    }
    desk_down(&d);
}

static uint64_t due_ns[100];

static void
on_time(struct desk *d, const struct pmemd_event *ev)
{
    (void)d;
    assert_true(desk_now_ns() >= due_ns[ev->cookie]);
}

/* The latest first, so that the timer is moved for each; then some are canceled. */
static void
deadline__many(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_UNIX, desk_script_mute);
    desk_connect(&d);
    d.then = on_time;
    const uint64_t start = desk_now_ns();
    const unsigned before = ev_iteration(d.loop);
    for (unsigned i = 0; i < TEST_COUNT(due_ns); i++) {
        const uint64_t timeout_ns = (TEST_COUNT(due_ns) - i) * DESK_MS;
        due_ns[i] = desk_now_ns() + timeout_ns;
        desk_read(&d, i, timeout_ns);
        if (i % 10 == 9)
            (void)ev_run(d.loop, EVRUN_NOWAIT);
    }
    desk_run(&d, 2 * TEST_COUNT(due_ns));
    assert_true(desk_now_ns() - start < 2000 * DESK_MS);
    assert_int_equal(desk_seen(&d, PMEMD_EV_DONE, UINT64_MAX), TEST_COUNT(due_ns));
    assert_true(ev_iteration(d.loop) - before <= 2 * TEST_COUNT(due_ns) + 20);
    desk_down(&d);
}

static void
on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct desk *d = w->data;
    (void)loop;
    (void)revents;
    (void)poll(NULL, 0, 30); /* the loop's time is old now */
    desk_read(d, 1, 20 * DESK_MS);
}

static void
deadline__set_late_in_a_turn(void **state)
{
    (void)state;
    static struct desk d;
    ev_timer tick;
    desk_up(&d, FAKE_UNIX, desk_script_mute);
    desk_connect(&d);
    ev_timer_init(&tick, on_tick, 0.001, 0.);
    tick.data = &d;
    ev_timer_start(d.loop, &tick);
    const unsigned before = ev_iteration(d.loop);
    desk_run(&d, 2);
    assert_true(ev_iteration(d.loop) - before <= 2); /* the tick's, and the deadline's */
    desk_down(&d);
}

/* A timer that stays at an early time wakes the loop once, not for ever. */
static void
deadline__gone_is_not_waited_for(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_UNIX, NULL);
    desk_connect(&d);
    for (unsigned i = 0; i < 20; i++) {
        d.count = 0;
        desk_read(&d, i, (50 + i) * DESK_MS);
        desk_run(&d, 2);
        assert_int_equal(d.got[0].err, 0);
    }
    assert_true(desk_idle(&d, 300) <= 3);
    desk_down(&d);
}

static void
idle__does_not_turn(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_TCP, NULL);
    desk_connect(&d);
    desk_read(&d, 1, 0);
    desk_run(&d, 2);
    assert_true(desk_idle(&d, 500) <= 3);
    assert_int_equal(d.count, 2);
    desk_down(&d);
}

/* An hour is waited for by sleeping; the server may never answer. */
static void
idle__with_a_request_in_flight(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_TCP, desk_script_mute);
    desk_connect(&d);
    desk_read(&d, 1, 0);
    desk_read(&d, 2, 3600 * UINT64_C(1000000000));
    desk_read(&d, 3, UINT64_MAX - 1);
    assert_true(desk_idle(&d, 500) <= 4);
    assert_int_equal(d.count, 0);
    desk_down(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline__without_traffic),
        cmocka_unit_test(deadline__of_every_size_takes_few_turns),
        cmocka_unit_test(deadline__many),
        cmocka_unit_test(deadline__set_late_in_a_turn),
        cmocka_unit_test(deadline__gone_is_not_waited_for),
        cmocka_unit_test(idle__does_not_turn),
        cmocka_unit_test(idle__with_a_request_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
