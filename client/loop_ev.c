/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client in a libev loop, by means of the public header alone. Three watchers turn it: the
 * descriptor and a timer, which deliver events, and a hook before each sleep, where requests
 * submitted by other callbacks leave and the timer is set.
 */
#include <pmemd/loop_ev.h>

#include "common/assert.h"
#include "common/checked.h"
#include "common/clock.h"

#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BIND_MAGIC 0x50654276u
#define BATCH 32u      /* events reaped at a time */
#define BATCHES_MAX 4u /* delivered before other watchers get their turn */
/* A timer this much later than due is left alone, and one that is too early always is: most
 * requests end long before their deadline, and moving the timer for each would cost more. */
#define LATE_NS (50 * PMI_NS_PER_US)
#define SLACK_S 1e-6        /* above what the two clocks' readings and rounding differ by */
#define AGAIN_S 1e9         /* a timer that repeats is not stopped behind our back */
#define AT_ONCE UINT64_C(0) /* armed_ns: fires on the loop's next turn */

/* A record with room for what a newer libpmemd may fill, since callers may know more of it than
 * we do. */
union slot {
    struct pmemd_event event;
    char room[128];
};
pmi_static_assert(sizeof(struct pmemd_event) <= sizeof(union slot));

struct pmemd_ev {
    uint32_t magic;
    unsigned depth;              /* drive() calls on the stack */
    struct pmemd_client *client; /* borrowed; NULL = detached, freed when depth is 0 */
    struct ev_loop *loop;        /* borrowed */
    void (*fn)(void *arg, struct pmemd_ev *b, const struct pmemd_event *event);
    void *arg;
    uint64_t armed_ns; /* when the active timer fires, by our clock */
    ev_io io;
    ev_timer timer;
    ev_prepare prepare;
    unsigned head, count; /* of slots: reaped, not delivered */
    union slot slots[BATCH];
};

/* ---- the timer --------------------------------------------------------------------------- */

/* The loop counts the binding once, by its io watcher: the others give their references back
 * while they are active. */
static void
timer_stop(struct pmemd_ev *b)
{
    if (!ev_is_active(&b->timer))
        return;
    ev_ref(b->loop);
    ev_timer_stop(b->loop, &b->timer);
}

static void
timer_start(struct pmemd_ev *b, uint64_t left_ns)
{
    double after_s = 0.;
    timer_stop(b);
    if (left_ns > 0) {
        after_s = (double)left_ns / 1e9 + SLACK_S;
        /* Timers count from the time the loop last looked, which may be long ago. */
        ev_now_update(b->loop);
    }
    ev_timer_set(&b->timer, after_s < AGAIN_S ? after_s : AGAIN_S, AGAIN_S);
    ev_timer_start(b->loop, &b->timer);
    ev_unref(b->loop);
}

/* How long the loop may sleep: not at all while there is something to deliver, which a callback
 * that runs the loop may be waiting for. */
static uint64_t
sleep_max_ns(const struct pmemd_ev *b)
{
    return b->head < b->count ? 0 : pmemd_wait_max_ns(b->client);
}

static void
rearm(struct pmemd_ev *b, uint64_t left_ns)
{
    if (left_ns == UINT64_MAX) {
        timer_stop(b);
        return;
    }
    const uint64_t due_ns = left_ns == 0 ? AT_ONCE : pmi_deadline_ns(pmi_now_ns(), left_ns);
    if (ev_is_active(&b->timer) &&
        (b->armed_ns <= due_ns || (due_ns != AT_ONCE && b->armed_ns - due_ns < LATE_NS)))
        return;
    timer_start(b, left_ns);
    b->armed_ns = due_ns;
}

/* ---- driving ----------------------------------------------------------------------------- */

static void
silence(struct pmemd_ev *b)
{
    timer_stop(b);
    ev_io_stop(b->loop, &b->io);
    if (ev_is_active(&b->prepare)) {
        ev_ref(b->loop);
        ev_prepare_stop(b->loop, &b->prepare);
    }
}

/* Have something to deliver; false if there is nothing. */
static bool
refill(struct pmemd_ev *b)
{
    if (b->head < b->count)
        return true; /* a callback runs the loop: we go on for it */
    const int n = pmemd_reap(b->client, &b->slots[0].event, sizeof b->slots[0], BATCH);
    if (n < 0) {
        pmi_assert(n == PMEMD_E_FORKED);
        silence(b); /* the descriptor is the parent's, and may stay readable */
        return false;
    }
    b->head = 0;
    b->count = (unsigned)n;
    return n > 0;
}

/* The callback may detach, and may run the loop, which may deliver the rest. */
static void
deliver(struct pmemd_ev *b)
{
    while (b->client != NULL && b->head < b->count) {
        const union slot one = b->slots[b->head++];
        b->fn(b->arg, b, &one.event);
    }
}

static void
drive(struct pmemd_ev *b)
{
    pmi_alive(b, BIND_MAGIC);
    b->depth++;
    for (unsigned i = 0; i < BATCHES_MAX && b->client != NULL && refill(b); i++)
        deliver(b);
    if (--b->depth == 0 && b->client == NULL) {
        b->magic = 0;
        free(b);
    }
}

static void
on_io(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    drive(w->data);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct pmemd_ev *b = w->data;
    (void)loop;
    (void)revents;
    timer_stop(b);
    drive(b);
}

/* The loop is about to sleep: what was submitted leaves. Events are delivered after the sleep,
 * which is then none, so that whoever turns the loop once finds them before it sleeps again. */
static void
on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct pmemd_ev *b = w->data;
    (void)loop;
    (void)revents;
    uint64_t left_ns = sleep_max_ns(b);
    if (left_ns == 0) {
        if (pmemd_ready(b->client) == PMEMD_E_FORKED) {
            silence(b);
            return;
        }
        left_ns = sleep_max_ns(b);
    }
    rearm(b, left_ns);
}

/* ---- life -------------------------------------------------------------------------------- */

int
pmemd_ev_attach(struct ev_loop *loop, struct pmemd_client *c,
                void (*fn)(void *arg, struct pmemd_ev *b, const struct pmemd_event *event),
                void *arg, struct pmemd_ev **ret)
{
    if (loop == NULL || c == NULL || fn == NULL || ret == NULL)
        return PMEMD_E_ARG;
    const int fd = pmemd_fd(c);
    if (fd < 0)
        return fd;
    struct pmemd_ev *b = calloc(1, sizeof *b);
    if (b == NULL)
        return -ENOMEM;
    b->magic = BIND_MAGIC;
    b->client = c;
    b->loop = loop;
    b->fn = fn;
    b->arg = arg;
    ev_io_init(&b->io, on_io, fd, EV_READ);
    ev_timer_init(&b->timer, on_timer, 0., AGAIN_S);
    ev_prepare_init(&b->prepare, on_prepare);
    ev_set_priority(&b->prepare, EV_MINPRI); /* after others' hooks, which may submit */
    b->io.data = b->timer.data = b->prepare.data = b;
    ev_io_start(loop, &b->io);
    ev_prepare_start(loop, &b->prepare);
    ev_unref(loop);
    *ret = b;
    return 0;
}

void
pmemd_ev_detach(struct pmemd_ev *b)
{
    if (b == NULL)
        return;
    pmi_alive(b, BIND_MAGIC);
    pmi_assert(b->client != NULL); /* detached twice */
    silence(b);
    b->client = NULL;
    if (b->depth > 0)
        return; /* drive() is on the stack and frees it */
    b->magic = 0;
    free(b);
}

int
pmemd_ev_take(struct pmemd_ev *b, struct pmemd_event *events, size_t stride, unsigned max)
{
    pmi_alive(b, BIND_MAGIC);
    pmi_assert(b->client != NULL); /* take first, then detach */
    if (stride < sizeof *events || stride % _Alignof(struct pmemd_event) != 0 ||
        (events == NULL && max > 0))
        return PMEMD_E_ARG;
    const size_t known = pmi_min(stride, sizeof b->slots[0]);
    char *at = (char *)events;
    int n = 0;
    for (; (unsigned)n < max && b->head < b->count; n++, at += stride) {
        memcpy(at, &b->slots[b->head++], known);
        memset(at + known, 0, stride - known);
    }
    return n;
}

struct pmemd_client *
pmemd_ev_client(const struct pmemd_ev *b)
{
    pmi_alive(b, BIND_MAGIC);
    return b->client;
}
