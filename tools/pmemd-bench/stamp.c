// SPDX-License-Identifier: BSD-3-Clause
/* Stamped bytes: see stamp.h. */
#include "tools/pmemd-bench/stamp.h"

#define TAG UINT64_C(0xd)
#define TAG_SHIFT 60
#define WRITER_SHIFT 52
#define SEQ_SHIFT 2
#define SEQ_MASK ((UINT64_C(1) << (WRITER_SHIFT - SEQ_SHIFT)) - 1)
#define CHUNK 8u /* words looked at without a branch: 64 bytes */

uint64_t
stamp_pack(struct stamp s)
{
    return TAG << TAG_SHIFT | (uint64_t)(s.writer & 0xff) << WRITER_SHIFT |
           (s.seq & SEQ_MASK) << SEQ_SHIFT | (s.extent & 3);
}

bool
stamp_unpack(uint64_t bits, struct stamp *ret)
{
    *ret = (struct stamp){
        .writer = (unsigned)(bits >> WRITER_SHIFT) & 0xff,
        .extent = (unsigned)bits & 3,
        .seq = bits >> SEQ_SHIFT & SEQ_MASK,
    };
    return bits >> TAG_SHIFT == TAG;
}

/* What is mixed into word `at`: odd multiples, so no two words of a region share it. */
static inline uint64_t
place(uint64_t at)
{
    return (at + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

void
stamp_fill(uint64_t *words, size_t count, uint64_t first, uint64_t bits)
{
    for (size_t i = 0; i < count; i++)
        words[i] = bits ^ place(first + i);
}

size_t
stamp_scan(const uint64_t *words, size_t count, uint64_t first, uint64_t *ret_bits)
{
    const uint64_t bits = words[0] ^ place(first);
    *ret_bits = bits;
    size_t i = 0;
    for (; i + CHUNK <= count; i += CHUNK) {
        uint64_t differ = 0;
        for (size_t j = 0; j < CHUNK; j++)
            differ |= words[i + j] ^ place(first + i + j) ^ bits;
        if (differ != 0)
            break;
    }
    while (i < count && (words[i] ^ place(first + i)) == bits)
        i++;
    return i;
}
