/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WRITE: a payload that came whole into staging is checked, then copied, within one turn. A
 * larger one lands in place piece by piece as it arrives, each checksum piece checked when it is
 * complete.
 */
#include "common/assert.h"
#include "common/crc32c.h"
#include "server/req/ops.h"

#include <string.h>

void
req_store(const struct req *r, void *dst, const void *src, size_t len)
{
    if (r->home->rg->medium->flush_lines)
        pmi_copy_nt(dst, src, len);
    else
        memcpy(dst, src, len);
}

static bool
staged_is_sound(const struct req *r)
{
    const uint8_t *p = r->staged;
    uint32_t k = 0;
    if (r->hdr.crc_count == 0)
        return true;
    for (unsigned i = 0; i < r->hdr.extent_count; i++) {
        for (uint64_t left = r->extents[i].len; left > 0;) {
            const uint64_t n = left < WIRE_PIECE_BYTES ? left : WIRE_PIECE_BYTES;
            if (pmi_crc32c(0, p, n) != r->crcs[k++])
                return false;
            p += n;
            left -= n;
        }
    }
    return true;
}

static enum req_event
write_staged(struct req *r)
{
    if (!staged_is_sound(r)) {
        r->err = PMEMD_E_CRC;
        r->outcome = PMEMD_NOT_DONE;
        return EV_FAIL;
    }
    const uint8_t *from = r->staged;
    while (r->at < r->hdr.extent_count) {
        const struct region_slice s = req_here(r, UINT64_MAX);
        req_store(r, s.data, from, s.len);
        from += s.len;
        req_advance(r, s.len);
    }
    stat_add(&r->env->stats.bytes_staged, r->moved);
    stat_add(&r->home->rg->paths.staged, r->moved);
    r->staged = NULL;
    return EV_DONE;
}

static enum req_event
write_work(struct req *r)
{
    if (r->staged != NULL)
        return write_staged(r);
    r->up->land(r);
    return EV_WAIT;
}

struct region_slice
req_land_next(const struct req *r, uint64_t max)
{
    pmi_assert(r->state == REQ_WORK);
    const uint64_t piece = r->hdr.crc_count != 0 ? req_piece_left(r) : UINT64_MAX;
    return req_here(r, piece < max ? piece : max);
}

enum req_event
req_landed(struct req *r, uint64_t len)
{
    pmi_assert(r->state == REQ_WORK);
    const uint64_t piece = req_piece_left(r);
    if (r->hdr.crc_count != 0) {
        const struct region_slice s = req_here(r, len);
        pmi_assert(s.len == len);
        r->crc_now = pmi_crc32c(r->crc_now, s.data, len);
    }
    r->progress_ns = r->env->now_ns;
    req_advance(r, len);
    if (r->hdr.crc_count != 0 && len == piece) {
        if (r->crc_now != r->crcs[r->crc_at++]) {
            r->err = PMEMD_E_CRC;
            r->outcome = PMEMD_UNKNOWN;
            return EV_FAIL;
        }
        r->crc_now = 0;
    }
    return r->at == r->hdr.extent_count ? EV_DONE : EV_WAIT;
}

const struct op op_write = {
    .name = "write",
    .takes_locks = true,
    .has_payload = true,
    .mode = LOCK_EXCLUSIVE,
    .work = write_work,
    .persists = true,
};
