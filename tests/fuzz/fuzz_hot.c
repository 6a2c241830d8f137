/* SPDX-License-Identifier: BSD-3-Clause */
/* A byte says what it is, four the payload's length, then the header. What is accepted must be
 * what writing it again gives, and its sums must hold. */
#include "common/assert.h"
#include "common/cursor.h"
#include "proto/hot.h"

static struct pmemd_extent extents[WIRE_EXTENTS_MAX];
static uint32_t crcs[WIRE_CRCS_MAX];
static uint8_t again[WIRE_HEADER_MAX];

static void
check_req(const struct hot_req *r, const struct pmi_cur *in)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < r->extent_count; i++) {
        extents[i] = hot_extent_at(r, i);
        sum += extents[i].len;
    }
    pmi_assert(sum == r->bytes);
    pmi_assert(r->crc_pieces <= WIRE_EXTENTS_MAX + sum / WIRE_PIECE_BYTES);
    for (unsigned i = 0; i < r->crc_count; i++)
        crcs[i] = hot_crc_at(r->crcs, i);
    hot_req_write(again, r, extents, crcs);
    pmi_assert(memcmp(again, in->at, pmi_cur_left(in)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pmi_cur in = pmi_cur_of(data, size);
    struct wire_prefix p = {0};
    uint8_t what;
    if (!pmi_get_u8(&in, &what) || !pmi_get_u32(&in, &p.payload_len) || size > sizeof again)
        return 0;
    p.verb = (uint8_t)(WIRE_READ + what % 4);
    p.flags = what >> 5;
    struct hot_req req;
    struct hot_reply rep;
    if ((what & 0x10) == 0) {
        if (hot_req_read(in.at, pmi_cur_left(&in), &p, &req) == 0)
            check_req(&req, &in);
    } else if (hot_reply_read(in.at, pmi_cur_left(&in), &rep) == 0) {
        for (unsigned i = 0; i < rep.crc_count; i++)
            crcs[i] = hot_crc_at(rep.crcs, i);
        hot_reply_write(again, &rep, crcs);
        pmi_assert(memcmp(again, in.at, pmi_cur_left(&in)) == 0);
    }
    return 0;
}
