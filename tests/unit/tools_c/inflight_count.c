// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: overlaps are pairs in flight that share a block and of which one writes.
 * Method: requests entered and left by hand.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/history.h"
#include "tools/pmemd-bench/inflight.h"

static void
pairs_are_counted(void **state)
{
    struct inflight f;
    (void)state;
    assert_int_equal(inflight_init(&f, 8), 0);
    assert_int_equal(inflight_enter(&f, 0, 0x0f, false), 0);
    assert_int_equal(inflight_enter(&f, 1, 0x03, false), 0); /* two reads */
    assert_int_equal(inflight_enter(&f, 2, 0x01, true), 2);
    assert_int_equal(inflight_enter(&f, 3, 0x10, true), 0); /* another block */
    assert_int_equal(inflight_enter(&f, 4, 0x19, false), 2);
    inflight_leave(&f, 2);
    assert_int_equal(inflight_enter(&f, 5, 0x01, true), 3);
    inflight_fini(&f);
}

static void
masks_are_whole_extents(void **state)
{
    const struct history_extent e[] = {{0, 2}, {4, 1}, {63, 1}};
    const struct history_extent all = {0, 64};
    (void)state;
    assert_true(history_mask(e, 3) == (UINT64_C(0x13) | UINT64_C(1) << 63));
    assert_true(history_mask(&all, 1) == UINT64_MAX);
    assert_true(history_mask(e, 0) == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_counted),
        cmocka_unit_test(masks_are_whole_extents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
