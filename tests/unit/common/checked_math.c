/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: no sum, product, rounding or range check wraps, and a "no" leaves the output alone.
 * Method: the values around each edge of 64 bits; small ones against plain arithmetic.
 */
#include "tests/lib/test.h"

#include "common/checked.h"
#include "tests/lib/death.h"

#define TOP UINT64_MAX
#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static void
add_stops_at_the_top(void **state)
{
    (void)state;
    uint64_t r = UNTOUCHED;
    assert_true(pmi_add_ok(TOP - 1, 1, &r));
    assert_true(r == TOP);
    r = UNTOUCHED;
    assert_false(pmi_add_ok(TOP, 1, &r));
    assert_false(pmi_add_ok(1, TOP, &r));
    assert_false(pmi_add_ok(TOP, TOP, &r));
    assert_true(r == UNTOUCHED);
    assert_true(pmi_add_ok(0, 0, &r));
    assert_true(r == 0);
}

static void
add_may_overwrite_its_operand(void **state)
{
    (void)state;
    uint64_t r = 40;
    assert_true(pmi_add_ok(r, 2, &r));
    assert_true(r == 42);
}

static void
sub_stops_at_zero(void **state)
{
    (void)state;
    uint64_t r = UNTOUCHED;
    assert_false(pmi_sub_ok(0, 1, &r));
    assert_false(pmi_sub_ok(TOP - 1, TOP, &r));
    assert_true(r == UNTOUCHED);
    assert_true(pmi_sub_ok(TOP, TOP, &r));
    assert_true(r == 0);
}

static void
mul_stops_at_the_top(void **state)
{
    (void)state;
    uint64_t r = UNTOUCHED;
    assert_false(pmi_mul_ok(UINT64_C(1) << 32, UINT64_C(1) << 32, &r));
    assert_false(pmi_mul_ok(TOP, 2, &r));
    assert_true(r == UNTOUCHED);
    assert_true(pmi_mul_ok(TOP, 1, &r));
    assert_true(r == TOP);
    assert_true(pmi_mul_ok(TOP, 0, &r));
    assert_true(r == 0);
    assert_true(pmi_mul_ok((UINT64_C(1) << 32) - 1, (UINT64_C(1) << 32) + 1, &r));
    assert_true(r == TOP);
}

static void
pow2_knows_each_power(void **state)
{
    (void)state;
    assert_false(pmi_is_pow2(0));
    assert_false(pmi_is_pow2(TOP));
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_true(pmi_is_pow2(UINT64_C(1) << bit));
        if (bit > 0)
            assert_false(pmi_is_pow2((UINT64_C(1) << bit) | 1));
    }
}

static void
align_agrees_with_division(void **state)
{
    (void)state;
    for (uint64_t align = 1; align <= 64; align *= 2) {
        for (uint64_t v = 0; v < 200; v++) {
            uint64_t r = UNTOUCHED;
            assert_true(pmi_align_up_ok(v, align, &r));
            assert_true(r == (v + align - 1) / align * align);
            assert_true(pmi_align_down(v, align) == v / align * align);
            assert_true(pmi_is_aligned(v, align) == (v % align == 0));
        }
    }
}

static void
align_up_stops_at_the_top(void **state)
{
    (void)state;
    uint64_t r = UNTOUCHED;
    assert_false(pmi_align_up_ok(TOP, 2, &r));
    assert_false(pmi_align_up_ok(TOP - 4094, 4096, &r));
    assert_false(pmi_align_up_ok((UINT64_C(1) << 63) + 1, UINT64_C(1) << 63, &r));
    assert_true(r == UNTOUCHED);
    assert_true(pmi_align_up_ok(TOP - 4095, 4096, &r));
    assert_true(r == TOP - 4095);
    assert_true(pmi_align_up_ok(TOP, 1, &r));
    assert_true(r == TOP);
    assert_true(pmi_align_down(TOP, UINT64_C(1) << 63) == UINT64_C(1) << 63);
}

static void
align_to_three(void *arg)
{
    const uint64_t *v = arg;
    if (pmi_align_down(*v, 3) != 0)
        _exit(1);
}

static void
align_wants_a_power_of_two(void **state)
{
    (void)state;
    uint64_t v = 10;
    char text[DEATH_TEXT_BYTES];
    assert_true(death_aborts(align_to_three, &v, text));
}

static void
range_agrees_with_a_wider_sum(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,    1,       2,       4095,    4096,
                                      4097, TOP / 2, TOP - 2, TOP - 1, TOP};
    for (size_t i = 0; i < TEST_COUNT(values); i++)
        for (size_t j = 0; j < TEST_COUNT(values); j++)
            for (size_t k = 0; k < TEST_COUNT(values); k++) {
                __extension__ const unsigned __int128 end =
                    (unsigned __int128)values[i] + values[j];
                assert_int_equal(pmi_range_ok(values[i], values[j], values[k]),
                                 end <= values[k]);
            }
}

static void
min_and_max_pick(void **state)
{
    (void)state;
    assert_true(pmi_min(1, 2) == 1 && pmi_min(2, 1) == 1 && pmi_min(2, 2) == 2);
    assert_true(pmi_max(1, 2) == 2 && pmi_max(2, 1) == 2);
    assert_true(pmi_min_u64(TOP, 0) == 0 && pmi_min_u64(0, TOP) == 0);
    assert_true(pmi_max_u64(TOP, 0) == TOP && pmi_max_u64(0, TOP) == TOP);
    assert_true(pmi_min_u32(UINT32_MAX, 7) == 7 && pmi_min_u32(7, UINT32_MAX) == 7);
    assert_true(pmi_max_u32(UINT32_MAX, 7) == UINT32_MAX && pmi_max_u32(7, 8) == 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_stops_at_the_top),
        cmocka_unit_test(add_may_overwrite_its_operand),
        cmocka_unit_test(sub_stops_at_zero),
        cmocka_unit_test(mul_stops_at_the_top),
        cmocka_unit_test(pow2_knows_each_power),
        cmocka_unit_test(align_agrees_with_division),
        cmocka_unit_test(align_up_stops_at_the_top),
        cmocka_unit_test(align_wants_a_power_of_two),
        cmocka_unit_test(range_agrees_with_a_wider_sum),
        cmocka_unit_test(min_and_max_pick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
