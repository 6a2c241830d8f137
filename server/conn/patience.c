/* SPDX-License-Identifier: BSD-3-Clause */
/* Clocks over peers: stalls, and relief for those who starve. */
#include "server/conn/patience.h"

#include "common/assert.h"
#include "common/clock.h"
#include "server/conn/rx.h"
#include "server/conn/tx.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

void
conn_touch(struct conn *c)
{
    c->progress_ns = c->env->now_ns;
    c->outq = 0;
}

void
conn_served(struct conn *c, enum conn_pause what)
{
    if (c->paused_for == what)
        c->paused_ns = 0;
}

static bool
owes(const struct conn *c)
{
    return rx_midway(c) || c->tx.inflight != NULL || c->tx.zc_ops > 0;
}

/* Has the message that is due come slower than `rate`, past `patience_ns`? */
static bool
drips(const struct conn *c, uint64_t patience_ns, uint64_t rate)
{
    if (c->due_since_ns == 0)
        return false;
    const uint64_t fair_ns = c->due_bytes / rate * PMI_NS_PER_S;
    return c->env->now_ns - c->due_since_ns > patience_ns + fair_ns;
}

/* Bytes sent zero-copy are all in the socket at once; there, only the peer's acknowledgements
 * move. -1: cannot be told yet, ask again; 0: nothing moved since last asked; 1: something did. */
static int
socket_moves(struct conn *c)
{
    int left = 0;
    if (c->tx.zc_ops == 0 || !c->t.is_tcp || ioctl(c->t.fd, SIOCOUTQ, &left) != 0)
        return 0;
    const uint32_t before = c->outq;
    c->outq = (uint32_t)left;
    return before == 0 ? -1 : c->outq < before;
}

static void
stall_check(void *ctx, struct timer *t)
{
    struct conn *c = pmi_containerof(t, struct conn, timer);
    const struct env_limits *lim = c->env->limits;
    (void)ctx;
    pmi_alive(c, CONN_MAGIC);
    if (!owes(c))
        return; /* armed again when it does */
    uint64_t until = pmi_deadline_ns(c->progress_ns, lim->stall_ns);
    const bool drip = drips(c, lim->stall_ns, PATIENCE_ALONE_RATE);
    if (!drip && until <= c->env->now_ns) {
        const int moves = socket_moves(c);
        if (moves > 0)
            conn_touch(c);
        if (moves != 0)
            until = pmi_deadline_ns(c->env->now_ns, lim->stall_ns / 8);
    }
    if (drip || until <= c->env->now_ns)
        conn_fail(c, PMEMD_E_SLOW, "it stood still in the middle of a message");
    else
        timer_arm(c->env->timers, &c->timer, until, stall_check);
}

void
conn_watch(struct conn *c)
{
    if (c->timer.index == 0)
        timer_arm(c->env->timers, &c->timer,
                  pmi_deadline_ns(c->env->now_ns, c->env->limits->stall_ns), stall_check);
}

/* ---- Relief ------------------------------------------------------------------------------ */

static bool
stands_still(const struct conn *c)
{
    const uint64_t slow_ns = c->env->limits->slow_ns;
    return (owes(c) && c->env->now_ns - c->progress_ns >= slow_ns) ||
           drips(c, slow_ns, PATIENCE_WANTED_RATE);
}

static bool
holds(const struct conn *c, enum conn_pause what)
{
    if (what == PAUSE_STAGE)
        return c->rx.buf != NULL && c->rx.parked == 0;
    if (what == PAUSE_REQUEST)
        return !pmi_list_empty(&c->reqs) || c->controls > 0;
    return c->tx.inflight != NULL || c->tx.zc_ops > 0;
}

/* Since when it has been at fault. */
static uint64_t
fault_ns(const struct conn *c)
{
    const uint64_t due = c->due_since_ns;
    return due != 0 && due < c->progress_ns ? due : c->progress_ns;
}

static struct conn *
worst_holder(const struct conn_world *w, enum conn_pause what)
{
    struct conn *worst = NULL;
    for (uint32_t i = 0; i < pmi_slots_capacity(&w->conns); i++) {
        struct conn *c = pmi_slots_at(&w->conns, i, NULL);
        if (c == NULL || c->state == CONN_DRAIN || !holds(c, what) || !stands_still(c))
            continue;
        if (worst == NULL || fault_ns(c) < fault_ns(worst))
            worst = c;
    }
    return worst;
}

/* Who has waited for slow_ns through no fault of its own peer? NULL: nobody. */
static const struct conn *
starving(const struct env *env)
{
    pmi_list_for_each(it, &env->paused) {
        const struct conn *c = pmi_containerof(it, struct conn, in_pause);
        if (env->now_ns - c->paused_ns >= env->limits->slow_ns && !stands_still(c))
            return c;
    }
    return NULL;
}

static void
relieve(void *ctx, struct timer *t)
{
    struct conn_world *w = pmi_containerof(t, struct conn_world, relief);
    struct env *env = w->env;
    (void)ctx;
    if (pmi_list_empty(&env->paused))
        return;
    const struct conn *starved = starving(env);
    for (unsigned n = 0; starved != NULL && n < PATIENCE_RELIEF_MAX; n++) {
        struct conn *c = worst_holder(w, starved->paused_for);
        if (c == NULL)
            break;
        stat_add(&env->stats.slow_resets, 1);
        conn_fail(c, PMEMD_E_SLOW, "it stood still while others waited for what it holds");
    }
    timer_arm(env->timers, t, pmi_deadline_ns(env->now_ns, env->limits->slow_ns / 4), relieve);
}

void
conn_pause(struct conn *c, enum conn_pause what)
{
    struct env *env = c->env;
    stat_add(&env->stats.pauses, 1);
    /* One wait, though it was let try in between; but not one of long ago. */
    const bool same = c->paused_for == what && c->paused_ns != 0 &&
                      env->now_ns - c->paused_ns < 4 * env->limits->slow_ns;
    if (!same)
        c->paused_ns = env->now_ns;
    c->paused_for = what;
    if (!pmi_list_linked(&c->in_pause))
        pmi_list_push_back(&env->paused, &c->in_pause);
    if (c->world->relief.index == 0)
        timer_arm(env->timers, &c->world->relief,
                  pmi_deadline_ns(env->now_ns, env->limits->slow_ns), relieve);
}

void
conn_resume_paused(struct env *env)
{
    struct pmi_list round;
    pmi_list_init(&round);
    while (!pmi_list_empty(&env->paused))
        pmi_list_push_back(&round, pmi_list_pop_front(&env->paused));
    while (!pmi_list_empty(&round)) {
        struct conn *c = pmi_containerof(pmi_list_pop_front(&round), struct conn, in_pause);
        tx_kick(c);
        rx_resume(c);
    }
}
