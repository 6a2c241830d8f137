/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes that the torn test writes. Every 8-byte word is its write's stamp, mixed with the
 * word's place in the region: so each word alone tells which write it came from, and a word
 * that landed in the wrong place tells nothing at all. Memory never written (zeroes, or anything
 * else) holds no valid stamp.
 */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One extent of one write. */
struct stamp {
    unsigned writer; /* 0..255 */
    unsigned extent; /* 0..3, its number within the request */
    uint64_t seq;    /* of the writer, 50 bits */
};

uint64_t stamp_pack(struct stamp s);

/* False: these are not the bits of a stamp. *ret is set either way. */
bool stamp_unpack(uint64_t bits, struct stamp *ret);

/* Fill `count` words that will stand at word `first` of the region. */
void stamp_fill(uint64_t *words, size_t count, uint64_t first, uint64_t bits);

/*
 * Look at `count` (at least 1) words read from word `first` of the region. *ret_bits is the
 * stamp of the first one. Returns the index of the first word with another stamp, or `count`
 * when all came from one write.
 */
size_t stamp_scan(const uint64_t *words, size_t count, uint64_t first, uint64_t *ret_bits);

#endif
