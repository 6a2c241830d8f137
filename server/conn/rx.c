/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiver: staging, framing, landing. */
#include "server/conn/rx.h"

#include "common/assert.h"
#include "common/err.h"
#include "common/log.h"
#include "server/conn/patience.h"
#include "server/conn/tx.h"
#include "server/os/ring_compat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
reads(const struct conn *c)
{
    return c->state == CONN_HELLO || c->state == CONN_OPEN || c->state == CONN_READY;
}

static uint32_t
staged(const struct rx *rx)
{
    return rx->end - rx->at;
}

bool
rx_midway(const struct conn *c)
{
    return c->rx.mode == RX_LAND || c->rx.mode == RX_FILL ||
           (c->rx.mode == RX_WAIT && c->rx.payload > 0);
}

/* ---- Arming ------------------------------------------------------------------------------ */

static struct io_uring_sqe *
arm(struct conn *c, enum rx_mode mode, void *to, uint64_t len, int flags)
{
    struct io_uring_sqe *sqe = ring_sqe(c->env->ring);
    io_uring_prep_recv(sqe, c->t.fd, to, len, flags);
    ring_tag_set(sqe, (struct ring_tag){TAG_RECV, c->id.gen, c->id.slot});
    c->rx.mode = mode;
    c->owed++;
    stat_add(&c->env->stats.recvs, 1);
    if (!rx_midway(c)) {
        c->due_since_ns = 0;
    } else {
        conn_watch(c);
        if (c->due_since_ns == 0) {
            c->due_since_ns = c->env->now_ns;
            c->due_bytes = 0;
        }
    }
    return sqe;
}

static void
return_buffer(struct conn *c)
{
    struct rx *rx = &c->rx;
    if (rx->buf == NULL)
        return;
    if (rx->parked > 0) {
        c->env->parked_bytes -= rx->parked;
        free(rx->buf);
    } else {
        stage_put(&c->world->stage, rx->buf);
    }
    rx->buf = NULL;
    rx->parked = 0;
    rx->at = 0;
    rx->end = 0;
}

/* We wait and hold unread bytes: when staging runs short, they move to memory of our own
 * (bounded), so that those who need not wait can be read. */
static void
park(struct conn *c)
{
    struct rx *rx = &c->rx;
    struct env *env = c->env;
    const uint32_t len = staged(rx);
    if (len == 0 || rx->parked > 0 || !stage_is_short(&c->world->stage) ||
        len > env->limits->parked_max - env->parked_bytes)
        return;
    uint8_t *to = malloc(len);
    if (to == NULL)
        return;
    const uint8_t *from = rx->buf + rx->at;
    memcpy(to, from, len);
    if (rx->req != NULL && rx->req->staged != NULL)
        rx->req->staged = to + (rx->req->staged - from);
    stage_put(&c->world->stage, rx->buf);
    env->parked_bytes += len;
    rx->buf = to;
    rx->parked = len;
    rx->at = 0;
    rx->end = len;
}

/* Back into staging, to read on behind what is there. */
static bool
unpark(struct conn *c)
{
    struct rx *rx = &c->rx;
    uint8_t *to = stage_borrow(&c->world->stage);
    if (to == NULL)
        return false;
    const uint32_t len = staged(rx);
    memcpy(to, rx->buf + rx->at, len);
    return_buffer(c);
    rx->buf = to;
    rx->end = len;
    return true;
}

/* Wait for a bounded resource (slots, lock nodes, header blocks, staging). */
static void
pause_reading(struct conn *c, enum conn_pause what)
{
    c->rx.mode = RX_HOLD;
    park(c);
    c->due_since_ns = 0; /* it waits for us */
    conn_pause(c, what);
}

static void
arm_wait(struct conn *c)
{
    if (c->world->stage.offered == 0) {
        pause_reading(c, PAUSE_STAGE);
        return;
    }
    struct io_uring_sqe *sqe = arm(c, RX_WAIT, NULL, ENV_STAGE_BYTES, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = STAGE_GROUP;
}

/* Read on into staging: into the buffer in hand behind an unfinished message, else into one the
 * kernel takes when bytes come. */
static void
arm_staging(struct conn *c)
{
    struct rx *rx = &c->rx;
    if (staged(rx) == 0) {
        return_buffer(c);
        arm_wait(c);
        return;
    }
    if (rx->parked > 0 && !unpark(c)) {
        pause_reading(c, PAUSE_STAGE);
        return;
    }
    if (rx->at > 0) { /* an unfinished message moves to the front: the rest fits behind it */
        memmove(rx->buf, rx->buf + rx->at, staged(rx));
        rx->end -= rx->at;
        rx->at = 0;
    }
    pmi_assert(rx->end < ENV_STAGE_BYTES);
    (void)arm(c, RX_FILL, rx->buf + rx->end, ENV_STAGE_BYTES - rx->end, 0);
}

static void
arm_landing(struct conn *c)
{
    struct req *r = c->rx.req;
    pmi_assert(r != NULL);
    return_buffer(c);
    const struct region_slice s = req_land_next(r, RX_LAND_BYTES);
    /* Somebody waits: see each arrival, so that a slow peer can be told from a silent one. */
    (void)arm(c, RX_LAND, s.data, s.len, r->wanted_ns != 0 ? 0 : MSG_WAITALL);
    r->owed++;
}

/* ---- Payload that lands or is skipped ---------------------------------------------------- */

/* Bytes of the landing request arrived: req_landed() and what follows from it. */
static void
landed(struct conn *c, uint64_t len)
{
    struct rx *rx = &c->rx;
    struct req *r = rx->req;
    rx->payload -= len;
    const enum req_event ev = req_landed(r, len);
    if (ev == EV_WAIT)
        return;
    pmi_assert(ev == EV_FAIL || rx->payload == 0);
    rx->req = NULL; /* after a failure the rest goes nowhere */
    rx->landing = false;
    req_step(r, ev);
}

/* Use staged bytes for the payload that is due. */
static void
consume_payload(struct conn *c)
{
    struct rx *rx = &c->rx;
    while (rx->payload > 0 && staged(rx) > 0) {
        uint64_t n = staged(rx) < rx->payload ? staged(rx) : rx->payload;
        if (!rx->landing) {
            rx->at += (uint32_t)n;
            rx->payload -= n;
            continue;
        }
        const struct region_slice s = req_land_next(rx->req, n);
        req_store(rx->req, s.data, rx->buf + rx->at, s.len);
        rx->at += (uint32_t)s.len;
        stat_add(&c->env->stats.bytes_staged, s.len);
        stat_add(&c->home->rg->paths.staged, s.len);
        landed(c, s.len);
    }
}

void
rx_land(struct conn *c, struct req *r)
{
    pmi_assert(c->rx.req == r);
    c->rx.landing = true;
    env_later(c->env, &c->later);
}

void
rx_forget(struct conn *c, struct req *r)
{
    if (c->rx.req != r)
        return;
    c->rx.req = NULL;
    c->rx.landing = false;
    if (c->rx.mode == RX_HOLD)
        env_later(c->env, &c->later);
}

/* ---- Messages ---------------------------------------------------------------------------- */

enum take {
    TAKE_ON,
    TAKE_MORE,
    TAKE_STOP
}; /* next message; more bytes needed; do not read on */

static bool
past_credit(const struct conn *c, const struct wire_prefix *p, const struct hot_req *h)
{
    const struct msg_limits *lim = &c->env->limits->wire;
    const uint64_t bytes = req_charge(req_op(p->verb), h);
    if (c->req_count == 0)
        return false; /* P7.3 */
    return c->req_count >= lim->credit_requests ||
           c->extents + h->extent_count > lim->credit_extents ||
           bytes > lim->credit_bytes - c->bytes;
}

static enum take
refuse(struct conn *c, const struct wire_prefix *p, uint32_t header_end, int err)
{
    struct rx *rx = &c->rx;
    const int rc = control_refuse(c, p, err, pmi_err_text(err));
    if (rc == PMEMD_E_BUSY) {
        pause_reading(c, PAUSE_REQUEST);
        return TAKE_STOP;
    }
    rx->at += header_end;
    rx->payload = p->payload_len;
    rx->landing = false;
    return TAKE_ON;
}

/* Say why, then close in good order. */
static enum take
refuse_and_finish(struct conn *c, const struct wire_prefix *p, int err, const char *why)
{
    if (control_refuse(c, p, err, why) == PMEMD_E_BUSY) {
        pause_reading(c, PAUSE_REQUEST);
        return TAKE_STOP;
    }
    pmi_log(PMI_LOG_WARN, "conn.refused", "peer=%s err=\"%s\" why=\"%s\"", c->t.peer,
            pmi_err_text(err), why);
    conn_step(c, CE_FINISH);
    return TAKE_STOP;
}

static void
enlist(struct conn *c, struct req *r)
{
    r->up = &conn_req_up;
    r->conn = c;
    pmi_list_push_back(&c->reqs, &r->link);
    c->req_count++;
    c->extents += r->hdr.extent_count;
    c->bytes += req_charge(r->op, &r->hdr);
}

/* A data request whose header is at rx->at and whole. `whole` is header_end, plus the payload
 * where that must be staged first. */
static enum take
take_hot(struct conn *c, const struct wire_prefix *p, const struct hot_req *h,
         uint32_t header_end)
{
    struct rx *rx = &c->rx;
    const bool small = p->payload_len <= c->env->limits->wire.stage_max;
    if (past_credit(c, p, h))
        return refuse_and_finish(c, p, PMEMD_E_CREDIT, "more in flight than was granted");
    struct req *r;
    if (req_new(c->env, c->home, req_op(p->verb), p->tag, h, &r) != 0) {
        pause_reading(c, PAUSE_REQUEST);
        return TAKE_STOP;
    }
    if (p->payload_len > 0 && small)
        r->staged = rx->buf + rx->at + header_end;
    rx->req = p->payload_len > 0 ? r : NULL;
    rx->payload = p->payload_len;
    rx->landing = false;
    enlist(c, r);
    if (req_start(r) != 0) { /* lock nodes: the header is read again later */
        rx->req = NULL;
        rx->payload = 0;
        req_free_unstarted(r);
        pause_reading(c, PAUSE_REQUEST);
        return TAKE_STOP;
    }
    rx->at += header_end; /* a payload that is used up, or refused, is stepped over next */
    return TAKE_ON;
}

static enum take
take_data_message(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
{
    const uint32_t header_end = WIRE_PREFIX_BYTES + p->header_len;
    if (c->state != CONN_READY)
        return refuse(c, p, header_end, PMEMD_E_STATE);
    struct hot_req h;
    const int rc = hot_req_read(header, p->header_len, p, &h);
    if (rc == PMEMD_E_PROTO)
        return refuse_and_finish(c, p, rc, "malformed request header");
    if (rc < 0)
        return refuse(c, p, header_end, rc);
    return take_hot(c, p, &h, header_end);
}

/* One message from staging. */
static enum take
take_message(struct conn *c)
{
    struct rx *rx = &c->rx;
    const uint8_t *at = rx->buf + rx->at;
    struct wire_prefix p;
    if (staged(rx) < WIRE_PREFIX_BYTES)
        return TAKE_MORE;
    const int rc = wire_prefix_read(at, &p);
    if (rc == PMEMD_E_TOOBIG)
        return refuse_and_finish(c, &p, rc, "a length past its limit");
    if (rc < 0 || (p.flags & WIRE_F_REPLY) != 0) {
        conn_fail(c, rc < 0 ? rc : PMEMD_E_PROTO, "malformed message prefix");
        return TAKE_STOP;
    }
    const uint32_t header_end = WIRE_PREFIX_BYTES + p.header_len;
    if (staged(rx) < header_end)
        return TAKE_MORE;
    const uint8_t *header = at + WIRE_PREFIX_BYTES;
    if (!wire_crc_ok(at, header, p.header_len)) {
        conn_fail(c, PMEMD_E_PROTO, "header checksum");
        return TAKE_STOP;
    }
    if ((p.flags & ~WIRE_F_REPLY) != 0)
        return refuse(c, &p, header_end, PMEMD_E_FLAG);
    if (wire_verb_is_hot(p.verb)) {
        const bool small = p.payload_len <= c->env->limits->wire.stage_max;
        if (small && staged(rx) < header_end + p.payload_len)
            return TAKE_MORE; /* small payloads wait in staging, never in place */
        return take_data_message(c, &p, header);
    }
    const int err = control_message(c, &p, header);
    if (err == PMEMD_E_BUSY) {
        pause_reading(c, PAUSE_REQUEST);
        return TAKE_STOP;
    }
    if (err < 0)
        return refuse_and_finish(c, &p, err, "malformed control message");
    if (!reads(c) && c->state != CONN_MOVING)
        return TAKE_STOP; /* it said goodbye */
    rx->at += header_end;
    rx->payload = p.payload_len;
    rx->landing = false;
    return TAKE_ON;
}

/* Take what is staged, then arm for more. Nothing is armed when this is called. */
static void
run(struct conn *c)
{
    struct rx *rx = &c->rx;
    enum take t = TAKE_ON;
    while (t == TAKE_ON && reads(c)) {
        if (rx->req != NULL && !rx->landing) {
            rx->mode = RX_HOLD; /* its extents are not ours yet */
            c->due_since_ns = 0;
            park(c);
            return;
        }
        consume_payload(c);
        if (rx->payload > 0)
            break;
        t = staged(rx) > 0 ? take_message(c) : TAKE_MORE;
        if (t == TAKE_ON) {
            c->due_since_ns = 0;
            conn_served(c, PAUSE_REQUEST);
        }
    }
    if (c->state == CONN_MOVING) {
        if (staged(rx) > 0)
            conn_fail(c, PMEMD_E_PROTO, "bytes behind OPEN before its reply");
        else
            rx_stop(c);
    }
    if (!reads(c) || t == TAKE_STOP)
        return;
    if (c->stopping) { /* what came whole has been served */
        conn_step(c, CE_FINISH);
        return;
    }
    if (rx->payload > 0 && rx->landing)
        arm_landing(c);
    else
        arm_staging(c);
}

/* ---- Life -------------------------------------------------------------------------------- */

void
rx_start(struct conn *c)
{
    pmi_assert(c->rx.mode == RX_OFF);
    arm_staging(c);
}

void
rx_resume(struct conn *c)
{
    struct rx *rx = &c->rx;
    if (rx->mode != RX_HOLD)
        return;
    if (c->open_due && c->state == CONN_READY) {
        if (control_opened(c) < 0) {
            pause_reading(c, PAUSE_REQUEST);
            return;
        }
        c->open_due = false;
    }
    if (reads(c))
        run(c);
    else if (conn_discards(c))
        arm_wait(c);
    conn_maybe_idle(c);
}

static void
cancel(struct conn *c)
{
    struct io_uring_sqe *sqe = ring_sqe(c->env->ring);
    io_uring_prep_cancel64(
        sqe, ring_tag_pack((struct ring_tag){TAG_RECV, c->id.gen, c->id.slot}), 0);
    ring_tag_set(sqe, (struct ring_tag){.kind = TAG_NONE});
}

void
rx_hurry(struct conn *c, const struct req *r)
{
    if (c->rx.mode == RX_LAND && c->rx.req == r)
        cancel(c); /* it waits for all of its bytes; armed again, it tells of each arrival */
}

void
rx_stop(struct conn *c)
{
    struct rx *rx = &c->rx;
    pmi_list_del(&c->later.link);
    if (rx->mode == RX_HOLD)
        rx->mode = RX_OFF;
    if (rx->mode == RX_OFF)
        return_buffer(c);
    else
        cancel(c);
}

void
rx_discard(struct conn *c)
{
    struct rx *rx = &c->rx;
    if (rx->req != NULL)
        req_step(rx->req, EV_ABORT); /* it did not come whole */
    rx->payload = 0;
    if (rx->mode == RX_LAND) {
        cancel(c);
    } else if (rx->mode == RX_HOLD) {
        return_buffer(c);
        arm_wait(c);
    }
}

/* The armed receive brought bytes: where they are, by mode. */
static void
account(struct conn *c, enum rx_mode was, uint32_t len, unsigned flags)
{
    struct rx *rx = &c->rx;
    if (was == RX_WAIT) {
        pmi_assert((flags & IORING_CQE_F_BUFFER) != 0);
        rx->buf = stage_took(&c->world->stage, ring_bid(flags));
        rx->at = 0;
        rx->end = len;
    } else if (was == RX_FILL) {
        rx->end += len;
    } else {
        stat_add(&c->env->stats.bytes_landed, len);
        stat_add(&c->home->rg->paths.direct, len);
        landed(c, len);
    }
}

/* The receive brought no bytes. */
static void
receive_failed(struct conn *c, enum rx_mode was, int res, unsigned flags)
{
    if ((flags & IORING_CQE_F_BUFFER) != 0)
        stage_put(&c->world->stage, stage_took(&c->world->stage, ring_bid(flags)));
    if (res == -ENOBUFS) {
        stage_ran_dry(&c->world->stage);
        pause_reading(c, PAUSE_STAGE);
    } else if (res == -EINTR || res == -EAGAIN || res == -ECANCELED) {
        run(c); /* cancelled: rx_hurry() */
    } else if (res == 0 && was == RX_WAIT && c->rx.payload == 0) {
        c->rx.mode = RX_OFF;
        conn_step(c, CE_FINISH); /* the peer is done; it may still read our replies */
    } else {
        conn_fail(c, res == 0 ? PMEMD_E_LOST : res, "receive");
    }
}

/* Nobody wants these bytes: the connection finishes or is going. */
static void
discard(struct conn *c, enum rx_mode was, int res, unsigned flags)
{
    struct rx *rx = &c->rx;
    if ((flags & IORING_CQE_F_BUFFER) != 0)
        stage_put(&c->world->stage, stage_took(&c->world->stage, ring_bid(flags)));
    if (was == RX_LAND && rx->req != NULL)
        req_settle(rx->req);
    rx->mode = RX_OFF;
    return_buffer(c);
    if (!conn_discards(c))
        return;
    if (res > 0 || res == -ECANCELED || res == -ENOBUFS)
        arm_wait(c);
    else if (c->state == CONN_LINGER)
        conn_step(c, CE_FAIL); /* the peer has closed too */
}

void
rx_on_recv(struct conn_world *w, struct ring_tag tag, int res, unsigned flags)
{
    struct conn *c = pmi_slots_get(&w->conns, tag.slot, tag.gen);
    pmi_assert(c != NULL); /* a connection outlives its receive */
    pmi_alive(c, CONN_MAGIC);
    struct rx *rx = &c->rx;
    const enum rx_mode was = rx->mode;
    rx->mode = RX_HOLD;
    if (!reads(c)) {
        discard(c, was, res, flags);
    } else {
        if (was == RX_LAND)
            rx->req->owed--; /* the kernel writes there no more */
        if (res > 0) {
            conn_touch(c);
            conn_served(c, PAUSE_STAGE);
            c->due_bytes += (uint32_t)res;
            account(c, was, (uint32_t)res, flags);
            run(c);
        } else {
            receive_failed(c, was, res, flags);
        }
    }
    if (!conn_settle(c))
        conn_maybe_idle(c);
}
