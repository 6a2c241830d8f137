/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hot verbs' headers. One pass over the fixed part, one over the extents; no allocation.
 * The encoding is canonical: a header that is accepted is the one that encoding it again gives.
 */
#include "proto/hot.h"

#include "common/assert.h"
#include "common/cursor.h"

/* Where the fields of P3's request header are. */
enum {
    REQ_LEVEL = 0,
    REQ_REPLICAS = 1,
    REQ_FLAGS = 2,
    REQ_EXTENT_COUNT = 4,
    REQ_RESERVED_6 = 6,
    REQ_MIN_LSN = 8,
    REQ_EPOCH = 16,
    REQ_SEQ = 24,
    REQ_TRACE = 32,
    REQ_TIMEOUT = 48,
    REQ_CRC_COUNT = 52,
    REQ_RESERVED_56 = 56,
};

/* And of its reply header. */
enum {
    REP_STATUS = 0,
    REP_OUTCOME = 2,
    REP_LEVEL = 3,
    REP_CLASS = 4,
    REP_REPLICAS = 5,
    REP_FLAGS = 6,
    REP_LSN = 8,
    REP_EPOCH = 16,
    REP_BYTES = 24,
    REP_OLD = 32,
    REP_CRC_COUNT = 48,
    REP_DETAIL = 52,
    REP_RESERVED_56 = 56,
};

/* The longest headers that are legal must pass the prefix. */
pmi_static_assert(HOT_FIXED_BYTES + WIRE_EXTENTS_MAX * HOT_EXTENT_BYTES + WIRE_CRCS_MAX * 4 <=
                  WIRE_HEADER_MAX);
pmi_static_assert(WIRE_EXTENTS_MAX <= UINT16_MAX);

/* Everything but the lists and their sums. Field by field: clearing *r first costs more. */
static void
req_fixed(const uint8_t *h, struct hot_req *r)
{
    r->level = h[REQ_LEVEL];
    r->replicas = h[REQ_REPLICAS];
    r->flags = pmi_load_u16(h + REQ_FLAGS);
    r->extent_count = pmi_load_u16(h + REQ_EXTENT_COUNT);
    r->crc_count = pmi_load_u32(h + REQ_CRC_COUNT);
    r->timeout_us = pmi_load_u32(h + REQ_TIMEOUT);
    r->min_lsn = pmi_load_u64(h + REQ_MIN_LSN);
    r->epoch = pmi_load_u64(h + REQ_EPOCH);
    r->seq = pmi_load_u64(h + REQ_SEQ);
    memcpy(r->trace, h + REQ_TRACE, sizeof r->trace);
}

/* A request that gets a reply but is not carried out: who it is from, without its lists. */
static int
refuse(const struct hot_req *r, int err, struct hot_req *ret)
{
    *ret = *r;
    ret->extent_count = 0;
    ret->crc_count = ret->crc_pieces = 0;
    ret->bytes = 0;
    ret->extents = ret->crcs = NULL;
    return err;
}

/* P2.4: prefix flags, and those of the header that this verb takes (P3). */
static bool
req_flags_known(const struct hot_req *r, const struct wire_prefix *p)
{
    const uint16_t takes = p->verb == WIRE_READ || p->verb == WIRE_WRITE ? HOT_F_CRC : 0;
    return p->flags == 0 && (r->flags & ~takes) == 0;
}

/* P2.3, P3: counts and lengths that this verb can have, before any list is read. */
static bool
req_shape_ok(const struct hot_req *r, const struct wire_prefix *p, size_t lists_len)
{
    if (lists_len != hot_req_bytes(r->extent_count, r->crc_count) - HOT_FIXED_BYTES)
        return false;
    if ((r->extent_count == 0) != (p->verb == WIRE_FLUSH))
        return false;
    if (p->payload_len != 0 && p->verb != WIRE_WRITE)
        return false;
    return r->crc_count == 0 || (p->verb == WIRE_WRITE && (r->flags & HOT_F_CRC) != 0);
}

/* Sum lengths and checksums. What is left of `max` shrinks, so no sum can wrap. */
static int
req_sum(struct hot_req *r, uint64_t max, int past_max)
{
    uint64_t left = max;
    uint32_t pieces = 0;
    for (size_t i = 0; i < r->extent_count; i++) {
        const uint64_t len = pmi_load_u64(r->extents + i * HOT_EXTENT_BYTES + 8);
        if (len == 0)
            return PMEMD_E_PROTO;
        if (len > left)
            return past_max;
        left -= len;
        pieces += hot_crc_pieces(len);
    }
    r->bytes = max - left;
    r->crc_pieces = pieces;
    return 0;
}

/* The lists against the verb: P3.1, P3.2, P3.4, P5.1. */
static int
req_lists_check(struct hot_req *r, const struct wire_prefix *p)
{
    if (r->extent_count > WIRE_EXTENTS_MAX)
        return PMEMD_E_TOOBIG;
    if (p->verb != WIRE_WRITE)
        return req_sum(r, p->verb == WIRE_ZERO ? WIRE_ZERO_MAX : WIRE_PAYLOAD_MAX,
                       PMEMD_E_TOOBIG);
    const int rc = req_sum(r, p->payload_len, PMEMD_E_PROTO);
    if (rc < 0)
        return rc;
    if (r->bytes != p->payload_len)
        return PMEMD_E_PROTO;
    if (r->crc_count != ((r->flags & HOT_F_CRC) != 0 ? r->crc_pieces : 0))
        return PMEMD_E_PROTO;
    return 0;
}

int
hot_req_read(const void *header, size_t len, const struct wire_prefix *p, struct hot_req *ret)
{
    pmi_assert(wire_verb_is_hot(p->verb));
    struct pmi_cur in = pmi_cur_of(header, len);
    const uint8_t *h = pmi_take(&in, HOT_FIXED_BYTES);
    if (h == NULL || (p->flags & WIRE_F_REPLY) != 0)
        return PMEMD_E_PROTO;
    struct hot_req r;
    req_fixed(h, &r);
    if (!req_flags_known(&r, p))
        return refuse(&r, PMEMD_E_FLAG, ret);
    if (pmi_load_u16(h + REQ_RESERVED_6) != 0 || pmi_load_u64(h + REQ_RESERVED_56) != 0)
        return PMEMD_E_PROTO;
    if (r.replicas != 0 && r.level < PMEMD_LEVEL_REPLICATED)
        return PMEMD_E_PROTO;
    if (!req_shape_ok(&r, p, pmi_cur_left(&in)))
        return PMEMD_E_PROTO;
    r.extents = pmi_take(&in, (size_t)r.extent_count * HOT_EXTENT_BYTES);
    r.crcs = pmi_take(&in, (size_t)r.crc_count * sizeof(uint32_t));
    pmi_assert(r.extents != NULL);
    pmi_assert(r.crcs != NULL);
    const int rc = req_lists_check(&r, p);
    if (rc == PMEMD_E_TOOBIG)
        return refuse(&r, rc, ret);
    if (rc < 0)
        return rc;
    if (r.level >= PMEMD_LEVEL_REPLICATED)
        return refuse(&r, PMEMD_E_LEVEL, ret);
    *ret = r;
    return 0;
}

struct pmemd_extent
hot_extent_at(const struct hot_req *r, unsigned i)
{
    pmi_assert(i < r->extent_count);
    const uint8_t *e = r->extents + (size_t)i * HOT_EXTENT_BYTES;
    return (struct pmemd_extent){.off = pmi_load_u64(e), .len = pmi_load_u64(e + 8)};
}

uint32_t
hot_crc_at(const uint8_t *crcs, unsigned i)
{
    return pmi_load_u32(crcs + (size_t)i * sizeof(uint32_t));
}

static void
crcs_write(uint8_t *out, const uint32_t *crcs, uint32_t count)
{
    for (size_t i = 0; i < count; i++)
        pmi_store_u32(out + i * sizeof(uint32_t), crcs[i]);
}

void
hot_req_write(uint8_t *out, const struct hot_req *r, const struct pmemd_extent *extents,
              const uint32_t *crcs)
{
    pmi_assert(r->extent_count <= WIRE_EXTENTS_MAX);
    pmi_assert(r->crc_count <= WIRE_CRCS_MAX);
    out[REQ_LEVEL] = r->level;
    out[REQ_REPLICAS] = r->replicas;
    pmi_store_u16(out + REQ_FLAGS, r->flags);
    pmi_store_u16(out + REQ_EXTENT_COUNT, r->extent_count);
    pmi_store_u16(out + REQ_RESERVED_6, 0);
    pmi_store_u64(out + REQ_MIN_LSN, r->min_lsn);
    pmi_store_u64(out + REQ_EPOCH, r->epoch);
    pmi_store_u64(out + REQ_SEQ, r->seq);
    memcpy(out + REQ_TRACE, r->trace, sizeof r->trace);
    pmi_store_u32(out + REQ_TIMEOUT, r->timeout_us);
    pmi_store_u32(out + REQ_CRC_COUNT, r->crc_count);
    pmi_store_u64(out + REQ_RESERVED_56, 0);
    uint8_t *at = out + HOT_FIXED_BYTES;
    for (size_t i = 0; i < r->extent_count; i++, at += HOT_EXTENT_BYTES) {
        pmi_store_u64(at, extents[i].off);
        pmi_store_u64(at + 8, extents[i].len);
    }
    crcs_write(at, crcs, r->crc_count);
}

/* Whether P3 allows these numbers together; `crc_count` fits the header already. */
static bool
reply_numbers_ok(const struct hot_reply *r)
{
    if (r->outcome > PMEMD_UNKNOWN || r->level > PMEMD_LEVEL_REPLICATED ||
        r->durability > PMEMD_CLASS_POWER_SAFE)
        return false;
    if ((r->status == 0) != (r->outcome == PMEMD_OK))
        return false;
    if (r->status != 0)
        return r->crc_count == 0; /* P3.1: an error has no payload */
    return r->durability != PMEMD_CLASS_ANY && r->crc_count <= WIRE_CRCS_MAX;
}

int
hot_reply_read(const void *header, size_t len, struct hot_reply *ret)
{
    struct pmi_cur in = pmi_cur_of(header, len);
    const uint8_t *h = pmi_take(&in, HOT_FIXED_BYTES);
    if (h == NULL)
        return PMEMD_E_PROTO;
    struct hot_reply r; /* field by field, as above */
    r.status = pmi_load_u16(h + REP_STATUS);
    r.outcome = h[REP_OUTCOME];
    r.level = h[REP_LEVEL];
    r.durability = h[REP_CLASS];
    r.replicas = h[REP_REPLICAS];
    r.lsn = pmi_load_u64(h + REP_LSN);
    r.epoch = pmi_load_u64(h + REP_EPOCH);
    r.bytes = pmi_load_u64(h + REP_BYTES);
    r.old[0] = pmi_load_u64(h + REP_OLD);
    r.old[1] = pmi_load_u64(h + REP_OLD + 8);
    r.crc_count = pmi_load_u32(h + REP_CRC_COUNT);
    r.detail = pmi_load_u32(h + REP_DETAIL);
    if (pmi_load_u16(h + REP_FLAGS) != 0 || pmi_load_u64(h + REP_RESERVED_56) != 0)
        return PMEMD_E_PROTO;
    if (pmi_cur_left(&in) != (size_t)r.crc_count * sizeof(uint32_t) || !reply_numbers_ok(&r))
        return PMEMD_E_PROTO;
    r.crcs = pmi_take(&in, pmi_cur_left(&in));
    *ret = r;
    return 0;
}

void
hot_reply_write(uint8_t *out, const struct hot_reply *r, const uint32_t *crcs)
{
    pmi_assert((r->status == 0) == (r->outcome == PMEMD_OK));
    pmi_assert(r->crc_count <= (r->status == 0 ? WIRE_CRCS_MAX : 0));
    pmi_store_u16(out + REP_STATUS, r->status);
    out[REP_OUTCOME] = r->outcome;
    out[REP_LEVEL] = r->level;
    out[REP_CLASS] = r->durability;
    out[REP_REPLICAS] = r->replicas;
    pmi_store_u16(out + REP_FLAGS, 0);
    pmi_store_u64(out + REP_LSN, r->lsn);
    pmi_store_u64(out + REP_EPOCH, r->epoch);
    pmi_store_u64(out + REP_BYTES, r->bytes);
    pmi_store_u64(out + REP_OLD, r->old[0]);
    pmi_store_u64(out + REP_OLD + 8, r->old[1]);
    pmi_store_u32(out + REP_CRC_COUNT, r->crc_count);
    pmi_store_u32(out + REP_DETAIL, r->detail);
    pmi_store_u64(out + REP_RESERVED_56, 0);
    crcs_write(out + HOT_FIXED_BYTES, crcs, r->crc_count);
}
