/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: who waits for whom, by name: readers share, writers exclude, nobody overtakes.
 * Method: few holds on a region of 8 frames; callbacks are recorded.
 */
#include "tests/unit/locks/bed.h"

#define KIB 1024ull
#define FRAMES 8u

static void
readers_share(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold r[3] = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bed_take(&b, &r[i], LOCK_SHARED, 0, 64 * KIB), 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(locks_is_wanted(b.locks, &r[i]));
        locks_drop(b.locks, &r[i]);
    }
    assert_int_equal(b.granted_count, 0);
    assert_int_equal(b.wanted_count, 0);
    bed_down(&b);
}

static void
writer_excludes_and_tells_the_holder(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold w1 = {0}, w2 = {0}, r = {0}, beside = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    assert_int_equal(bed_take(&b, &w1, LOCK_EXCLUSIVE, 4096, 4096), 1);
    assert_int_equal(bed_take(&b, &beside, LOCK_EXCLUSIVE, 8192, 4096), 1); /* touches only */
    assert_int_equal(bed_take(&b, &w2, LOCK_EXCLUSIVE, 8191, 1), 0);
    assert_int_equal(b.wanted_count, 1);
    assert_ptr_equal(b.wanted[0], &w1);
    assert_true(locks_is_wanted(b.locks, &w1));
    assert_false(locks_is_wanted(b.locks, &beside));
    assert_int_equal(bed_take(&b, &r, LOCK_SHARED, 4096, 1), 0);
    assert_int_equal(b.wanted_count, 2);
    locks_drop(b.locks, &w1);
    assert_int_equal(b.granted_count, 2);
    assert_ptr_equal(b.granted[0], &w2);
    assert_ptr_equal(b.granted[1], &r);
    locks_drop(b.locks, &w2);
    locks_drop(b.locks, &r);
    locks_drop(b.locks, &beside);
    assert_int_equal(b.granted_count, 2);
    bed_down(&b);
}

static void
reader_waits_behind_a_queued_writer(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold r1 = {0}, w = {0}, r2 = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    assert_int_equal(bed_take(&b, &r1, LOCK_SHARED, 0, 4096), 1);
    assert_int_equal(bed_take(&b, &w, LOCK_EXCLUSIVE, 0, 4096), 0);
    assert_int_equal(bed_take(&b, &r2, LOCK_SHARED, 0, 4096), 0);
    assert_int_equal(b.wanted_count, 1); /* r2 queued behind one that is queued itself */
    locks_drop(b.locks, &r1);
    assert_int_equal(b.granted_count, 1);
    assert_ptr_equal(b.granted[0], &w);
    assert_true(locks_is_wanted(b.locks, &w)); /* how a late holder learns of r2 */
    locks_drop(b.locks, &w);
    assert_int_equal(b.granted_count, 2);
    locks_drop(b.locks, &r2);
    bed_down(&b);
}

/* A writer gets its turn although readers never stop coming. */
static void
a_stream_of_readers_does_not_starve_a_writer(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold r[2] = {0}, w = {0}, late[32] = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 64);
    assert_int_equal(bed_take(&b, &r[0], LOCK_SHARED, 0, 4096), 1);
    assert_int_equal(bed_take(&b, &r[1], LOCK_SHARED, 0, 4096), 1);
    assert_int_equal(bed_take(&b, &w, LOCK_EXCLUSIVE, 0, 4096), 0);
    for (unsigned i = 0; i < TEST_COUNT(late); i++)
        assert_int_equal(bed_take(&b, &late[i], LOCK_SHARED, 0, 4096), 0);
    locks_drop(b.locks, &r[0]);
    assert_int_equal(b.granted_count, 0);
    locks_drop(b.locks, &r[1]);
    assert_int_equal(b.granted_count, 1);
    assert_ptr_equal(b.granted[0], &w);
    locks_drop(b.locks, &w);
    assert_int_equal(b.granted_count, 1 + TEST_COUNT(late));
    for (unsigned i = 0; i < TEST_COUNT(late); i++) {
        assert_ptr_equal(b.granted[1 + i], &late[i]);
        locks_drop(b.locks, &late[i]);
    }
    bed_down(&b);
}

/* A hold that got one of two extents keeps nobody out by accident, and is granted once. */
static void
all_extents_or_none(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold first = {0}, second = {0}, both = {0}, after = {0};
    const struct pmemd_extent two[] = {{0, 4096}, {3 * FRAME_BYTES, 4096}};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    assert_int_equal(bed_take(&b, &first, LOCK_EXCLUSIVE, 0, 4096), 1);
    assert_int_equal(bed_take(&b, &second, LOCK_EXCLUSIVE, 3 * FRAME_BYTES, 4096), 1);
    assert_int_equal(locks_take(b.locks, &both, LOCK_EXCLUSIVE, two, 2), 0);
    assert_int_equal(b.wanted_count, 2);
    locks_drop(b.locks, &first);
    assert_int_equal(b.granted_count, 0);
    assert_int_equal(bed_take(&b, &after, LOCK_SHARED, 0, 1), 0); /* queues behind `both` */
    locks_drop(b.locks, &second);
    assert_int_equal(b.granted_count, 1);
    assert_ptr_equal(b.granted[0], &both);
    locks_drop(b.locks, &both);
    locks_drop(b.locks, &after);
    bed_down(&b);
}

/* The deadlock of two locks taken one by one: A then B, and B then A. */
static void
crossing_orders_do_not_deadlock(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold h[8] = {0};
    const struct pmemd_extent ab[] = {{0, 4096}, {FRAME_BYTES, 4096}};
    const struct pmemd_extent ba[] = {{FRAME_BYTES, 4096}, {0, 4096}};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    for (unsigned i = 0; i < TEST_COUNT(h); i++)
        assert_int_equal(locks_take(b.locks, &h[i], LOCK_EXCLUSIVE, i % 2 ? ab : ba, 2),
                         i == 0 ? 1 : 0);
    for (unsigned i = 0; i < TEST_COUNT(h); i++) {
        assert_int_equal(b.granted_count, i);
        if (i > 0)
            assert_ptr_equal(b.granted[i - 1], &h[i]);
        locks_drop(b.locks, &h[i]);
    }
    bed_down(&b);
}

/* Freed in one drop, found in another order than they came: told in the order they came. */
static void
grants_of_one_drop_come_in_order_of_arrival(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold all = {0}, h[21] = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 64);
    assert_int_equal(bed_take(&b, &all, LOCK_EXCLUSIVE, 0, FRAMES * FRAME_BYTES), 1);
    for (uint64_t i = 0; i < TEST_COUNT(h); i++)
        assert_int_equal(
            bed_take(&b, &h[i], LOCK_EXCLUSIVE, (i * 5 % FRAMES) * FRAME_BYTES + i, 1), 0);
    locks_drop(b.locks, &all);
    assert_int_equal(b.granted_count, TEST_COUNT(h));
    for (unsigned i = 0; i < TEST_COUNT(h); i++) {
        assert_ptr_equal(b.granted[i], &h[i]);
        locks_drop(b.locks, &h[i]);
    }
    bed_down(&b);
}

static void
extents_span_many_frames(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold wide = {0}, odd = {0}, at_end = {0}, in_middle = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 32);
    assert_int_equal(
        bed_take(&b, &wide, LOCK_EXCLUSIVE, FRAME_BYTES / 2, (FRAMES - 1) * FRAME_BYTES), 1);
    assert_int_equal(lock_pool_left(b.pool), 32 - FRAMES);
    assert_int_equal(bed_take(&b, &odd, LOCK_SHARED, 0, FRAME_BYTES / 2), 1);
    assert_int_equal(bed_take(&b, &at_end, LOCK_SHARED, FRAMES * FRAME_BYTES - 1, 1), 1);
    assert_int_equal(bed_take(&b, &in_middle, LOCK_SHARED, 4 * FRAME_BYTES - 1, 2), 0);
    assert_int_equal(in_middle.blockers, 2); /* a pair in each of two frames */
    locks_drop(b.locks, &wide);
    assert_int_equal(b.granted_count, 1);
    locks_drop(b.locks, &odd);
    locks_drop(b.locks, &at_end);
    locks_drop(b.locks, &in_middle);
    bed_down(&b);
}

/* Frames far apart share a bucket where a region has more frames than there are buckets. */
static void
frames_that_share_a_bucket_do_not_meet(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold h[3] = {0}, again = {0};
    const uint64_t apart = 65536 * FRAME_BYTES;
    bed_up(&b, 4 * apart, 16);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bed_take(&b, &h[i], LOCK_EXCLUSIVE, i * apart, 4096), 1);
    assert_int_equal(bed_take(&b, &again, LOCK_EXCLUSIVE, apart, 4096), 0);
    locks_drop(b.locks, &h[0]);
    locks_drop(b.locks, &h[2]);
    assert_int_equal(b.granted_count, 0);
    locks_drop(b.locks, &h[1]);
    assert_int_equal(b.granted_count, 1);
    locks_drop(b.locks, &again);
    bed_down(&b);
}

static void
a_queued_hold_can_be_dropped(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold r1 = {0}, w = {0}, r2 = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    assert_int_equal(bed_take(&b, &r1, LOCK_SHARED, 0, 4096), 1);
    assert_int_equal(bed_take(&b, &w, LOCK_EXCLUSIVE, 0, 4096), 0);
    assert_int_equal(bed_take(&b, &r2, LOCK_SHARED, 0, 4096), 0);
    locks_drop(b.locks, &w); /* the only one r2 waited for */
    assert_int_equal(b.granted_count, 1);
    assert_ptr_equal(b.granted[0], &r2);
    assert_false(locks_is_wanted(b.locks, &r1));
    locks_drop(b.locks, &r1);
    locks_drop(b.locks, &r2);
    assert_int_equal(b.granted_count, 1);
    bed_down(&b);
}

static void
a_hold_does_not_wait_for_itself(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold h = {0}, next = {0};
    const struct pmemd_extent own[] = {{0, 8192}, {4096, 8192}, {0, 3 * FRAME_BYTES}, {0, 1}};
    bed_up(&b, FRAMES * FRAME_BYTES, 16);
    assert_int_equal(locks_take(b.locks, &h, LOCK_EXCLUSIVE, own, TEST_COUNT(own)), 1);
    assert_false(locks_is_wanted(b.locks, &h));
    assert_int_equal(bed_take(&b, &next, LOCK_SHARED, 0, 1), 0);
    assert_int_equal(next.blockers, 3);
    locks_drop(b.locks, &h);
    assert_int_equal(b.granted_count, 1); /* once, not once per extent */
    locks_drop(b.locks, &next);
    bed_down(&b);
}

static void
a_used_up_pool_changes_nothing(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold w = {0}, big = {0}, fits = {0};
    bed_up(&b, FRAMES * FRAME_BYTES, 4);
    assert_int_equal(bed_take(&b, &w, LOCK_EXCLUSIVE, 0, 1), 1);
    assert_int_equal(bed_take(&b, &big, LOCK_EXCLUSIVE, 0, 3 * FRAME_BYTES + 1), PMEMD_E_BUSY);
    assert_false(big.taken);
    assert_int_equal(lock_pool_left(b.pool), 3);
    assert_false(locks_is_wanted(b.locks, &w));
    assert_int_equal(b.wanted_count, 0);
    assert_int_equal(bed_take(&b, &fits, LOCK_EXCLUSIVE, 0, 3 * FRAME_BYTES), 0);
    assert_int_equal(lock_pool_left(b.pool), 0);
    locks_drop(b.locks, &w);
    assert_int_equal(b.granted_count, 1);
    locks_drop(b.locks, &fits);
    bed_down(&b);
}

static void
no_extents_is_granted_at_once(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold h = {0};
    bed_up(&b, 1, 1);
    assert_int_equal(locks_take(b.locks, &h, LOCK_SHARED, NULL, 0), 1);
    assert_false(locks_is_wanted(b.locks, &h));
    locks_drop(b.locks, &h);
    bed_down(&b);
}

static void
sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct locks_up up = {bed_granted, bed_wanted};
    struct lock_pool *pool = NULL;
    struct locks *locks = NULL;
    assert_int_equal(lock_pool_new(0, &pool), PMEMD_E_ARG);
    assert_int_equal(lock_pool_new(UINT32_MAX, &pool), PMEMD_E_ARG);
    assert_null(pool);
    assert_int_equal(lock_pool_new(1, &pool), 0);
    assert_int_equal(locks_new(0, pool, &up, NULL, &locks), PMEMD_E_ARG);
    assert_null(locks);
    lock_pool_free(pool);
    lock_pool_free(NULL);
    locks_free(NULL);
}

/* Beyond 32 extents in a frame the lock gets coarse: it may cover more, never less. */
static void
many_extents_in_a_frame_cover_all_of_them(void **state)
{
    (void)state;
    struct bed b;
    struct lock_hold many = {0}, probe = {0};
    struct pmemd_extent e[1024];
    bed_up(&b, FRAMES * FRAME_BYTES, 2048);
    for (uint64_t i = 0; i < TEST_COUNT(e); i++)
        e[i] = (struct pmemd_extent){FRAME_BYTES + i * 2048, 1024};
    assert_int_equal(locks_take(b.locks, &many, LOCK_EXCLUSIVE, e, TEST_COUNT(e)), 1);
    assert_int_equal(lock_pool_left(b.pool), 2048 - 32);
    for (uint64_t i = 0; i < TEST_COUNT(e); i++) {
        assert_int_equal(bed_take(&b, &probe, LOCK_SHARED, e[i].off + 1023, 1), 0);
        locks_drop(b.locks, &probe);
        const int gap = bed_take(&b, &probe, LOCK_SHARED, e[i].off + 1024, 1024);
        assert_int_equal(gap, i < 31 || i == 1023);
        locks_drop(b.locks, &probe);
    }
    assert_int_equal(bed_take(&b, &probe, LOCK_SHARED, 0, FRAME_BYTES), 1);
    locks_drop(b.locks, &probe);
    locks_drop(b.locks, &many);
    bed_down(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_share),
        cmocka_unit_test(writer_excludes_and_tells_the_holder),
        cmocka_unit_test(reader_waits_behind_a_queued_writer),
        cmocka_unit_test(a_stream_of_readers_does_not_starve_a_writer),
        cmocka_unit_test(all_extents_or_none),
        cmocka_unit_test(crossing_orders_do_not_deadlock),
        cmocka_unit_test(grants_of_one_drop_come_in_order_of_arrival),
        cmocka_unit_test(extents_span_many_frames),
        cmocka_unit_test(frames_that_share_a_bucket_do_not_meet),
        cmocka_unit_test(a_queued_hold_can_be_dropped),
        cmocka_unit_test(a_hold_does_not_wait_for_itself),
        cmocka_unit_test(a_used_up_pool_changes_nothing),
        cmocka_unit_test(no_extents_is_granted_at_once),
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(many_extents_in_a_frame_cover_all_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
