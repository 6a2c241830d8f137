/* SPDX-License-Identifier: BSD-3-Clause */
/* The next wire request (P3), within limits and credits (P7). */
#include "client/encode.h"

#include "client/control.h"
#include "common/checked.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

/* How much of a request or op one wire request may take. */
static struct cut_part
measure(const struct flow *f, unsigned verb, const struct cut_span *span,
        const struct cut_pos *at, uint64_t todo, uint32_t extents_max)
{
    if (todo == 0) /* FLUSH, STAT, LIST */
        return (struct cut_part){0};
    const uint64_t most = verb == PMEMD_VERB_ZERO ? f->limits.zero_max : f->limits.io_max;
    return cut_measure(span, at, pmi_min_u64(todo, most), extents_max);
}

/* P7: one request is always allowed (P7.3); else all three credits must cover it. */
static bool
credit_covers(const struct flow *f, unsigned verb, const struct cut_part *part)
{
    const struct msg_limits *l = &f->limits;
    if (f->used_requests == 0)
        return true;
    if (f->used_requests >= l->credit_requests)
        return false;
    if (part->extents > l->credit_extents ||
        f->used_extents > l->credit_extents - part->extents)
        return false;
    if (verb != PMEMD_VERB_READ && verb != PMEMD_VERB_WRITE)
        return true;
    return part->bytes <= l->credit_bytes && f->used_bytes <= l->credit_bytes - part->bytes;
}

static uint32_t
crcs_room(size_t extents)
{
    return (uint32_t)extents + WIRE_PAYLOAD_MAX / WIRE_PIECE_BYTES;
}

/* Have room for a header of so many extents; false if memory is short. */
static bool
make_room(struct op *op, uint32_t extents)
{
    if (extents <= FLOW_INLINE) {
        op->header = op->header_inline;
        op->crcs = op->crcs_inline;
        return true;
    }
    const size_t crcs = crcs_room(extents);
    const size_t header = WIRE_PREFIX_BYTES + hot_req_bytes(extents, (uint32_t)crcs);
    if (extents > op->big_extents) {
        void *big = realloc(op->big, header + crcs * sizeof(uint32_t));
        if (big == NULL)
            return false;
        op->big = big;
        op->big_extents = extents;
        op->crc_known = false; /* they may have lived there */
    }
    op->crcs = op->big; /* first, for their alignment */
    op->header = (uint8_t *)op->big + crcs * sizeof(uint32_t);
    return true;
}

static uint32_t
time_left_us(const struct request *r, uint64_t now_ns)
{
    if (r->deadline_ns == UINT64_MAX)
        return 0;
    const uint64_t us = r->deadline_ns > now_ns ? (r->deadline_ns - now_ns) / PMI_NS_PER_US : 0;
    if (us > UINT32_MAX)
        return 0; /* longer than the field can say: we watch it ourselves */
    return us > 0 ? (uint32_t)us : 1;
}

static uint32_t
encode_hot(const struct flow *f, struct op *op, const struct cut_part *part,
           struct pmemd_extent *extents, uint64_t now_ns)
{
    const struct request *r = op->req;
    struct hot_req h = {
        .level = (uint8_t)r->level,
        .extent_count = (uint16_t)part->extents,
        .timeout_us = time_left_us(r, now_ns),
    };
    memcpy(h.trace, r->trace, sizeof h.trace);
    cut_extents(&r->span, &op->at, part, extents);
    if (f->crc && (op->verb == PMEMD_VERB_WRITE || op->verb == PMEMD_VERB_READ))
        h.flags = HOT_F_CRC;
    if (h.flags != 0 && op->verb == PMEMD_VERB_WRITE) {
        if (!op->crc_known)
            cut_crcs(&r->span, &op->at, part, op->crcs);
        op->crc_known = true;
        h.crc_count = part->pieces;
    }
    op->crc_count = part->pieces;
    hot_req_write(op->header + WIRE_PREFIX_BYTES, &h, extents, op->crcs);
    return (uint32_t)hot_req_bytes(part->extents, h.crc_count);
}

static void
encode(struct flow *f, struct op *op, const struct cut_part *part, struct pmemd_extent *extents,
       uint64_t now_ns)
{
    if (op->part != part->bytes || op->extents != part->extents)
        op->crc_known = false; /* other limits, other pieces */
    op->part = part->bytes;
    op->extents = part->extents;
    op->tx_at = op->at;
    struct wire_prefix p = {.verb = op->verb, .tag = flow_tag(op)};
    p.header_len = wire_verb_is_hot(op->verb)
                       ? encode_hot(f, op, part, extents, now_ns)
                       : control_encode(op->req, op->header + WIRE_PREFIX_BYTES,
                                        OP_HEADER_INLINE - WIRE_PREFIX_BYTES);
    p.payload_len = op->verb == PMEMD_VERB_WRITE ? (uint32_t)op->part : 0;
    wire_prefix_write(op->header, &p, op->header + WIRE_PREFIX_BYTES);
    op->header_len = WIRE_PREFIX_BYTES + p.header_len;
}

/* Before anything of a request leaves: a piece of it must not have an effect when a later piece
 * cannot be done. */
static bool
range_ok(const struct flow *f, const struct request *r)
{
    for (uint32_t i = 0; i < r->span.extent_count; i++) {
        const struct pmemd_extent *e = &r->span.extents[i];
        if (!pmi_range_ok(e->off, e->len, f->region_len))
            return false;
    }
    return true;
}

/* The same part, or a smaller one if memory for its header is short. */
static bool
fit(const struct flow *f, struct op *op, struct cut_part *part)
{
    if (make_room(op, part->extents))
        return true;
    *part = measure(f, op->verb, &op->req->span, &op->at, op->todo, FLOW_INLINE);
    return make_room(op, part->extents);
}

static struct op *
next_retry(struct flow *f, struct cut_part *ret_part)
{
    struct op *op = pmi_containerof(pmi_list_first(&f->retry), struct op, link);
    *ret_part = measure(f, op->verb, &op->req->span, &op->at, op->todo, f->limits.extents_max);
    if (!credit_covers(f, op->verb, ret_part))
        return NULL;
    pmi_list_del(&op->link);
    return op;
}

static struct op *
next_new(struct flow *f, struct cut_part *ret_part, bool *ret_again)
{
    struct pmi_list *it = pmi_list_first(&f->queue);
    if (it == NULL)
        return NULL;
    struct request *r = pmi_containerof(it, struct request, link);
    if (!r->in_range && !range_ok(f, r)) {
        flow_give_up(f, r, PMEMD_E_RANGE);
        *ret_again = true;
        return NULL;
    }
    r->in_range = true;
    *ret_part = measure(f, r->verb, &r->span, &r->rest, r->rest_bytes, f->limits.extents_max);
    if (!credit_covers(f, r->verb, ret_part))
        return NULL;
    return flow_cut(f, r, ret_part);
}

struct op *
encode_next(struct flow *f, struct pmemd_extent *extents, uint64_t now_ns, bool *ret_again)
{
    struct cut_part part;
    *ret_again = false;
    struct op *op =
        pmi_list_empty(&f->retry) ? next_new(f, &part, ret_again) : next_retry(f, &part);
    if (op == NULL)
        return NULL;
    const bool fits = fit(f, op, &part);
    pmi_assert(fits); /* the smaller part needs no memory */
    encode(f, op, &part, extents, now_ns);
    flow_op_on_wire(f, op);
    return op;
}
