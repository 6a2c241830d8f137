/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: callbacks may take and drop what they like; every hold is told once, and only while it is
 * taken; nothing recurses.
 * Method: named cases, then a storm in which both callbacks take and drop at random, with extents
 * both few and beyond the coarse limit of a frame. No two conflicting holds are ever granted.
 */
#include "tests/unit/locks/bed.h"

#define STORM_PARTIES 24u
#define STORM_EXTENTS 48u
#define STORM_STEPS 20000u
#define DEPTH_MAX 4u

static struct lock_hold holds[4];

static void
drop_it(struct bed *b, struct lock_hold *h)
{
    locks_drop(b->locks, h);
}

static void
a_chain_of_drops_does_not_recurse(void **state)
{
    (void)state;
    struct bed b;
    static struct lock_hold chain[4000];
    memset(chain, 0, sizeof chain);
    bed_up(&b, FRAME_BYTES, TEST_COUNT(chain));
    for (unsigned i = 0; i < TEST_COUNT(chain); i++)
        assert_int_equal(bed_take(&b, &chain[i], LOCK_EXCLUSIVE, i / 2, 2), i == 0);
    b.on_granted = drop_it;
    locks_drop(b.locks, &chain[0]);
    assert_int_equal(b.granted_count, TEST_COUNT(chain) - 1);
    bed_down(&b);
}

static void
take_again(struct bed *b, struct lock_hold *h)
{
    (void)h;
    b->on_granted = NULL;
    assert_int_equal(bed_take(b, &holds[3], LOCK_EXCLUSIVE, 0, 1), 0);
}

static void
granted_may_take(void **state)
{
    (void)state;
    struct bed b;
    memset(holds, 0, sizeof holds);
    bed_up(&b, FRAME_BYTES, 8);
    assert_int_equal(bed_take(&b, &holds[0], LOCK_EXCLUSIVE, 0, 1), 1);
    assert_int_equal(bed_take(&b, &holds[1], LOCK_EXCLUSIVE, 0, 1), 0);
    b.on_granted = take_again;
    locks_drop(b.locks, &holds[0]);
    assert_int_equal(b.granted_count, 1);
    assert_ptr_equal(b.wanted[b.wanted_count - 1], &holds[1]);
    locks_drop(b.locks, &holds[1]);
    assert_int_equal(b.granted_count, 2);
    assert_ptr_equal(b.granted[1], &holds[3]);
    locks_drop(b.locks, &holds[3]);
    bed_down(&b);
}

static void
drop_the_other(struct bed *b, struct lock_hold *h)
{
    struct lock_hold *other = h == &holds[1] ? &holds[2] : &holds[1];
    if (other->taken)
        locks_drop(b->locks, other);
}

/* Two are granted by one drop; the first one told drops the second: it is never told. */
static void
a_grant_not_delivered_can_be_dropped(void **state)
{
    (void)state;
    struct bed b;
    memset(holds, 0, sizeof holds);
    bed_up(&b, FRAME_BYTES, 8);
    assert_int_equal(bed_take(&b, &holds[0], LOCK_EXCLUSIVE, 0, 1), 1);
    assert_int_equal(bed_take(&b, &holds[1], LOCK_SHARED, 0, 1), 0);
    assert_int_equal(bed_take(&b, &holds[2], LOCK_SHARED, 0, 1), 0);
    b.on_granted = drop_the_other;
    locks_drop(b.locks, &holds[0]);
    assert_int_equal(b.granted_count, 1);
    assert_ptr_equal(b.granted[0], &holds[1]);
    assert_false(holds[2].taken);
    locks_drop(b.locks, &holds[1]);
    bed_down(&b);
}

/* A holder that lets go when it is wanted: the taker has its answer at once, without callback. */
static void
wanted_may_drop_the_holder(void **state)
{
    (void)state;
    struct bed b;
    memset(holds, 0, sizeof holds);
    bed_up(&b, FRAME_BYTES, 8);
    assert_int_equal(bed_take(&b, &holds[0], LOCK_SHARED, 0, 1), 1);
    assert_int_equal(bed_take(&b, &holds[1], LOCK_SHARED, 0, 1), 1);
    b.on_wanted = drop_it;
    assert_int_equal(bed_take(&b, &holds[2], LOCK_EXCLUSIVE, 0, 1), 1);
    assert_int_equal(b.wanted_count, 2);
    assert_int_equal(b.granted_count, 0);
    assert_false(holds[0].taken || holds[1].taken);
    b.on_wanted = NULL;
    locks_drop(b.locks, &holds[2]);
    bed_down(&b);
}

static void
drop_the_taker(struct bed *b, struct lock_hold *h)
{
    (void)h;
    locks_drop(b->locks, &holds[2]);
}

static void
wanted_may_drop_the_taker(void **state)
{
    (void)state;
    struct bed b;
    memset(holds, 0, sizeof holds);
    bed_up(&b, FRAME_BYTES, 8);
    assert_int_equal(bed_take(&b, &holds[0], LOCK_SHARED, 0, 1), 1);
    b.on_wanted = drop_the_taker;
    assert_int_equal(bed_take(&b, &holds[2], LOCK_EXCLUSIVE, 0, 1), 0);
    assert_false(holds[2].taken);
    assert_false(locks_is_wanted(b.locks, &holds[0]));
    locks_drop(b.locks, &holds[0]);
    assert_int_equal(b.granted_count, 0);
    bed_down(&b);
}

struct storm_party {
    struct lock_hold hold; /* first: the callbacks get its address */
    struct pmemd_extent e[STORM_EXTENTS];
    unsigned count;
    bool told; /* take said 1, or granted came */
};

struct storm {
    struct storm_party parties[STORM_PARTIES];
    uint64_t seed, span; /* bytes that extents begin in */
    unsigned extents_max, depth;
};

static bool
meets(const struct storm_party *a, const struct storm_party *b)
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

static void
assert_alone(const struct storm *s, const struct storm_party *p)
{
    for (unsigned i = 0; i < STORM_PARTIES; i++) {
        const struct storm_party *q = &s->parties[i];
        if (q != p && q->hold.taken && q->told)
            assert_false(meets(p, q));
    }
}

/* One random take or drop; callbacks call it again, a few levels deep. */
static void
storm_step(struct bed *b)
{
    struct storm *s = b->arg;
    struct storm_party *p = &s->parties[bed_below(&s->seed, STORM_PARTIES)];
    if (s->depth == DEPTH_MAX)
        return;
    s->depth++;
    if (p->hold.taken) {
        locks_drop(b->locks, &p->hold);
    } else {
        p->told = false;
        p->count = 1 + (unsigned)bed_below(&s->seed, s->extents_max);
        for (unsigned i = 0; i < p->count; i++)
            p->e[i] = (struct pmemd_extent){bed_below(&s->seed, s->span),
                                            1 + bed_below(&s->seed, 16384)};
        const enum lock_mode mode = bed_below(&s->seed, 2) == 0 ? LOCK_EXCLUSIVE : LOCK_SHARED;
        const uint64_t arrival_before = p->hold.arrival;
        const int rc = locks_take(b->locks, &p->hold, mode, p->e, p->count);
        assert_true(rc == 0 || rc == 1);
        assert_true(p->hold.arrival > arrival_before);
        if (rc == 1) {
            assert_true(p->hold.taken);
            assert_false(p->told);
            p->told = true;
            assert_alone(s, p);
        }
    }
    s->depth--;
}

static void
storm_granted(struct bed *b, struct lock_hold *h)
{
    struct storm *s = b->arg;
    struct storm_party *p = pmi_containerof(h, struct storm_party, hold);
    b->granted_count = 0;
    assert_true(h->taken);
    assert_false(p->told);
    p->told = true;
    assert_alone(s, p);
    storm_step(b);
}

static void
storm_wanted(struct bed *b, struct lock_hold *h)
{
    b->wanted_count = 0;
    assert_true(h->taken);
    storm_step(b);
}

static void
storm_run(uint64_t seed, unsigned extents_max, uint64_t span)
{
    struct bed b;
    static struct storm s;
    memset(&s, 0, sizeof s);
    s.seed = seed;
    s.extents_max = extents_max;
    s.span = span;
    print_message("seed=%llu extents_max=%u\n", (unsigned long long)seed, extents_max);
    bed_up(&b, 3 * FRAME_BYTES, STORM_PARTIES * 2 * STORM_EXTENTS);
    b.arg = &s;
    b.on_granted = storm_granted;
    b.on_wanted = storm_wanted;
    for (unsigned i = 0; i < STORM_STEPS; i++)
        storm_step(&b);
    s.depth = DEPTH_MAX; /* callbacks do nothing more */
    for (unsigned i = 0; i < STORM_PARTIES; i++)
        if (s.parties[i].hold.taken && s.parties[i].told)
            locks_drop(b.locks, &s.parties[i].hold);
    for (unsigned left = STORM_PARTIES; left > 0; left--) /* someone always has his turn */
        for (unsigned i = 0; i < STORM_PARTIES; i++)
            if (s.parties[i].hold.taken && s.parties[i].told)
                locks_drop(b.locks, &s.parties[i].hold);
    for (unsigned i = 0; i < STORM_PARTIES; i++)
        assert_false(s.parties[i].hold.taken);
    bed_down(&b);
}

static void
a_storm_of_callbacks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        storm_run(seed * 0x9e3779b97f4a7c15ull, 3, 2 * FRAME_BYTES);
        storm_run(seed * 0xd1342543de82ef95ull, STORM_EXTENTS, 2 * FRAME_BYTES);
    }
}

/* The coarse limit of a frame, where most extents of a hold end up in one node. */
static void
a_storm_in_one_frame(void **state)
{
    (void)state;
    storm_run(99, STORM_EXTENTS, FRAME_BYTES / 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_of_drops_does_not_recurse),
        cmocka_unit_test(granted_may_take),
        cmocka_unit_test(a_grant_not_delivered_can_be_dropped),
        cmocka_unit_test(wanted_may_drop_the_holder),
        cmocka_unit_test(wanted_may_drop_the_taker),
        cmocka_unit_test(a_storm_of_callbacks),
        cmocka_unit_test(a_storm_in_one_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
