/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: exactly well-formed UTF-8 passes, and mending makes any bytes pass without harm to
 * those that did.
 * Method: encode every code point, try every pair of leading bytes at its edges, then mend cut
 * and random bytes in a field of every small size.
 */
#include "tests/lib/test.h"

#include "proto/text.h"
#include "tests/unit/proto/dice.h"

#include <string.h>

/* The bytes of a code point by the plain scheme, surrogates and all. */
static size_t
encode(uint32_t c, char out[static 4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    static const uint8_t mark[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(mark[n] | c);
    return n;
}

static void
every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        char s[4];
        const size_t n = encode(c, s);
        const bool good = c != 0 && (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
        assert_int_equal(text_ok(s, n), good);
        for (size_t cut = 1; cut < n; cut++)
            assert_false(text_ok(s, cut));
    }
}

static void
bad_sequences(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf", /* two bytes for one */
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "a\xc3(b",
        "\xe2\x82(",
        "\xf0\x9f\x92(", /* broken off */
    };
    for (size_t i = 0; i < TEST_COUNT(bad); i++)
        assert_false(text_ok(bad[i], strlen(bad[i])));
    assert_true(text_ok("", 0));
    assert_false(text_ok("a\0b", 3));
    assert_true(text_ok("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x92\xbe", 15));
}

static void
mending_examples(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t cap;
        const char *want;
    } cases[] = {
        {"plain", 16, "plain"},
        {"plain", 6, "plain"},
        {"plain", 5, "plai"},
        {"plain", 1, ""},
        {"x\xe2\x82\xac", 5, "x\xe2\x82\xac"}, /* fits exactly */
        {"x\xe2\x82\xac", 4, "x"},             /* the euro sign does not */
        {"x\xe2\x82\xac", 3, "x"},
        {"x\xf0\x9f\x92\xbe", 5, "x"},
        {"x\xc3", 16, "x"},
        {"\xff\xc3+", 16, "??+"},
        {"\x80\x80", 16, "??"},
        {"caf\xe9 au lait", 16, "caf? au lait"}, /* Latin-1 */
        {"caf\xe9", 16, "caf"},                  /* looks cut, so it is */
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        char s[16];
        memset(s, 'z', sizeof s);
        memcpy(s, cases[i].in, strlen(cases[i].in) + 1);
        text_mend(s, cases[i].cap);
        assert_string_equal(s, cases[i].want);
    }
}

static void
mended_bytes_pass(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (unsigned i = 0; i < 20000; i++) {
        char s[32], was[32];
        const size_t cap = 1 + dice_below(&seed, sizeof s);
        dice_fill(&seed, s, sizeof s);
        memcpy(was, s, sizeof s);
        const size_t n = strnlen(s, cap - 1);
        const bool good = text_ok(s, n);
        text_mend(s, cap);
        assert_true(strlen(s) <= n);
        assert_true(text_ok(s, strlen(s)));
        if (good)
            assert_memory_equal(s, was, n);
        assert_memory_equal(s + cap, was + cap, sizeof s - cap);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(bad_sequences),
        cmocka_unit_test(mending_examples),
        cmocka_unit_test(mended_bytes_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
