/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: no byte of a peer can forge a line, a key or a terminal sequence, and nothing is
 * written past the buffer.
 * Method: all 256 bytes; every buffer size around what each text needs, on the heap.
 */
#include "tests/lib/test.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
plain_text_stays(void **state)
{
    (void)state;
    char dst[64];
    assert_string_equal(pmi_log_escape(dst, sizeof dst, "demo-1.x_/~:@", 13), "demo-1.x_/~:@");
    assert_string_equal(pmi_log_escape(dst, sizeof dst, "", 0), "");
    assert_string_equal(pmi_log_escape(dst, sizeof dst, NULL, 0), "");
}

static void
each_byte_is_safe(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const unsigned char byte = (unsigned char)c;
        char dst[8], hex[8];
        (void)snprintf(hex, sizeof hex, "\\x%02x", c);
        pmi_log_escape(dst, sizeof dst, &byte, 1);
        const bool plain = c > 0x20 && c < 0x7f && c != '=' && c != '"' && c != '\\';
        if (plain)
            assert_true(dst[0] == (char)byte && dst[1] == '\0');
        else
            assert_string_equal(dst, hex);
    }
}

static void
attack_is_one_value(void **state)
{
    (void)state;
    static const char peer[] = "x\n2026 error fake=1\x1b[2J";
    char dst[96];
    pmi_log_escape(dst, sizeof dst, peer, sizeof peer - 1);
    assert_string_equal(dst, "x\\x0a2026\\x20error\\x20fake\\x3d1\\x1b[2J");
}

static void
what_does_not_fit_is_cut(void **state)
{
    (void)state;
    char dst[16];
    assert_string_equal(pmi_log_escape(dst, 5, "abcd", 4), "abcd");
    assert_string_equal(pmi_log_escape(dst, 5, "abcde", 5), "a...");
    assert_string_equal(pmi_log_escape(dst, 4, "abcde", 5), "...");
    assert_string_equal(pmi_log_escape(dst, 3, "abcde", 5), "..");
    assert_string_equal(pmi_log_escape(dst, 2, "abcde", 5), ".");
    assert_string_equal(pmi_log_escape(dst, 1, "abcde", 5), "");
    assert_string_equal(pmi_log_escape(dst, 8, "ab\ncd", 5), "ab..."); /* no half escape */
    dst[0] = 'q';
    (void)pmi_log_escape(dst, 0, "abcde", 5);
    assert_int_equal(dst[0], 'q');
}

static void
every_size_stays_inside(void **state)
{
    (void)state;
    static const char mixed[] = "a\nb\x80 c=d\"e\\f...gh";
    const size_t len = sizeof mixed - 1;
    char whole[128];
    const size_t need = strlen(pmi_log_escape(whole, sizeof whole, mixed, len));
    for (size_t n = 1; n <= need + 3; n++) {
        char *dst = malloc(n);
        assert_non_null(dst);
        pmi_log_escape(dst, n, mixed, len);
        const size_t got = strnlen(dst, n);
        assert_true(got < n);
        if (n > need) {
            assert_string_equal(dst, whole);
        } else if (n >= 4) {
            assert_string_equal(dst + got - 3, "...");
            assert_memory_equal(dst, whole, got - 3);
        }
        free(dst);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),        cmocka_unit_test(each_byte_is_safe),
        cmocka_unit_test(attack_is_one_value),     cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(every_size_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
