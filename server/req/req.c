/* SPDX-License-Identifier: BSD-3-Clause */
/* The request machine: one table, one teardown, replies built in one place. */
#include "server/req/req.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/err.h"
#include "server/req/ops.h"

#include <string.h>

/* A block holds the longest lists and the reply header with every checksum. */
#define LISTS_BYTES                                                                            \
    ((size_t)WIRE_EXTENTS_MAX * sizeof(struct pmemd_extent) +                                  \
     (size_t)WIRE_CRCS_MAX * sizeof(uint32_t))
#define REPLY_BYTES ((size_t)WIRE_PREFIX_BYTES + HOT_FIXED_BYTES + (size_t)WIRE_CRCS_MAX * 4)
pmi_static_assert(LISTS_BYTES + REPLY_BYTES <= ENV_HEAD_BYTES);

/* Landing in extents that others wait for, bytes a second at least (past slow_ns). */
#define WANTED_RATE (64u << 10)

struct req_edge {
    enum req_state to;
    enum req_event (*enter)(struct req *r);
};

static enum req_event queue(struct req *r);
static enum req_event work(struct req *r);
static enum req_event persist(struct req *r);
static enum req_event reply(struct req *r);
static enum req_event drain(struct req *r);
static enum req_event release(struct req *r);

/* clang-format off */
static const struct req_edge edges[REQ_STATE_N][EV_N] = {
    [REQ_FREE]    = { [EV_ADMIT] = { REQ_QUEUED,  queue   } },
    [REQ_QUEUED]  = { [EV_GRANT] = { REQ_WORK,    work    },
                      [EV_FAIL]  = { REQ_REPLY,   reply   },
                      [EV_ABORT] = { REQ_DRAIN,   drain   } },
    [REQ_WORK]    = { [EV_MORE]  = { REQ_WORK,    work    },
                      [EV_DONE]  = { REQ_PERSIST, persist },
                      [EV_FAIL]  = { REQ_REPLY,   reply   },
                      [EV_ABORT] = { REQ_DRAIN,   drain   } },
    [REQ_PERSIST] = { [EV_DONE]  = { REQ_REPLY,   reply   },
                      [EV_FAIL]  = { REQ_REPLY,   reply   },
                      [EV_ABORT] = { REQ_DRAIN,   drain   } },
    [REQ_REPLY]   = { [EV_DONE]  = { REQ_FREE,    release },
                      [EV_ABORT] = { REQ_DRAIN,   drain   } },
    [REQ_DRAIN]   = { [EV_DONE]  = { REQ_FREE,    release } },
};
/* clang-format on */

void
req_step(struct req *r, enum req_event ev)
{
    for (unsigned hops = 0; ev != EV_WAIT; hops++) {
        pmi_alive(r, REQ_MAGIC);
        pmi_assert(hops < REQ_STATE_N); /* a longer run is a circle */
        const struct req_edge *e = &edges[r->state][ev];
        pmi_assert(e->enter != NULL); /* events are ours: a hole is our bug */
        r->state = e->to;
        ev = e->enter(r);
    }
}

const struct op *
req_op(unsigned verb)
{
    switch (verb) {
    case WIRE_READ:
        return &op_read;
    case WIRE_WRITE:
        return &op_write;
    case WIRE_ZERO:
        return &op_zero;
    case WIRE_FLUSH:
        return &op_flush;
    default:
        return NULL;
    }
}

/* ---- Timers ------------------------------------------------------------------------------ */

static void
deadline_passed(void *ctx, struct timer *t)
{
    struct req *r = pmi_containerof(t, struct req, timer);
    (void)ctx;
    pmi_alive(r, REQ_MAGIC);
    if (r->state != REQ_QUEUED)
        return; /* it has begun to take effect: it ends as it ends */
    r->err = PMEMD_E_TIMEOUT;
    r->outcome = PMEMD_NOT_DONE;
    req_step(r, EV_FAIL);
}

/* Somebody waits for our extents and the peer moves nothing. */
static void
patience_passed(void *ctx, struct timer *t)
{
    struct req *r = pmi_containerof(t, struct req, timer);
    (void)ctx;
    pmi_alive(r, REQ_MAGIC);
    if (r->wanted_ns == 0 || !r->held)
        return;
    if (!locks_is_wanted(r->home->locks, &r->hold)) {
        r->wanted_ns = 0; /* they gave up */
        return;
    }
    const uint64_t since = r->progress_ns > r->wanted_ns ? r->progress_ns : r->wanted_ns;
    const uint64_t until = pmi_deadline_ns(since, r->env->limits->slow_ns);
    const uint64_t fair_ns = (r->moved - r->wanted_moved) / WANTED_RATE * PMI_NS_PER_S;
    const bool drips = r->env->now_ns - r->wanted_ns > r->env->limits->slow_ns + fair_ns;
    if (until > r->env->now_ns && !drips) {
        timer_arm(r->env->timers, &r->timer, until, patience_passed);
        return;
    }
    stat_add(&r->env->stats.slow_resets, 1);
    r->up->slow(r);
}

/* ---- Making and freeing ------------------------------------------------------------------ */

static void
slice_due(struct env_work *w)
{
    req_step(pmi_containerof(w, struct req, later), EV_MORE);
}

static void
out_done(struct outmsg *m)
{
    struct req *r = pmi_containerof(m, struct req, out);
    pmi_alive(r, REQ_MAGIC);
    if (r->state == REQ_DRAIN) {
        req_settle(r);
        return;
    }
    pmi_assert(r->owed > 0);
    r->owed--;
    req_step(r, EV_DONE);
}

static void
out_left(struct outmsg *m)
{
    struct req *r = pmi_containerof(m, struct req, out);
    r->up->sent(r);
}

static void
out_release(struct outmsg *m)
{
    req_unlock(pmi_containerof(m, struct req, out));
}

/* Room for extents and checksums: inside the request, or a block. */
static int
place_lists(struct req *r, uint32_t crc_count)
{
    const unsigned n = r->hdr.extent_count;
    if (n <= REQ_EXTENTS_INLINE && crc_count <= REQ_EXTENTS_INLINE) {
        r->extents = r->inline_extents;
        r->crcs = r->inline_crcs;
        r->out.head = r->head;
        return 0;
    }
    r->block = pool_get(&r->env->heads);
    if (r->block == NULL)
        return PMEMD_E_BUSY;
    r->extents = (struct pmemd_extent *)(void *)r->block;
    r->crcs =
        (uint32_t *)(void *)(r->block + (size_t)WIRE_EXTENTS_MAX * sizeof(struct pmemd_extent));
    r->out.head = (uint8_t *)(r->crcs + WIRE_CRCS_MAX);
    return 0;
}

int
req_new(struct env *env, struct hosted *home, const struct op *op, uint64_t tag,
        const struct hot_req *hdr, struct req **ret)
{
    struct pmi_slot_id id;
    void *obj;
    if (pmi_slots_take(&env->reqs, &id, &obj) != 0)
        return PMEMD_E_BUSY;
    struct req *r = obj;
    const bool reads_crcs = op == &op_read && (hdr->flags & HOT_F_CRC) != 0;
    const uint32_t crc_count = reads_crcs ? hdr->crc_pieces : hdr->crc_count;
    memset(r, 0, offsetof(struct req, head));
    r->magic = REQ_MAGIC;
    r->env = env;
    r->home = home;
    r->op = op;
    r->tag = tag;
    r->hdr = *hdr;
    r->hdr.crc_count = crc_count;
    if (place_lists(r, crc_count) != 0) {
        r->magic = 0;
        pmi_slots_put(&env->reqs, id.slot, id.gen);
        return PMEMD_E_BUSY;
    }
    struct pmemd_extent *ext = (struct pmemd_extent *)(uintptr_t)r->extents;
    for (unsigned i = 0; i < hdr->extent_count; i++)
        ext[i] = hot_extent_at(hdr, i);
    for (uint32_t i = 0; i < hdr->crc_count; i++)
        r->crcs[i] = hot_crc_at(hdr->crcs, i);
    pmi_list_init(&r->link);
    pmi_list_init(&r->later.link);
    pmi_list_init(&r->out.link);
    r->later.run = slice_due;
    r->out.done = out_done;
    r->out.left = out_left;
    r->out.release = out_release;
    r->hold.owner = r;
    *ret = r;
    return 0;
}

static enum req_event
release(struct req *r)
{
    struct env *env = r->env;
    pmi_assert(r->owed == 0);
    req_unlock(r);
    timer_disarm(env->timers, &r->timer);
    pmi_list_del(&r->later.link);
    if (r->up != NULL)
        r->up->freed(r);
    pmi_list_del(&r->link);
    if (r->block != NULL)
        pool_put(&env->heads, r->block);
    const struct pmi_slot_id id = pmi_slots_id(&env->reqs, r);
    r->magic = 0;
    pmi_slots_put(&env->reqs, id.slot, id.gen);
    return EV_WAIT;
}

void
req_free_unstarted(struct req *r)
{
    pmi_assert(r->state == REQ_FREE);
    (void)release(r);
}

/* ---- The way of a request ---------------------------------------------------------------- */

/* What the header asks that this server or this region cannot give. */
static int
refuse(struct req *r)
{
    const struct region *rg = r->home->rg;
    for (unsigned i = 0; i < r->hdr.extent_count; i++) {
        if (!region_holds(rg, r->extents[i].off, r->extents[i].len)) {
            r->detail = i;
            return PMEMD_E_RANGE;
        }
    }
    const struct msg_limits *lim = &r->env->limits->wire;
    if (r->hdr.bytes > (r->op->has_payload ? lim->io_max : lim->zero_max))
        return PMEMD_E_TOOBIG;
    if (r->hdr.seq != 0)
        return PMEMD_E_FLAG; /* exactly-once belongs to verbs that are not built yet */
    if (r->hdr.min_lsn > rg->lsn)
        return PMEMD_E_LEVEL;
    if (r->hdr.epoch != 0 && r->hdr.epoch != rg->epoch)
        return PMEMD_E_FENCED;
    return 0;
}

int
req_start(struct req *r)
{
    pmi_alive(r, REQ_MAGIC);
    pmi_assert(r->state == REQ_FREE);
    struct env *env = r->env;
    r->err = refuse(r);
    r->progress_ns = env->now_ns;
    req_step(r, EV_ADMIT);
    if (r->err != 0) {
        req_step(r, EV_FAIL);
        return 0;
    }
    int granted = 1;
    if (r->op->takes_locks) {
        r->held = true; /* it may be granted, and let go, before the call returns */
        granted =
            locks_take(r->home->locks, &r->hold, r->op->mode, r->extents, r->hdr.extent_count);
    }
    if (granted < 0) {
        r->held = false;
        r->state = REQ_FREE;
        return granted;
    }
    if (granted == 0)
        stat_add(&env->stats.lock_waits, 1); /* the grant comes, or came, by callback */
    else
        req_step(r, EV_GRANT);
    return 0;
}

static enum req_event
queue(struct req *r)
{
    if (r->err != 0)
        r->outcome = PMEMD_NOT_DONE;
    else if (r->hdr.timeout_us != 0)
        timer_arm(r->env->timers, &r->timer,
                  pmi_deadline_ns(r->env->now_ns, r->hdr.timeout_us * PMI_NS_PER_US),
                  deadline_passed);
    return EV_WAIT;
}

static void
arm_patience(struct req *r)
{
    timer_arm(r->env->timers, &r->timer,
              pmi_deadline_ns(r->env->now_ns, r->env->limits->slow_ns), patience_passed);
}

static enum req_event
work(struct req *r)
{
    if (r->wanted_ns != 0) /* between grant and now */
        arm_patience(r);
    else if (r->hdr.timeout_us != 0)
        timer_disarm(r->env->timers, &r->timer);
    const enum req_event ev = r->op->work(r);
    if (ev != EV_MORE)
        return ev;
    env_hungry(r->env, &r->later);
    return EV_WAIT;
}

static void
persist_done(void *arg, int err)
{
    struct req *r = arg;
    pmi_alive(r, REQ_MAGIC);
    if (err != 0) {
        r->err = err;
        r->outcome = PMEMD_UNKNOWN;
    } else if (r->err == 0) {
        r->level = PMEMD_LEVEL_DURABLE;
    }
    if (r->state == REQ_DRAIN) {
        req_settle(r);
        return;
    }
    pmi_assert(r->owed > 0);
    if (--r->owed == 0)
        req_step(r, r->err != 0 ? EV_FAIL : EV_DONE);
}

/* Ask the medium for one range; 1 when it is durable already, 0 when persist_done() comes. */
static int
persist_range(struct req *r, uint64_t off, uint64_t len)
{
    struct medium *m = r->home->rg->medium;
    const int rc = m->ops->make_durable(m, off, len, persist_done, r);
    if (rc == 0)
        r->owed++;
    return rc;
}

static enum req_event
persist(struct req *r)
{
    if (!r->op->persists || r->hdr.level < PMEMD_LEVEL_DURABLE)
        return EV_DONE;
    int rc = 1;
    if (r->hdr.extent_count == 0)
        rc = persist_range(r, 0, r->home->rg->len);
    for (unsigned i = 0; i < r->hdr.extent_count && rc >= 0; i++)
        rc = persist_range(r, r->extents[i].off, r->extents[i].len);
    if (rc < 0) {
        r->err = rc;
        r->outcome = PMEMD_UNKNOWN;
    }
    if (r->owed > 0)
        return EV_WAIT;
    r->level = PMEMD_LEVEL_DURABLE;
    return r->err != 0 ? EV_FAIL : EV_DONE;
}

static void
count(struct req *r)
{
    struct stats *s = &r->env->stats;
    if (r->err != 0) {
        stat_add(&s->refused, 1);
    } else if (r->op == &op_read) {
        stat_add(&s->reads, 1);
        stat_add(&s->bytes_out, r->moved);
    } else if (r->op == &op_write) {
        stat_add(&s->writes, 1);
        stat_add(&s->bytes_in, r->moved);
    } else {
        stat_add(r->op == &op_zero ? &s->zeros : &s->flushes, 1);
    }
}

static enum req_event
reply(struct req *r)
{
    const bool has_payload = r->op == &op_read && r->err == 0;
    const uint32_t crc_count = has_payload ? r->hdr.crc_count : 0;
    if (has_payload)
        r->moved = r->hdr.bytes;
    else
        req_unlock(r); /* the bytes are in place, or will not be: others go on */
    count(r);

    const struct region *rg = r->home->rg;
    const struct hot_reply h = {
        .status = pmi_err_to_wire(r->err),
        .outcome = r->outcome,
        .level = r->level,
        .durability = (uint8_t)rg->medium->durability,
        .lsn = rg->lsn,
        .epoch = rg->epoch,
        .bytes = r->err == 0 ? r->moved : 0,
        .crc_count = crc_count,
        .detail = r->detail,
    };
    const uint8_t verb = r->op == &op_read    ? WIRE_READ
                         : r->op == &op_write ? WIRE_WRITE
                         : r->op == &op_zero  ? WIRE_ZERO
                                              : WIRE_FLUSH;
    const struct wire_prefix p = {
        .verb = verb,
        .flags = WIRE_F_REPLY,
        .tag = r->tag,
        .header_len = (uint32_t)hot_reply_bytes(crc_count),
        .payload_len = has_payload ? (uint32_t)r->hdr.bytes : 0,
    };
    uint8_t *head = (uint8_t *)(uintptr_t)r->out.head;
    hot_reply_write(head + WIRE_PREFIX_BYTES, &h, r->crcs);
    wire_prefix_write(head, &p, head + WIRE_PREFIX_BYTES);

    r->out.head_len = WIRE_PREFIX_BYTES + p.header_len;
    r->out.payload_len = p.payload_len;
    r->out.extents = r->extents;
    r->out.extent_count = has_payload ? r->hdr.extent_count : 0;
    r->out.rg = has_payload ? r->home->rg : NULL;
    r->owed++;
    if (r->held && r->wanted_ns != 0)
        r->up->let_go(r);
    r->up->reply(r); /* on a connection that is going, r is freed in there */
    return EV_WAIT;
}

static enum req_event
drain(struct req *r)
{
    pmi_list_del(&r->later.link);
    if (r->owed > 0)
        return EV_WAIT; /* extents stay held: the kernel may still touch them */
    return EV_DONE;
}

void
req_settle(struct req *r)
{
    pmi_alive(r, REQ_MAGIC);
    pmi_assert(r->owed > 0);
    r->owed--;
    if (r->state == REQ_DRAIN && r->owed == 0)
        req_step(r, EV_DONE);
}

void
req_unlock(struct req *r)
{
    if (!r->held)
        return;
    r->held = false;
    r->wanted_ns = 0;
    locks_drop(r->home->locks, &r->hold);
}

/* ---- Locks ------------------------------------------------------------------------------- */

void
req_granted(void *ctx, struct lock_hold *h)
{
    struct req *r = h->owner;
    (void)ctx;
    pmi_alive(r, REQ_MAGIC);
    if (r->state != REQ_QUEUED)
        return;
    if (locks_is_wanted(r->home->locks, h)) /* others queued behind it while it did */
        r->wanted_ns = r->env->now_ns;
    req_step(r, EV_GRANT);
}

void
req_wanted(void *ctx, struct lock_hold *h)
{
    struct req *r = h->owner;
    (void)ctx;
    pmi_alive(r, REQ_MAGIC);
    if (r->wanted_ns != 0)
        return;
    r->wanted_ns = r->env->now_ns;
    r->wanted_moved = r->moved;
    if (r->state == REQ_QUEUED)
        return; /* it has its extents and is about to hear of it */
    arm_patience(r);
    if (r->state == REQ_REPLY)
        r->up->let_go(r);
    else if (r->state == REQ_WORK)
        r->up->hurry(r);
}

/* ---- Walking the extents ----------------------------------------------------------------- */

struct region_slice
req_here(const struct req *r, uint64_t max)
{
    pmi_assert(r->at < r->hdr.extent_count);
    const struct pmemd_extent e = r->extents[r->at];
    const uint64_t left = e.len - r->at_off;
    return region_slice(r->home->rg, e.off + r->at_off, left < max ? left : max);
}

void
req_advance(struct req *r, uint64_t len)
{
    pmi_assert(r->at < r->hdr.extent_count);
    const uint64_t extent_len = r->extents[r->at].len;
    pmi_assert(len <= extent_len - r->at_off);
    r->at_off += len;
    r->moved += len;
    if (r->at_off == extent_len) {
        r->at++;
        r->at_off = 0;
    }
}

uint64_t
req_piece_left(const struct req *r)
{
    const uint64_t in_piece = WIRE_PIECE_BYTES - r->at_off % WIRE_PIECE_BYTES;
    const uint64_t left = r->extents[r->at].len - r->at_off;
    return left < in_piece ? left : in_piece;
}
