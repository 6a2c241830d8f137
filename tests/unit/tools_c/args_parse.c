// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: option values mean what users expect, and nothing odd slips through.
 * Method: tables of texts with their value or error.
 */
#include "tests/lib/test.h"
#include "tools/lib/args.h"

#include <errno.h>

static void
sizes_have_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t value;
    } rows[] = {
        {"0", 0, 0},
        {"4096", 0, 4096},
        {"4K", 0, 4096},
        {"256m", 0, 256 << 20},
        {"1G", 0, UINT64_C(1) << 30},
        {"2T", 0, UINT64_C(2) << 40},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"16777216T", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1.5G", -EINVAL, 0},
        {"4KB", -EINVAL, 0},
        {"K", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        uint64_t value = 77;
        assert_int_equal(tool_parse_size(rows[i].text, &value), rows[i].rc);
        assert_int_equal(value, rows[i].rc == 0 ? rows[i].value : 77);
    }
}

static void
numbers_have_limits(void **state)
{
    uint64_t n = 0;
    (void)state;
    assert_int_equal(tool_parse_number("1", 1, 4, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(tool_parse_number("4", 1, 4, &n), 0);
    assert_int_equal(tool_parse_number("5", 1, 4, &n), -ERANGE);
    assert_int_equal(tool_parse_number("0", 1, 4, &n), -ERANGE);
    assert_int_equal(tool_parse_number("4K", 1, 8192, &n), -EINVAL);
    assert_int_equal(n, 4);
}

static void
seconds_may_have_a_fraction(void **state)
{
    uint64_t ns = 0;
    (void)state;
    assert_int_equal(tool_parse_secs("0.3", &ns), 0);
    assert_int_equal(ns, 300000000);
    assert_int_equal(tool_parse_secs("10", &ns), 0);
    assert_int_equal(ns, 10 * TOOL_NS_PER_S);
    assert_int_equal(tool_parse_secs("0", &ns), -ERANGE);
    assert_int_equal(tool_parse_secs("99999999", &ns), -ERANGE);
    assert_int_equal(tool_parse_secs("inf", &ns), -EINVAL);
    assert_int_equal(tool_parse_secs("1e3", &ns), -EINVAL);
    assert_int_equal(tool_parse_secs("-1", &ns), -EINVAL);
    assert_int_equal(tool_parse_secs(".", &ns), -EINVAL);
    assert_int_equal(tool_parse_secs("", &ns), -EINVAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_powers_of_1024),
        cmocka_unit_test(numbers_have_limits),
        cmocka_unit_test(seconds_may_have_a_fraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
