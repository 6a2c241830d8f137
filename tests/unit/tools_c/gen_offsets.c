// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: requests go to aligned places inside the span: random ones everywhere, sequential ones
 * in order, connections apart.
 * Method: many offsets, counted per block.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/gen.h"

static void
random_offsets_are_even_and_aligned(void **state)
{
    enum { BLOCKS = 64, DRAWS = 64000 };
    unsigned seen[BLOCKS] = {0};
    struct gen g;
    (void)state;
    gen_init(&g, true, 4096, BLOCKS, 0, 1);
    for (int i = 0; i < DRAWS; i++) {
        const uint64_t off = gen_next(&g);
        assert_int_equal(off % 4096, 0);
        assert_true(off / 4096 < BLOCKS);
        seen[off / 4096]++;
    }
    for (int b = 0; b < BLOCKS; b++)
        assert_in_range(seen[b], 800, 1200); /* 1000 expected, sigma 31 */
}

static void
connections_draw_differently(void **state)
{
    struct gen a, b;
    unsigned same = 0;
    (void)state;
    gen_init(&a, true, 1, UINT64_C(1) << 40, 0, 2);
    gen_init(&b, true, 1, UINT64_C(1) << 40, 1, 2);
    for (int i = 0; i < 1000; i++)
        same += gen_next(&a) == gen_next(&b) ? 1 : 0;
    assert_int_equal(same, 0);
}

static void
sequential_offsets_wrap_and_start_apart(void **state)
{
    struct gen g;
    (void)state;
    gen_init(&g, false, 512, 10, 1, 2);
    for (uint64_t i = 0; i < 25; i++)
        assert_int_equal(gen_next(&g), (5 + i) % 10 * 512);
    gen_init(&g, false, 512, 1, 3, 7); /* fewer blocks than connections */
    assert_int_equal(gen_next(&g), 0);
    assert_int_equal(gen_next(&g), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_offsets_are_even_and_aligned),
        cmocka_unit_test(connections_draw_differently),
        cmocka_unit_test(sequential_offsets_wrap_and_start_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
