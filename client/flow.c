/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and ops: who is where, what still needs whose memory, and when events are due. */
#include "client/flow.h"

#include "client/heap.h"
#include "common/checked.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
flow_init(struct flow *f, uint32_t inflight_max)
{
    *f = (struct flow){0};
    pmi_list_init(&f->queue);
    pmi_list_init(&f->retry);
    pmi_list_init(&f->sending);
    pmi_list_init(&f->waiting);
    pmi_list_init(&f->held);
    const uint32_t requests = inflight_max + 1; /* one more for a blocking call */
    int rc = pmi_slots_init(&f->requests, requests, sizeof(struct request));
    if (rc < 0)
        goto out;
    rc = pmi_slots_init(&f->ops, requests + FLOW_OPS_EXTRA, sizeof(struct op));
    if (rc < 0)
        goto out;
    f->heap = calloc(requests, sizeof(struct request *));
    rc = f->heap == NULL ? -ENOMEM : events_init(&f->events, requests);
out:
    if (rc < 0)
        flow_fini(f);
    return rc;
}

/* Buffers that stay with their slots; a slot must be live to be looked at. */
static void
free_request_buffers(struct flow *f)
{
    struct pmi_slot_id id;
    void *obj;
    while (pmi_slots_take(&f->requests, &id, &obj) == 0)
        ;
    for (uint32_t i = 0; i < pmi_slots_capacity(&f->requests); i++) {
        struct request *r = pmi_slots_at(&f->requests, i, NULL);
        pmi_assert(r != NULL);
        free(r->big);
    }
}

static void
free_op_buffers(struct flow *f)
{
    struct pmi_slot_id id;
    void *obj;
    while (pmi_slots_take(&f->ops, &id, &obj) == 0)
        ;
    for (uint32_t i = 0; i < pmi_slots_capacity(&f->ops); i++) {
        struct op *op = pmi_slots_at(&f->ops, i, NULL);
        pmi_assert(op != NULL);
        free(op->big);
    }
}

void
flow_fini(struct flow *f)
{
    if (f->requests.capacity > 0)
        free_request_buffers(f);
    if (f->ops.capacity > 0)
        free_op_buffers(f);
    pmi_slots_fini(&f->requests);
    pmi_slots_fini(&f->ops);
    free(f->heap);
    events_fini(&f->events);
    *f = (struct flow){0};
}

uint32_t
flow_live(const struct flow *f)
{
    return pmi_slots_used(&f->requests);
}

uint64_t
flow_deadline_ns(const struct flow *f)
{
    return f->heap_count > 0 ? f->heap[0]->deadline_ns : UINT64_MAX;
}

/* ---- the end of a request ---------------------------------------------------------------- */

static void
give_event(struct flow *f, struct request *r, uint32_t what)
{
    struct pmemd_event ev = {.size = sizeof ev, .what = what, .cookie = r->cookie};
    if (what == PMEMD_EV_DONE) {
        ev.outcome = r->result.outcome;
        ev.level = r->result.level == UINT32_MAX ? 0 : r->result.level;
        ev.durability = r->result.durability;
        ev.err = r->result.err;
        ev.bytes = r->result.bytes;
        ev.lsn = r->result.lsn;
        ev.epoch = r->result.epoch;
    }
    if (r->sync == NULL) {
        events_push(&f->events, &ev);
    } else if (what == PMEMD_EV_DONE) {
        r->sync->event = ev;
        r->sync->done = true;
    } else {
        r->sync->released = true;
    }
}

/* RELEASED, once DONE was given and no op is attached: nobody can touch its memory any more. */
static void
release_if_due(struct flow *f, struct request *r)
{
    if (!r->done || r->op_count > 0)
        return;
    pmi_assert(pmi_list_empty(&r->ops));
    give_event(f, r, PMEMD_EV_RELEASED);
    r->magic = 0;
    pmi_slots_put(&f->requests, r->id.slot, r->id.gen);
}

/* For pmemd_detail(). */
static void
explain(struct flow *f, const struct request *r)
{
    const char *verb = wire_verb_name(r->verb);
    const char *why = pmi_err_text(r->result.err);
    if (f->said[0] != '\0')
        (void)snprintf(f->detail, sizeof f->detail, "%s: %s (%.255s)", verb, why, f->said);
    else if (r->span.extent_count > 0)
        (void)snprintf(f->detail, sizeof f->detail,
                       "%s of %u extent(s), first at %llu+%llu: %s", verb, r->span.extent_count,
                       (unsigned long long)r->span.extents[0].off,
                       (unsigned long long)r->span.extents[0].len, why);
    else
        (void)snprintf(f->detail, sizeof f->detail, "%s: %s", verb, why);
    f->said[0] = '\0';
}

/* DONE. The request may still be attached to ops that use its memory. */
static void
finish(struct flow *f, struct request *r)
{
    pmi_assert(!r->done);
    pmi_assert(!r->uncut);
    r->done = true;
    heap_del(f, r);
    if (r->result.err != 0)
        explain(f, r);
    give_event(f, r, PMEMD_EV_DONE);
}

void
flow_uncut_end(struct flow *f, struct request *r)
{
    (void)f;
    if (!r->uncut)
        return;
    r->uncut = false;
    pmi_list_del(&r->link);
}

static bool
changes_memory(unsigned verb)
{
    return verb == PMEMD_VERB_WRITE || verb == PMEMD_VERB_ZERO;
}

static void
merge(struct request *r, const struct flow_result *res)
{
    struct flow_result *all = &r->result;
    if (res->err != 0 && all->err == 0)
        all->err = res->err;
    if (res->outcome == PMEMD_UNKNOWN || (res->outcome == PMEMD_OK && changes_memory(r->verb)))
        r->effect = true;
    if (res->outcome == PMEMD_OK && res->level < all->level)
        all->level = res->level;
    if (res->durability != 0)
        all->durability = res->durability;
    all->bytes += res->bytes;
    all->lsn = pmi_max_u64(all->lsn, res->lsn);
    all->epoch = pmi_max_u64(all->epoch, res->epoch);
}

/* Something of it failed: what has not left yet stays here. */
static void
stop(struct flow *f, struct request *r)
{
    flow_uncut_end(f, r);
    r->op_count++; /* keeps it while its ops go */
    pmi_list_for_each_safe(it, &r->ops) {
        struct op *op = pmi_containerof(it, struct op, sibling);
        if (op->ended || (op->on_wire && op->sent > 0))
            continue;
        op->ended = true;
        r->ops_open--;
        if (op->sent_ever && changes_memory(op->verb))
            r->effect = true;
        flow_settle(f, op);
    }
    r->op_count--;
}

void
flow_op_end(struct flow *f, struct op *op, const struct flow_result *res)
{
    struct request *r = op->req;
    pmi_alive(op, OP_MAGIC);
    pmi_alive(r, REQUEST_MAGIC);
    pmi_assert(!op->ended);
    pmi_assert(r->ops_open > 0);
    f->answered = true;
    op->ended = true;
    r->ops_open--;
    merge(r, res);
    if (r->result.err != 0)
        stop(f, r);
    if (r->uncut || r->ops_open > 0)
        return;
    if (r->result.err != 0)
        r->result.outcome = r->effect ? PMEMD_UNKNOWN : PMEMD_NOT_DONE;
    finish(f, r);
}

void
flow_give_up(struct flow *f, struct request *r, int err)
{
    pmi_alive(r, REQUEST_MAGIC);
    flow_uncut_end(f, r);
    r->result.err = err;
    r->result.outcome = r->sent_any ? PMEMD_UNKNOWN : PMEMD_NOT_DONE;
    r->ops_open = 0;
    finish(f, r);
    r->op_count++;
    pmi_list_for_each_safe(it, &r->ops) {
        struct op *op = pmi_containerof(it, struct op, sibling);
        op->ended = true;
        flow_settle(f, op);
    }
    r->op_count--;
    release_if_due(f, r);
}

void
flow_give_up_all(struct flow *f, int err)
{
    for (uint32_t i = 0; i < pmi_slots_capacity(&f->requests); i++) {
        struct request *r = pmi_slots_at(&f->requests, i, NULL);
        if (r != NULL && !r->done)
            flow_give_up(f, r, err);
    }
}

unsigned
flow_cancel(struct flow *f, uint64_t cookie)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < pmi_slots_capacity(&f->requests); i++) {
        struct request *r = pmi_slots_at(&f->requests, i, NULL);
        if (r == NULL || r->done || r->sync != NULL || r->cookie != cookie)
            continue;
        flow_give_up(f, r, PMEMD_E_CANCELED);
        n++;
    }
    return n;
}

void
flow_expire(struct flow *f, uint64_t now_ns)
{
    while (f->heap_count > 0 && f->heap[0]->deadline_ns <= now_ns)
        flow_give_up(f, f->heap[0], PMEMD_E_TIMEOUT);
}

/* ---- the start of a request -------------------------------------------------------------- */

/* Room for both arrays: inline, or a buffer that stays with the slot. */
static int
make_room(struct request *r, uint32_t extents, uint32_t iovs, struct pmemd_extent **ret_extents,
          struct pmemd_iov **ret_iovs)
{
    if (extents <= FLOW_INLINE && iovs <= FLOW_INLINE) {
        *ret_extents = r->extents_inline;
        *ret_iovs = r->iov_inline;
        return 0;
    }
    const size_t want = extents * sizeof **ret_extents + iovs * sizeof **ret_iovs;
    if (want > r->big_bytes) {
        void *big = realloc(r->big, want);
        if (big == NULL)
            return -ENOMEM;
        r->big = big;
        r->big_bytes = want;
    }
    *ret_extents = r->big;
    *ret_iovs = (struct pmemd_iov *)(void *)(*ret_extents + extents);
    return 0;
}

static int
copy_arrays(struct request *r, const struct pmemd_req *from)
{
    struct pmemd_extent *extents;
    struct pmemd_iov *iov;
    const int rc = make_room(r, from->extent_count, from->iov_count, &extents, &iov);
    if (rc < 0)
        return rc;
    if (from->extent_count > 0)
        memcpy(extents, from->extents, from->extent_count * sizeof *extents);
    if (from->iov_count > 0)
        memcpy(iov, from->iov, from->iov_count * sizeof *iov);
    r->span = (struct cut_span){
        .extents = extents,
        .extent_count = from->extent_count,
        .iov = from->iov_count > 0 ? iov : NULL,
        .iov_count = from->iov_count,
    };
    return 0;
}

static void
request_init(struct request *r, const struct pmemd_req *from, struct pmi_slot_id id)
{
    memset(r, 0, offsetof(struct request, list_after));
    r->magic = REQUEST_MAGIC;
    r->id = id;
    r->verb = (uint8_t)from->verb;
    r->flags = from->flags;
    r->level = from->level;
    r->cookie = from->cookie;
    r->heap_at = DEADLINE_NONE;
    r->result.level = UINT32_MAX;
    r->list_after[0] = '\0';
    memcpy(r->trace, from->trace, sizeof r->trace);
    pmi_list_init(&r->link);
    pmi_list_init(&r->ops);
}

int
flow_add(struct flow *f, const struct pmemd_req *from, uint64_t deadline_ns,
         struct sync_wait *sync)
{
    /* The last slot is for a blocking call, which must work when all others are in use. */
    if (sync == NULL && flow_live(f) + 1 >= pmi_slots_capacity(&f->requests))
        return -EAGAIN;
    if (sync == NULL && !events_promise(&f->events))
        return -EAGAIN;
    struct pmi_slot_id id;
    void *obj;
    int rc = pmi_slots_take(&f->requests, &id, &obj) < 0 ? -EAGAIN : 0;
    if (rc < 0)
        goto waive;
    struct request *r = obj;
    request_init(r, from, id);
    rc = copy_arrays(r, from);
    if (rc < 0) {
        pmi_slots_put(&f->requests, id.slot, id.gen);
        goto waive;
    }
    for (uint32_t i = 0; i < r->span.extent_count; i++)
        r->rest_bytes += r->span.extents[i].len; /* the submitter knows that it cannot wrap */
    r->sync = sync;
    r->deadline_ns = deadline_ns;
    if (deadline_ns != UINT64_MAX)
        heap_add(f, r);
    r->uncut = true;
    pmi_list_push_back(&f->queue, &r->link);
    return 0;
waive:
    if (sync == NULL) {
        events_waive(&f->events);
        events_waive(&f->events);
    }
    return rc;
}

/* ---- ops --------------------------------------------------------------------------------- */

uint64_t
flow_tag(const struct op *op)
{
    return (uint64_t)op->id.gen << 32 | op->id.slot;
}

struct op *
flow_op_of_tag(const struct flow *f, uint64_t tag)
{
    struct op *op = pmi_slots_get(&f->ops, (uint32_t)tag, (uint32_t)(tag >> 32));
    return op != NULL && op->on_wire && !op->replied ? op : NULL;
}

struct op *
flow_cut(struct flow *f, struct request *r, const struct cut_part *part)
{
    struct pmi_slot_id id;
    void *obj;
    pmi_assert(r->uncut);
    if (pmi_slots_take(&f->ops, &id, &obj) < 0)
        return NULL;
    struct op *op = obj;
    memset(op, 0, offsetof(struct op, big));
    op->magic = OP_MAGIC;
    op->id = id;
    op->verb = r->verb;
    op->req = r;
    op->at = r->rest;
    op->todo = part->bytes;
    pmi_list_init(&op->link);
    pmi_list_init(&op->sibling);
    pmi_list_init(&op->held);
    pmi_list_push_back(&r->ops, &op->sibling);
    r->op_count++;
    r->ops_open++;
    pmi_assert(part->bytes <= r->rest_bytes);
    cut_advance(&r->span, &r->rest, part->bytes);
    r->rest_bytes -= part->bytes;
    if (r->rest_bytes == 0)
        flow_uncut_end(f, r);
    return op;
}

static uint64_t
credit_bytes(const struct op *op)
{
    return op->verb == PMEMD_VERB_READ || op->verb == PMEMD_VERB_WRITE ? op->part : 0;
}

void
flow_op_on_wire(struct flow *f, struct op *op)
{
    pmi_assert(!op->on_wire);
    op->on_wire = true;
    op->replied = false;
    op->sent = 0;
    f->used_requests++;
    f->used_bytes += credit_bytes(op);
    f->used_extents += op->extents;
    f->backlog_bytes += flow_op_total(op);
    pmi_list_push_back(&f->sending, &op->link);
}

void
flow_op_sent(struct flow *f, struct op *op)
{
    pmi_list_del(&op->link);
    pmi_list_push_back(&f->waiting, &op->link);
    if (op->replied || op->ended)
        flow_settle(f, op);
}

void
flow_op_hold(struct flow *f, struct op *op, uint32_t number)
{
    op->zc_held = true;
    op->zc_last = number;
    pmi_list_del(&op->held);
    pmi_list_push_back(&f->held, &op->held);
}

void
flow_op_off_wire(struct flow *f, struct op *op)
{
    pmi_assert(op->on_wire);
    op->on_wire = false;
    pmi_list_del(&op->link);
    f->used_requests--;
    f->used_bytes -= credit_bytes(op);
    f->used_extents -= op->extents;
    f->backlog_bytes -= flow_op_total(op) - op->sent;
}

void
flow_op_retry(struct flow *f, struct op *op)
{
    pmi_assert(!op->ended);
    flow_op_off_wire(f, op);
    op->sent = 0;
    pmi_list_push_back(&f->retry, &op->link);
}

void
flow_op_page(struct flow *f, struct op *op, const struct flow_result *res)
{
    merge(op->req, res);
    flow_op_retry(f, op);
}

void
flow_op_more(struct flow *f, struct op *op, const struct flow_result *res)
{
    f->answered = true;
    pmi_assert(op->part < op->todo);
    merge(op->req, res);
    flow_op_off_wire(f, op);
    cut_advance(&op->req->span, &op->at, op->part);
    op->todo -= op->part;
    op->sent = 0;
    op->crc_known = false;
    op->crc_again = false;
    pmi_list_push_front(&f->retry, &op->link);
}

/* The op does not need its request's memory any more. */
static void
detach(struct flow *f, struct op *op)
{
    struct request *r = op->req;
    if (r == NULL)
        return;
    op->req = NULL;
    pmi_list_del(&op->sibling);
    pmi_assert(r->op_count > 0);
    r->op_count--;
    release_if_due(f, r);
}

void
flow_settle(struct flow *f, struct op *op)
{
    pmi_alive(op, OP_MAGIC);
    if (!op->ended)
        return; /* its request still waits for it */
    const bool unsent = op->sent < flow_op_total(op);
    if (op->on_wire && (op->sent == 0 || (op->replied && !unsent)))
        flow_op_off_wire(f, op);
    if (!op->on_wire)
        pmi_list_del(&op->link);
    const bool kernel_reads = op->zc_held || op->graves != 0;
    const bool leaving = op->on_wire && unsent && op->verb == PMEMD_VERB_WRITE;
    if (kernel_reads || leaving)
        return;
    detach(f, op);
    if (op->on_wire)
        return; /* its late reply will name it */
    op->magic = 0;
    pmi_slots_put(&f->ops, op->id.slot, op->id.gen);
}

/* ---- connections ------------------------------------------------------------------------- */

static void
kernel_keeps(struct op *op, uint8_t grave_bit)
{
    if (!op->zc_held)
        return;
    pmi_assert(grave_bit != 0);
    op->zc_held = false;
    op->graves |= grave_bit;
    pmi_list_del(&op->held);
}

/* Ops of one list, front to back: those whose request still waits go to the back of `retry`. */
static void
list_lost(struct flow *f, struct pmi_list *list, struct pmi_list *retry, uint8_t grave_bit)
{
    struct pmi_list *it;
    while ((it = pmi_list_pop_front(list)) != NULL) {
        struct op *op = pmi_containerof(it, struct op, link);
        op->on_wire = false;
        kernel_keeps(op, grave_bit);
        if (op->ended) {
            flow_settle(f, op);
            continue;
        }
        op->sent = 0;
        pmi_list_push_back(retry, &op->link);
    }
}

void
flow_lost(struct flow *f, uint8_t grave_bit)
{
    struct pmi_list retry;
    struct pmi_list *it;
    pmi_list_init(&retry);
    list_lost(f, &f->waiting, &retry, grave_bit);
    list_lost(f, &f->sending, &retry, grave_bit);
    while ((it = pmi_list_pop_front(&f->retry)) != NULL)
        pmi_list_push_back(&retry, it);
    while ((it = pmi_list_pop_front(&retry)) != NULL)
        pmi_list_push_back(&f->retry, it);
    while ((it = pmi_list_first(&f->held)) != NULL)
        kernel_keeps(pmi_containerof(it, struct op, held), grave_bit);
    f->used_requests = f->used_extents = 0;
    f->used_bytes = f->backlog_bytes = 0;
}

void
flow_graves_empty(struct flow *f, uint8_t bits)
{
    for (uint32_t i = 0; i < pmi_slots_capacity(&f->ops); i++) {
        struct op *op = pmi_slots_at(&f->ops, i, NULL);
        if (op == NULL || (op->graves & bits) == 0)
            continue;
        op->graves = (uint8_t)(op->graves & ~bits);
        flow_settle(f, op);
    }
}

void
flow_notified(struct flow *f, uint32_t first)
{
    struct pmi_list *it;
    while ((it = pmi_list_first(&f->held)) != NULL) {
        struct op *op = pmi_containerof(it, struct op, held);
        if ((int32_t)(op->zc_last - first) >= 0) /* numbers wrap */
            return;
        op->zc_held = false;
        pmi_list_del(&op->held);
        flow_settle(f, op);
    }
}
