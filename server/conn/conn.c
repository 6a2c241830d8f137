/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection machine: one table, one teardown. */
#include "server/conn/conn.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "server/conn/patience.h"
#include "server/conn/rx.h"
#include "server/conn/tx.h"
#include "server/os/sock.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn_edge {
    enum conn_state to;
    enum conn_event (*enter)(struct conn *c);
};

static enum conn_event greet(struct conn *c);
static enum conn_event nothing(struct conn *c);
static enum conn_event move(struct conn *c);
static enum conn_event arrive(struct conn *c);
static enum conn_event opened(struct conn *c);
static enum conn_event finish(struct conn *c);
static enum conn_event linger(struct conn *c);
static enum conn_event drain(struct conn *c);

/* clang-format off */
static const struct conn_edge edges[CONN_STATE_N][CE_N] = {
    [CONN_FREE]    = { [CE_ACCEPT] = { CONN_HELLO,   greet   },
                       [CE_ADOPT]  = { CONN_WAITING, arrive  } },
    [CONN_HELLO]   = { [CE_HELLO]  = { CONN_OPEN,    nothing },
                       [CE_FINISH] = { CONN_FINISH,  finish  },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_OPEN]    = { [CE_MOVE]   = { CONN_MOVING,  nothing },
                       [CE_FINISH] = { CONN_FINISH,  finish  },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_MOVING]  = { [CE_IDLE]   = { CONN_FREE,    move    },
                       [CE_FINISH] = { CONN_DRAIN,   drain   },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_WAITING] = { [CE_OPENED] = { CONN_READY,   opened  },
                       [CE_FINISH] = { CONN_DRAIN,   drain   },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_READY]   = { [CE_FINISH] = { CONN_FINISH,  finish  },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_FINISH]  = { [CE_IDLE]   = { CONN_LINGER,  linger  },
                       [CE_FINISH] = { CONN_FINISH,  nothing },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_LINGER]  = { [CE_FINISH] = { CONN_LINGER,  nothing },
                       [CE_FAIL]   = { CONN_DRAIN,   drain   } },
    [CONN_DRAIN]   = { [CE_FINISH] = { CONN_DRAIN,   nothing },
                       [CE_FAIL]   = { CONN_DRAIN,   nothing } },
};
/* clang-format on */

void
conn_step(struct conn *c, enum conn_event ev)
{
    for (unsigned hops = 0; ev != CE_WAIT; hops++) {
        pmi_alive(c, CONN_MAGIC);
        pmi_assert(hops < CONN_STATE_N);
        const struct conn_edge *e = &edges[c->state][ev];
        pmi_assert(e->enter != NULL);
        c->state = e->to;
        ev = e->enter(c);
    }
}

static enum conn_event
nothing(struct conn *c)
{
    (void)c;
    return CE_WAIT;
}

/* ---- Clocks ------------------------------------------------------------------------------ */

static void
handshake_late(void *ctx, struct timer *t)
{
    (void)ctx;
    conn_fail(pmi_containerof(t, struct conn, timer), PMEMD_E_TIMEOUT,
              "no OPEN within the handshake time");
}

static void
linger_over(void *ctx, struct timer *t)
{
    (void)ctx;
    conn_step(pmi_containerof(t, struct conn, timer), CE_FAIL);
}

/* ---- Birth ------------------------------------------------------------------------------- */

static void
go_on(struct env_work *w)
{
    rx_resume(pmi_containerof(w, struct conn, later));
}

static struct conn *
conn_new(struct conn_world *w, const struct conn_ticket *t)
{
    struct pmi_slot_id id;
    void *obj;
    if (pmi_slots_take(&w->conns, &id, &obj) != 0)
        return NULL;
    struct conn *c = obj;
    memset(c, 0, sizeof *c);
    c->magic = CONN_MAGIC;
    c->world = w;
    c->env = w->env;
    c->id = id;
    c->t = *t;
    c->progress_ns = w->env->now_ns;
    c->later.run = go_on;
    pmi_list_init(&c->in_home);
    pmi_list_init(&c->in_pause);
    pmi_list_init(&c->reqs);
    pmi_list_init(&c->later.link);
    tx_init(c);
    stat_add(&w->env->stats.conns_open, 1);
    return c;
}

static void
close_fd(struct env *env, int fd)
{
    struct io_uring_sqe *sqe = ring_sqe(env->ring);
    io_uring_prep_close(sqe, fd);
    ring_tag_set(sqe, (struct ring_tag){.kind = TAG_NONE});
}

struct conn *
conn_accept(struct conn_world *w, const struct conn_ticket *t)
{
    struct conn *c = conn_new(w, t);
    if (c == NULL) {
        pmi_log(PMI_LOG_WARN, "conn.refused", "peer=%s why=\"all %u connections are in use\"",
                t->peer, pmi_slots_capacity(&w->conns));
        close_fd(w->env, t->fd);
        return NULL;
    }
    stat_add(&w->env->stats.conns_accepted, 1);
    conn_step(c, CE_ACCEPT);
    return c;
}

struct conn *
conn_adopt(struct conn_world *w, const struct conn_ticket *t)
{
    struct conn *c = conn_new(w, t);
    if (c == NULL) {
        close_fd(w->env, t->fd);
        return NULL;
    }
    stat_add(&w->env->stats.handoffs, 1);
    conn_step(c, CE_ADOPT);
    return c;
}

static enum conn_event
greet(struct conn *c)
{
    timer_arm(c->env->timers, &c->timer,
              pmi_deadline_ns(c->env->now_ns, c->env->limits->handshake_ns), handshake_late);
    rx_start(c);
    return CE_WAIT;
}

/* Our session's connection of before, if it is still here. */
static struct conn *
former_of(const struct conn *c)
{
    static const uint8_t none[16];
    if (memcmp(c->t.session, none, sizeof none) == 0)
        return NULL;
    pmi_list_for_each(it, &c->home->conns) {
        struct conn *o = pmi_containerof(it, struct conn, in_home);
        if (o != c && o->heir == NULL &&
            memcmp(o->t.session, c->t.session, sizeof c->t.session) == 0)
            return o;
    }
    return NULL;
}

static enum conn_event
arrive(struct conn *c)
{
    c->home = &c->world->homes[c->t.region];
    pmi_assert(c->home->rg != NULL);
    pmi_list_push_back(&c->home->conns, &c->in_home);
    stat_add(&c->home->rg->connections, 1);
    struct conn *former = former_of(c);
    if (former == NULL)
        return CE_OPENED;
    former->heir = c;
    c->former = former;
    conn_fail(former, PMEMD_E_LOST, "its session came back on another connection");
    return CE_WAIT; /* its end gives CE_OPENED */
}

static enum conn_event
opened(struct conn *c)
{
    timer_disarm(c->env->timers, &c->timer);
    if (control_opened(c) < 0) { /* no room for the reply: rx_resume() comes back to it */
        c->open_due = true;
        c->rx.mode = RX_HOLD;
        conn_pause(c, PAUSE_REQUEST);
    } else {
        rx_start(c);
    }
    return CE_WAIT;
}

/* Out of every list of the shard: the slot is about to be given back. */
static void
unhook(struct conn *c)
{
    timer_disarm(c->env->timers, &c->timer);
    pmi_list_del(&c->in_home);
    pmi_list_del(&c->in_pause);
    pmi_list_del(&c->later.link);
    pmi_list_del(&c->tx.later.link);
    pmi_list_del(&c->tx.aside.link);
}

static enum conn_event
move(struct conn *c)
{
    struct conn_world *w = c->world;
    const struct conn_ticket t = c->t;
    const struct pmi_slot_id id = c->id;
    unhook(c);
    pmi_assert(c->owed == 0);
    pmi_assert(c->rx.buf == NULL);
    stat_sub(&w->env->stats.conns_open, 1);
    c->magic = 0;
    pmi_slots_put(&w->conns, id.slot, id.gen);
    w->move(w->shard, &t);
    return CE_WAIT;
}

/* ---- Ends -------------------------------------------------------------------------------- */

bool
conn_discards(const struct conn *c)
{
    return c->state == CONN_FINISH || c->state == CONN_LINGER;
}

static bool
idle(const struct conn *c)
{
    if (!tx_idle(c) || !pmi_list_empty(&c->reqs) || c->controls > 0)
        return false;
    return c->state == CONN_FINISH || (c->state == CONN_MOVING && c->owed == 0);
}

void
conn_maybe_idle(struct conn *c)
{
    if (idle(c))
        conn_step(c, CE_IDLE);
}

static enum conn_event
finish(struct conn *c)
{
    timer_disarm(c->env->timers, &c->timer);
    rx_discard(c);
    conn_watch(c);
    return idle(c) ? CE_IDLE : CE_WAIT;
}

static void
shut_down(struct conn *c, int how)
{
    struct io_uring_sqe *sqe = ring_sqe(c->env->ring);
    io_uring_prep_shutdown(sqe, c->t.fd, how);
    ring_tag_set(sqe, (struct ring_tag){TAG_CLOSE, c->id.gen, c->id.slot});
    c->owed++;
}

static enum conn_event
linger(struct conn *c)
{
    timer_disarm(c->env->timers, &c->timer);
    if (c->rx.mode == RX_OFF)
        return CE_FAIL; /* the peer has closed already */
    c->goodbye = true;
    shut_down(c, SHUT_WR);
    timer_arm(c->env->timers, &c->timer, pmi_deadline_ns(c->env->now_ns, CONN_LINGER_NS),
              linger_over);
    return CE_WAIT;
}

void
conn_fail(struct conn *c, int err, const char *reason)
{
    if (c->state == CONN_DRAIN)
        return;
    const bool quiet = err == PMEMD_E_LOST || c->state == CONN_LINGER;
    stat_add(&c->env->stats.conns_reset, 1);
    pmi_log(quiet ? PMI_LOG_DEBUG : PMI_LOG_WARN, "conn.reset", "peer=%s err=\"%s\" why=\"%s\"",
            c->t.peer, pmi_err_text(err), reason);
    conn_step(c, CE_FAIL);
}

/* Make the kernel let go: TCP is disconnected (its unsent queue is purged, zero-copy pins end),
 * unless all was said: then closing lets the kernel deliver what is still in the socket. */
static void
break_socket(struct conn *c)
{
    static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    const bool all_said =
        c->tx.zc_ops == 0 && c->tx.inflight == NULL && (c->rx.mode == RX_OFF || c->goodbye);
    if (!c->t.is_tcp || all_said) {
        shut_down(c, SHUT_RDWR);
        return;
    }
    struct io_uring_sqe *sqe = ring_sqe(c->env->ring);
    io_uring_prep_connect(sqe, c->t.fd, &nowhere, sizeof nowhere);
    ring_tag_set(sqe, (struct ring_tag){TAG_CLOSE, c->id.gen, c->id.slot});
    c->disconnecting = true;
    c->owed++;
}

static enum conn_event
drain(struct conn *c)
{
    timer_disarm(c->env->timers, &c->timer);
    pmi_list_del(&c->in_pause);
    tx_abort(c);
    while (!pmi_list_empty(&c->reqs)) {
        struct req *r = pmi_containerof(pmi_list_first(&c->reqs), struct req, link);
        if (r->state == REQ_DRAIN)
            break;
        pmi_list_del(&r->link); /* to the end: what is left are those that drain */
        pmi_list_push_back(&c->reqs, &r->link);
        req_step(r, EV_ABORT);
    }
    rx_stop(c);
    break_socket(c);
    return CE_WAIT;
}

/* Out of the line of our session's connections. Returns who may open now: our heir, if nobody
 * before us is left and it still wants to. */
static struct conn *
leave_line(struct conn *c)
{
    struct conn *former = c->former;
    struct conn *heir = c->heir;
    if (former != NULL)
        former->heir = heir;
    if (heir != NULL)
        heir->former = former;
    return heir != NULL && former == NULL && heir->state == CONN_WAITING ? heir : NULL;
}

/* Every completion came: the connection's memory may be used again. */
static void
conn_end(struct conn *c)
{
    struct conn_world *w = c->world;
    const struct pmi_slot_id id = c->id;
    pmi_assert(pmi_list_empty(&c->reqs));
    pmi_assert(tx_idle(c));
    pmi_assert(c->rx.buf == NULL);
    unhook(c);
    if (c->home != NULL)
        stat_sub(&c->home->rg->connections, 1);
    if (c->tx.budget_raised)
        c->env->budgets_left++;
    struct conn *heir = leave_line(c);
    close_fd(c->env, c->t.fd);
    stat_sub(&c->env->stats.conns_open, 1);
    c->magic = 0;
    pmi_slots_put(&w->conns, id.slot, id.gen);
    if (heir != NULL)
        conn_step(heir, CE_OPENED);
    w->gone(w->shard);
}

bool
conn_settle(struct conn *c)
{
    pmi_alive(c, CONN_MAGIC);
    pmi_assert(c->owed > 0);
    c->owed--;
    if (c->state != CONN_DRAIN || c->owed > 0 || !pmi_list_empty(&c->reqs))
        return false;
    conn_end(c);
    return true;
}

/* ---- Upward calls of requests ------------------------------------------------------------ */

static void
up_land(struct req *r)
{
    rx_land(r->conn, r);
}

static void
up_reply(struct req *r)
{
    struct conn *c = r->conn;
    rx_forget(c, r);
    tx_queue(c, &r->out);
}

static void
up_let_go(struct req *r)
{
    tx_let_go(r->conn, &r->out);
}

static void
up_slow(struct req *r)
{
    conn_fail(r->conn, PMEMD_E_SLOW, "others waited too long for the bytes it holds");
}

/* The reply has left: the request is no longer in flight for the peer (P7.1). */
static void
up_sent(struct req *r)
{
    struct conn *c = r->conn;
    if (r->credited)
        return;
    r->credited = true;
    pmi_assert(c->req_count > 0);
    c->req_count--;
    c->extents -= r->hdr.extent_count;
    c->bytes -= req_charge(r->op, &r->hdr);
}

static void
up_freed(struct req *r)
{
    rx_forget(r->conn, r);
    up_sent(r);
}

static void
up_hurry(struct req *r)
{
    rx_hurry(r->conn, r);
}

const struct req_up conn_req_up = {
    .land = up_land,
    .reply = up_reply,
    .let_go = up_let_go,
    .hurry = up_hurry,
    .slow = up_slow,
    .sent = up_sent,
    .freed = up_freed,
};

/* ---- For the shard ----------------------------------------------------------------------- */

void
conn_on_cqe(struct conn_world *w, struct ring_tag tag, int res, unsigned flags)
{
    if (tag.kind == TAG_RECV) {
        rx_on_recv(w, tag, res, flags);
    } else if (tag.kind == TAG_SEND) {
        tx_on_send(w, tag, res, flags);
    } else {
        struct conn *c = pmi_slots_get(&w->conns, tag.slot, tag.gen);
        pmi_assert(c != NULL);
        if (c->disconnecting && res < 0) /* refused: the plain way, so that DRAIN ends */
            shut_down(c, SHUT_RDWR);
        c->disconnecting = false;
        (void)conn_settle(c);
    }
}

void
conn_stop_all(struct conn_world *w, bool at_once)
{
    for (uint32_t i = 0; i < pmi_slots_capacity(&w->conns); i++) {
        struct conn *c = pmi_slots_at(&w->conns, i, NULL);
        if (c == NULL)
            continue;
        if (!at_once && c->state == CONN_READY && c->rx.mode == RX_HOLD)
            c->stopping =
                true; /* whole messages wait in staging: they are served first (P1.5) */
        else
            conn_step(c, at_once ? CE_FAIL : CE_FINISH);
    }
}
