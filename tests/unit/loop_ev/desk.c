/* SPDX-License-Identifier: BSD-3-Clause */
/* The common furniture of the libev tests. */
#include "tests/unit/loop_ev/desk.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GUARD_S 20.

uint64_t
desk_now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
desk_note(void *arg, struct pmemd_ev *b, const struct pmemd_event *ev)
{
    struct desk *d = arg;
    assert_true(d->count < DESK_EVENTS_MAX);
    assert_true(ev->size >= sizeof *ev);
    d->got[d->count++] = *ev;
    if (d->b != NULL)
        assert_ptr_equal(b, d->b);
    if (d->then != NULL)
        d->then(d, ev);
}

/* Until the client hangs up. */
static void
serve(struct fake *f)
{
    struct fake_msg *m = malloc(sizeof *m);
    for (char byte; !atomic_load(&f->stop);) {
        struct pollfd p = {.fd = f->fd, .events = POLLIN};
        if (poll(&p, 1, 20) != 1)
            continue;
        if (recv(f->fd, &byte, 1, MSG_PEEK) <= 0)
            break;
        fake_get(f, m);
        fake_serve(f, m);
        fake_msg_free(m);
    }
    free(m);
}

void *
desk_script_mute(void *fake)
{
    struct fake *f = fake;
    fake_accept(f);
    fake_greet(f);
    while (!atomic_load(&f->stop))
        (void)poll(NULL, 0, 5);
    return NULL;
}

void *
desk_script_drop_once(void *fake)
{
    struct fake *f = fake;
    struct fake_msg *m = malloc(sizeof *m);
    fake_accept(f);
    fake_greet(f);
    fake_get(f, m);
    fake_msg_free(m);
    free(m);
    fake_hang_up(f, true);
    fake_accept(f);
    fake_greet(f);
    serve(f);
    return NULL;
}

static void *
script_serve(void *fake)
{
    fake_accept(fake);
    fake_greet(fake);
    serve(fake);
    return NULL;
}

void
desk_up(struct desk *d, enum fake_kind kind, void *(*script)(void *fake))
{
    memset(d, 0, sizeof *d);
    fake_up(&d->server, kind);
    d->server.has_thread = true;
    assert_int_equal(pthread_create(&d->server.thread, NULL,
                                    script != NULL ? script : script_serve, &d->server),
                     0);
    d->loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(d->loop);
    assert_int_equal(pmemd_open(d->server.uri, NULL, &d->c), 0);
}

void
desk_attach(struct desk *d)
{
    assert_int_equal(pmemd_ev_attach(d->loop, d->c, desk_note, d, &d->b), 0);
    assert_ptr_equal(pmemd_ev_client(d->b), d->c);
}

void
desk_down(struct desk *d)
{
    pmemd_ev_detach(d->b);
    if (d->c != NULL) {
        pmemd_abort(d->c); /* a mute server would be waited for */
        pmemd_close(d->c);
    }
    ev_run(d->loop, 0); /* returns: no watcher is left, no reference too many */
    ev_loop_destroy(d->loop);
    fake_down(&d->server);
}

/* ---- turning ----------------------------------------------------------------------------- */

static void
on_guard(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
    fail_msg("nothing came for %d s", (int)GUARD_S);
}

void
desk_run(struct desk *d, unsigned count)
{
    ev_timer guard;
    ev_timer_init(&guard, on_guard, GUARD_S, 0.);
    ev_now_update(d->loop);
    ev_timer_start(d->loop, &guard);
    while (d->count < count)
        ev_run(d->loop, EVRUN_ONCE);
    ev_timer_stop(d->loop, &guard);
}

static void
on_end(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w;
    (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

unsigned
desk_idle(struct desk *d, unsigned ms)
{
    ev_timer end;
    ev_timer_init(&end, on_end, ms / 1e3, 0.);
    ev_now_update(d->loop);
    ev_timer_start(d->loop, &end);
    const unsigned before = ev_iteration(d->loop);
    ev_run(d->loop, 0);
    return ev_iteration(d->loop) - before;
}

void
desk_connect(struct desk *d)
{
    desk_attach(d);
    desk_run(d, 1);
    assert_int_equal(d->got[0].what, PMEMD_EV_CONNECTED);
    d->count = 0;
}

void
desk_read(struct desk *d, uint64_t cookie, uint64_t timeout_ns)
{
    const struct pmemd_extent e = {.off = 4096, .len = sizeof d->memory};
    const struct pmemd_iov v = {.data = d->memory, .len = sizeof d->memory};
    struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, cookie);
    r.timeout_ns = timeout_ns;
    assert_int_equal(pmemd_submit(d->c, &r), 0);
}

unsigned
desk_seen(const struct desk *d, enum pmemd_what what, uint64_t cookie)
{
    unsigned n = 0;
    for (unsigned i = 0; i < d->count; i++)
        n += d->got[i].what == what && (cookie == UINT64_MAX || d->got[i].cookie == cookie);
    return n;
}
