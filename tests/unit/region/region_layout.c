/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: data offsets and addresses are one to one, slices never leave their slot, and nothing
 * outside the region is taken for a part of it.
 * Method: regions of small slots, walked with slices of many lengths against a plain model.
 */
#include "bed.h"

#include <pmemd/errors.h>
#include <string.h>

/* What region_slice() should say, computed the long way. */
static struct region_slice
model(const struct region *rg, uint64_t off, uint64_t len)
{
    uint64_t slot = 0, in = off;
    while (in >= rg->slot_bytes - REGION_ARENA_BYTES) {
        in -= rg->slot_bytes - REGION_ARENA_BYTES;
        slot++;
    }
    const uint64_t room = rg->slot_bytes - REGION_ARENA_BYTES - in;
    return (struct region_slice){
        .data = rg->base + slot * rg->slot_bytes + REGION_ARENA_BYTES + in,
        .len = len < room ? len : room,
        .slot = (uint32_t)slot,
    };
}

static void
slices_follow_the_model(void **state)
{
    static const uint64_t slot_mib[] = {2, 4, 6, 64};
    static const uint64_t lens[] = {1, 4095, 4096, 2 * MIB, 2 * MIB + 1, 9 * MIB};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(slot_mib); i++) {
        const struct ring_caps caps = bed_caps(slot_mib[i]);
        struct region *rg = bed_region(&caps, 13 * MIB + 5);
        assert_int_equal(rg->frame_count, 7);
        assert_int_equal(rg->slot_count, (14 + slot_mib[i] - 1) / slot_mib[i]);
        assert_int_equal(rg->slot_count, region_slots_needed(rg->len, &caps));
        for (uint64_t off = 0; off < rg->len; off += 511ull * 1024 + 1)
            for (size_t l = 0; l < TEST_COUNT(lens); l++) {
                const uint64_t len = lens[l] < rg->len - off ? lens[l] : rg->len - off;
                const struct region_slice s = region_slice(rg, off, len),
                                          m = model(rg, off, len);
                assert_ptr_equal(s.data, m.data);
                assert_int_equal(s.len, m.len);
                assert_int_equal(s.slot, m.slot);
            }
        region_close(rg);
    }
}

static void
every_byte_is_its_own(void **state)
{
    (void)state;
    const struct ring_caps caps = bed_caps(2);
    struct region *rg = bed_region(&caps, 8 * MIB);
    for (uint64_t off = 0; off < rg->len; off += 4096) {
        const struct region_slice s = region_slice(rg, off, 4096);
        assert_int_equal(s.len, 4096);
        memcpy(s.data, &off, sizeof off);
    }
    for (uint64_t off = 0; off < rg->len; off += 4096)
        assert_memory_equal(region_slice(rg, off, 8).data, &off, sizeof off);
    region_close(rg);
}

static void
addresses_lead_back(void **state)
{
    (void)state;
    const struct ring_caps caps = bed_caps(4);
    struct region *rg = bed_region(&caps, 10 * MIB + 100);
    for (uint64_t off = 0; off < rg->len; off += 1023ull * 1024) {
        const struct region_slice s = region_slice(rg, off, rg->len - off);
        const struct region_slice back = region_slice_of(rg, s.data);
        assert_ptr_equal(back.data, s.data);
        assert_int_equal(back.slot, s.slot);
        assert_int_equal(back.len, s.len);
    }
    int stranger = 0;
    const uint8_t *end = rg->base + rg->slot_count * rg->slot_bytes;
    const uint8_t *last = region_slice(rg, rg->len - 1, 1).data;
    const void *const outside[] = {&stranger,
                                   NULL,
                                   rg->base - 1,
                                   rg->base,
                                   end,
                                   end - 1,
                                   rg->base + REGION_ARENA_BYTES - 1,
                                   last + 1,
                                   rg->base + rg->slot_bytes};
    for (size_t i = 0; i < TEST_COUNT(outside); i++) {
        const struct region_slice s = region_slice_of(rg, outside[i]);
        assert_int_equal(s.slot, REGION_NOT_FIXED);
        assert_int_equal(s.len, 0);
    }
    region_close(rg);
}

static void
ranges_are_checked_without_wrapping(void **state)
{
    (void)state;
    const struct ring_caps caps = bed_caps(4);
    struct region *rg = bed_region(&caps, 3 * MIB);
    assert_true(region_holds(rg, 0, 3 * MIB));
    assert_true(region_holds(rg, 3 * MIB, 0));
    assert_false(region_holds(rg, 1, 3 * MIB));
    assert_false(region_holds(rg, 3 * MIB + 1, 0));
    assert_false(region_holds(rg, UINT64_MAX, 2));
    assert_false(region_holds(rg, 2, UINT64_MAX));
    region_close(rg);
}

static void
a_new_region_is_fresh(void **state)
{
    (void)state;
    const struct ring_caps caps = bed_caps(4);
    struct region *a = bed_region(&caps, 1), *b = bed_region(&caps, 1);
    assert_memory_not_equal(a->history, b->history, sizeof a->history);
    assert_int_equal(a->lsn, 0);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->len, 1);
    assert_int_equal(a->frame_count, 1);
    assert_int_equal(a->fixed_count, 0);
    assert_int_equal(a->fixed_first, REGION_NOT_FIXED);
    assert_true(strlen(a->why_not_fixed) > 10); /* these caps have no fixed buffers */
    region_close(a);
    region_close(b);
    region_close(NULL);
}

static void
bad_configs_are_refused(void **state)
{
    (void)state;
    const struct ring_caps caps = bed_caps(4);
    char name[200];
    memset(name, 'x', sizeof name);
    name[129] = '\0';
    const struct {
        struct region_config cfg;
        int rc;
    } bad[] = {
        {{"r", "mem", NULL, 0, 0, true}, PMEMD_E_ARG},
        {{"r", "mem", NULL, UINT64_MAX, 0, true}, PMEMD_E_ARG},
        {{name, "mem", NULL, MIB, 0, true}, PMEMD_E_ARG},
        {{"r", "tape", NULL, MIB, 0, true}, PMEMD_E_ARG},
        {{"r", "disk", NULL, MIB, 0, true}, PMEMD_E_UNSUPPORTED},
        {{"r", "mem", NULL, MIB, PMEMD_CLASS_POWER_SAFE, true}, PMEMD_E_CLASS},
    };
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        struct region *rg = NULL;
        char why[512] = "";
        assert_int_equal(region_open(&bad[i].cfg, &caps, &rg, why, sizeof why), bad[i].rc);
        assert_null(rg);
        assert_true(strlen(why) > 10);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_follow_the_model),
        cmocka_unit_test(every_byte_is_its_own),
        cmocka_unit_test(addresses_lead_back),
        cmocka_unit_test(ranges_are_checked_without_wrapping),
        cmocka_unit_test(a_new_region_is_fresh),
        cmocka_unit_test(bad_configs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
