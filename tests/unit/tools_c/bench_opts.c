// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: pmemd-bench's command line: defaults per operation, refusals by name, usage errors.
 * Method: whole command lines through the parser; each refusal must come with a sentence.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/opts.h"

#include <string.h>

#define ARGS_MAX 32

static char why[256];

static int
parse(const char *line, struct bench_opts *ret)
{
    static char copy[512];
    static char name[] = "pmemd-bench";
    char *argv[ARGS_MAX] = {name};
    int argc = 1;
    why[0] = '\0';
    (void)strncpy(copy, line, sizeof copy - 1);
    for (char *at = strtok(copy, " "); at != NULL; at = strtok(NULL, " "))
        argv[argc++] = at;
    return bench_opts_parse(argc, argv, ret, why, sizeof why);
}

static void
defaults_depend_on_the_operation(void **state)
{
    struct bench_opts o;
    (void)state;
    assert_int_equal(parse("--uri u", &o), 0);
    assert_int_equal(o.op, BENCH_RANDREAD);
    assert_int_equal(o.bs, 4096);
    assert_int_equal(o.qd, 32);
    assert_int_equal(o.conns, 1);
    assert_int_equal(o.crc, BENCH_CRC_AUTO);
    assert_int_equal(o.cpu, BENCH_CPU_ANY);
    assert_int_equal(parse("--uri u --op torn", &o), 0);
    assert_int_equal(o.bs, 65536);
    assert_int_equal(o.qd, 4);
    assert_int_equal(o.conns, 8);
}

static void
values_are_taken(void **state)
{
    struct bench_opts o;
    (void)state;
    assert_int_equal(parse("--uri u --op write --bs 1M --qd 4 --conns 2 --secs 0.5 --spin "
                           "--no-crc --cpu 1 --srv-pid 7 --json --region-bytes 64M",
                           &o),
                     0);
    assert_int_equal(o.op, BENCH_WRITE);
    assert_int_equal(o.bs, 1 << 20);
    assert_int_equal(o.qd, 4);
    assert_int_equal(o.conns, 2);
    assert_int_equal(o.run_ns, 500000000);
    assert_true(o.spin && o.json);
    assert_int_equal(o.crc, BENCH_CRC_OFF);
    assert_int_equal(o.cpu, 1);
    assert_int_equal(o.srv_pid, 7);
    assert_int_equal(o.region_bytes, 64 << 20);
    assert_int_equal(parse("--uri u --crc", &o), 0);
    assert_int_equal(o.crc, BENCH_CRC_ON);
    assert_int_equal(parse("--help", &o), 0);
    assert_true(o.help);
    assert_int_equal(parse("--version", &o), 0);
    assert_true(o.version);
}

static void
operations_to_come_are_refused_by_name(void **state)
{
    struct bench_opts o;
    (void)state;
    assert_int_equal(parse("--uri u --op commit", &o), 4);
    assert_string_equal(why, "'commit' is not built into this version");
    assert_int_equal(parse("--uri u --op cas", &o), 4);
    assert_string_equal(why, "'cas' is not built into this version");
}

static void
nonsense_is_a_usage_error(void **state)
{
    static const char *const lines[] = {
        "",
        "--op read",
        "--uri",
        "--uri u --op frob",
        "--uri u --bs 0",
        "--uri u --bs 65M",
        "--uri u --bs 4x",
        "--uri u --qd 0",
        "--uri u --qd 5000",
        "--uri u --conns 0",
        "--uri u --conns 2000",
        "--uri u --secs 0",
        "--uri u --crc --no-crc",
        "--uri u stray",
        "--uri u --frob",
        "--uri u --cpu -1",
        "--uri u --srv-pid 0",
        "--uri u --region-bytes 1K",
        "--uri u --op torn --conns 1",
        "--uri u --op torn --conns 65",
        "--uri u --op torn --qd 65",
        "--uri u --op torn --bs 100",
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(lines); i++) {
        struct bench_opts o = {.qd = 77};
        assert_int_equal(parse(lines[i], &o), 2);
        assert_int_equal(o.qd, 77);
        assert_true(why[0] != '\0');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_depend_on_the_operation),
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(operations_to_come_are_refused_by_name),
        cmocka_unit_test(nonsense_is_a_usage_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
