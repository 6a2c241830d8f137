// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: CPU time is counted, of ourselves and of a process by its number, both ways.
 * Method: burn a known time and compare what the sources say.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/usage.h"

#include <errno.h>
#include <unistd.h>

#define BURN_NS UINT64_C(300000000)
#define NEAR_NS UINT64_C(60000000) /* ticks of 10 ms, and what else the process does */

static void
burn(void)
{
    const uint64_t end = usage_self_ns() + BURN_NS;
    while (usage_self_ns() < end)
        ;
}

static void
all_sources_agree(void **state)
{
    const uint64_t pid = (uint64_t)getpid();
    uint64_t a = 0, b = 0, c = 0, d = 0;
    (void)state;
    assert_int_equal(usage_process_ns(pid, &a), 0);
    assert_int_equal(usage_process_ticks_ns(pid, &b), 0);
    burn();
    assert_int_equal(usage_process_ns(pid, &c), 0);
    assert_int_equal(usage_process_ticks_ns(pid, &d), 0);
    assert_in_range(c - a, BURN_NS - NEAR_NS, BURN_NS + NEAR_NS);
    assert_in_range(d - b, BURN_NS - NEAR_NS, BURN_NS + NEAR_NS);
}

static void
no_such_process_is_an_error(void **state)
{
    uint64_t ns = 77;
    (void)state;
    assert_int_equal(usage_process_ns(INT32_MAX, &ns), -ENOENT);
    assert_int_equal(usage_process_ticks_ns(INT32_MAX, &ns), -ENOENT);
    assert_int_equal(ns, 77);
}

static void
pinning_says_when_it_cannot(void **state)
{
    (void)state;
    assert_int_equal(usage_pin(1023), -EINVAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sources_agree),
        cmocka_unit_test(no_such_process_is_an_error),
        cmocka_unit_test(pinning_says_when_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
