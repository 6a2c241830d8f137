/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a failed assertion stops the process and says where, what, and what happened before.
 * Method: each failure runs in a child; its signal and its stderr are looked at.
 */
#include "tests/lib/test.h"

#include "common/assert.h"
#include "tests/lib/death.h"

#include <stdio.h>
#include <string.h>

#define MAGIC_GOOD UINT32_C(0x600d600d)

struct thing {
    uint32_t magic;
};

static void
assert_value(void *arg)
{
    const int *value = arg;
    pmi_assert(*value == 1);
}

static void
assert_after_notes(void *arg)
{
    const unsigned *count = arg;
    for (unsigned i = 1; i <= *count; i++)
        pmi_note("test.step", i, 1000 + i);
    pmi_assert(*count == UINT32_MAX);
}

static void
alive_thing(void *arg)
{
    const struct thing *t = arg;
    pmi_alive(t, MAGIC_GOOD);
}

static void
true_condition_passes(void **state)
{
    (void)state;
    int value = 1;
    char text[DEATH_TEXT_BYTES];
    pmi_assert(value == 1);
    assert_false(death_aborts(assert_value, &value, text));
    assert_string_equal(text, "");
}

static void
false_condition_is_reported(void **state)
{
    (void)state;
    int value = 2;
    char text[DEATH_TEXT_BYTES];
    assert_true(death_aborts(assert_value, &value, text));
    assert_non_null(strstr(text, "assertion failed: *value == 1"));
    assert_non_null(strstr(text, "assert_report.c:"));
    assert_non_null(strstr(text, "in assert_value"));
}

static void
condition_is_evaluated_once(void **state)
{
    (void)state;
    int calls = 0;
    pmi_assert(++calls > 0);
    assert_int_equal(calls, 1);
}

static void
few_notes_are_all_shown(void **state)
{
    (void)state;
    unsigned count = 2;
    char text[DEATH_TEXT_BYTES];
    assert_true(death_aborts(assert_after_notes, &count, text));
    const char *older = strstr(text, "2 before: test.step a=1 b=1001\n");
    const char *newer = strstr(text, "1 before: test.step a=2 b=1002\n");
    assert_non_null(older);
    assert_non_null(newer);
    assert_true(older < newer);
}

static void
ring_keeps_the_newest_notes(void **state)
{
    (void)state;
    unsigned count = PMI_NOTES_MAX + 5;
    char text[DEATH_TEXT_BYTES], first[64], gone[64], last[64];
    assert_true(death_aborts(assert_after_notes, &count, text));
    (void)snprintf(first, sizeof first, "  %d before: test.step a=6 b=", PMI_NOTES_MAX);
    (void)snprintf(gone, sizeof gone, "  %d before:", PMI_NOTES_MAX + 1);
    (void)snprintf(last, sizeof last, "  1 before: test.step a=%u b=", count);
    assert_non_null(strstr(text, first));
    assert_null(strstr(text, gone));
    assert_non_null(strstr(text, last));
}

static void
live_object_passes(void **state)
{
    (void)state;
    struct thing t = {.magic = MAGIC_GOOD};
    char text[DEATH_TEXT_BYTES];
    assert_false(death_aborts(alive_thing, &t, text));
}

static void
null_object_is_reported(void **state)
{
    (void)state;
    char text[DEATH_TEXT_BYTES];
    assert_true(death_aborts(alive_thing, NULL, text));
    assert_non_null(strstr(text, "t != NULL"));
}

static void
dead_object_shows_its_magic(void **state)
{
    (void)state;
    struct thing t = {.magic = UINT32_C(0xdead0001)};
    char text[DEATH_TEXT_BYTES];
    assert_true(death_aborts(alive_thing, &t, text));
    assert_non_null(strstr(text, "t is a live MAGIC_GOOD (magic 0xdead0001)"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(true_condition_passes),
        cmocka_unit_test(false_condition_is_reported),
        cmocka_unit_test(condition_is_evaluated_once),
        cmocka_unit_test(few_notes_are_all_shown),
        cmocka_unit_test(ring_keeps_the_newest_notes),
        cmocka_unit_test(live_object_passes),
        cmocka_unit_test(null_object_is_reported),
        cmocka_unit_test(dead_object_shows_its_magic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
