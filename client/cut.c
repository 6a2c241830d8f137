/* SPDX-License-Identifier: BSD-3-Clause */
/* Extents and memory side by side. */
#include "client/cut.h"

#include "common/assert.h"
#include "common/checked.h"
#include "common/crc32c.h"
#include "proto/hot.h"

#include <string.h>

struct cut_part
cut_measure(const struct cut_span *s, const struct cut_pos *at, uint64_t bytes_max,
            uint32_t extents_max)
{
    pmi_assert(bytes_max > 0);
    pmi_assert(extents_max > 0);
    struct cut_part part = {0};
    uint64_t off = at->extent_off;
    for (uint32_t i = at->extent; i < s->extent_count; i++, off = 0) {
        if (part.extents == extents_max || part.bytes == bytes_max)
            break;
        const uint64_t len = pmi_min_u64(s->extents[i].len - off, bytes_max - part.bytes);
        part.bytes += len;
        part.extents++;
        part.pieces += hot_crc_pieces(len);
    }
    return part;
}

void
cut_extents(const struct cut_span *s, const struct cut_pos *at, const struct cut_part *part,
            struct pmemd_extent *out)
{
    uint64_t left = part->bytes;
    uint64_t off = at->extent_off;
    for (uint32_t i = 0; i < part->extents; i++, off = 0) {
        pmi_assert(at->extent + i < s->extent_count);
        const struct pmemd_extent *e = &s->extents[at->extent + i];
        const uint64_t len = pmi_min_u64(e->len - off, left);
        out[i] = (struct pmemd_extent){.off = e->off + off, .len = len};
        left -= len;
    }
    pmi_assert(left == 0);
}

void
cut_advance(const struct cut_span *s, struct cut_pos *at, uint64_t bytes)
{
    if (s->iov != NULL)
        cut_advance_iov(s, at, bytes);
    while (bytes > 0) {
        pmi_assert(at->extent < s->extent_count);
        const uint64_t left = s->extents[at->extent].len - at->extent_off;
        if (bytes < left) {
            at->extent_off += bytes;
            return;
        }
        bytes -= left;
        at->extent++;
        at->extent_off = 0;
    }
}

void
cut_advance_iov(const struct cut_span *s, struct cut_pos *at, uint64_t bytes)
{
    while (bytes > 0) {
        pmi_assert(at->iov < s->iov_count);
        const uint64_t left = s->iov[at->iov].len - at->iov_off;
        if (bytes < left) {
            at->iov_off += bytes;
            return;
        }
        bytes -= left;
        at->iov++;
        at->iov_off = 0;
    }
}

unsigned
cut_iov(const struct cut_span *s, const struct cut_pos *at, uint64_t bytes, struct iovec *out,
        unsigned max, uint64_t *ret_bytes)
{
    unsigned n = 0;
    uint64_t left = bytes;
    uint64_t off = at->iov_off;
    for (uint32_t i = at->iov; left > 0 && n < max; i++, off = 0) {
        pmi_assert(i < s->iov_count);
        const uint64_t len = pmi_min_u64(s->iov[i].len - off, left);
        if (len == 0)
            continue; /* an empty piece of the caller's memory */
        out[n++] = (struct iovec){.iov_base = (char *)s->iov[i].data + off, .iov_len = len};
        left -= len;
    }
    *ret_bytes = bytes - left;
    return n;
}

/* CRC of the next `bytes` of memory; moves on. */
static uint32_t
crc_of(const struct cut_span *s, struct cut_pos *at, uint64_t bytes)
{
    uint32_t crc = 0;
    while (bytes > 0) {
        struct iovec v;
        uint64_t len;
        const unsigned n = cut_iov(s, at, bytes, &v, 1, &len);
        pmi_assert(n == 1);
        crc = pmi_crc32c(crc, v.iov_base, v.iov_len);
        cut_advance_iov(s, at, len);
        bytes -= len;
    }
    return crc;
}

void
cut_crcs(const struct cut_span *s, const struct cut_pos *at, const struct cut_part *part,
         uint32_t *out)
{
    struct cut_pos pos = *at;
    uint64_t left = part->bytes;
    uint64_t off = at->extent_off;
    uint32_t n = 0;
    for (uint32_t i = 0; i < part->extents; i++, off = 0) {
        uint64_t len = pmi_min_u64(s->extents[at->extent + i].len - off, left);
        left -= len;
        while (len > 0) {
            const uint64_t piece = pmi_min_u64(len, WIRE_PIECE_BYTES);
            pmi_assert(n < part->pieces);
            out[n++] = crc_of(s, &pos, piece);
            len -= piece;
        }
    }
    pmi_assert(n == part->pieces);
}

void
cut_fill(const struct cut_span *s, struct cut_pos *at, const void *src, uint64_t bytes)
{
    const char *from = src;
    while (bytes > 0) {
        struct iovec v;
        uint64_t len;
        const unsigned n = cut_iov(s, at, bytes, &v, 1, &len);
        pmi_assert(n == 1);
        memcpy(v.iov_base, from, v.iov_len);
        cut_advance_iov(s, at, len);
        from += len;
        bytes -= len;
    }
}
