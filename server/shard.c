/* SPDX-License-Identifier: BSD-3-Clause */
/* The turn of a shard, its mailbox, and accepting. */
#include "server/shard.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "server/conn/patience.h"
#include "server/conn/tx.h"
#include "server/media/medium.h"
#include "server/os/sock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SHARD_MAGIC 0x53484152u
#define SHARD_SQ 4096u
#define SHARD_CQ 16384u
#define SHARD_BATCH 256u
#define SHARD_STAGES 64u /* staging buffers, a power of two */
#define SHARD_HEADS 1024u
#define SHARD_CONTROLS 128u
#define SHARD_SENDS_SPARE                                                                      \
    1024u /* zero-copy sends whose notification is owed, beyond one each */
#define SHARD_NODES (256u << 10)
#define ACCEPT_PAUSE_NS (100 * PMI_NS_PER_MS)

enum mail_kind { MAIL_ADOPT, MAIL_FINISH, MAIL_RESET, MAIL_QUIT };

struct mail {
    struct mail *next;
    enum mail_kind kind;
    struct conn_ticket ticket;
};

struct shard {
    uint32_t magic;
    struct shard_config cfg;
    struct ring ring;
    struct env env;
    struct conn_world world;
    void *stage_memory;
    pthread_t thread;
    bool has_thread;

    struct mail *inbox;  /* a stack; pushed by any thread, taken whole by ours */
    int bell;            /* eventfd: there is mail */
    uint64_t bell_value; /* the armed read's */

    bool finishing, quitting;
    struct timer accept_again;
    pthread_mutex_t up_lock; /* guards up_rc, is_up */
    pthread_cond_t up_cond;
    int up_rc;
    bool is_up;
};

/* ---- Mail -------------------------------------------------------------------------------- */

static void
push(struct shard *to, struct mail *m)
{
    m->next = __atomic_load_n(&to->inbox, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&to->inbox, &m->next, m, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
}

/* From a thread that has no ring. */
static void
post(struct shard *to, enum mail_kind kind)
{
    struct mail *m = calloc(1, sizeof *m);
    const uint64_t one = 1;
    pmi_assert(m != NULL); /* a few dozen bytes at shutdown */
    m->kind = kind;
    push(to, m);
    const ssize_t n = write(to->bell, &one, sizeof one);
    pmi_assert(n == sizeof one);
}

/* conn_world.move: a connection goes to the shard of its region. */
static void
move_conn(void *arg, const struct conn_ticket *t)
{
    static const uint64_t one = 1;
    struct shard *s = arg;
    struct shard *to = s->cfg.peers[s->cfg.regions[t->region]->shard];
    pmi_alive(s, SHARD_MAGIC);
    if (to == s) {
        (void)conn_adopt(&s->world, t);
        return;
    }
    struct mail *m = calloc(1, sizeof *m);
    if (m == NULL) {
        pmi_log(PMI_LOG_ERROR, "conn.lost", "peer=%s why=\"out of memory\"", t->peer);
        close(t->fd);
        return;
    }
    m->kind = MAIL_ADOPT;
    m->ticket = *t;
    push(to, m);
    struct io_uring_sqe *sqe = ring_sqe(&s->ring);
    io_uring_prep_write(sqe, to->bell, &one, sizeof one, 0);
    ring_tag_set(sqe, (struct ring_tag){.kind = TAG_NONE});
}

static void
arm_bell(struct shard *s)
{
    struct io_uring_sqe *sqe = ring_sqe(&s->ring);
    io_uring_prep_read(sqe, s->bell, &s->bell_value, sizeof s->bell_value, 0);
    ring_tag_set(sqe, (struct ring_tag){.kind = TAG_MAIL});
}

static void
cancel_accepts(struct shard *s)
{
    timer_disarm(s->env.timers, &s->accept_again);
    for (uint32_t i = 0; i < s->cfg.listener_count; i++) {
        struct io_uring_sqe *sqe = ring_sqe(&s->ring);
        io_uring_prep_cancel64(sqe, ring_tag_pack((struct ring_tag){TAG_ACCEPT, 0, i}), 0);
        ring_tag_set(sqe, (struct ring_tag){.kind = TAG_NONE});
    }
}

static void
tell_if_idle(struct shard *s)
{
    if (s->finishing && pmi_slots_used(&s->world.conns) == 0)
        s->cfg.idle(s->cfg.idle_arg);
}

static void
read_mail(struct shard *s, const struct mail *m)
{
    switch (m->kind) {
    case MAIL_ADOPT:
        if (s->finishing)
            close(m->ticket.fd);
        else
            (void)conn_adopt(&s->world, &m->ticket);
        break;
    case MAIL_FINISH:
    case MAIL_RESET:
        if (!s->finishing)
            cancel_accepts(s);
        s->finishing = true;
        conn_stop_all(&s->world, m->kind == MAIL_RESET);
        tell_if_idle(s);
        break;
    case MAIL_QUIT:
        s->quitting = true;
        break;
    default:
        pmi_assert(m->kind == MAIL_QUIT); /* those above are all there are */
    }
}

static void
on_mail(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    struct shard *s = ctx;
    (void)tag, (void)flags;
    pmi_assert(res == sizeof s->bell_value || res == -EAGAIN);
    arm_bell(s);
    struct mail *m = __atomic_exchange_n(&s->inbox, NULL, __ATOMIC_ACQUIRE);
    struct mail *in_order = NULL;
    while (m != NULL) {
        struct mail *next = m->next;
        m->next = in_order;
        in_order = m;
        m = next;
    }
    while (in_order != NULL) {
        struct mail *next = in_order->next;
        read_mail(s, in_order);
        free(in_order);
        in_order = next;
    }
}

static void
conn_gone(void *arg)
{
    tell_if_idle(arg);
}

/* ---- Accepting --------------------------------------------------------------------------- */

static void
arm_accept(struct shard *s, uint32_t i)
{
    struct io_uring_sqe *sqe = ring_sqe(&s->ring);
    if (s->cfg.caps->accept_multishot)
        io_uring_prep_multishot_accept(sqe, s->cfg.listeners[i], NULL, NULL, SOCK_CLOEXEC);
    else
        io_uring_prep_accept(sqe, s->cfg.listeners[i], NULL, NULL, SOCK_CLOEXEC);
    ring_tag_set(sqe, (struct ring_tag){TAG_ACCEPT, 0, i});
}

static void
accept_again(void *ctx, struct timer *t)
{
    struct shard *s = pmi_containerof(t, struct shard, accept_again);
    (void)ctx;
    for (uint32_t i = 0; i < s->cfg.listener_count && !s->finishing; i++)
        arm_accept(s, i);
}

/* `connections` bounds those of all shards together. */
static bool
is_full(const struct shard *s, const struct conn_ticket *t)
{
    uint64_t open = 0;
    for (uint32_t i = 0; i < s->cfg.shard_count; i++)
        open += __atomic_load_n(&s->cfg.all_stats[i]->conns_open, __ATOMIC_RELAXED);
    if (open < s->cfg.connections)
        return false;
    pmi_log(PMI_LOG_WARN, "conn.refused", "peer=%s why=\"all %u connections are in use\"",
            t->peer, s->cfg.connections);
    return true;
}

static void
on_accept(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    struct shard *s = ctx;
    const struct sock_addr *a = &s->cfg.listen_addrs[tag.slot];
    const bool over = (flags & IORING_CQE_F_MORE) == 0;
    if (res >= 0) {
        struct conn_ticket t = {.fd = res, .is_tcp = !a->is_unix};
        sock_peer_name(res, t.peer, sizeof t.peer);
        t.is_loopback = a->is_unix || sock_peer_is_loopback(res);
        if (s->finishing || is_full(s, &t))
            close(res);
        else
            (void)conn_accept(&s->world, &t);
    }
    if (s->finishing || !over || res == -ECANCELED)
        return;
    if (res >= 0 || res == -ECONNABORTED || res == -EINTR) {
        arm_accept(s, tag.slot);
        return;
    }
    pmi_log(PMI_LOG_WARN, "accept.failed",
            "err=\"%s\" hint=\"raise the open-file limit (ulimit -n) if files ran out\"",
            pmi_err_text(res));
    cancel_accepts(s);
    timer_arm(s->env.timers, &s->accept_again, s->env.now_ns + ACCEPT_PAUSE_NS, accept_again);
}

/* ---- The turn ---------------------------------------------------------------------------- */

static void
on_conn(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    struct shard *s = ctx;
    conn_on_cqe(&s->world, tag, res, flags);
}

static void
on_nothing(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    (void)ctx, (void)tag, (void)res, (void)flags;
}

/* What was put off: once each, new entries wait for the next turn. */
static void
run_work(struct env *env)
{
    struct pmi_list round;
    pmi_list_init(&round);
    while (!pmi_list_empty(&env->work))
        pmi_list_push_back(&round, pmi_list_pop_front(&env->work));
    while (!pmi_list_empty(&round)) {
        struct env_work *w = pmi_containerof(pmi_list_pop_front(&round), struct env_work, link);
        w->run(w);
    }
}

/* Zeroing, digesting, copying aside: in order, as far as this turn's bytes go. */
static void
run_hungry(struct env *env)
{
    while (env->turn_left > 0 && !pmi_list_empty(&env->hungry)) {
        struct env_work *w =
            pmi_containerof(pmi_list_pop_front(&env->hungry), struct env_work, link);
        w->run(w);
    }
}

static uint64_t
patience(struct shard *s, uint64_t last_work_ns)
{
    const uint64_t now = s->env.now_ns;
    if (!pmi_list_empty(&s->env.work) || !pmi_list_empty(&s->env.hungry) ||
        ring_ready(&s->ring))
        return 0;
    if (s->cfg.busy_poll_ns != 0 && now - last_work_ns < s->cfg.busy_poll_ns)
        return 0;
    const uint64_t next = timers_next_ns(s->env.timers);
    if (next == UINT64_MAX)
        return UINT64_MAX;
    return next > now ? next - now : 0;
}

static int
loop(struct shard *s)
{
    struct env *env = &s->env;
    uint64_t last_work_ns = 0;
    while (!s->quitting) {
        const int rc = ring_submit_wait(&s->ring, patience(s, last_work_ns));
        if (rc < 0)
            return rc;
        __atomic_store_n(&env->stats.enters, s->ring.enters, __ATOMIC_RELAXED);
        env->now_ns = pmi_now_ns();
        env->turn_left = ENV_TURN_BYTES;
        run_hungry(env);
        if (!pmi_list_empty(&env->paused))
            conn_resume_paused(env); /* before newcomers take what was freed */
        if (ring_dispatch(&s->ring) > 0)
            last_work_ns = env->now_ns;
        timers_run(env->timers, env->now_ns, SHARD_BATCH);
        run_work(env);
        run_hungry(env);
        if (!pmi_list_empty(&env->paused))
            conn_resume_paused(env);
    }
    return 0;
}

/* ---- Life -------------------------------------------------------------------------------- */

static const struct locks_up lock_calls = {.granted = req_granted, .wanted = req_wanted};

static int
host_regions(struct shard *s)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < s->cfg.region_count; i++) {
        struct region *rg = s->cfg.regions[i];
        struct hosted *h = &s->world.homes[i];
        if (rg->shard != s->cfg.index)
            continue;
        int rc = locks_new(rg->len, s->env.nodes, &lock_calls, NULL, &h->locks);
        if (rc < 0)
            return rc;
        rc = region_attach(rg, &s->ring, s->cfg.caps, first);
        if (rc < 0)
            return rc;
        pmi_list_init(&h->conns);
        h->rg = rg;
        first += rg->fixed_count;
    }
    return 0;
}

static uint32_t
slots_of(const struct shard *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->cfg.region_count; i++)
        if (s->cfg.regions[i]->shard == s->cfg.index)
            n += s->cfg.regions[i]->slot_count;
    return n;
}

static int
open_ring(struct shard *s)
{
    const struct ring_config rc = {
        .entries = SHARD_SQ,
        .cq_entries = SHARD_CQ,
        .batch_max = SHARD_BATCH,
        .fixed_slots = s->cfg.caps->fixed ? slots_of(s) : 0,
    };
    s->ring.on[TAG_NONE] = on_nothing;
    s->ring.on[TAG_ACCEPT] = on_accept;
    s->ring.on[TAG_MAIL] = on_mail;
    s->ring.on[TAG_RECV] = on_conn;
    s->ring.on[TAG_SEND] = on_conn;
    s->ring.on[TAG_CLOSE] = on_conn;
    s->ring.ctx = s;
    return ring_open(&s->ring, s->cfg.caps, &rc);
}

static int
bring_up(struct shard *s)
{
    int rc = open_ring(s);
    if (rc < 0)
        return rc;
    rc = host_regions(s);
    if (rc == 0)
        rc = stage_open(&s->world.stage, &s->ring, s->stage_memory, SHARD_STAGES);
    if (rc < 0) {
        ring_close(&s->ring);
        return rc;
    }
    s->env.now_ns = pmi_now_ns();
    arm_bell(s);
    for (uint32_t i = 0; i < s->cfg.listener_count; i++)
        arm_accept(s, i);
    return 0;
}

static void *
run(void *arg)
{
    struct shard *s = arg;
    char name[16];
    (void)snprintf(name, sizeof name, "pmemd/%u", s->cfg.index);
    (void)pthread_setname_np(pthread_self(), name);
    int rc = bring_up(s);
    pthread_mutex_lock(&s->up_lock);
    s->is_up = true;
    s->up_rc = rc;
    pthread_cond_signal(&s->up_cond);
    pthread_mutex_unlock(&s->up_lock);
    if (rc < 0)
        return NULL;
    rc = loop(s);
    if (rc < 0) { /* the ring itself broke: nothing of ours can be trusted to end */
        pmi_log(PMI_LOG_ERROR, "shard.broken", "shard=%u err=\"%s\"", s->cfg.index,
                pmi_err_text(rc));
        _exit(1);
    }
    stage_close(&s->world.stage);
    ring_close(&s->ring);
    return NULL;
}

static int
make_tables(struct shard *s)
{
    struct env *env = &s->env;
    bool huge;
    int rc = pmi_slots_init(&env->reqs, s->cfg.requests, sizeof(struct req));
    if (rc == 0)
        rc = pmi_slots_init(&env->sends, s->cfg.connections + SHARD_SENDS_SPARE,
                            sizeof(struct sendop));
    if (rc == 0)
        rc = pmi_slots_init(&s->world.conns, s->cfg.connections, sizeof(struct conn));
    if (rc == 0)
        rc = pool_init(&env->heads, SHARD_HEADS, ENV_HEAD_BYTES, NULL);
    if (rc == 0)
        rc = pool_init(&env->controls, SHARD_CONTROLS, ENV_HEAD_BYTES, NULL);
    if (rc == 0)
        rc = lock_pool_new(SHARD_NODES, &env->nodes);
    if (rc == 0)
        rc = timers_new(s->cfg.requests + s->cfg.connections + 2, env, &env->timers);
    if (rc == 0)
        rc = medium_scratch((uint64_t)SHARD_STAGES * ENV_STAGE_BYTES, &s->stage_memory, &huge);
    env->scratch = aligned_alloc(16, MSG_ARENA_BYTES);
    s->world.homes = calloc(s->cfg.region_count, sizeof *s->world.homes);
    if (rc == 0 && (env->scratch == NULL || s->world.homes == NULL))
        rc = -ENOMEM;
    return rc;
}

int
shard_new(const struct shard_config *cfg, struct shard **ret)
{
    struct shard *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    s->magic = SHARD_MAGIC;
    s->cfg = *cfg;
    s->bell = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&s->up_lock, NULL);
    pthread_cond_init(&s->up_cond, NULL);
    struct env *env = &s->env;
    pmi_list_init(&env->work);
    pmi_list_init(&env->hungry);
    pmi_list_init(&env->paused);
    env->ring = &s->ring;
    env->caps = cfg->caps;
    env->limits = cfg->limits;
    env->budgets_left = cfg->budgets;
    struct conn_world *w = &s->world;
    w->env = env;
    w->regions = cfg->regions;
    w->region_count = cfg->region_count;
    w->all_stats = cfg->all_stats;
    w->shard_count = cfg->shard_count;
    w->shard = s;
    w->move = move_conn;
    w->gone = conn_gone;
    const int rc = s->bell < 0 ? -EMFILE : make_tables(s);
    if (rc < 0) {
        shard_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

const struct stats *
shard_stats(const struct shard *s)
{
    return &s->env.stats;
}

int
shard_start(struct shard *s)
{
    pmi_alive(s, SHARD_MAGIC);
    const int rc = pthread_create(&s->thread, NULL, run, s);
    if (rc != 0)
        return -rc;
    s->has_thread = true;
    pthread_mutex_lock(&s->up_lock);
    while (!s->is_up)
        pthread_cond_wait(&s->up_cond, &s->up_lock);
    pthread_mutex_unlock(&s->up_lock);
    return s->up_rc;
}

void
shard_finish(struct shard *s)
{
    post(s, MAIL_FINISH);
}

void
shard_reset(struct shard *s)
{
    post(s, MAIL_RESET);
}

void
shard_quit(struct shard *s)
{
    post(s, MAIL_QUIT);
}

void
shard_join(struct shard *s)
{
    if (s->has_thread)
        (void)pthread_join(s->thread, NULL);
    s->has_thread = false;
}

static void
throw_mail_away(struct shard *s)
{
    struct mail *m = s->inbox;
    while (m != NULL) {
        struct mail *next = m->next;
        if (m->kind == MAIL_ADOPT)
            close(m->ticket.fd);
        free(m);
        m = next;
    }
}

void
shard_free(struct shard *s)
{
    if (s == NULL)
        return;
    pmi_assert(!s->has_thread);
    throw_mail_away(s);
    for (uint32_t i = 0; s->world.homes != NULL && i < s->cfg.region_count; i++)
        if (s->world.homes[i].locks != NULL)
            locks_free(s->world.homes[i].locks);
    free(s->world.homes);
    free(s->env.scratch);
    timers_free(s->env.timers);
    lock_pool_free(s->env.nodes);
    pool_fini(&s->env.controls, 1);
    pool_fini(&s->env.heads, 1);
    pmi_slots_fini(&s->world.conns);
    pmi_slots_fini(&s->env.sends);
    pmi_slots_fini(&s->env.reqs);
    medium_scratch_free(s->stage_memory, (uint64_t)SHARD_STAGES * ENV_STAGE_BYTES);
    if (s->bell >= 0)
        close(s->bell);
    pthread_cond_destroy(&s->up_cond);
    pthread_mutex_destroy(&s->up_lock);
    s->magic = 0;
    free(s);
}
