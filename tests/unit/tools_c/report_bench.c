// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: the JSON of pmemd-bench has exactly the promised keys, and the exit code tells the
 * verdict.
 * Method: results made by hand. A key may be added here, never taken away.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/report.h"

#include <string.h>

static struct bench_result r;

static void
keys_are_as_promised(void **state)
{
    static const char *const keys[] = {"op",      "bs",        "qd",        "conns",  "secs",
                                       "ops",     "iops",      "gbps",      "p50_us", "p99_us",
                                       "p999_us", "cli_us_op", "srv_us_op", "errors", "path",
                                       "crc",     "spin"};
    static const char *const paths[] = {"zc", "copied", "direct", "unknown"};
    static const char *const torn[] = {"torn",   "stale",   "overlaps", "reads",
                                       "writes", "excused", "lost"};
    struct bench_opts o = {.op = BENCH_READ, .bs = 4096, .qd = 4, .conns = 1};
    (void)state;
    r = (struct bench_result){.ns = 2000000000, .ops = 1000, .bytes = 4096000};
    json_t *object = bench_report_json(&o, &r);
    assert_non_null(object);
    for (size_t i = 0; i < TEST_COUNT(keys); i++)
        assert_non_null(json_object_get(object, keys[i]));
    assert_int_equal(json_object_size(object), TEST_COUNT(keys));
    const json_t *const path = json_object_get(object, "path");
    for (size_t i = 0; i < TEST_COUNT(paths); i++)
        assert_true(json_is_integer(json_object_get(path, paths[i])));
    assert_int_equal(json_object_size(path), TEST_COUNT(paths));
    assert_true(json_is_null(json_object_get(object, "srv_us_op")));
    assert_true(json_real_value(json_object_get(object, "iops")) > 499.0);
    json_decref(object);
    o.op = BENCH_TORN;
    r.srv_known = true;
    object = bench_report_json(&o, &r);
    for (size_t i = 0; i < TEST_COUNT(torn); i++)
        assert_true(json_is_integer(json_object_get(object, torn[i])));
    assert_int_equal(json_object_size(object), TEST_COUNT(keys) + TEST_COUNT(torn));
    assert_true(json_is_real(json_object_get(object, "srv_us_op")));
    json_decref(object);
}

static void
words_name_the_figures(void **state)
{
    struct bench_opts o = {.op = BENCH_TORN, .bs = 65536, .qd = 4, .conns = 8};
    char text[REPORT_TEXT_BYTES];
    (void)state;
    r = (struct bench_result){.ns = 1, .ops = 1, .overlaps = 12345};
    (void)bench_report_text(text, &o, &r);
    assert_non_null(strstr(text, "12345 overlaps: 0 torn, 0 stale"));
    /* The longest figures still fit. */
    memset(&r, 0xff, sizeof r);
    r.srv_known = r.crc = true;
    memset(&r.latency, 0, sizeof r.latency);
    (void)bench_report_text(text, &o, &r);
    assert_non_null(strstr(text, "stale"));
}

static void
the_exit_code_is_the_verdict(void **state)
{
    const struct bench_opts o = {.op = BENCH_TORN};
    (void)state;
    r = (struct bench_result){.ns = 1, .ops = 1};
    assert_int_equal(bench_report(&o, &r), 0);
    r.torn = 1;
    assert_int_equal(bench_report(&o, &r), 5);
    r.torn = 0;
    r.stale = 1;
    assert_int_equal(bench_report(&o, &r), 5);
    r.stale = 0;
    r.errors = 1;
    assert_int_equal(bench_report(&o, &r), 1);
    r.errors = r.ops = 0;
    assert_int_equal(bench_report(&o, &r), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_as_promised),
        cmocka_unit_test(words_name_the_figures),
        cmocka_unit_test(the_exit_code_is_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
