/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: time is the kernel's unless replaced, deadlines do not wrap, moments print as UTC.
 * Method: a clock that counts its calls; known moments.
 */
#include "tests/lib/test.h"

#include "common/clock.h"

#include <time.h>

static uint64_t
count_up(void *arg)
{
    uint64_t *calls = arg;
    return ++*calls;
}

static uint64_t
count_up_by_tens(void *arg)
{
    uint64_t *calls = arg;
    return *calls += 10;
}

static void
kernel_clocks_are_the_default(void **state)
{
    (void)state;
    const uint64_t before = pmi_now_ns();
    const struct timespec nap = {.tv_nsec = 1000000};
    (void)nanosleep(&nap, NULL);
    assert_true(pmi_now_ns() - before >= PMI_NS_PER_MS);
    assert_true(pmi_realtime_ns() / PMI_NS_PER_S > 1700000000);
}

static void
clocks_can_be_replaced(void **state)
{
    (void)state;
    uint64_t calls = 0;
    const struct pmi_clock fake = {count_up, count_up_by_tens, &calls};
    pmi_clock_set(&fake);
    assert_true(pmi_now_ns() == 1);
    assert_true(pmi_now_ns() == 2);
    assert_true(pmi_realtime_ns() == 12);
    pmi_clock_set(NULL);
    assert_true(pmi_now_ns() > 1000);
    assert_true(calls == 12);
}

static void
deadline_does_not_wrap(void **state)
{
    (void)state;
    assert_true(pmi_deadline_ns(5, 7) == 12);
    assert_true(pmi_deadline_ns(5, UINT64_MAX) == UINT64_MAX);
    assert_true(pmi_deadline_ns(UINT64_MAX, 1) == UINT64_MAX);
    assert_true(pmi_deadline_ns(UINT64_MAX - 1, 1) == UINT64_MAX);
}

static void
moments_print_as_utc(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {UINT64_C(999999), "1970-01-01T00:00:00.000Z"},
        {UINT64_C(1709164799999000000), "2024-02-28T23:59:59.999Z"},
        {UINT64_C(1709164800000000000), "2024-02-29T00:00:00.000Z"},
        {UINT64_C(1795402390123456789), "2026-11-23T02:53:10.123Z"},
        {UINT64_MAX, "2554-07-21T23:34:33.709Z"},
    };
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        char text[PMI_CLOCK_UTC_BYTES];
        pmi_clock_utc(rows[i].ns, text);
        assert_string_equal(text, rows[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_clocks_are_the_default),
        cmocka_unit_test(clocks_can_be_replaced),
        cmocka_unit_test(deadline_does_not_wrap),
        cmocka_unit_test(moments_print_as_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
