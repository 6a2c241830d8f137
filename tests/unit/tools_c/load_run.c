// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: the load generator keeps its queue full, counts what it did, and ends cleanly.
 * Method: whole runs on a libpmemd made of memory.
 */
#include "tests/lib/test.h"
#include "tests/unit/tools_c/fake.h"
#include "tools/pmemd-bench/run.h"

#include <unistd.h>

static struct bench_result result;

static struct bench_opts
options(enum bench_op op)
{
    return (struct bench_opts){
        .uri = "fake",
        .op = op,
        .bs = 4096,
        .qd = 16,
        .conns = 3,
        .run_ns = 100000000,
        .timeout_ns = 1000000000,
        .srv_pid = (uint64_t)getpid(),
        .cpu = BENCH_CPU_ANY,
    };
}

static int
run(const struct bench_opts *o)
{
    result = (struct bench_result){0};
    const int rc = bench_load(o, &result);
    assert_int_equal(fake.clients, 0);
    return rc;
}

static int
set_up(void **state)
{
    (void)state;
    fake_reset();
    fake.release_lag = 1;
    fake.tick_ns = 100000;
    return 0;
}

static void
every_operation_runs(void **state)
{
    static const enum bench_op ops[] = {BENCH_RANDREAD, BENCH_RANDWRITE, BENCH_READ,
                                        BENCH_WRITE};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(ops); i++) {
        struct bench_opts o = options(ops[i]);
        o.spin = i % 2 == 1;
        (void)set_up(NULL);
        assert_int_equal(run(&o), 0);
        assert_true(result.ops > 1000);
        assert_int_equal(result.errors, 0);
        assert_int_equal(result.bytes, result.ops * 4096);
        assert_true(result.ns >= 100000000);
        assert_true(result.latency.count > 0 && result.latency.count <= result.ops);
        assert_true(result.srv_known);
        assert_true(result.path.copied > 0);
        assert_in_range(fake.in_flight_max, 16, 2 * 16);
        assert_int_equal(fake.unstable, 0);
        if (bench_op_reads(ops[i]))
            assert_int_equal(fake.early + fake.writes, 0);
        else
            assert_int_equal(fake.reads, 0);
    }
}

static void
it_stays_inside_region_bytes(void **state)
{
    struct bench_opts o = options(BENCH_RANDWRITE);
    (void)state;
    o.region_bytes = 64 << 10;
    assert_int_equal(run(&o), 0);
    for (size_t at = 0; at < FAKE_BYTES; at += 4096)
        assert_int_equal(fake.region[at] != 0 || fake.region[at + 1] != 0 ||
                             fake.region[at + 2] != 0,
                         at < o.region_bytes);
}

static void
what_does_not_fit_is_refused(void **state)
{
    struct bench_opts o = options(BENCH_READ);
    (void)state;
    o.bs = 2 * FAKE_BYTES;
    assert_int_equal(run(&o), 2);
    o = options(BENCH_READ);
    o.qd = 2048;
    o.conns = 1024;
    o.bs = 8 << 20; /* 16 TiB of buffers */
    assert_int_equal(run(&o), 3);
}

static void
errors_are_counted_and_end_it(void **state)
{
    struct bench_opts o = options(BENCH_READ);
    (void)state;
    fake.fail_from = 100;
    fake.fail_err = PMEMD_E_CRC;
    assert_int_equal(run(&o), 5);
    assert_in_range(result.errors, 1000, 1100);
    (void)set_up(NULL);
    fake.connect_err = PMEMD_E_NOREGION;
    assert_int_equal(run(&o), 4);
    fake.connect_err = PMEMD_E_TIMEOUT;
    assert_int_equal(run(&o), 1);
    fake.open_err = PMEMD_E_ARG;
    assert_int_equal(run(&o), 2);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_operation_runs),
        TEST(it_stays_inside_region_bytes),
        TEST(what_does_not_fit_is_refused),
        TEST(errors_are_counted_and_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
