/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: pins are counted on exactly the frames a range touches and balance; the mark of a writer
 * that waited is seen by every range that shares a frame with it, until its time.
 * Method: random ranges against a plain array.
 */
#include "bed.h"

#include "tests/lib/death.h"

#include <string.h>

#define FRAMES 6ull

static int
up(void **state)
{
    const struct ring_caps caps = bed_caps(4);
    *state = bed_region(&caps, FRAMES * 2 * MIB);
    return 0;
}

static int
down(void **state)
{
    region_close(*state);
    return 0;
}

struct range {
    uint64_t off, len;
};

static struct range
next_range(const struct region *rg, uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    const uint64_t off = (*seed >> 16) % rg->len;
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    const uint64_t len = 1 + (*seed >> 16) % (rg->len - off);
    return (struct range){off, (*seed >> 60) < 8 ? len : 1 + len % 4096};
}

static void
pins_balance(void **state)
{
    struct region *rg = *state;
    uint32_t model[FRAMES] = {0};
    struct range ranges[300];
    uint64_t seed = 1;
    for (size_t i = 0; i < TEST_COUNT(ranges); i++) {
        const struct range r = next_range(rg, &seed);
        ranges[i] = (struct range){r.off, r.len < rg->len - r.off ? r.len : rg->len - r.off};
        region_pin(rg, ranges[i].off, ranges[i].len);
        for (uint64_t f = ranges[i].off / FRAME_BYTES;
             f <= (ranges[i].off + ranges[i].len - 1) / FRAME_BYTES; f++)
            model[f]++;
    }
    for (uint32_t f = 0; f < FRAMES; f++)
        assert_int_equal(rg->frames[f].pins, model[f]);
    for (size_t i = 0; i < TEST_COUNT(ranges); i++)
        region_unpin(rg, ranges[i].off, ranges[i].len);
    for (uint32_t f = 0; f < FRAMES; f++)
        assert_int_equal(rg->frames[f].pins, 0);
}

static void
borders_belong_to_one_frame(void **state)
{
    struct region *rg = *state;
    region_pin(rg, FRAME_BYTES - 1, 1);
    assert_int_equal(rg->frames[0].pins, 1);
    assert_int_equal(rg->frames[1].pins, 0);
    region_pin(rg, FRAME_BYTES, FRAME_BYTES);
    assert_int_equal(rg->frames[1].pins, 1);
    assert_int_equal(rg->frames[2].pins, 0);
    region_unpin(rg, FRAME_BYTES, FRAME_BYTES);
    region_unpin(rg, FRAME_BYTES - 1, 1);
}

static void
marks_hold_for_their_frames_and_time(void **state)
{
    struct region *rg = *state;
    assert_false(region_wants_copy(rg, 0, rg->len, 0));
    region_mark_copy(rg, 2 * FRAME_BYTES + 5, FRAME_BYTES, 1000);
    assert_false(region_wants_copy(rg, 0, 2 * FRAME_BYTES, 999));
    assert_true(region_wants_copy(rg, 2 * FRAME_BYTES, 1, 999));
    assert_true(region_wants_copy(rg, 4 * FRAME_BYTES - 1, 1, 999));
    assert_false(region_wants_copy(rg, 4 * FRAME_BYTES, FRAME_BYTES, 999));
    assert_true(region_wants_copy(rg, 0, rg->len, 0));
    assert_false(region_wants_copy(rg, 0, rg->len, 1000));
    region_mark_copy(rg, 2 * FRAME_BYTES, 1, 500); /* does not shorten it */
    assert_true(region_wants_copy(rg, 2 * FRAME_BYTES, 1, 999));
}

static void
unpin_first(void *arg)
{
    region_unpin(arg, 0, 1);
}

static void
pin_outside(void *arg)
{
    region_pin(arg, 0, FRAMES * FRAME_BYTES + 1);
}

static void
close_pinned(void *arg)
{
    region_pin(arg, 0, 1);
    region_close(arg);
}

static void
imbalance_dies(void **state)
{
    char text[DEATH_TEXT_BYTES];
    /* The child has no region memory (it is not for children), but the frames are here. */
    assert_true(death_aborts(unpin_first, *state, text));
    assert_true(death_aborts(pin_outside, *state, text));
    assert_true(death_aborts(close_pinned, *state, text));
    assert_non_null(strstr(text, "pins == 0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pins_balance),
        TEST(borders_belong_to_one_frame),
        TEST(marks_hold_for_their_frames_and_time),
        TEST(imbalance_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
