// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: a whole torn run finds a region that breaks a promise, and only then.
 * Method: the run on a libpmemd made of memory that tears writes, skews them, answers from old
 * copies or from the wrong place, loses connections, or is correct.
 */
#include "tests/lib/test.h"
#include "tests/unit/tools_c/fake.h"
#include "tools/pmemd-bench/run.h"

static struct bench_result result;

static int
run(void)
{
    const struct bench_opts o = {
        .uri = "fake",
        .op = BENCH_TORN,
        .bs = 4096,
        .qd = 4,
        .conns = 8,
        .run_ns = 300000000,
        .timeout_ns = 1000000000,
        .cpu = BENCH_CPU_ANY,
    };
    result = (struct bench_result){0};
    const int rc = bench_torn(&o, &result);
    assert_int_equal(fake.clients, 0);
    assert_int_equal(fake.unstable, 0);
    assert_int_equal(fake.early, 0);
    return rc;
}

static int
set_up(void **state)
{
    (void)state;
    fake_reset();
    fake.release_lag = 2;
    return 0;
}

static void
a_correct_region_passes(void **state)
{
    (void)state;
    assert_int_equal(run(), 0);
    assert_int_equal(result.torn + result.stale + result.excused, 0);
    assert_true(result.overlaps > 10000);
    assert_true(result.reads > 100 && result.writes > 100);
    assert_int_equal(result.ops, result.reads + result.writes);
    assert_int_equal(
        bench_report(&(struct bench_opts){.op = BENCH_TORN, .json = true}, &result), 0);
}

static void
a_torn_write_is_found(void **state)
{
    (void)state;
    fake.tear_every = 50;
    assert_int_equal(run(), 0);
    assert_true(result.torn > 0);
    assert_int_equal(bench_report(&(struct bench_opts){.op = BENCH_TORN}, &result), 5);
}

static void
a_skewed_write_is_found(void **state)
{
    (void)state;
    fake.skew_every = 20;
    assert_int_equal(run(), 0);
    assert_true(result.torn > 0);
}

static void
an_old_copy_is_found(void **state)
{
    (void)state;
    fake.stale_every = 200;
    assert_int_equal(run(), 0);
    assert_true(result.stale > 0);
    assert_int_equal(bench_report(&(struct bench_opts){.op = BENCH_TORN}, &result), 5);
}

static void
bytes_from_elsewhere_are_found(void **state)
{
    (void)state;
    fake.place_every = 500;
    assert_int_equal(run(), 0);
    assert_true(result.torn > 0);
}

static void
lost_connections_excuse_nothing_by_themselves(void **state)
{
    (void)state;
    fake.lose_every = 100;
    assert_int_equal(run(), 0);
    assert_true(result.lost > 0);
    assert_int_equal(result.torn + result.stale, 0);
}

static void
failing_requests_end_the_run(void **state)
{
    (void)state;
    fake.fail_from = 1000;
    fake.fail_err = PMEMD_E_LOST;
    assert_int_equal(run(), 1);
    assert_true(result.errors > 0);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_correct_region_passes),
        TEST(a_torn_write_is_found),
        TEST(a_skewed_write_is_found),
        TEST(an_old_copy_is_found),
        TEST(bytes_from_elsewhere_are_found),
        TEST(lost_connections_excuse_nothing_by_themselves),
        TEST(failing_requests_end_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
