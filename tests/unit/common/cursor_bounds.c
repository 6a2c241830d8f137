/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: no read or write passes the end, short ones change nothing, numbers are little-endian.
 * Method: each operation on buffers of every length around what it needs. The buffers are of
 * exact size on the heap, so that the address sanitizer sees one byte too many.
 */
#include "tests/lib/test.h"

#include "common/cursor.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MAX 24

static uint8_t *
bytes_new(size_t n)
{
    uint8_t *p = malloc(n == 0 ? 1 : n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(0x10 + i);
    return p;
}

/* Read a number of `width` bytes; the answers of the four getters behind one face. */
static bool
get_width(struct pmi_cur *c, size_t width, uint64_t *ret)
{
    uint8_t v8 = 0xaa;
    uint16_t v16 = 0xaaaa;
    uint32_t v32 = UINT32_C(0xaaaaaaaa);
    uint64_t v64 = UINT64_C(0xaaaaaaaaaaaaaaaa);
    bool ok = false;
    switch (width) {
    case 1:
        ok = pmi_get_u8(c, &v8);
        *ret = v8;
        break;
    case 2:
        ok = pmi_get_u16(c, &v16);
        *ret = v16;
        break;
    case 4:
        ok = pmi_get_u32(c, &v32);
        *ret = v32;
        break;
    default:
        ok = pmi_get_u64(c, &v64);
        *ret = v64;
    }
    return ok;
}

static void
put_width(struct pmi_out *o, size_t width, uint64_t v)
{
    switch (width) {
    case 1:
        pmi_put_u8(o, (uint8_t)v);
        break;
    case 2:
        pmi_put_u16(o, (uint16_t)v);
        break;
    case 4:
        pmi_put_u32(o, (uint32_t)v);
        break;
    default:
        pmi_put_u64(o, v);
    }
}

static void
take_consumes_or_leaves(void **state)
{
    (void)state;
    for (size_t room = 0; room <= ROOM_MAX; room++) {
        uint8_t *p = bytes_new(room);
        for (size_t want = 0; want <= ROOM_MAX + 1; want++) {
            struct pmi_cur c = pmi_cur_of(p, room);
            const uint8_t *got = pmi_take(&c, want);
            if (want <= room)
                assert_ptr_equal(got, p);
            else
                assert_null(got);
            assert_int_equal(pmi_cur_left(&c), want <= room ? room - want : room);
        }
        struct pmi_cur c = pmi_cur_of(p, room);
        assert_null(pmi_take(&c, SIZE_MAX));
        assert_int_equal(pmi_cur_left(&c), room);
        free(p);
    }
}

static void
numbers_stop_at_the_end(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 4, 8};
    static const uint64_t values[] = {0x10, 0x1110, UINT64_C(0x13121110),
                                      UINT64_C(0x1716151413121110)};
    for (size_t w = 0; w < TEST_COUNT(widths); w++) {
        for (size_t room = 0; room <= ROOM_MAX; room++) {
            uint8_t *p = bytes_new(room);
            struct pmi_cur c = pmi_cur_of(p, room);
            uint64_t v = 0;
            const bool ok = get_width(&c, widths[w], &v);
            assert_int_equal(ok, room >= widths[w]);
            if (ok)
                assert_true(v == values[w]);
            else
                assert_int_equal(v & 0xff, 0xaa); /* output untouched */
            assert_int_equal(pmi_cur_left(&c), ok ? room - widths[w] : room);
            free(p);
        }
    }
}

static void
bytes_are_copied_whole_or_not(void **state)
{
    (void)state;
    uint8_t *p = bytes_new(5);
    uint8_t dst[6] = {0};
    struct pmi_cur c = pmi_cur_of(p, 5);
    assert_false(pmi_get_bytes(&c, dst, 6));
    assert_int_equal(dst[0], 0);
    assert_true(pmi_get_bytes(&c, NULL, 0));
    assert_true(pmi_get_bytes(&c, dst, 2));
    assert_true(pmi_get_bytes(&c, dst + 2, 3));
    assert_memory_equal(dst, p, 5);
    assert_int_equal(pmi_cur_left(&c), 0);
    assert_false(pmi_get_bytes(&c, dst, 1));
    free(p);
}

static void
sub_reader_keeps_to_its_part(void **state)
{
    (void)state;
    uint8_t *p = bytes_new(6);
    struct pmi_cur c = pmi_cur_of(p, 6), sub = {0};
    uint32_t v = 0;
    assert_false(pmi_get_sub(&c, 7, &sub));
    assert_null(sub.at);
    assert_true(pmi_get_sub(&c, 3, &sub));
    assert_int_equal(pmi_cur_left(&c), 3);
    assert_int_equal(pmi_cur_left(&sub), 3);
    assert_false(pmi_get_u32(&sub, &v)); /* although the memory goes on */
    assert_ptr_equal(pmi_take(&c, 3), p + 3);
    assert_true(pmi_get_sub(&c, 0, &sub));
    assert_int_equal(pmi_cur_left(&sub), 0);
    free(p);
}

static void
nothing_is_a_valid_buffer(void **state)
{
    (void)state;
    struct pmi_cur c = pmi_cur_of(NULL, 0);
    struct pmi_out o = pmi_out_of(NULL, 0);
    uint8_t v = 9;
    assert_int_equal(pmi_cur_left(&c), 0);
    assert_non_null(pmi_take(&c, 0));
    assert_false(pmi_get_u8(&c, &v));
    assert_int_equal(v, 9);
    pmi_put_bytes(&o, NULL, 0);
    pmi_put_zero(&o, 0);
    assert_false(o.bad);
    pmi_put_u8(&o, 1);
    assert_true(o.bad);
    assert_int_equal(pmi_out_len(&o), 0);
}

static void
writes_stop_at_the_end(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 4, 8};
    for (size_t w = 0; w < TEST_COUNT(widths); w++) {
        for (size_t room = 0; room <= ROOM_MAX; room++) {
            uint8_t *p = bytes_new(room);
            struct pmi_out o = pmi_out_of(p, room);
            const size_t fit = room / widths[w];
            for (size_t i = 0; i < fit; i++)
                put_width(&o, widths[w], UINT64_C(0xa7a6a5a4a3a2a1a0));
            assert_false(o.bad);
            assert_int_equal(pmi_out_len(&o), fit * widths[w]);
            for (size_t i = 0; i < fit * widths[w]; i++)
                assert_int_equal(p[i], 0xa0 + i % widths[w]);
            put_width(&o, widths[w], 0);
            assert_true(o.bad);
            assert_int_equal(pmi_out_len(&o), fit * widths[w]);
            for (size_t i = fit * widths[w]; i < room; i++)
                assert_int_equal(p[i], 0x10 + i); /* not even in part */
            free(p);
        }
    }
}

static void
failure_sticks(void **state)
{
    (void)state;
    uint8_t *p = bytes_new(4);
    struct pmi_out o = pmi_out_of(p, 4);
    pmi_put_u64(&o, 1);
    assert_true(o.bad);
    assert_int_equal(pmi_out_room(&o), 0);
    pmi_put_u8(&o, 1); /* would fit, but the message is broken already */
    pmi_put_bytes(&o, "x", 1);
    pmi_put_zero(&o, 1);
    assert_null(pmi_reserve(&o, 0));
    assert_int_equal(pmi_out_len(&o), 0);
    assert_int_equal(p[0], 0x10);
    free(p);
}

static void
blocks_are_put_whole_or_not(void **state)
{
    (void)state;
    uint8_t *p = bytes_new(8);
    struct pmi_out o = pmi_out_of(p, 8);
    pmi_put_bytes(&o, "abc", 3);
    pmi_put_zero(&o, 2);
    assert_int_equal(pmi_out_room(&o), 3);
    uint8_t *hole = pmi_reserve(&o, 3);
    assert_non_null(hole);
    memcpy(hole, "xyz", 3);
    assert_memory_equal(p, "abc\0\0xyz", 8);
    assert_null(pmi_reserve(&o, SIZE_MAX));
    assert_true(o.bad);

    o = pmi_out_of(p, 8);
    pmi_put_bytes(&o, "123456789", 9);
    assert_true(o.bad);
    assert_memory_equal(p, "abc\0\0xyz", 8);
    o = pmi_out_of(p, 8);
    pmi_put_zero(&o, 9);
    assert_true(o.bad);
    assert_memory_equal(p, "abc\0\0xyz", 8);
    free(p);
}

static void
what_is_put_is_got(void **state)
{
    (void)state;
    uint8_t buf[1 + 2 + 4 + 8];
    struct pmi_out o = pmi_out_of(buf, sizeof buf);
    pmi_put_u8(&o, 0xfe); /* the odd start leaves all others unaligned */
    pmi_put_u16(&o, 0xfedc);
    pmi_put_u32(&o, UINT32_C(0xfedcba98));
    pmi_put_u64(&o, UINT64_C(0xfedcba9876543210));
    assert_false(o.bad);
    assert_int_equal(pmi_out_room(&o), 0);

    struct pmi_cur c = pmi_cur_of(buf, sizeof buf);
    uint8_t v8;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    assert_true(pmi_get_u8(&c, &v8) && v8 == 0xfe);
    assert_true(pmi_get_u16(&c, &v16) && v16 == 0xfedc);
    assert_true(pmi_get_u32(&c, &v32) && v32 == UINT32_C(0xfedcba98));
    assert_true(pmi_get_u64(&c, &v64) && v64 == UINT64_C(0xfedcba9876543210));
    assert_int_equal(pmi_cur_left(&c), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_consumes_or_leaves),
        cmocka_unit_test(numbers_stop_at_the_end),
        cmocka_unit_test(bytes_are_copied_whole_or_not),
        cmocka_unit_test(sub_reader_keeps_to_its_part),
        cmocka_unit_test(nothing_is_a_valid_buffer),
        cmocka_unit_test(writes_stop_at_the_end),
        cmocka_unit_test(failure_sticks),
        cmocka_unit_test(blocks_are_put_whole_or_not),
        cmocka_unit_test(what_is_put_is_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
