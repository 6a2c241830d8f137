/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixed headers of the hot verbs (P3), both directions. Views borrow the caller's bytes. */
#ifndef PMI_PROTO_HOT_H
#define PMI_PROTO_HOT_H

#include "proto/wire.h"

#include <pmemd/pmemd.h>

#define HOT_FIXED_BYTES 64u
#define HOT_EXTENT_BYTES 16u

#define HOT_F_CRC 0x1u /* checksums are here (WRITE), or wanted in the reply (READ) */

struct hot_req {
    uint8_t level, replicas;
    uint16_t flags; /* HOT_F_* */
    uint16_t extent_count;
    uint32_t crc_count;
    uint32_t
        crc_pieces; /* checksums these extents need (P5.1), for a READ's reply; decode only */
    uint32_t timeout_us;
    uint64_t min_lsn, epoch, seq;
    uint8_t trace[16];
    uint64_t bytes;         /* sum of the extents' lengths; decode only */
    const uint8_t *extents; /* view: extent_count * HOT_EXTENT_BYTES; see hot_extent_at() */
    const uint8_t *crcs;    /* view: crc_count * 4; see hot_crc_at() */
};

struct hot_reply {
    uint16_t status; /* wire number, 0 = OK */
    uint8_t outcome, level, durability, replicas;
    uint64_t lsn, epoch, bytes;
    uint64_t old[2]; /* low half first */
    uint32_t crc_count;
    uint32_t detail;
    const uint8_t *crcs; /* view, decode only */
};

/*
 * Decode and check a request header against its verb (a hot one: asserted), prefix flags and
 * payload length (P2.3, P2.4, P3): counts fit the length exactly, lengths are >= 1, their sum
 * neither wraps nor exceeds WIRE_PAYLOAD_MAX / WIRE_ZERO_MAX, a WRITE's payload is the sum,
 * checksum count is what P5.1 demands (or 0 without HOT_F_CRC; a READ carries none), what must
 * be 0 is. Knows neither the region's size (an extent's end may even wrap) nor a server's own,
 * lower limits: compare ret->bytes and ret->extent_count with those.
 *
 * PMEMD_E_PROTO: close; *ret is untouched.
 * Else reply and skip the payload; *ret is set, but with no extents, checksums and bytes:
 *   PMEMD_E_FLAG    unknown, or not for this verb (a header with an unknown flag may be laid
 *                   out in a way we do not know, so nothing behind the flag was looked at)
 *   PMEMD_E_TOOBIG  more extents or bytes than any server takes
 *   PMEMD_E_LEVEL   unknown, or replicated, which this version cannot meet
 */
int hot_req_read(const void *header, size_t len, const struct wire_prefix *p,
                 struct hot_req *ret) __attribute__((warn_unused_result));

/* The i-th of a decoded request's extents; i < extent_count (asserted). */
struct pmemd_extent hot_extent_at(const struct hot_req *r, unsigned i);

/* The i-th of a view's checksums; the caller compared i with crc_count. */
uint32_t hot_crc_at(const uint8_t *crcs, unsigned i);

/* How many checksums an extent of `len` bytes needs (P5.1); len <= WIRE_ZERO_MAX. */
static inline uint32_t
hot_crc_pieces(uint64_t len)
{
    return (uint32_t)(len / WIRE_PIECE_BYTES) + (len % WIRE_PIECE_BYTES != 0);
}

/* Bytes of a request header with so many extents and checksums. */
static inline size_t
hot_req_bytes(unsigned extent_count, uint32_t crc_count)
{
    return HOT_FIXED_BYTES + (size_t)extent_count * HOT_EXTENT_BYTES + (size_t)crc_count * 4;
}

static inline size_t
hot_reply_bytes(uint32_t crc_count)
{
    return HOT_FIXED_BYTES + (size_t)crc_count * 4;
}

/* Encode: `out` has room for hot_req_bytes(). r->extents and r->crcs are ignored; the extents
 * come from `extents` (may be NULL when extent_count is 0), checksums (host order, may be NULL
 * when crc_count is 0) from `crcs`. */
void hot_req_write(uint8_t *out, const struct hot_req *r, const struct pmemd_extent *extents,
                   const uint32_t *crcs);

/*
 * PMEMD_E_PROTO when the header is malformed: counts that do not fit, a reserved field set, a
 * number P3 does not know, a status that contradicts the outcome, or checksums in an error.
 * *ret is set on success only. What the request asked for is the caller's to compare.
 */
int hot_reply_read(const void *header, size_t len, struct hot_reply *ret)
    __attribute__((warn_unused_result));

/* `out` has room for hot_reply_bytes(r->crc_count); `crcs` as above. Asserts that status and
 * outcome agree, and that an error has no checksums. */
void hot_reply_write(uint8_t *out, const struct hot_reply *r, const uint32_t *crcs);

#endif
