/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the non-temporal copy copies exactly its bytes, at any length and alignment.
 * Method: all lengths around the threshold and the line size at many alignments, with guard
 * bytes on both sides; buffers of exact size for the address sanitizer.
 */
#include "tests/lib/test.h"

#include "common/assert.h"
#include "common/crc32c.h"

#include <stdlib.h>
#include <string.h>

#define NT_MIN PMI_COPY_NT_MIN_BYTES
#define LEN_MAX (NT_MIN + 300)
#define GUARD 64

static uint8_t src_bytes[LEN_MAX + 64];

static int
fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof src_bytes; i++)
        src_bytes[i] = (uint8_t)(i * 131 + i / 256 + 1);
    return 0;
}

static void
check(uint8_t *mem, size_t to, size_t from, size_t n)
{
    memset(mem, 0xee, LEN_MAX + 3 * GUARD);
    pmi_copy_nt(mem + GUARD + to, src_bytes + from, n);
    assert_memory_equal(mem + GUARD + to, src_bytes + from, n);
    size_t touched = 0;
    for (size_t i = 0; i < GUARD + to; i++)
        touched += mem[i] != 0xee;
    for (size_t i = GUARD + to + n; i < LEN_MAX + 3 * GUARD; i++)
        touched += mem[i] != 0xee;
    assert_int_equal(touched, 0);
}

static void
every_length_and_alignment(void **state)
{
    (void)state;
    static const size_t froms[] = {0, 1, 8, 17, 63};
    uint8_t *mem = malloc(LEN_MAX + 3 * GUARD);
    assert_non_null(mem);
    for (size_t n = 0; n <= LEN_MAX; n += n < NT_MIN - 9 ? 511 : 5)
        for (size_t to = 0; to < 64; to += 7)
            for (size_t i = 0; i < TEST_COUNT(froms); i++)
                check(mem, to, froms[i], n);
    pmi_static_assert((NT_MIN - 9 + 510) / 511 * 511 < NT_MIN); /* the fine steps happen */
    free(mem);
}

static void
nothing_is_fine(void **state)
{
    (void)state;
    pmi_copy_nt(NULL, NULL, 0);
}

static void
exact_buffers(void **state)
{
    (void)state;
    for (size_t n = NT_MIN - 9; n < NT_MIN + 130; n++) {
        uint8_t *src = malloc(n), *dst = malloc(n);
        assert_non_null(src);
        assert_non_null(dst);
        memcpy(src, src_bytes, n);
        pmi_copy_nt(dst, src, n);
        assert_memory_equal(dst, src, n);
        free(src);
        free(dst);
    }
}

static void
a_large_copy(void **state)
{
    (void)state;
    const size_t n = 5 * 1024 * 1024 + 13;
    uint8_t *src = malloc(n), *dst = malloc(n + 1);
    assert_non_null(src);
    assert_non_null(dst);
    for (size_t i = 0; i < n; i++)
        src[i] = (uint8_t)(i * 2654435761U >> 13);
    dst[n] = 0xee;
    pmi_copy_nt(dst, src, n);
    assert_int_equal(memcmp(dst, src, n), 0);
    assert_int_equal(dst[n], 0xee);
    free(src);
    free(dst);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_alignment),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(exact_buffers),
        cmocka_unit_test(a_large_copy),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
