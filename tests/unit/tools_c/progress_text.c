// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: the progress line says how much, how fast and how long still.
 * Method: fixed moments through the formatting function.
 */
#include "tests/lib/test.h"
#include "tools/pmemctl/progress.h"

#define S UINT64_C(1000000000)

static void
line_is(const struct progress *p, uint64_t done, uint64_t now_ns, const char *expected)
{
    char text[PROGRESS_TEXT_BYTES];
    assert_string_equal(progress_text(text, p, done, now_ns), expected);
}

static void
a_known_total_has_percent_and_rest(void **state)
{
    const struct progress p = {.total = 10 * S, .start_ns = 5 * S};
    (void)state;
    line_is(&p, 0, 5 * S, "0 %  0 of 10000000000 bytes  0.00 GB/s");
    line_is(&p, 5 * S, 7 * S, "50 %  5000000000 of 10000000000 bytes  2.50 GB/s  0:02 left");
    line_is(&p, 10 * S, 9 * S, "100 %  10000000000 of 10000000000 bytes  2.50 GB/s  0:00 left");
    line_is(&p, S / 1000, 15 * S,
            "0 %  1000000 of 10000000000 bytes  0.00 GB/s  27:46:30 left");
}

static void
a_resumed_one_counts_only_its_own_speed(void **state)
{
    const struct progress p = {.total = 10 * S, .first = 8 * S, .start_ns = 0};
    (void)state;
    line_is(&p, 9 * S, S, "90 %  9000000000 of 10000000000 bytes  1.00 GB/s  0:01 left");
}

static void
an_unknown_total_has_neither(void **state)
{
    const struct progress p = {.total = UINT64_MAX};
    (void)state;
    line_is(&p, 3 * S, 2 * S, "3000000000 bytes  1.50 GB/s");
}

static void
odd_sizes_do_not_break_it(void **state)
{
    char text[PROGRESS_TEXT_BYTES];
    const struct progress none = {.total = 0};
    const struct progress vast = {.total = UINT64_MAX - 1, .start_ns = 0};
    (void)state;
    line_is(&none, 0, S, "100 %  0 of 0 bytes  0.00 GB/s");
    assert_non_null(progress_text(text, &vast, 1, UINT64_MAX / 2));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_total_has_percent_and_rest),
        cmocka_unit_test(a_resumed_one_counts_only_its_own_speed),
        cmocka_unit_test(an_unknown_total_has_neither),
        cmocka_unit_test(odd_sizes_do_not_break_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
