// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: percentiles are within 1 % of the true ones, over the whole range of latencies.
 * Method: single values swept over 42 octaves, and a set whose percentiles are known.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/hist.h"

static struct hist h;

static void
every_value_is_kept_within_one_percent(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << HIST_MAX_BITS; ns += ns / 97 + 1) {
        hist_reset(&h);
        hist_add(&h, ns);
        h.max_ns = UINT64_MAX; /* so that the maximum does not help */
        const double got = hist_percentile_ns(&h, 0.5);
        assert_true(got >= (double)ns * 0.99 && got <= (double)ns * 1.01);
    }
}

static void
buckets_grow_with_their_values(void **state)
{
    unsigned last = 0;
    (void)state;
    for (uint64_t ns = 0; ns < UINT64_C(1) << 20; ns++) {
        const unsigned bucket = hist_bucket(ns);
        assert_true(bucket == last || bucket == last + 1);
        last = bucket;
    }
    assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
    assert_int_equal(hist_bucket((UINT64_C(1) << HIST_MAX_BITS) - 1), HIST_BUCKETS - 1);
    assert_true(hist_bucket(UINT64_C(1) << (HIST_MAX_BITS - 1)) < HIST_BUCKETS - 1);
}

static void
percentiles_of_a_known_set(void **state)
{
    (void)state;
    hist_reset(&h);
    assert_true(hist_percentile_ns(&h, 0.5) < 0.5);
    for (uint64_t i = 1; i <= 100000; i++)
        hist_add(&h, i * 1000);
    assert_int_equal(h.count, 100000);
    static const double fractions[] = {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
    for (size_t i = 0; i < TEST_COUNT(fractions); i++) {
        const double want = fractions[i] * 1e8, got = hist_percentile_ns(&h, fractions[i]);
        assert_true(got > want * 0.99 && got < want * 1.01);
    }
    assert_true(hist_percentile_ns(&h, 1.0) <= 1e8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_kept_within_one_percent),
        cmocka_unit_test(buckets_grow_with_their_values),
        cmocka_unit_test(percentiles_of_a_known_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
