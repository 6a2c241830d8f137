/* SPDX-License-Identifier: BSD-3-Clause */
/* The sender: gathers, picks the path, accounts for what the kernel holds. */
#include "server/conn/tx.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "server/conn/aside.h"
#include "server/conn/patience.h"
#include "server/os/ring_compat.h"
#include "server/os/sock.h"

#include <errno.h>
#include <string.h>

static void let_go(struct env_work *w);

static void
start_sending(struct env_work *w)
{
    tx_kick(pmi_containerof(w, struct conn, tx.later));
}

void
tx_init(struct conn *c)
{
    pmi_list_init(&c->tx.queue);
    pmi_list_init(&c->tx.later.link);
    pmi_list_init(&c->tx.aside.link);
    c->tx.later.run = start_sending;
    c->tx.aside.run = let_go;
    const struct env *env = c->env;
    const struct path_config cfg = {
        .policy = (enum path_policy)env->limits->send_policy,
        .is_tcp = c->t.is_tcp,
        .is_loopback = c->t.is_loopback,
        .has_zc = env->caps->send_zc,
        .has_report = env->caps->report_usage,
        .zc_min = env->limits->zc_min,
    };
    path_init(&c->path, &cfg, env->now_ns);
}

bool
tx_idle(const struct conn *c)
{
    return pmi_list_empty(&c->tx.queue) && c->tx.inflight == NULL && c->tx.zc_ops == 0;
}

static struct outmsg *
head_of(const struct tx *tx)
{
    struct pmi_list *first = pmi_list_first(&tx->queue);
    return first == NULL ? NULL : pmi_containerof(first, struct outmsg, link);
}

/* ---- Gathering --------------------------------------------------------------------------- */

struct gather {
    struct sendop *op;
    uint64_t room;     /* bytes */
    uint32_t one_slot; /* REGION_NOT_FIXED, or: payload from this slot only */
    bool full;
};

static void
add(struct gather *g, void *data, uint64_t len)
{
    struct sendop *op = g->op;
    struct iovec *last = op->mh.msg_iovlen > 0 ? &op->iov[op->mh.msg_iovlen - 1] : NULL;
    pmi_assert(len <= g->room);
    if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
    } else {
        pmi_assert(op->mh.msg_iovlen < TX_IOVS);
        op->iov[op->mh.msg_iovlen++] = (struct iovec){.iov_base = data, .iov_len = len};
    }
    op->bytes += len;
    g->room -= len;
    g->full = g->room == 0 || op->mh.msg_iovlen == TX_IOVS;
}

static void
add_extent(struct gather *g, struct outmsg *m, uint64_t off, uint64_t len)
{
    while (len > 0 && !g->full) {
        const struct region_slice s = region_slice(m->rg, off, len < g->room ? len : g->room);
        if (g->one_slot != REGION_NOT_FIXED && s.slot != g->one_slot) {
            g->full = true;
            return;
        }
        add(g, s.data, s.len);
        off += s.len;
        len -= s.len;
    }
}

/* Payload bytes of `m` from payload offset `from` on, as many as fit. */
static void
add_payload(struct gather *g, struct outmsg *m, uint64_t from)
{
    if (m->aside != NULL) {
        pmi_assert(from >= m->aside_from);
        const uint64_t left = m->payload_len - from;
        add(g, m->aside + (from - m->aside_from), left < g->room ? left : g->room);
        return;
    }
    for (unsigned i = 0; i < m->extent_count && !g->full; i++) {
        const struct pmemd_extent e = m->extents[i];
        if (from < e.len)
            add_extent(g, m, e.off + from, e.len - from);
        from = from > e.len ? from - e.len : 0;
    }
}

/* What is left of `m`, as much as fits. */
static void
add_message(struct gather *g, struct outmsg *m)
{
    if (m->sent < m->head_len) {
        const uint64_t left = m->head_len - m->sent;
        add(g, (void *)(uintptr_t)(m->head + m->sent), left < g->room ? left : g->room);
    }
    const uint64_t from = outmsg_payload_sent(m);
    if (!g->full && from < m->payload_len)
        add_payload(g, m, from);
}

/* ---- Submitting -------------------------------------------------------------------------- */

static struct sendop *
op_new(struct conn *c)
{
    struct pmi_slot_id id;
    void *obj;
    if (pmi_slots_take(&c->env->sends, &id, &obj) != 0)
        return NULL;
    struct sendop *op = obj;
    memset(op, 0, offsetof(struct sendop, iov));
    op->id = id;
    op->conn = c;
    op->mh.msg_iov = op->iov;
    op->t_ns = c->env->now_ns;
    return op;
}

static void
op_free(struct env *env, struct sendop *op)
{
    op->conn = NULL;
    pmi_slots_put(&env->sends, op->id.slot, op->id.gen);
}

/* Take an operation back that the kernel could not finish: the peer does not read. */
static void
cancel(struct env *env, const struct sendop *op)
{
    struct io_uring_sqe *sqe = ring_sqe(env->ring);
    const struct ring_tag tag = {TAG_SEND, op->id.gen, op->id.slot};
    io_uring_prep_cancel64(sqe, ring_tag_pack(tag), 0);
    ring_tag_set(sqe, (struct ring_tag){.kind = TAG_NONE});
}

static void
submit(struct conn *c, struct sendop *op, struct io_uring_sqe *sqe)
{
    const struct ring_tag tag = {TAG_SEND, op->id.gen, op->id.slot};
    ring_tag_set(sqe, tag);
    c->tx.inflight = op;
    c->owed++;
    conn_watch(c);
    conn_served(c, PAUSE_SEND);
    stat_add(&c->env->stats.sends, 1);
}

static void
send_copying(struct conn *c, struct sendop *op)
{
    struct gather g = {.op = op, .room = TX_COPY_BYTES, .one_slot = REGION_NOT_FIXED};
    bool first = true;
    bool wanted = false;
    pmi_list_for_each(it, &c->tx.queue) {
        struct outmsg *m = pmi_containerof(it, struct outmsg, link);
        const bool large = m->payload_len >= c->path.cfg.zc_min && c->path.mode != PATH_COPY;
        if (!first && (large || aside_is_midway(m)))
            break; /* its turn to choose comes when it is the head */
        first = false;
        wanted |= m->wanted && aside_would_help(c->env, m);
        m->submitted = true;
        add_message(&g, m);
        if (g.full)
            break;
    }
    struct io_uring_sqe *sqe = ring_sqe(c->env->ring);
    io_uring_prep_sendmsg(sqe, c->t.fd, &op->mh, MSG_NOSIGNAL);
    submit(c, op, sqe);
    if (wanted) /* a writer waits: what does not leave at once is copied aside */
        cancel(c->env, op);
}

/* May this send name a fixed buffer? The send budget must have been raised first: huge folios
 * charge a socket with the payload's offset inside them. */
static bool
may_fix(struct conn *c, const struct outmsg *m)
{
    struct env *env = c->env;
    if (!env->caps->sendmsg_zc_fixed || !path_may_fix(&c->path) || m->rg->fixed_count == 0)
        return false;
    if (!c->tx.budget_raised && env->budgets_left > 0 &&
        sock_budget_raise(c->t.fd, env->limits->send_budget) == 0) {
        c->tx.budget_raised = true;
        env->budgets_left--;
    }
    return c->tx.budget_raised;
}

/* Lay the message out inside one fixed buffer: its header copied into the slot's arena. False
 * when that is not to be had; then nothing was added. */
static bool
gather_fixed(struct gather *g, struct outmsg *m)
{
    const uint64_t from = outmsg_payload_sent(m);
    const uint32_t slot = region_slice(m->rg, outmsg_range_at(m, from).off, 1).slot;
    if (slot >= m->rg->fixed_count)
        return false;
    if (m->sent < m->head_len) {
        const uint64_t left = m->head_len - m->sent;
        void *cell = left <= REGION_CELL_BYTES ? region_cell_get(m->rg, slot) : NULL;
        if (cell == NULL)
            return false;
        memcpy(cell, m->head + m->sent, left);
        g->op->cell = cell;
        add(g, cell, left);
    }
    g->op->slot = slot;
    g->one_slot = slot;
    add_payload(g, m, from);
    return true;
}

/* Pin or unpin the frames under an operation's payload. */
static void
pin(const struct sendop *op, void (*fn)(struct region *rg, uint64_t off, uint64_t len))
{
    const struct outmsg *m = op->zc;
    uint64_t from = op->from;
    uint64_t left = op->len;
    for (unsigned i = 0; i < m->extent_count && left > 0; i++) {
        const struct pmemd_extent e = m->extents[i];
        if (from < e.len) {
            const uint64_t n = e.len - from < left ? e.len - from : left;
            fn(m->rg, e.off + from, n);
            left -= n;
        }
        from = from > e.len ? from - e.len : 0;
    }
    pmi_assert(left == 0);
}

static void
send_zero_copy(struct conn *c, struct sendop *op, struct outmsg *m)
{
    struct gather g = {.op = op, .room = TX_ZC_BYTES, .one_slot = REGION_NOT_FIXED};
    const bool fixed = may_fix(c, m) && gather_fixed(&g, m);
    if (!fixed)
        add_message(&g, m);
    const uint64_t head_left = m->sent < m->head_len ? m->head_len - m->sent : 0;
    op->zc = m;
    op->from = outmsg_payload_sent(m);
    op->len = op->bytes - head_left;
    m->submitted = true;

    struct io_uring_sqe *sqe = ring_sqe(c->env->ring);
    io_uring_prep_sendmsg_zc(sqe, c->t.fd, &op->mh, MSG_NOSIGNAL);
    if (c->env->caps->report_usage)
        sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
    if (fixed) {
        sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
        sqe->buf_index = (uint16_t)(m->rg->fixed_first + op->slot);
    }
    submit(c, op, sqe);
    pin(op, region_pin);
    stat_add(&c->env->stats.pins, 1);
    c->tx.zc_out += op->bytes;
    c->tx.zc_ops++;
    m->notifs++;
}

static bool
wants_copy(const struct conn *c, const struct outmsg *m)
{
    for (unsigned i = 0; i < m->extent_count; i++)
        if (region_wants_copy(m->rg, m->extents[i].off, m->extents[i].len, c->env->now_ns))
            return true;
    return false;
}

static bool
picks_zero_copy(struct conn *c, const struct outmsg *m)
{
    const uint64_t left = m->payload_len - outmsg_payload_sent(m);
    if (m->rg == NULL || left == 0 || left < c->path.cfg.zc_min || m->plain ||
        m->aside != NULL || m->wanted)
        return false;
    if (c->path.mode == PATH_ZC && wants_copy(c, m))
        return false;
    return path_pick(&c->path, left, c->env->now_ns);
}

void
tx_kick(struct conn *c)
{
    struct tx *tx = &c->tx;
    struct outmsg *m = head_of(tx);
    if (m == NULL || tx->inflight != NULL || tx->broken)
        return;
    if (pmi_list_linked(&tx->aside.link) || aside_is_midway(m))
        return; /* let_go() goes on */
    if (tx->zc_out >= c->env->limits->zc_out_max)
        return; /* the next notification goes on */
    struct sendop *op = op_new(c);
    if (op == NULL) {
        conn_pause(c, PAUSE_SEND);
        return;
    }
    if (picks_zero_copy(c, m))
        send_zero_copy(c, op, m);
    else
        send_copying(c, op);
}

void
tx_queue(struct conn *c, struct outmsg *m)
{
    if (c->tx.broken) {
        m->done(m);
        return;
    }
    pmi_list_push_back(&c->tx.queue, &m->link);
    env_later(c->env, &c->tx.later);
}

/* ---- Letting go -------------------------------------------------------------------------- */

/* Off the queue: over as soon as no notification is owed. */
static void
retire(struct env *env, struct outmsg *m)
{
    if (m->notifs > 0)
        return;
    aside_free(env, m);
    m->done(m);
}

/* Copy aside what writers wait for, a bounded part a turn; then let go. */
static void
let_go(struct env_work *w)
{
    struct conn *c = pmi_containerof(w, struct conn, tx.aside);
    pmi_list_for_each_safe(it, &c->tx.queue) {
        struct outmsg *m = pmi_containerof(it, struct outmsg, link);
        if (!m->wanted || m->released || m->submitted)
            continue;
        const enum aside_result r = aside_copy(c->env, m, &c->env->turn_left);
        if (r == ASIDE_MORE) {
            env_hungry(c->env, w);
            return;
        }
        if (r == ASIDE_DONE && m->notifs == 0) {
            m->released = true;
            m->release(m);
        }
    }
    env_later(c->env, &c->tx.later);
}

void
tx_let_go(struct conn *c, struct outmsg *m)
{
    if (m->rg == NULL || m->wanted)
        return;
    m->wanted = true;
    if (c->path.mode != PATH_COPY)
        for (unsigned i = 0; i < m->extent_count; i++)
            region_mark_copy(m->rg, m->extents[i].off, m->extents[i].len,
                             c->env->now_ns + PMI_NS_PER_S);
    if (m->submitted)
        cancel(c->env, c->tx.inflight);
    else if (c->tx.inflight != NULL)
        env_hungry(c->env, &c->tx.aside);
    /* Else it is tried at the end of this turn, once: see send_copying(). */
}

/* ---- Completions ------------------------------------------------------------------------- */

/* `res` bytes left, from the head of the queue on; messages that are out retire. */
static void
sent_bytes(struct conn *c, struct sendop *op, uint64_t left)
{
    while (left > 0) {
        struct outmsg *m = head_of(&c->tx);
        pmi_assert(m != NULL);
        const uint64_t rest = outmsg_left(m);
        const uint64_t n = rest < left ? rest : left;
        const uint64_t before = outmsg_payload_sent(m);
        m->sent += n;
        left -= n;
        const uint64_t payload = outmsg_payload_sent(m) - before;
        if (op->zc != NULL) {
            op->moved = payload;
        } else if (payload > 0) {
            stat_add(&c->env->stats.bytes_copied, payload);
            stat_add(&m->rg->paths.copied, payload);
        }
        if (n < rest)
            break;
        m->submitted = false;
        pmi_list_del(&m->link);
        if (m->left != NULL)
            m->left(m);
        retire(c->env, m);
    }
}

/* No message is in the kernel's operation any more; some may be wanted. */
static void
take_back(struct conn *c)
{
    pmi_list_for_each_safe(it, &c->tx.queue) {
        struct outmsg *m = pmi_containerof(it, struct outmsg, link);
        if (!m->submitted)
            break; /* an operation covers the head of the queue */
        m->submitted = false;
    }
    pmi_list_for_each(it, &c->tx.queue) {
        struct outmsg *m = pmi_containerof(it, struct outmsg, link);
        if (m->wanted && !m->released)
            env_hungry(c->env, &c->tx.aside);
    }
}

static void
drop_queue(struct conn *c)
{
    pmi_list_for_each_safe(it, &c->tx.queue) {
        struct outmsg *m = pmi_containerof(it, struct outmsg, link);
        if (m->submitted)
            continue;
        pmi_list_del(&m->link);
        retire(c->env, m);
    }
}

void
tx_abort(struct conn *c)
{
    c->tx.broken = true;
    pmi_list_del(&c->tx.later.link);
    pmi_list_del(&c->tx.aside.link);
    drop_queue(c);
}

/* The kernel let go of a zero-copy send. */
static void
zc_ended(struct conn *c, struct sendop *op, bool told, bool copied)
{
    struct env *env = c->env;
    struct outmsg *m = op->zc;
    pin(op, region_unpin);
    if (op->cell != NULL)
        region_cell_put(m->rg, op->slot, op->cell);
    stat_sub(&env->stats.pins, 1);
    c->tx.zc_out -= op->bytes;
    c->tx.zc_ops--;

    uint64_t *total = !told    ? &env->stats.bytes_unknown
                      : copied ? &env->stats.bytes_copied
                               : &env->stats.bytes_zc;
    uint64_t *mine = !told    ? &m->rg->paths.unknown
                     : copied ? &m->rg->paths.copied
                              : &m->rg->paths.zc;
    stat_add(total, op->moved);
    stat_add(mine, op->moved);
    if (path_report(&c->path, op->failed || !told, copied, env->now_ns - op->t_ns, env->now_ns))
        pmi_log(PMI_LOG_INFO, "conn.path", "peer=%s mode=%s why=\"%s\"", c->t.peer,
                path_mode_name(c->path.mode), path_why_text(&c->path));

    pmi_assert(m->notifs > 0);
    m->notifs--;
    if (!pmi_list_linked(&m->link))
        retire(env, m);
    else if (m->wanted)
        env_hungry(env, &c->tx.aside);
}

/* What a send that did not move bytes means. */
static void
send_failed(struct conn *c, struct sendop *op, int res)
{
    op->failed = true;
    if (res == -ECANCELED || res == -EAGAIN || res == -EINTR)
        return; /* cancelled for a writer, or simply again */
    if (op->zc != NULL && (res == -ENOBUFS || res == -ENOMEM || res == -EOPNOTSUPP ||
                           res == -EINVAL || res == -EFAULT)) {
        op->zc->plain = true;
        pmi_log(PMI_LOG_WARN, "send.zc_refused", "peer=%s err=\"%s\"", c->t.peer,
                pmi_err_text(res));
        return;
    }
    conn_fail(c, res, "send");
}

static void
op_completed(struct conn *c, struct sendop *op, int res)
{
    c->tx.inflight = NULL;
    if (res > 0) {
        conn_touch(c);
        sent_bytes(c, op, (uint64_t)res);
    }
    take_back(c);
    if (c->tx.broken)
        drop_queue(c);
    else if (res < 0)
        send_failed(c, op, res);
}

void
tx_on_send(struct conn_world *w, struct ring_tag tag, int res, unsigned flags)
{
    struct sendop *op = pmi_slots_get(&w->env->sends, tag.slot, tag.gen);
    pmi_assert(op != NULL); /* freed with its last completion only */
    struct conn *c = op->conn;
    pmi_alive(c, CONN_MAGIC);
    const bool is_notif = (flags & IORING_CQE_F_NOTIF) != 0;
    if (!is_notif)
        op_completed(c, op, res);
    env_later(w->env, &c->tx.later);
    if ((flags & IORING_CQE_F_MORE) != 0)
        return; /* the notification is still to come */
    if (op->zc != NULL) {
        const bool told = is_notif && w->env->caps->report_usage;
        const bool copied = ((uint32_t)res & IORING_NOTIF_USAGE_ZC_COPIED) != 0;
        zc_ended(c, op, told, told && copied);
    }
    op_free(w->env, op);
    if (!conn_settle(c))
        conn_maybe_idle(c);
}
