/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ: the extents are held shared from here until their bytes have left, so a reply is as of
 * one moment per extent. With checksums they are computed first, a bounded slice a turn.
 */
#include "common/assert.h"
#include "common/crc32c.h"
#include "server/req/ops.h"

/* Digest the next contiguous piece of at most `budget` bytes; returns its length. */
static uint64_t
digest(struct req *r, uint64_t budget)
{
    const uint64_t piece = req_piece_left(r);
    const struct region_slice s = req_here(r, piece < budget ? piece : budget);
    pmi_assert(r->crc_at < r->hdr.crc_count);
    r->crc_now = pmi_crc32c(r->crc_now, s.data, s.len);
    if (s.len == piece) {
        r->crcs[r->crc_at++] = r->crc_now;
        r->crc_now = 0;
    }
    req_advance(r, s.len);
    return s.len;
}

static enum req_event
read_work(struct req *r)
{
    if ((r->hdr.flags & HOT_F_CRC) == 0)
        return EV_DONE;
    uint64_t *budget = &r->env->turn_left;
    while (r->at<r->hdr.extent_count && * budget> 0)
        *budget -= digest(r, *budget);
    return r->at < r->hdr.extent_count ? EV_MORE : EV_DONE;
}

const struct op op_read = {
    .name = "read",
    .takes_locks = true,
    .has_payload = true,
    .mode = LOCK_SHARED,
    .work = read_work,
};
