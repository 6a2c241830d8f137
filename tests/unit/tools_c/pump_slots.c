// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: the pump hands a buffer out again only when nobody uses it, knows its prefix, and gives
 * up on a server that has fallen silent.
 * Method: pieces pumped by hand through a libpmemd made of memory that releases late, fails, or
 * never answers.
 */
#include "tests/lib/test.h"
#include "tests/unit/tools_c/fake.h"
#include "tools/pmemctl/pump.h"

#include <errno.h>
#include <string.h>

static struct pump pump;
static struct pmemd_client *client;

static int
set_up(void **state)
{
    (void)state;
    fake_reset();
    if (pmemd_open("fake", NULL, &client) < 0)
        return -1;
    return pump_init(&pump, client, 0, 0, UINT64_C(30000000000));
}

static int
tear_down(void **state)
{
    (void)state;
    pmemd_close(client);
    pump_fini(&pump);
    return 0;
}

static void
submit(enum pmemd_verb verb, size_t len)
{
    struct pump_slot *const s = pump_reserve(&pump);
    assert_non_null(s);
    s->len = len;
    if (verb == PMEMD_VERB_WRITE)
        memset(s->data, 'x', len);
    assert_int_equal(pump_submit(&pump, s, verb), 0);
}

static void
settle(void)
{
    for (int i = 0; i < 100 && pump_flying(&pump) > 0; i++)
        assert_int_equal(pump_turn(&pump, -1, 0, NULL), 0);
    assert_int_equal(pump_flying(&pump), 0);
}

static void
a_buffer_waits_for_its_release(void **state)
{
    (void)state;
    fake.release_lag = 1000;
    for (unsigned i = 0; i < PUMP_DEPTH; i++)
        submit(PMEMD_VERB_WRITE, 4096);
    assert_null(pump_reserve(&pump));
    settle();
    assert_int_equal(pump_prefix(&pump), PUMP_DEPTH * 4096);
    assert_null(pump_reserve(&pump)); /* DONE, but not RELEASED */
    for (int i = 0; i < 1100; i++)
        assert_int_equal(pump_turn(&pump, -1, 0, NULL), 0);
    assert_non_null(pump_reserve(&pump));
    assert_int_equal(fake.unstable + fake.early, 0);
}

static void
what_was_read_stays_until_taken(void **state)
{
    (void)state;
    memset(fake.region, 'r', 8192);
    submit(PMEMD_VERB_READ, 4096);
    submit(PMEMD_VERB_READ, 4096);
    settle();
    assert_int_equal(pump_turn(&pump, -1, 0, NULL), 0);
    struct pump_slot *s = pump_read_at(&pump);
    assert_non_null(s);
    assert_int_equal(s->pos, 0);
    assert_int_equal(s->data[4095], 'r');
    assert_int_equal(pump_prefix(&pump), 0);
    pump_release(s);
    assert_int_equal(pump_prefix(&pump), 4096);
    s = pump_read_at(&pump);
    assert_int_equal(s->pos, 4096);
    pump_release(s);
    assert_int_equal(pump_prefix(&pump), 8192);
    assert_null(pump_read_at(&pump));
}

static void
a_failure_ends_the_prefix(void **state)
{
    (void)state;
    fake.fail_from = 3;
    fake.fail_err = PMEMD_E_LOST;
    for (int i = 0; i < 4; i++)
        submit(PMEMD_VERB_WRITE, 4096);
    settle();
    assert_int_equal(pump.err, PMEMD_E_LOST);
    assert_int_equal(pump_prefix(&pump), 8192);
    for (unsigned i = 0; i < PUMP_DEPTH - 2; i++)
        assert_non_null(pump_reserve(&pump)); /* the failed two stay out of use */
    assert_null(pump_reserve(&pump));
}

static void
a_failed_read_is_not_handed_out(void **state)
{
    (void)state;
    fake.fail_from = 1;
    fake.fail_err = PMEMD_E_CRC;
    submit(PMEMD_VERB_READ, 4096);
    settle();
    assert_int_equal(pump_turn(&pump, -1, 0, NULL), 0);
    assert_null(pump_read_at(&pump));
    assert_int_equal(pump_prefix(&pump), 0);
}

static void
a_flush_covers_the_prefix_as_of_its_submission(void **state)
{
    (void)state;
    submit(PMEMD_VERB_WRITE, 4096);
    settle();
    assert_int_equal(pump_flush(&pump), 0);
    submit(PMEMD_VERB_WRITE, 4096);
    settle();
    assert_int_equal(pump.durable_pos, 4096);
    assert_int_equal(pump.level, PMEMD_LEVEL_DURABLE);
    assert_int_equal(pump.durability, PMEMD_CLASS_VOLATILE);
    assert_int_equal(pump_prefix(&pump), 8192);
}

static void
silence_is_noticed(void **state)
{
    (void)state;
    fake.mute_from = 1;
    pump.stall_ns = 50000000;
    submit(PMEMD_VERB_READ, 4096);
    int rc = 0;
    for (int i = 0; i < 10000000 && rc == 0; i++)
        rc = pump_turn(&pump, -1, 0, NULL);
    assert_int_equal(rc, PMEMD_E_TIMEOUT);
}

static void
a_refused_submission_is_kept(void **state)
{
    (void)state;
    fake.len = 4096;
    struct pump_slot *const s = pump_reserve(&pump);
    s->len = 8192;
    assert_int_equal(pump_submit(&pump, s, PMEMD_VERB_READ), PMEMD_E_RANGE);
    assert_int_equal(pump.err, PMEMD_E_RANGE);
    assert_int_equal(pump_flying(&pump), 0);
    assert_int_equal(pump_prefix(&pump), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_buffer_waits_for_its_release),
        TEST(what_was_read_stays_until_taken),
        TEST(a_failure_ends_the_prefix),
        TEST(a_failed_read_is_not_handed_out),
        TEST(a_flush_covers_the_prefix_as_of_its_submission),
        TEST(silence_is_noticed),
        TEST(a_refused_submission_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
