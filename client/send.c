/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One send carries the headers and payloads of as many ops as fit, straight from where they
 * lie. Sends with MSG_ZEROCOPY hold only ops that want it, because the flag is the whole
 * message's; headers lie in the ops, so they stay untouched until the notification.
 */
#include "client/send.h"

#include "client/encode.h"
#include "common/checked.h"

#include <errno.h>
#include <sys/socket.h>

#define BACKLOG_BYTES (1u << 20) /* encoded ahead of the socket */
#define SENDS_PER_TURN 32u

struct batch {
    unsigned iov_count;
    bool zc;
    uint64_t bytes;
};

void
send_reset(struct sender *s, bool zc_usable, bool zc_always)
{
    s->blocked = s->idle = false;
    zc_init(&s->zc, zc_usable, zc_always);
}

static struct op *
front(const struct flow *f)
{
    struct pmi_list *it = pmi_list_first(&f->sending);
    pmi_assert(it != NULL);
    return pmi_containerof(it, struct op, link);
}

static void
encode_ahead(struct sender *s, struct flow *f, uint64_t now_ns)
{
    bool again = true;
    while (again && f->backlog_bytes < BACKLOG_BYTES) {
        struct op *op = encode_next(f, s->extents, now_ns, &again);
        if (op == NULL)
            continue;
        op->zc =
            op->verb == PMEMD_VERB_WRITE && op->part >= s->zc_min && zc_wanted(&s->zc, now_ns);
        again = true;
    }
}

/* The rest of one op; false if not all of it found room. */
static bool
gather_op(struct sender *s, struct batch *b, const struct op *op)
{
    if (op->sent < op->header_len) {
        s->iov[b->iov_count++] = (struct iovec){.iov_base = op->header + op->sent,
                                                .iov_len = op->header_len - op->sent};
        b->bytes += op->header_len - op->sent;
    }
    const uint64_t left = flow_op_total(op) - pmi_max_u64(op->sent, op->header_len);
    if (left == 0)
        return true;
    pmi_assert(op->req != NULL); /* its memory is held until all of it has left */
    uint64_t covered;
    b->iov_count += cut_iov(&op->req->span, &op->tx_at, left, s->iov + b->iov_count,
                            SEND_IOV_MAX - b->iov_count, &covered);
    b->bytes += covered;
    return covered == left;
}

static struct batch
gather(struct sender *s, const struct flow *f)
{
    struct batch b = {.zc = front(f)->zc};
    pmi_list_for_each(it, &f->sending) {
        const struct op *op = pmi_containerof(it, struct op, link);
        if (op->zc != b.zc || b.iov_count + 2 > SEND_IOV_MAX)
            break;
        if (!gather_op(s, &b, op))
            break;
    }
    return b;
}

/* `n` bytes of the front op have left; returns how many of them were payload. */
static uint64_t
advance_op(struct op *op, uint64_t n)
{
    const uint64_t before = pmi_max_u64(op->sent, op->header_len);
    op->sent += n;
    op->sent_ever = true;
    if (op->req != NULL)
        op->req->sent_any = true;
    const uint64_t payload = pmi_max_u64(op->sent, op->header_len) - before;
    if (payload > 0)
        cut_advance_iov(&op->req->span, &op->tx_at, payload);
    return payload;
}

/* Account for a send that took `n` bytes. */
static void
advance(struct sender *s, struct flow *f, const struct batch *b, uint64_t n)
{
    const uint32_t number = s->zc.next; /* of this send, if it had the flag */
    uint64_t payload = 0;
    f->backlog_bytes -= n;
    for (uint64_t left = n; left > 0;) {
        struct op *op = front(f);
        const uint64_t take = pmi_min_u64(left, flow_op_total(op) - op->sent);
        left -= take;
        payload += advance_op(op, take);
        if (b->zc)
            flow_op_hold(f, op, number);
        if (op->sent == flow_op_total(op))
            flow_op_sent(f, op);
    }
    if (b->zc)
        (void)zc_count(&s->zc, (uint32_t)payload, &s->stats);
    else
        s->stats.bytes_copied += payload;
}

/* The kernel has no room to remember this one's pages: the ops at hand go by copy. */
static void
copy_instead(struct flow *f)
{
    pmi_list_for_each(it, &f->sending)
        pmi_containerof(it, struct op, link)->zc = false;
}

int
send_turn(struct sender *s, struct flow *f, int fd, uint64_t now_ns)
{
    s->idle = false;
    for (unsigned i = 0; i < SENDS_PER_TURN; i++) {
        encode_ahead(s, f, now_ns);
        if (pmi_list_empty(&f->sending)) {
            s->blocked = false;
            s->idle = true;
            return 0;
        }
        const struct batch b = gather(s, f);
        struct msghdr m = {.msg_iov = s->iov, .msg_iovlen = b.iov_count};
        const bool zc = b.zc && zc_owed(&s->zc) < ZC_SENDS_MAX;
        const ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL | (zc ? MSG_ZEROCOPY : 0));
        const int err = n < 0 ? errno : 0;
        if (err == ENOBUFS && zc) {
            copy_instead(f);
            continue;
        }
        if (err == EAGAIN) {
            s->blocked = s->idle = true;
            return 0;
        }
        if (err != 0 && err != EINTR)
            return -err;
        if (err == 0)
            advance(s, f, &(struct batch){.zc = zc, .bytes = b.bytes}, (uint64_t)n);
        if (err == 0 && !zc && (uint64_t)n < b.bytes) {
            s->blocked = s->idle = true;
            return 0;
        }
    }
    s->blocked = false;
    return 0;
}
