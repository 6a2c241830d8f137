/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: sizes mean what the manual says, nothing wraps, and what we print we also read.
 * Method: tables of good and bad texts; a round trip over many values.
 */
#include "tests/lib/test.h"

#include "common/size.h"

#include <errno.h>
#include <stdlib.h>

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static void
good_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"00", 0},
        {"1", 1},
        {"4096", 4096},
        {"007K", 7168},
        {"4K", 4096},
        {"4k", 4096},
        {"256M", UINT64_C(268435456)},
        {"256m", UINT64_C(268435456)},
        {"1G", UINT64_C(1073741824)},
        {"2T", UINT64_C(2199023255552)},
        {"0T", 0},
        {"16777215T", UINT64_C(16777215) << 40},
        {"18446744073709551615", UINT64_MAX},
        {"0000000000000000000000000000000018446744073709551615", UINT64_MAX},
        {"18014398509481983K", UINT64_C(18014398509481983) << 10},
    };
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        uint64_t v = UNTOUCHED;
        assert_int_equal(pmi_size_parse(rows[i].text, &v), 0);
        assert_true(v == rows[i].bytes);
    }
}

static void
bad_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "K",
        " 1",
        "1 ",
        "1 K",
        "+1",
        "-1",
        "1.5G",
        "1,5",
        "4KB",
        "4KiB",
        "4KK",
        "0x10",
        "1e3",
        "4P",
        "4\n",
        "abc",
        "4\xc3\xa4",
        "99999999999999999999X",
        "1G1",
    };
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        uint64_t v = UNTOUCHED;
        assert_int_equal(pmi_size_parse(texts[i], &v), -EINVAL);
        assert_true(v == UNTOUCHED);
    }
}

static void
too_large_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "18446744073709551616",
        "18446744073709551620",
        "99999999999999999999",
        "16777216T",
        "17179869184G",
        "17592186044416M",
        "18014398509481984K",
        "184467440737095516150",
        "99999999999999999999999999999T",
    };
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        uint64_t v = UNTOUCHED;
        assert_int_equal(pmi_size_parse(texts[i], &v), -ERANGE);
        assert_true(v == UNTOUCHED);
    }
}

static void
exact_format(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "1"},
        {1000, "1000"},
        {1023, "1023"},
        {1024, "1K"},
        {1025, "1025"},
        {1536, "1536"},
        {10240, "10K"},
        {UINT64_C(268435456), "256M"},
        {UINT64_C(1) << 40, "1T"},
        {UINT64_C(1) << 63, "8388608T"},
        {UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        char text[PMI_SIZE_TEXT_BYTES];
        assert_string_equal(pmi_size_format(text, rows[i].bytes), rows[i].text);
    }
}

static void
human_format(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {512, "512 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {2047, "1.9 KiB"},
        {1048575, "1023.9 KiB"},
        {UINT64_C(1) << 20, "1.0 MiB"},
        {UINT64_C(3) << 29, "1.5 GiB"},
        {UINT64_C(1) << 40, "1.0 TiB"},
        {UINT64_MAX, "16777215.9 TiB"},
    };
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        char text[PMI_SIZE_TEXT_BYTES];
        assert_string_equal(pmi_size_human(text, rows[i].bytes), rows[i].text);
    }
}

static void
round_trip(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t high = (uint64_t)(unsigned)rand_r(&seed) << 33;
        const uint64_t bytes = (high ^ (unsigned)rand_r(&seed)) << (i % 64) >> (i / 64 % 64);
        char text[PMI_SIZE_TEXT_BYTES];
        uint64_t v = UNTOUCHED;
        assert_int_equal(pmi_size_parse(pmi_size_format(text, bytes), &v), 0);
        assert_true(v == bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),      cmocka_unit_test(bad_texts),
        cmocka_unit_test(too_large_texts), cmocka_unit_test(exact_format),
        cmocka_unit_test(human_format),    cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
