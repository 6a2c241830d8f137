// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: the judge finds every kind of broken promise (rules T1..S2 of history.h), and accuses
 * nobody who kept them.
 * Method: small histories, told by hand, one point each; and a long random one on a correct
 * region, which must come out clean.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/gen.h"
#include "tools/pmemd-bench/history.h"
#include "tools/pmemd-bench/stamp.h"

#include <stdbool.h>
#include <string.h>

enum { BLOCKS = 8, WRITERS = 3 };

static struct history *h;

static int
set_up(void **state)
{
    (void)state;
    h = history_new(BLOCKS, WRITERS);
    return h == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
    (void)state;
    history_free(h);
    return 0;
}

static uint64_t
begin(unsigned writer, unsigned first, unsigned count)
{
    const struct history_extent e = {first, count};
    return history_write_begin(h, writer, &e, 1);
}

/* A write from begin to ack. */
static uint64_t
put(unsigned writer, unsigned first, unsigned count)
{
    const uint64_t seq = begin(writer, first, count);
    history_write_end(h, writer, seq, true);
    return seq;
}

static struct history_seen
saw(unsigned writer, uint64_t seq)
{
    const struct stamp s = {.writer = writer, .seq = seq};
    return (struct history_seen){.bits = stamp_pack(s)};
}

static struct history_read
start(unsigned first, unsigned count)
{
    struct history_read r;
    const struct history_extent e = {first, count};
    memset(&r, 0, sizeof r);
    history_read_begin(h, &r, &e, 1);
    return r;
}

static void
verdict(uint64_t torn, uint64_t stale, uint64_t excused)
{
    const struct history_result v = history_judge(h);
    char text[HISTORY_TEXT_BYTES];
    assert_int_equal(v.torn, torn);
    assert_int_equal(v.stale, stale);
    assert_int_equal(v.excused, excused);
    assert_int_equal(history_finding(h, 0, text), torn + stale + excused > 0);
}

static void
t1_a_mixed_block_is_torn(void **state)
{
    (void)state;
    const uint64_t a = put(0, 0, 2);
    const struct history_read r = start(0, 1);
    struct history_seen seen = saw(0, a);
    seen.mixed = true;
    seen.other = saw(1, 1).bits;
    seen.at = 64;
    history_read_end(h, &r, &seen);
    verdict(1, 0, 0);
}

static void
t2_bytes_of_nobody_are_torn(void **state)
{
    (void)state;
    const uint64_t a = put(0, 0, 1);
    const struct history_seen cases[] = {
        {.bits = 0},     /* zeroes */
        saw(0, a + 1),   /* never submitted */
        saw(WRITERS, 1), /* no such writer */
        saw(0, 0),       /* no such number */
        {.bits = stamp_pack((struct stamp){.writer = 0, .seq = a, .extent = 1})},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        const struct history_read r = start(0, 1);
        history_read_end(h, &r, &cases[i]);
    }
    const struct history_read r = start(3, 1); /* right stamp, wrong block */
    const struct history_seen seen = saw(0, a);
    history_read_end(h, &r, &seen);
    verdict(TEST_COUNT(cases) + 1, 0, 0);
}

static void
t2_an_overlaid_extent_does_not_show(void **state)
{
    (void)state;
    const struct history_extent twice[] = {{0, 3}, {1, 1}};
    const uint64_t a = history_write_begin(h, 0, twice, 2);
    history_write_end(h, 0, a, true);
    struct history_read r = start(0, 3);
    const struct history_seen good[] = {
        saw(0, a),
        {.bits = stamp_pack((struct stamp){.writer = 0, .seq = a, .extent = 1})},
        saw(0, a),
    };
    history_read_end(h, &r, good);
    r = start(1, 1);
    const struct history_seen bad = saw(0, a);
    history_read_end(h, &r, &bad);
    verdict(1, 0, 0);
}

static void
t3_crossed_writes_are_torn(void **state)
{
    (void)state;
    const uint64_t base = put(2, 0, BLOCKS);
    const uint64_t a = begin(0, 0, 2), b = begin(1, 0, 2); /* at the same time */
    struct history_read r = start(0, 2);
    const struct history_seen crossed[] = {saw(0, a), saw(1, b)};
    history_read_end(h, &r, crossed);
    (void)base;
    verdict(1, 0, 0);
}

static void
t3_an_older_write_beside_a_newer_is_torn(void **state)
{
    (void)state;
    const uint64_t old = put(1, 1, 1);
    const struct history_read r = start(0, 2);
    const uint64_t a = begin(0, 0, 2); /* covers both, and `old` was acked before it began */
    const struct history_seen seen[] = {saw(0, a), saw(1, old)};
    history_read_end(h, &r, seen);
    verdict(1, 0, 0);
}

static void
t3_a_newer_write_over_one_half_is_fine(void **state)
{
    (void)state;
    const uint64_t a = put(0, 0, 2);
    const uint64_t b = begin(1, 1, 1);
    const struct history_read r = start(0, 2);
    const struct history_seen seen[] = {saw(0, a), saw(1, b)};
    history_read_end(h, &r, seen);
    history_write_end(h, 1, b, true);
    verdict(0, 0, 0);
}

static void
t3_does_not_bind_two_extents(void **state)
{
    (void)state;
    const uint64_t base = put(2, 0, BLOCKS);
    const uint64_t a = begin(0, 0, 2);
    struct history_read r;
    const struct history_extent two[] = {{0, 1}, {1, 1}};
    memset(&r, 0, sizeof r);
    history_read_begin(h, &r, two, 2);
    const struct history_seen seen[] = {saw(0, a), saw(2, base)};
    history_read_end(h, &r, seen);
    verdict(0, 0, 0);
}

static void
s1_a_read_after_the_ack_must_see_it(void **state)
{
    (void)state;
    const uint64_t old = put(0, 0, 1);
    (void)put(1, 0, 1);
    const struct history_read r = start(0, 1);
    const struct history_seen seen = saw(0, old);
    history_read_end(h, &r, &seen);
    verdict(0, 1, 0);
}

static void
s1_a_read_during_the_write_may_miss_it(void **state)
{
    (void)state;
    const uint64_t old = put(0, 0, 1);
    const uint64_t b = begin(1, 0, 1);
    const struct history_read r = start(0, 1);
    history_write_end(h, 1, b, true);
    const struct history_seen seen = saw(0, old);
    history_read_end(h, &r, &seen);
    verdict(0, 0, 0);
}

static void
s1_what_one_reader_saw_the_next_must_see(void **state)
{
    (void)state;
    const uint64_t old = put(0, 0, 1);
    const uint64_t b = begin(1, 0, 1); /* never acked in this test */
    struct history_read r = start(0, 1);
    struct history_seen seen = saw(1, b);
    history_read_end(h, &r, &seen);
    r = start(0, 1);
    seen = saw(0, old);
    history_read_end(h, &r, &seen);
    verdict(0, 1, 0);
}

static void
s1_concurrent_writes_have_no_order(void **state)
{
    (void)state;
    const uint64_t a = begin(0, 0, 1), b = begin(1, 0, 1);
    history_write_end(h, 0, a, true);
    history_write_end(h, 1, b, true);
    for (int i = 0; i < 2; i++) { /* either may have come last */
        const struct history_read r = start(0, 1);
        const struct history_seen seen = i == 0 ? saw(0, a) : saw(1, b);
        history_read_end(h, &r, &seen);
    }
    verdict(0, 0, 0);
}

static void
s2_one_writer_never_goes_backwards(void **state)
{
    (void)state;
    const uint64_t a = begin(0, 0, 1), b = begin(0, 0, 1); /* both in flight: S1 is silent */
    history_write_end(h, 0, a, true);
    history_write_end(h, 0, b, true);
    const struct history_read r = start(0, 1);
    const struct history_seen seen = saw(0, a);
    history_read_end(h, &r, &seen);
    verdict(0, 1, 0);
}

static void
s2_ends_with_the_connection(void **state)
{
    (void)state;
    const uint64_t a = begin(0, 0, 1), b = begin(0, 0, 1);
    history_writer_lost(h, 0); /* both are sent again, in any order */
    history_write_end(h, 0, b, true);
    history_write_end(h, 0, a, true);
    const struct history_read r = start(0, 1);
    const struct history_seen seen = saw(0, a);
    history_read_end(h, &r, &seen);
    verdict(0, 0, 0);
}

static void
a_broken_connection_excuses_its_blocks_for_a_while(void **state)
{
    (void)state;
    const uint64_t base = put(2, 0, BLOCKS);
    const uint64_t a = begin(0, 0, 1);
    struct history_seen seen = saw(0, a);
    seen.mixed = true;
    struct history_read r = start(0, 1);
    history_read_end(h, &r, &seen); /* excused, though the loss becomes known later */
    history_writer_lost(h, 0);
    history_write_end(h, 0, a, true); /* sent again and acked: whole from here on */
    r = start(0, 1);
    history_read_end(h, &r, &seen); /* not excused: begun after the ack */
    seen = saw(2, base);
    seen.mixed = true;
    r = start(5, 1);
    history_read_end(h, &r, &seen); /* not excused: another block */
    verdict(2, 0, 1);
}

static void
an_unknown_end_is_never_before(void **state)
{
    (void)state;
    const uint64_t a = begin(0, 0, 1);
    history_write_end(h, 0, a, false); /* it may land at any time */
    (void)put(1, 0, 1);
    const struct history_read r = start(0, 1);
    const struct history_seen seen = saw(0, a);
    history_read_end(h, &r, &seen);
    verdict(0, 0, 0);
}

static void
forgotten_writes_can_still_be_stale(void **state)
{
    (void)state;
    const uint64_t a = put(0, 0, 1);
    for (int i = 0; i < 10000; i++)
        (void)put(0, 1, 1);
    struct history_read r = start(0, 1);
    struct history_seen seen = saw(0, a);
    history_read_end(h, &r, &seen); /* the last of block 0: fine */
    (void)put(1, 0, 1);
    r = start(0, 1);
    history_read_end(h, &r, &seen); /* now it is not */
    verdict(0, 1, 0);
}

static void
a_hanging_write_is_reported(void **state)
{
    (void)state;
    const uint64_t hanging = begin(0, 0, 1);
    uint64_t seq = 0;
    int n = 0;
    while ((seq = begin(0, 1, 1)) != 0 && n++ < 100000)
        history_write_end(h, 0, seq, true);
    assert_int_equal(seq, 0);
    history_write_end(h, 0, hanging, true);
    assert_true(begin(0, 1, 1) > hanging);
    verdict(0, 0, 0);
}

/* A correct region under random load: nobody may be accused. Requests take effect at a random
 * moment between begin and end, those of one writer in order. */
enum { SLOTS = 12, STEPS = 200000 };

struct op {
    bool used, done;
    unsigned writer; /* WRITERS: a read */
    uint64_t seq;
    unsigned extent_count;
    struct history_extent extents[HISTORY_EXTENTS_MAX];
    struct history_read read;
    struct history_seen seen[HISTORY_EXTENTS_MAX * HISTORY_SPAN_MAX];
};

static struct op ops[SLOTS];
static uint64_t region[BLOCKS];

static void
take_effect(struct op *op)
{
    unsigned n = 0;
    op->done = true;
    for (unsigned i = 0; i < op->extent_count; i++)
        for (unsigned b = 0; b < op->extents[i].count; b++) {
            const unsigned block = op->extents[i].first + b;
            if (op->writer == WRITERS)
                op->seen[n++] = (struct history_seen){.bits = region[block]};
            else
                region[block] = stamp_pack(
                    (struct stamp){.writer = op->writer, .seq = op->seq, .extent = i});
        }
}

/* The writer's earlier requests have taken effect. */
static bool
in_order(const struct op *op)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (ops[i].used && !ops[i].done && ops[i].writer == op->writer &&
            ops[i].seq < op->seq && op->writer != WRITERS)
            return false;
    return true;
}

static void
begin_op(struct op *op, struct rng *rng)
{
    memset(op, 0, sizeof *op);
    op->used = true;
    op->writer = (unsigned)rng_below(rng, WRITERS + 1);
    op->extent_count = 1 + (unsigned)rng_below(rng, HISTORY_EXTENTS_MAX);
    for (unsigned i = 0; i < op->extent_count; i++) {
        op->extents[i].first = (unsigned)rng_below(rng, BLOCKS - 3);
        op->extents[i].count = 1 + (unsigned)rng_below(rng, 3);
    }
    if (op->writer == WRITERS)
        history_read_begin(h, &op->read, op->extents, op->extent_count);
    else
        op->seq = history_write_begin(h, op->writer, op->extents, op->extent_count);
}

static void
end_op(struct op *op)
{
    op->used = false;
    if (op->writer == WRITERS)
        history_read_end(h, &op->read, op->seen);
    else
        history_write_end(h, op->writer, op->seq, true);
}

static void
a_correct_region_is_never_accused(void **state)
{
    struct rng rng;
    (void)state;
    rng_init(&rng, 7);
    memset(ops, 0, sizeof ops);
    const uint64_t base = put(0, 0, BLOCKS);
    for (unsigned b = 0; b < BLOCKS; b++)
        region[b] = saw(0, base).bits;
    for (int i = 0; i < STEPS; i++) {
        struct op *const op = &ops[rng_below(&rng, SLOTS)];
        if (!op->used)
            begin_op(op, &rng);
        else if (op->done)
            end_op(op);
        else if (in_order(op))
            take_effect(op);
    }
    verdict(0, 0, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(t1_a_mixed_block_is_torn),
        TEST(t2_bytes_of_nobody_are_torn),
        TEST(t2_an_overlaid_extent_does_not_show),
        TEST(t3_crossed_writes_are_torn),
        TEST(t3_an_older_write_beside_a_newer_is_torn),
        TEST(t3_a_newer_write_over_one_half_is_fine),
        TEST(t3_does_not_bind_two_extents),
        TEST(s1_a_read_after_the_ack_must_see_it),
        TEST(s1_a_read_during_the_write_may_miss_it),
        TEST(s1_what_one_reader_saw_the_next_must_see),
        TEST(s1_concurrent_writes_have_no_order),
        TEST(s2_one_writer_never_goes_backwards),
        TEST(s2_ends_with_the_connection),
        TEST(a_broken_connection_excuses_its_blocks_for_a_while),
        TEST(an_unknown_end_is_never_before),
        TEST(forgotten_writes_can_still_be_stale),
        TEST(a_hanging_write_is_reported),
        TEST(a_correct_region_is_never_accused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
