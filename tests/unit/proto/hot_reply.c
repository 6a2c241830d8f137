/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a reply header is taken only if P3's reply table holds.
 * Method: a good OK and a good error, each rule broken alone at its edge, from allocations of
 * the exact size; random round trips; damage.
 */
#include "tests/lib/test.h"

#include "common/cursor.h"
#include "proto/hot.h"
#include "tests/lib/death.h"
#include "tests/unit/proto/dice.h"

#include <stdlib.h>
#include <string.h>

/* OK with two checksums, and an error. Changed through the array in each test. */
static void
good_ok(uint8_t h[static 72])
{
    static const uint32_t crcs[] = {1, 2};
    const struct hot_reply r = {
        .level = 1, .durability = PMEMD_CLASS_VOLATILE, .bytes = 9, .crc_count = 2};
    hot_reply_write(h, &r, crcs);
}

static void
good_error(uint8_t h[static 72])
{
    const struct hot_reply r = {.status = 3, .outcome = PMEMD_NOT_DONE};
    hot_reply_write(h, &r, NULL);
}

static int
fire(const uint8_t *h, size_t len)
{
    uint8_t *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact + 1, h, len);
    struct hot_reply r = {.lsn = 77};
    const int rc = hot_reply_read(exact + 1, len, &r);
    free(exact);
    if (rc < 0) {
        assert_int_equal(rc, PMEMD_E_PROTO);
        assert_int_equal(r.lsn, 77);
    }
    return rc;
}

static void
length_is_exact(void **state)
{
    (void)state;
    uint8_t h[120] = {0};
    good_ok(h);
    for (size_t len = 0; len <= sizeof h; len++)
        assert_int_equal(fire(h, len), len == 72 ? 0 : PMEMD_E_PROTO);
    good_error(h);
    for (size_t len = 0; len <= sizeof h; len++)
        assert_int_equal(fire(h, len), len == 64 ? 0 : PMEMD_E_PROTO);
}

static void
reserved_bytes_are_zero(void **state)
{
    (void)state;
    static const uint8_t at[] = {6, 7, 56, 57, 58, 59, 60, 61, 62, 63};
    for (size_t i = 0; i < TEST_COUNT(at); i++) {
        uint8_t h[72];
        good_ok(h);
        h[at[i]] = 1;
        assert_int_equal(fire(h, 72), PMEMD_E_PROTO);
    }
}

static void
numbers_are_known(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        uint8_t h[72];
        good_ok(h);
        h[3] = (uint8_t)v;
        assert_int_equal(fire(h, 72), v <= PMEMD_LEVEL_REPLICATED ? 0 : PMEMD_E_PROTO);
        good_ok(h);
        h[4] = (uint8_t)v; /* an ack names its class */
        assert_int_equal(fire(h, 72), v >= 1 && v <= 3 ? 0 : PMEMD_E_PROTO);
        good_error(h);
        h[4] = (uint8_t)v; /* an error may come before there is a region */
        assert_int_equal(fire(h, 64), v <= 3 ? 0 : PMEMD_E_PROTO);
        good_ok(h);
        h[5] = (uint8_t)v;
        assert_int_equal(fire(h, 72), 0);
    }
}

static void
status_and_outcome_agree(void **state)
{
    (void)state;
    for (unsigned outcome = 0; outcome < 256; outcome++) {
        uint8_t h[72];
        good_ok(h);
        h[2] = (uint8_t)outcome;
        assert_int_equal(fire(h, 72), outcome == PMEMD_OK ? 0 : PMEMD_E_PROTO);
        good_error(h);
        h[2] = (uint8_t)outcome;
        assert_int_equal(fire(h, 64), outcome == 1 || outcome == 2 ? 0 : PMEMD_E_PROTO);
    }
    uint8_t h[72];
    good_error(h);
    pmi_store_u16(h, UINT16_MAX); /* not known here, still a status */
    assert_int_equal(fire(h, 64), 0);
}

static void
checksum_counts(void **state)
{
    (void)state;
    static uint8_t h[HOT_FIXED_BYTES + (WIRE_CRCS_MAX + 1) * 4];
    good_ok(h);
    static const struct {
        size_t len;
        uint32_t count;
        int want;
    } cases[] = {
        {64, 0, 0},
        {68, 1, 0},
        {68, 2, PMEMD_E_PROTO},
        {64 + WIRE_CRCS_MAX * 4, WIRE_CRCS_MAX, 0},
        {64 + (WIRE_CRCS_MAX + 1) * 4, WIRE_CRCS_MAX + 1, PMEMD_E_PROTO},
        {64, 0x40000000, PMEMD_E_PROTO}, /* times 4 is 0 in 32 bits */
        {68, 0x40000001, PMEMD_E_PROTO},
        {64, UINT32_MAX, PMEMD_E_PROTO},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        pmi_store_u32(h + 48, cases[i].count);
        assert_int_equal(fire(h, cases[i].len), cases[i].want);
    }
    good_error(h);
    pmi_store_u32(h + 48, 1);
    assert_int_equal(fire(h, 68), PMEMD_E_PROTO); /* P3.1: an error has no payload */
}

static void
round_trips(void **state)
{
    (void)state;
    static uint32_t crcs[WIRE_CRCS_MAX];
    static uint8_t h[HOT_FIXED_BYTES + sizeof crcs];
    uint64_t seed = 5;
    for (unsigned n = 0; n < 4000; n++) {
        const bool ok = dice_below(&seed, 2) == 0;
        const struct hot_reply in = {
            .status = ok ? 0 : (uint16_t)(1 + dice_below(&seed, UINT16_MAX)),
            .outcome = ok ? PMEMD_OK : (uint8_t)(1 + dice_below(&seed, 2)),
            .level = (uint8_t)dice_below(&seed, 3),
            .durability = (uint8_t)(ok + dice_below(&seed, 3)),
            .replicas = (uint8_t)dice(&seed),
            .lsn = dice_any(&seed),
            .epoch = dice_any(&seed),
            .bytes = dice_any(&seed),
            .old = {dice_any(&seed), dice_any(&seed)},
            .crc_count = ok ? (uint32_t)dice_below(&seed, n % 8 ? 8 : WIRE_CRCS_MAX + 1) : 0,
            .detail = (uint32_t)dice_any(&seed),
        };
        dice_fill(&seed, crcs, in.crc_count * sizeof crcs[0]);
        dice_fill(&seed, h, HOT_FIXED_BYTES); /* every byte must be written */
        hot_reply_write(h, &in, crcs);
        struct hot_reply out;
        assert_int_equal(hot_reply_read(h, hot_reply_bytes(in.crc_count), &out), 0);
        assert_int_equal(out.status, in.status);
        assert_int_equal(out.outcome, in.outcome);
        assert_int_equal(out.level, in.level);
        assert_int_equal(out.durability, in.durability);
        assert_int_equal(out.replicas, in.replicas);
        assert_int_equal(out.lsn, in.lsn);
        assert_int_equal(out.epoch, in.epoch);
        assert_int_equal(out.bytes, in.bytes);
        assert_memory_equal(out.old, in.old, sizeof in.old);
        assert_int_equal(out.detail, in.detail);
        assert_int_equal(out.crc_count, in.crc_count);
        for (unsigned i = 0; i < in.crc_count; i++)
            assert_int_equal(hot_crc_at(out.crcs, i), crcs[i]);
    }
}

static void
random_bytes_are_survived(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (unsigned n = 0; n < 20000; n++) {
        uint8_t h[72];
        good_ok(h);
        h[dice_below(&seed, 72)] = (uint8_t)dice(&seed);
        h[dice_below(&seed, 72)] = (uint8_t)dice(&seed);
        (void)fire(h, dice_below(&seed, 73));
    }
}

static void
write_reply(void *arg)
{
    uint8_t h[72];
    const uint32_t crcs[2] = {0};
    hot_reply_write(h, arg, crcs);
}

static void
our_own_mistakes_are_caught(void **state)
{
    (void)state;
    char text[DEATH_TEXT_BYTES];
    struct hot_reply r = {.status = 4, .outcome = PMEMD_OK};
    assert_true(death_aborts(write_reply, &r, text));
    r = (struct hot_reply){.outcome = PMEMD_UNKNOWN};
    assert_true(death_aborts(write_reply, &r, text));
    r = (struct hot_reply){.status = 4, .outcome = PMEMD_NOT_DONE, .crc_count = 1};
    assert_true(death_aborts(write_reply, &r, text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_exact),
        cmocka_unit_test(reserved_bytes_are_zero),
        cmocka_unit_test(numbers_are_known),
        cmocka_unit_test(status_and_outcome_agree),
        cmocka_unit_test(checksum_counts),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(our_own_mistakes_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
