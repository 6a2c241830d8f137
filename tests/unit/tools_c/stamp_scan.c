// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: no torn block passes the scan.
 * Method: blocks of two writes, cut at every word and at odd bytes; single foreign words at every
 * place; right bytes in the wrong place.
 */
#include "tests/lib/test.h"
#include "tools/pmemd-bench/stamp.h"

#include <string.h>

enum { WORDS = 512, FIRST = 12345 };

static const struct stamp one = {.writer = 3, .extent = 1, .seq = 1000};
static const struct stamp two = {.writer = 3, .extent = 1, .seq = 1001};
static uint64_t a[WORDS], b[WORDS], mix[WORDS];

static int
set_up(void **state)
{
    (void)state;
    stamp_fill(a, WORDS, FIRST, stamp_pack(one));
    stamp_fill(b, WORDS, FIRST, stamp_pack(two));
    return 0;
}

static void
stamps_survive_packing(void **state)
{
    struct stamp s;
    (void)state;
    assert_true(stamp_unpack(stamp_pack(one), &s));
    assert_int_equal(s.writer, 3);
    assert_int_equal(s.extent, 1);
    assert_int_equal(s.seq, 1000);
    const struct stamp big = {.writer = 255, .extent = 3, .seq = (UINT64_C(1) << 50) - 1};
    assert_true(stamp_unpack(stamp_pack(big), &s));
    assert_true(s.writer == 255 && s.extent == 3 && s.seq == big.seq);
    assert_false(stamp_unpack(0, &s));
    assert_false(stamp_unpack(UINT64_C(0x0bad0bad0bad0bad), &s));
}

static void
a_whole_block_is_whole(void **state)
{
    uint64_t bits = 0;
    (void)state;
    for (size_t count = 1; count <= WORDS; count++)
        assert_int_equal(stamp_scan(a, count, FIRST, &bits), count);
    assert_true(bits == stamp_pack(one));
}

static void
a_tear_is_found_at_every_word(void **state)
{
    uint64_t bits = 0;
    (void)state;
    for (size_t cut = 1; cut < WORDS; cut++) {
        memcpy(mix, a, sizeof mix);
        memcpy(mix + cut, b + cut, (WORDS - cut) * sizeof *b);
        assert_int_equal(stamp_scan(mix, WORDS, FIRST, &bits), cut);
        assert_true(bits == stamp_pack(one));
        memcpy(mix, a, sizeof mix);
        mix[cut] = b[cut];
        assert_int_equal(stamp_scan(mix, WORDS, FIRST, &bits), cut);
    }
}

static void
a_tear_inside_a_word_is_found(void **state)
{
    (void)state;
    for (size_t byte = 1; byte < sizeof mix; byte++) {
        uint64_t bits = 0;
        memcpy(mix, a, sizeof mix);
        memcpy((char *)mix + byte, (char *)b + byte, sizeof mix - byte);
        const size_t at = stamp_scan(mix, WORDS, FIRST, &bits);
        struct stamp s;
        /* The cut may leave the bytes of one write, or an impossible stamp in the first word. */
        if (at == WORDS)
            assert_true(memcmp(mix, a, sizeof mix) == 0 || memcmp(mix, b, sizeof mix) == 0 ||
                        !stamp_unpack(bits, &s));
        else
            assert_in_range(at, byte / 8, byte / 8 + 1);
    }
}

static void
bytes_in_the_wrong_place_are_no_stamp(void **state)
{
    struct stamp s;
    (void)state;
    unsigned valid = 0;
    for (uint64_t shift = 1; shift < 4096; shift++) {
        uint64_t bits = 0;
        const size_t at = stamp_scan(a, WORDS, FIRST + shift, &bits);
        assert_int_equal(at, 1); /* the next word already tells */
        valid += stamp_unpack(bits, &s) && s.seq == one.seq ? 1 : 0;
    }
    assert_int_equal(valid, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_survive_packing),
        cmocka_unit_test(a_whole_block_is_whole),
        cmocka_unit_test(a_tear_is_found_at_every_word),
        cmocka_unit_test(a_tear_inside_a_word_is_found),
        cmocka_unit_test(bytes_in_the_wrong_place_are_no_stamp),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
