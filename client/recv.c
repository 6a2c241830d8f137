/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies: received in bulk, checked, and handed to their ops. */
#include "client/recv.h"

#include "client/complete.h"
#include "common/checked.h"
#include "proto/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define RECVS_PER_TURN 16u
#define LARGE_BYTES (64u << 10) /* a payload that is better received where it belongs */
/* What is asked for besides a large payload: the next header, and little that must be copied. */
#define BESIDES_BYTES 4096u

void
recv_reset(struct receiver *rx)
{
    rx->head = rx->tail = 0;
    rx->large = false;
    rx->op = NULL;
    rx->left = 0;
}

static int
payload_done(struct receiver *rx, struct flow *f)
{
    struct op *op = rx->op;
    rx->op = NULL;
    return complete_hot(f, op, &rx->reply, rx->crcs);
}

/* `n` bytes of payload are at `from`, or already in place (NULL). */
static int
payload_take(struct receiver *rx, struct flow *f, const uint8_t *from, uint64_t n)
{
    struct op *op = rx->op;
    pmi_assert(n <= rx->left);
    rx->left -= n;
    if (op->req != NULL) { /* else its request has ended: the bytes are nobody's */
        if (from != NULL)
            cut_fill(&op->req->span, &rx->at, from, n);
        else
            cut_advance_iov(&op->req->span, &rx->at, n);
    }
    return rx->left == 0 ? payload_done(rx, f) : 0;
}

/* A whole header of an op: what it announces comes next. */
static int
message(struct receiver *rx, struct flow *f, struct control *k, const struct wire_prefix *p,
        const uint8_t *header)
{
    struct op *op = flow_op_of_tag(f, p->tag);
    if (op == NULL || p->verb != op->verb || p->flags != WIRE_F_REPLY)
        return PMEMD_E_PROTO;
    rx->large = p->payload_len >= LARGE_BYTES;
    if (!wire_verb_is_hot(op->verb))
        return p->payload_len != 0 ? PMEMD_E_PROTO
                                   : complete_control(f, k, op, header, p->header_len);
    int rc = hot_reply_read(header, p->header_len, &rx->reply);
    if (rc == 0)
        rc = complete_check(f, op, &rx->reply, p->payload_len);
    if (rc < 0)
        return rc;
    rx->op = op;
    rx->at = op->at;
    rx->left = p->payload_len;
    return rx->left == 0 ? payload_done(rx, f) : 0;
}

/* One step through the staged bytes: 1 = made one, 0 = more bytes are needed, or an error. */
static int
parse_step(struct receiver *rx, struct flow *f, struct control *k)
{
    const size_t have = rx->tail - rx->head;
    const uint8_t *at = rx->stage + rx->head;
    struct wire_prefix p;
    if (rx->op != NULL) {
        const uint64_t n = pmi_min_u64(have, rx->left);
        rx->head += n;
        const int rc = n > 0 ? payload_take(rx, f, at, n) : 0;
        return rc < 0 ? rc : n > 0;
    }
    if (have < WIRE_PREFIX_BYTES)
        return 0;
    if (wire_prefix_read(at, &p) < 0)
        return PMEMD_E_PROTO;
    if (have < WIRE_PREFIX_BYTES + p.header_len)
        return 0;
    const uint8_t *header = at + WIRE_PREFIX_BYTES;
    if (!wire_crc_ok(at, header, p.header_len))
        return PMEMD_E_PROTO;
    rx->head += WIRE_PREFIX_BYTES + p.header_len;
    const int rc = message(rx, f, k, &p, header);
    return rc < 0 ? rc : 1;
}

static int
parse(struct receiver *rx, struct flow *f, struct control *k)
{
    for (;;) {
        const int rc = parse_step(rx, f, k);
        if (rc <= 0)
            return rc;
    }
}

/* Make the free room of the stage one piece, with the partial message at its start. */
static void
compact(struct receiver *rx)
{
    const size_t have = rx->tail - rx->head;
    if (have > 0 && rx->head > 0)
        memmove(rx->stage, rx->stage + rx->head, have);
    rx->head = 0;
    rx->tail = have;
    pmi_assert(rx->tail < rx->capacity); /* a header always fits */
}

/* Where the next receive goes: the rest of a payload, then the stage. */
static unsigned
targets(const struct receiver *rx, struct iovec *iov, uint64_t *ret_direct, uint64_t *ret_asked)
{
    unsigned n = 0;
    uint64_t direct = 0;
    if (rx->op != NULL && rx->op->req != NULL)
        n = cut_iov(&rx->op->req->span, &rx->at, rx->left, iov, RECV_IOV_MAX - 1, &direct);
    const bool discard = rx->op != NULL && rx->op->req == NULL;
    uint64_t staged = rx->capacity - rx->tail;
    if (rx->large && !discard)
        staged = pmi_min_u64(staged, BESIDES_BYTES);
    iov[n++] = (struct iovec){.iov_base = rx->stage + rx->tail, .iov_len = staged};
    *ret_direct = direct;
    *ret_asked = direct + staged;
    return n;
}

int
recv_turn(struct receiver *rx, struct flow *f, struct control *k, int fd)
{
    for (unsigned i = 0; i < RECVS_PER_TURN; i++) {
        struct iovec iov[RECV_IOV_MAX];
        uint64_t direct;
        uint64_t asked;
        compact(rx);
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = targets(rx, iov, &direct, &asked)};
        const ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
        if (n == 0)
            return PMEMD_E_LOST;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        const uint64_t got = (uint64_t)n;
        const uint64_t placed = pmi_min_u64(got, direct);
        rx->tail += got - placed;
        int rc = placed > 0 ? payload_take(rx, f, NULL, placed) : 0;
        if (rc == 0)
            rc = parse(rx, f, k);
        if (rc < 0)
            return rc;
        if (got < asked)
            return 0;
    }
    return 0;
}
