/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the index answers like the definition it stands for: a hold has its extents when no
 * earlier one overlaps and conflicts.
 * Method: random takes and drops beside a list that compares everybody with everybody. Answers,
 * callbacks and their order, pool and "wanted" must agree after every operation. Seeds of the
 * default run are fixed; LOCKS_SEED in the environment runs one more.
 */
#include "tests/unit/locks/bed.h"

#include <stdlib.h>

#define ACTIVE_MAX 40u
#define EXTENTS_MAX 6u
#define OPERATIONS 100000u

struct party {
    struct lock_hold hold;
    struct pmemd_extent e[EXTENTS_MAX];
    unsigned count;
    bool active, granted;
    uint64_t arrival;
};

struct model {
    struct bed bed;
    struct party parties[ACTIVE_MAX];
    uint64_t seed, region_len, spread, arrivals;
};

static uint64_t
nodes_of(const struct party *p)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < p->count; i++)
        n += (p->e[i].off + p->e[i].len - 1) / FRAME_BYTES - p->e[i].off / FRAME_BYTES + 1;
    return n;
}

static bool
conflict(const struct party *a, const struct party *b)
{
    if (a->hold.mode == LOCK_SHARED && b->hold.mode == LOCK_SHARED)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        for (unsigned j = 0; j < b->count; j++)
            if (a->e[i].off < b->e[j].off + b->e[j].len &&
                b->e[j].off < a->e[i].off + a->e[i].len)
                return true;
    return false;
}

/* Is an active party, other than p, in front of p (or, behind: after it)? */
static bool
has_neighbour(const struct model *m, const struct party *p, bool behind)
{
    for (unsigned i = 0; i < ACTIVE_MAX; i++) {
        const struct party *q = &m->parties[i];
        if (q->active && q != p && (q->arrival > p->arrival) == behind && conflict(p, q))
            return true;
    }
    return false;
}

static void
random_extents(struct model *m, struct party *p)
{
    p->count = 1 + (unsigned)bed_below(&m->seed, EXTENTS_MAX);
    for (unsigned i = 0; i < p->count; i++) {
        /* A few places of the region, so that overlaps, equal frames and borders are common. */
        const uint64_t place = bed_below(&m->seed, 4) * (m->region_len / 4);
        uint64_t off = place + bed_below(&m->seed, m->spread);
        const uint64_t longest = bed_below(&m->seed, 4) == 0 ? 3 * FRAME_BYTES : 65536;
        uint64_t len = 1 + bed_below(&m->seed, longest);
        if (bed_below(&m->seed, 2) == 0) { /* so that extents touch often */
            off &= ~(uint64_t)4095;
            len = (len + 4095) & ~(uint64_t)4095;
        }
        if (len > m->region_len - off)
            len = m->region_len - off;
        p->e[i] = (struct pmemd_extent){off, len};
    }
}

static void
take_one(struct model *m, struct party *p)
{
    random_extents(m, p);
    const enum lock_mode mode = bed_below(&m->seed, 3) == 0 ? LOCK_EXCLUSIVE : LOCK_SHARED;
    const uint32_t left = lock_pool_left(m->bed.pool);
    m->bed.granted_count = 0;
    m->bed.wanted_count = 0;
    const int rc = locks_take(m->bed.locks, &p->hold, mode, p->e, p->count);
    assert_int_equal(m->bed.granted_count, 0);
    if (nodes_of(p) > left) {
        assert_int_equal(rc, PMEMD_E_BUSY);
        assert_int_equal(lock_pool_left(m->bed.pool), left);
        assert_int_equal(m->bed.wanted_count, 0);
        return;
    }
    p->active = true;
    p->arrival = ++m->arrivals;
    p->granted = !has_neighbour(m, p, false);
    assert_int_equal(rc, p->granted);
    unsigned holders = 0;
    for (unsigned i = 0; i < ACTIVE_MAX; i++) {
        const struct party *q = &m->parties[i];
        if (!q->active || q == p || !q->granted || !conflict(p, q))
            continue;
        holders++;
        unsigned told = 0;
        for (unsigned k = 0; k < m->bed.wanted_count; k++)
            told += m->bed.wanted[k] == &q->hold;
        assert_int_equal(told, 1);
    }
    assert_int_equal(m->bed.wanted_count, holders);
}

static void
drop_one(struct model *m, struct party *p)
{
    m->bed.granted_count = 0;
    m->bed.wanted_count = 0;
    assert_int_equal(locks_is_wanted(m->bed.locks, &p->hold), has_neighbour(m, p, true));
    locks_drop(m->bed.locks, &p->hold);
    p->active = false;
    unsigned expected = 0;
    for (unsigned i = 0; i < ACTIVE_MAX; i++) {
        struct party *q = &m->parties[i];
        if (!q->active || q->granted || has_neighbour(m, q, false))
            continue;
        q->granted = true;
        expected++;
    }
    assert_int_equal(m->bed.granted_count, expected);
    for (unsigned i = 0; i < expected; i++) {
        assert_true(m->bed.granted[i]->granted);
        if (i > 0)
            assert_true(m->bed.granted[i - 1]->arrival < m->bed.granted[i]->arrival);
    }
    for (unsigned i = 0; i < ACTIVE_MAX; i++) {
        const struct party *q = &m->parties[i];
        assert_int_equal(q->active && q->granted, q->hold.taken && q->hold.granted);
    }
}

static void
model_run(uint64_t seed, uint64_t region_len, uint64_t spread, uint32_t nodes)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    m.seed = seed;
    m.region_len = region_len;
    m.spread = spread;
    bed_up(&m.bed, region_len, nodes);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct party *p = &m.parties[bed_below(&m.seed, ACTIVE_MAX)];
        if (p->active)
            drop_one(&m, p);
        else
            take_one(&m, p);
    }
    for (unsigned i = 0; i < ACTIVE_MAX; i++)
        if (m.parties[i].active)
            drop_one(&m, &m.parties[i]);
    bed_down(&m.bed);
}

static void
run(uint64_t seed, uint64_t region_len, uint64_t spread, uint32_t nodes)
{
    print_message("LOCKS_SEED=%llu region_len=%llu\n", (unsigned long long)seed,
                  (unsigned long long)region_len);
    model_run(seed, region_len, spread, nodes);
}

static void
agrees_in_a_few_frames(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(seed * 0x9e3779b97f4a7c15ull, 32 * FRAME_BYTES, FRAME_BYTES, 1024);
}

static void
agrees_where_buckets_are_shared(void **state)
{
    (void)state;
    run(77, 4ull * 65536 * FRAME_BYTES, FRAME_BYTES, 1024);
}

static void
agrees_on_a_small_pool(void **state)
{
    (void)state;
    run(4711, 32 * FRAME_BYTES + 4096, FRAME_BYTES / 2, 90);
}

static void
agrees_for_the_seed_asked_for(void **state)
{
    (void)state;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    const char *text = getenv("LOCKS_SEED");
    if (text == NULL)
        return;
    const uint64_t seed = strtoull(text, NULL, 0);
    run(seed == 0 ? 1 : seed, 32 * FRAME_BYTES, FRAME_BYTES, 1024);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_in_a_few_frames),
        cmocka_unit_test(agrees_where_buckets_are_shared),
        cmocka_unit_test(agrees_on_a_small_pool),
        cmocka_unit_test(agrees_for_the_seed_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
