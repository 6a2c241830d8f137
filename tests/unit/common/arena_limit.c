/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: an arena hands out aligned, separate pieces of its memory and never a byte more.
 * Method: fill arenas of every small size and alignment, then ask for the impossible.
 */
#include "tests/lib/test.h"

#include "common/arena.h"
#include "tests/lib/death.h"

#include <stdlib.h>
#include <string.h>

static void
pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct pmi_arena a;
    uint8_t *mem = malloc(4096);
    assert_non_null(mem);
    for (size_t skew = 0; skew < 2 * PMI_ARENA_ALIGN; skew++) {
        pmi_arena_init(&a, mem + skew, 4096 - skew);
        const uint8_t *end = mem + skew;
        for (size_t n = 0; n < 70; n++) {
            uint8_t *p = pmi_arena_alloc(&a, n);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % PMI_ARENA_ALIGN, 0);
            assert_true(p >= end);
            memset(p, 0xff, n);
            end = p + (n == 0 ? 1 : n);
        }
        assert_true(end <= mem + 4096);
    }
    free(mem);
}

static void
the_end_is_the_end(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 100; size++) {
        struct pmi_arena a;
        uint8_t *mem = aligned_alloc(PMI_ARENA_ALIGN, 112);
        assert_non_null(mem);
        pmi_arena_init(&a, mem, size);
        assert_null(pmi_arena_alloc(&a, size + 1));
        assert_int_equal(pmi_arena_used(&a), 0);
        void *all = pmi_arena_alloc(&a, size);
        if (size == 0)
            assert_null(all);
        else
            assert_ptr_equal(all, mem);
        assert_null(pmi_arena_alloc(&a, 1));
        assert_null(pmi_arena_alloc(&a, 0));
        assert_int_equal(pmi_arena_used(&a), size);
        free(mem);
    }
}

static void
misaligned_scraps_hold_nothing(void **state)
{
    (void)state;
    struct pmi_arena a;
    uint8_t mem[64];
    const size_t skew = (-(uintptr_t)mem & 15) + 1; /* one past an aligned byte */
    for (size_t size = 0; size < 16; size++) {
        pmi_arena_init(&a, mem + skew, size);
        assert_null(pmi_arena_alloc(&a, 1));
    }
    pmi_arena_init(&a, NULL, 0);
    assert_null(pmi_arena_alloc(&a, 0));
}

static void
impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct pmi_arena a;
    uint8_t mem[256];
    pmi_arena_init(&a, mem, sizeof mem);
    assert_null(pmi_arena_alloc(&a, SIZE_MAX));
    assert_null(pmi_arena_alloc(&a, SIZE_MAX - 8));
    assert_null(pmi_arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_null(pmi_arena_calloc(&a, 100, 100));
    assert_int_equal(pmi_arena_used(&a), 0);
    assert_non_null(pmi_arena_alloc(&a, 1)); /* still of use */
}

static void
reset_frees_all_and_keeps_the_peak(void **state)
{
    (void)state;
    struct pmi_arena a;
    uint8_t *mem = aligned_alloc(PMI_ARENA_ALIGN, 256);
    assert_non_null(mem);
    memset(mem, 0xee, 256);
    pmi_arena_init(&a, mem, 256);
    assert_ptr_equal(pmi_arena_alloc(&a, 100), mem);
    assert_int_equal(pmi_arena_used(&a), 112);
    pmi_arena_reset(&a);
    assert_int_equal(pmi_arena_used(&a), 0);
    assert_int_equal(pmi_arena_peak(&a), 112);
    const uint8_t *p = pmi_arena_calloc(&a, 4, 4);
    assert_ptr_equal(p, mem);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(p[i], 0);
    assert_int_equal(p[16], 0xee);
    assert_int_equal(pmi_arena_peak(&a), 112);
    free(mem);
}

static void
protobuf_pair_works(void **state)
{
    (void)state;
    struct pmi_arena a;
    uint8_t *mem = aligned_alloc(PMI_ARENA_ALIGN, 64);
    assert_non_null(mem);
    void *(*const alloc)(void *, size_t) = pmi_arena_pb_alloc;
    void (*const release)(void *, void *) = pmi_arena_pb_free;
    pmi_arena_init(&a, mem, 64);
    void *p = alloc(&a, 40);
    assert_non_null(p);
    release(&a, p);
    release(&a, NULL);
    assert_int_equal(pmi_arena_used(&a), 48);
    assert_null(alloc(&a, 40));
    free(mem);
}

static void
reset_garbage(void *arg)
{
    pmi_arena_reset(arg);
}

static void
garbage_is_caught(void **state)
{
    (void)state;
    struct pmi_arena a = {0};
    char text[DEATH_TEXT_BYTES];
    assert_true(death_aborts(reset_garbage, &a, text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_end_is_the_end),
        cmocka_unit_test(misaligned_scraps_hold_nothing),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(reset_frees_all_and_keeps_the_peak),
        cmocka_unit_test(protobuf_pair_works),
        cmocka_unit_test(garbage_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
