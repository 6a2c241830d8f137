/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the next request goes, and random numbers for everybody here: xoshiro256**. */
#ifndef BENCH_GEN_H
#define BENCH_GEN_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);

static inline uint64_t
rng_next(struct rng *r)
{
    const uint64_t mixed = r->s[1] * 5;
    const uint64_t out = (mixed << 7 | mixed >> 57) * 9;
    const uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = r->s[3] << 45 | r->s[3] >> 19;
    return out;
}

/* Evenly in [0, below); `below` at least 1 and far under 2^64. */
static inline uint64_t
rng_below(struct rng *r, uint64_t below)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)rng_next(r) * below >> 64);
}

/* Offsets of one connection: whole multiples of bs, inside [0, blocks * bs). */
struct gen {
    struct rng rng;
    uint64_t bs, blocks;
    uint64_t next; /* sequential: the next block */
    bool random;
};

/* `which` of `of` connections: sequential ones start evenly apart. blocks at least 1. */
void gen_init(struct gen *g, bool random, uint64_t bs, uint64_t blocks, unsigned which,
              unsigned of);

static inline uint64_t
gen_next(struct gen *g)
{
    if (g->random)
        return rng_below(&g->rng, g->blocks) * g->bs;
    const uint64_t block = g->next;
    g->next = block + 1 < g->blocks ? block + 1 : 0;
    return block * g->bs;
}

#endif
