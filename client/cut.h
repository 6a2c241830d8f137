/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walking a request's extents and its memory side by side, and cutting it to the server's
 * limits. Pure: no I/O, no allocation, nothing but the caller's arrays.
 */
#ifndef PMI_CLIENT_CUT_H
#define PMI_CLIENT_CUT_H

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Both sides of a request; borrowed arrays. `iov` is NULL for verbs without payload. */
struct cut_span {
    const struct pmemd_extent *extents;
    const struct pmemd_iov *iov;
    uint32_t extent_count, iov_count;
};

/* A place in a request: the same byte seen in the extents and in memory. */
struct cut_pos {
    uint32_t extent, iov;         /* index */
    uint64_t extent_off, iov_off; /* bytes into that one */
};

/* What one wire request carries. */
struct cut_part {
    uint64_t bytes;
    uint32_t extents;
    uint32_t pieces; /* checksums its extents need (P5.1) */
};

/* As much from `at` as fits `bytes_max` and `extents_max` (both >= 1). */
struct cut_part cut_measure(const struct cut_span *s, const struct cut_pos *at,
                            uint64_t bytes_max, uint32_t extents_max);

/* The extents of a part; `out` has room for part->extents. */
void cut_extents(const struct cut_span *s, const struct cut_pos *at,
                 const struct cut_part *part, struct pmemd_extent *out);

/* Move on by `bytes` on both sides; never past the end (asserted). */
void cut_advance(const struct cut_span *s, struct cut_pos *at, uint64_t bytes);

/* Move on by `bytes` in memory only. */
void cut_advance_iov(const struct cut_span *s, struct cut_pos *at, uint64_t bytes);

/*
 * The memory of the next `bytes` as at most `max` iovecs.
 * Returns how many; *ret_bytes is what they cover, less than `bytes` only if max was reached.
 */
unsigned cut_iov(const struct cut_span *s, const struct cut_pos *at, uint64_t bytes,
                 struct iovec *out, unsigned max, uint64_t *ret_bytes);

/* Checksums of a part's bytes in memory, cut as P5.1 says; `out` has room for part->pieces. */
void cut_crcs(const struct cut_span *s, const struct cut_pos *at, const struct cut_part *part,
              uint32_t *out);

/* Copy `bytes` from src into the memory at `at`, and move on. */
void cut_fill(const struct cut_span *s, struct cut_pos *at, const void *src, uint64_t bytes);

#endif
