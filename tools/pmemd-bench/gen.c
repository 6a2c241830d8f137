// SPDX-License-Identifier: BSD-3-Clause
/* Offsets and random numbers: see gen.h. */
#include "tools/pmemd-bench/gen.h"

/* splitmix64, which xoshiro's authors give for seeding: no state becomes all zeroes. */
static uint64_t
split_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void
rng_init(struct rng *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        r->s[i] = split_next(&seed);
}

void
gen_init(struct gen *g, bool random, uint64_t bs, uint64_t blocks, unsigned which, unsigned of)
{
    *g = (struct gen){
        .bs = bs,
        .blocks = blocks,
        .next = blocks / of * which % blocks,
        .random = random,
    };
    rng_init(&g->rng, which + 1u);
}
