/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: CRC32C is the standard one on every path, chains, combines, and a summed copy's sum is
 * that of the copy.
 * Method: published values; a bit-by-bit reference over all small lengths and alignments;
 * random cuts; more than the 1 GiB that one call of ISA-L takes.
 */
#include "tests/lib/test.h"

#include "common/crc32c.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BUF_BYTES 4096
#define BIG_BYTES ((size_t)1024 * 1024 * 1024 + 4099)

static uint8_t buf[BUF_BYTES];

static int
fill(void **state)
{
    (void)state;
    unsigned seed = 99;
    for (size_t i = 0; i < sizeof buf; i++)
        buf[i] = (uint8_t)rand_r(&seed);
    return 0;
}

static uint32_t
by_bits(uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static void
published_values(void **state)
{
    (void)state;
    uint8_t block[32];
    assert_int_equal(pmi_crc32c(0, "123456789", 9), UINT32_C(0xe3069283));
    assert_int_equal(pmi_crc32c_table(0, "123456789", 9), UINT32_C(0xe3069283));
    memset(block, 0, sizeof block); /* these four: RFC 3720, B.4 */
    assert_int_equal(pmi_crc32c(0, block, sizeof block), UINT32_C(0x8a9136aa));
    memset(block, 0xff, sizeof block);
    assert_int_equal(pmi_crc32c(0, block, sizeof block), UINT32_C(0x62a8ab43));
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)i;
    assert_int_equal(pmi_crc32c(0, block, sizeof block), UINT32_C(0x46dd794e));
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(31 - i);
    assert_int_equal(pmi_crc32c(0, block, sizeof block), UINT32_C(0x113fdb5c));
}

static void
nothing_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(pmi_crc32c(0, NULL, 0), 0);
    assert_int_equal(pmi_crc32c(77, NULL, 0), 77);
    assert_int_equal(pmi_crc32c_table(77, NULL, 0), 77);
    assert_int_equal(pmi_crc32c_copy(77, NULL, NULL, 0), 77);
}

static void
all_paths_agree(void **state)
{
    (void)state;
    for (size_t off = 0; off < 16; off++)
        for (size_t n = 0; n < 300; n++) {
            const uint32_t want = by_bits(1234567, buf + off, n);
            assert_int_equal(pmi_crc32c(1234567, buf + off, n), want);
            assert_int_equal(pmi_crc32c_table(1234567, buf + off, n), want);
        }
    assert_int_equal(pmi_crc32c(0, buf, sizeof buf), by_bits(0, buf, sizeof buf));
    assert_int_equal(pmi_crc32c_table(0, buf, sizeof buf), by_bits(0, buf, sizeof buf));
}

static void
pieces_chain_and_combine(void **state)
{
    (void)state;
    unsigned seed = 7;
    const uint32_t want = pmi_crc32c(0, buf, sizeof buf);
    for (unsigned i = 0; i < 2000; i++) {
        const size_t cut = (size_t)rand_r(&seed) % (sizeof buf + 1);
        const uint32_t a = pmi_crc32c(0, buf, cut);
        const uint32_t b = pmi_crc32c(0, buf + cut, sizeof buf - cut);
        assert_int_equal(pmi_crc32c(a, buf + cut, sizeof buf - cut), want);
        assert_int_equal(pmi_crc32c_combine(a, b, sizeof buf - cut), want);
    }
}

static void
combine_knows_its_edges(void **state)
{
    (void)state;
    assert_int_equal(pmi_crc32c_combine(0, 0, 0), 0);
    assert_int_equal(pmi_crc32c_combine(123, 0, 0), 123);
    assert_int_equal(pmi_crc32c_combine(0, 456, 1000), 456);
    unsigned seed = 3;
    for (unsigned i = 0; i < 2000; i++) { /* associative, for lengths beyond any memory too */
        const uint32_t a = (uint32_t)rand_r(&seed), b = (uint32_t)rand_r(&seed);
        const uint32_t c = (uint32_t)rand_r(&seed);
        const uint64_t len_b = (uint64_t)rand_r(&seed) << (i % 30);
        const uint64_t len_c = (uint64_t)rand_r(&seed) << (i % 32);
        const uint32_t left = pmi_crc32c_combine(pmi_crc32c_combine(a, b, len_b), c, len_c);
        const uint32_t right =
            pmi_crc32c_combine(a, pmi_crc32c_combine(b, c, len_c), len_b + len_c);
        assert_int_equal(left, right);
    }
}

static void
more_than_one_call_of_isal(void **state)
{
    (void)state;
    void *zeros =
        mmap(NULL, BIG_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED)
        skip();
    const uint32_t head = pmi_crc32c(0, zeros, BIG_BYTES / 3);
    const uint32_t rest = pmi_crc32c(0, zeros, BIG_BYTES - BIG_BYTES / 3);
    const uint32_t all = pmi_crc32c(0, zeros, BIG_BYTES);
    assert_int_equal(pmi_crc32c_combine(head, rest, BIG_BYTES - BIG_BYTES / 3), all);
    (void)munmap(zeros, BIG_BYTES);
}

static void
copy_copies_and_sums(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,     15,    64,    4095,  16383, 16384,
                                   16385, 32768, 32769, 70001, 300000};
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        const size_t n = sizes[i];
        uint8_t *src = malloc(n), *dst = malloc(n);
        assert_non_null(src);
        assert_non_null(dst);
        for (size_t b = 0; b < n; b++)
            src[b] = buf[b * 7 % sizeof buf];
        assert_int_equal(pmi_crc32c_copy(5, dst, src, n), pmi_crc32c(5, src, n));
        assert_memory_equal(dst, src, n);
        free(src);
        free(dst);
    }
}

#ifndef PMI_SANITIZED /* a race on purpose */
struct scribbler {
    uint8_t *at;
    size_t n;
    atomic_bool stop;
};

static void *
scribble(void *arg)
{
    struct scribbler *s = arg;
    for (uint8_t v = 0; !atomic_load(&s->stop); v++)
        for (size_t i = 0; i < s->n; i += 61)
            ((volatile uint8_t *)s->at)[i] = v;
    return NULL;
}

static void
sum_is_that_of_the_copy(void **state)
{
    (void)state;
    struct scribbler s = {.n = 256 * 1024};
    uint8_t *dst = malloc(s.n);
    s.at = calloc(1, s.n);
    assert_non_null(dst);
    assert_non_null(s.at);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, scribble, &s), 0);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 500; i++) {
        const uint32_t sum = pmi_crc32c_copy(0, dst, s.at, s.n);
        wrong += sum != pmi_crc32c(0, dst, s.n);
    }
    atomic_store(&s.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(wrong, 0);
    free(s.at);
    free(dst);
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),        cmocka_unit_test(nothing_changes_nothing),
        cmocka_unit_test(all_paths_agree),         cmocka_unit_test(pieces_chain_and_combine),
        cmocka_unit_test(combine_knows_its_edges), cmocka_unit_test(more_than_one_call_of_isal),
        cmocka_unit_test(copy_copies_and_sums),
#ifndef PMI_SANITIZED
        cmocka_unit_test(sum_is_that_of_the_copy),
#endif
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
