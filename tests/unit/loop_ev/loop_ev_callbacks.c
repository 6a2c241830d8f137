/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: every event reaches the callback once and in order, and the callback may do what the
 * contract says: submit, detach, close, take, run the loop.
 * Method: a server in a thread, events written down, counts compared. Events that are to come
 * together are waited for before the client is attached.
 */
#include "tests/unit/loop_ev/desk.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static void
attach__refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static struct desk d;
    struct pmemd_ev *b = (void *)&d;
    desk_up(&d, FAKE_UNIX, NULL);
    assert_int_equal(pmemd_ev_attach(NULL, d.c, desk_note, &d, &b), PMEMD_E_ARG);
    assert_int_equal(pmemd_ev_attach(d.loop, NULL, desk_note, &d, &b), PMEMD_E_ARG);
    assert_int_equal(pmemd_ev_attach(d.loop, d.c, NULL, &d, &b), PMEMD_E_ARG);
    assert_int_equal(pmemd_ev_attach(d.loop, d.c, desk_note, &d, NULL), PMEMD_E_ARG);
    assert_ptr_equal(b, (void *)&d); /* outputs are set on success only */
    pmemd_ev_detach(NULL);
    desk_connect(&d); /* the script waits for somebody */
    desk_down(&d);
}

static void
attach__does_no_io_and_counts_as_one_watcher(void **state)
{
    (void)state;
    static struct desk d;
    struct pollfd p = {.events = POLLIN};
    memset(&d, 0, sizeof d);
    fake_up(&d.server, FAKE_TCP);
    p.fd = d.server.listen_fd;
    d.loop = ev_loop_new(EVFLAG_AUTO);
    assert_int_equal(pmemd_open(d.server.uri, NULL, &d.c), 0);
    desk_attach(&d);
    assert_int_equal(poll(&p, 1, 20), 0);
    ev_unref(d.loop);
    assert_false(ev_run(d.loop, 0)); /* one turn: nothing holds the loop */
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_false(ev_run(d.loop, 0)); /* nor does the timer that runs now */
    ev_ref(d.loop);
    assert_true(ev_run(d.loop, EVRUN_NOWAIT));
    assert_int_equal(d.count, 0);
    desk_down(&d);
}

static void
events__come_once_each_and_in_order(void **state)
{
    (void)state;
    static struct desk d;
    enum { REQUESTS = 100 };
    desk_up(&d, FAKE_TCP, NULL);
    for (unsigned i = 0; i < REQUESTS; i++)
        desk_read(&d, i, 0);
    desk_attach(&d);
    desk_run(&d, 1 + 2 * REQUESTS);
    (void)desk_idle(&d, 20);
    assert_int_equal(d.count, 1 + 2 * REQUESTS);
    assert_int_equal(d.got[0].what, PMEMD_EV_CONNECTED);
    for (unsigned i = 0; i < REQUESTS; i++) {
        assert_int_equal(desk_seen(&d, PMEMD_EV_DONE, i), 1);
        assert_int_equal(desk_seen(&d, PMEMD_EV_RELEASED, i), 1);
    }
    for (unsigned i = 1, released = 0; i < d.count; i++) {
        released += d.got[i].what == PMEMD_EV_RELEASED;
        assert_true(2 * released <= i); /* never before its DONE */
        assert_int_equal(d.got[i].err, 0);
    }
    desk_down(&d);
}

static void
submit_next(struct desk *d, const struct pmemd_event *ev)
{
    if (ev->what == PMEMD_EV_RELEASED && ++d->seen < 200)
        desk_read(d, d->seen, 0);
}

static void
submit__in_the_callback(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_UNIX, NULL);
    desk_connect(&d);
    d.then = submit_next;
    desk_read(&d, 0, 0);
    desk_run(&d, 400);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(desk_seen(&d, PMEMD_EV_DONE, i), 1);
    desk_down(&d);
}

static void
on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct desk *d = w->data;
    (void)loop;
    (void)revents;
    desk_read(d, 7, 0);
}

/* Nobody tells the binding of it, and the descriptor is quiet. */
static void
submit__in_another_callback(void **state)
{
    (void)state;
    static struct desk d;
    ev_timer tick;
    desk_up(&d, FAKE_UNIX, NULL);
    desk_connect(&d);
    ev_timer_init(&tick, on_tick, 0.02, 0.);
    tick.data = &d;
    ev_timer_start(d.loop, &tick);
    desk_run(&d, 2);
    assert_int_equal(desk_seen(&d, PMEMD_EV_DONE, 7), 1);
    desk_down(&d);
}

/* `requests` of which all events can be reaped, not attached. */
static void
have_events(struct desk *d, unsigned requests)
{
    struct pmemd_event ev;
    desk_up(d, FAKE_UNIX, NULL);
    assert_int_equal(pmemd_connect(d->c, 10000 * DESK_MS), 0);
    assert_int_equal(pmemd_reap(d->c, &ev, sizeof ev, 1), 1);
    for (unsigned i = 0; i < requests; i++)
        desk_read(d, i, 0);
    assert_int_equal(pmemd_wait(d->c, 2 * requests, 10000 * DESK_MS), 2 * requests);
}

static void
on_hook(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct desk *d = w->data;
    (void)revents;
    desk_read(d, 8, 0);
    ev_prepare_stop(loop, w);
}

/* The last moment before the loop sleeps, by hooks from before and after the attach. */
static void
submit__in_a_hook_before_the_sleep(void **state)
{
    (void)state;
    static struct desk d;
    ev_prepare hooks[2];
    have_events(&d, 0);
    for (unsigned i = 0; i < 2; i++) {
        ev_prepare_init(&hooks[i], on_hook);
        hooks[i].data = &d;
    }
    ev_prepare_start(d.loop, &hooks[0]);
    desk_attach(&d);
    desk_run(&d, 2);
    ev_prepare_start(d.loop, &hooks[1]);
    desk_run(&d, 4);
    assert_int_equal(desk_seen(&d, PMEMD_EV_RELEASED, 8), 2);
    desk_down(&d);
}

static void
detach(struct desk *d, const struct pmemd_event *ev)
{
    (void)ev;
    pmemd_ev_detach(d->b);
    d->b = NULL;
}

static void
detach__in_the_callback_is_the_last(void **state)
{
    (void)state;
    static struct desk d;
    have_events(&d, 10);
    d.then = detach;
    desk_attach(&d);
    ev_run(d.loop, 0); /* ends: nothing is left in the loop */
    assert_int_equal(d.count, 1);
    assert_int_equal(pmemd_read(d.c, 0, d.memory, 10), 0); /* the client is as it was */
    d.then = NULL;
    desk_attach(&d); /* and can be attached again */
    desk_read(&d, 99, 0);
    desk_run(&d, 3);
    assert_int_equal(d.got[1].cookie, 99);
    desk_down(&d);
}

static void
take_and_detach(struct desk *d, const struct pmemd_event *ev)
{
    /* A caller that knows records larger than ours gets zeros there. */
    struct {
        struct pmemd_event ev;
        char newer[256];
    } rest[4];
    (void)ev;
    memset(rest, 'x', sizeof rest);
    assert_int_equal(pmemd_ev_take(d->b, &rest[0].ev, 8, 4), PMEMD_E_ARG);
    assert_int_equal(pmemd_ev_take(d->b, NULL, sizeof rest[0], 4), PMEMD_E_ARG);
    assert_int_equal(pmemd_ev_take(d->b, &rest[0].ev, sizeof rest[0], 4), 4);
    for (unsigned i = 0; i < 4; i++) {
        d->got[d->count++] = rest[i].ev;
        assert_int_equal(rest[i].newer[0], 0);
        assert_int_equal(rest[i].newer[255], 0);
    }
    for (;;) {
        const int n = pmemd_ev_take(d->b, &d->got[d->count], sizeof d->got[0], 100);
        if (n == 0)
            break;
        assert_true(n > 0);
        d->count += (unsigned)n;
    }
    detach(d, ev);
}

static void
take__loses_nothing(void **state)
{
    (void)state;
    static struct desk d;
    have_events(&d, 40);
    d.then = take_and_detach;
    desk_attach(&d);
    assert_int_equal(pmemd_ev_take(d.b, d.got, sizeof d.got[0], 10), 0);
    ev_run(d.loop, 0);
    assert_true(d.count < 80); /* what was reaped together; the client has the rest */
    const int n = pmemd_reap(d.c, &d.got[d.count], sizeof d.got[0], 100);
    assert_true(n > 0);
    d.count += (unsigned)n;
    assert_int_equal(d.count, 80);
    for (unsigned i = 0; i < d.count; i++)
        assert_int_equal(d.got[i].cookie, i / 2); /* DONE and RELEASED, in order */
    desk_down(&d);
}

static void
detach_and_close(struct desk *d, const struct pmemd_event *ev)
{
    detach(d, ev);
    pmemd_close(d->c);
    d->c = NULL;
}

static void
close__in_the_callback(void **state)
{
    (void)state;
    static struct desk d;
    have_events(&d, 10);
    d.then = detach_and_close;
    desk_attach(&d);
    ev_run(d.loop, 0);
    assert_int_equal(d.count, 1);
    desk_down(&d);
}

static void
abort_all(struct desk *d, const struct pmemd_event *ev)
{
    if (ev->what == PMEMD_EV_DONE && ev->err == 0)
        pmemd_abort(d->c);
}

static void
abort__in_the_callback(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_UNIX, NULL);
    desk_connect(&d);
    d.then = abort_all;
    for (unsigned i = 0; i < 100; i++)
        desk_read(&d, i, 0);
    desk_run(&d, 200);
    assert_int_equal(desk_seen(&d, PMEMD_EV_RELEASED, UINT64_MAX), 100);
    assert_int_equal(d.got[199].what, PMEMD_EV_RELEASED);
    assert_true(desk_idle(&d, 100) <= 5);
    desk_down(&d);
}

/* Two clients; whoever is called first detaches the other, which then never is. */
static struct desk pair[2];

static void
detach_other(struct desk *d, const struct pmemd_event *ev)
{
    struct desk *other = d == &pair[0] ? &pair[1] : &pair[0];
    detach(other, ev);
    d->then = NULL;
}

static void
detach__of_another_in_the_callback(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        have_events(&pair[i], 5);
        assert_int_equal(
            pmemd_ev_attach(pair[0].loop, pair[i].c, desk_note, &pair[i], &pair[i].b), 0);
        pair[i].then = detach_other;
    }
    (void)desk_idle(&pair[0], 50);
    assert_int_equal(pair[0].count + pair[1].count, 10);
    assert_int_equal(pair[0].count * pair[1].count, 0);
    for (unsigned i = 0; i < 2; i++) {
        pmemd_ev_detach(pair[i].b);
        pair[i].b = NULL;
    }
    desk_down(&pair[0]);
    desk_down(&pair[1]);
}

static void
run_within(struct desk *d, const struct pmemd_event *ev)
{
    (void)ev;
    if (d->count == 2)
        desk_run(d, 6); /* of which some were reaped with this one */
    if (d->count == 7)
        desk_run(d, 10);
}

static void
loop__run_in_the_callback(void **state)
{
    (void)state;
    static struct desk d;
    have_events(&d, 6);
    d.then = run_within;
    desk_attach(&d);
    desk_run(&d, 12);
    for (unsigned i = 0; i < d.count; i++)
        assert_int_equal(d.got[i].cookie, i / 2);
    desk_down(&d);
}

static void
run_until_detached(struct desk *d, const struct pmemd_event *ev)
{
    if (d->count == 4)
        detach(d, ev);
    while (d->b != NULL)
        ev_run(d->loop, EVRUN_ONCE);
}

static void
loop__run_in_the_callback_until_detached(void **state)
{
    (void)state;
    static struct desk d;
    have_events(&d, 6);
    d.then = run_until_detached;
    desk_attach(&d);
    ev_run(d.loop, 0);
    assert_int_equal(d.count, 4);
    desk_down(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attach__refuses_what_it_cannot_do),
        cmocka_unit_test(attach__does_no_io_and_counts_as_one_watcher),
        cmocka_unit_test(events__come_once_each_and_in_order),
        cmocka_unit_test(submit__in_the_callback),
        cmocka_unit_test(submit__in_another_callback),
        cmocka_unit_test(submit__in_a_hook_before_the_sleep),
        cmocka_unit_test(detach__in_the_callback_is_the_last),
        cmocka_unit_test(take__loses_nothing),
        cmocka_unit_test(close__in_the_callback),
        cmocka_unit_test(abort__in_the_callback),
        cmocka_unit_test(detach__of_another_in_the_callback),
        cmocka_unit_test(loop__run_in_the_callback),
        cmocka_unit_test(loop__run_in_the_callback_until_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
