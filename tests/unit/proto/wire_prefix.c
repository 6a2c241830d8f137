/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the prefix of P2 is read and written as documented, and nothing else is taken for one.
 * Method: golden bytes made by another program, random round trips, then every rule of P2
 * broken alone, at its edge, and every bit flipped under the CRC.
 */
#include "tests/lib/test.h"

#include "common/cursor.h"
#include "proto/wire.h"
#include "tests/lib/death.h"
#include "tests/unit/proto/dice.h"

#include <pmemd/errors.h>
#include <string.h>

/* WRITE, reply, with the header "header". */
static const uint8_t golden_prefix[] = {
    0x50, 0x4d, 0x44, 0x31, 0x01, 0x11, 0x01, 0x00, 0x88, 0x77, 0x66,
    0x55, 0x44, 0x33, 0x22, 0x11, 0x06, 0x00, 0x00, 0x00, 0x03, 0x02,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7f, 0xb7, 0xdd, 0x62,
};

/* Verb and flags that nobody knows, no header. */
static const uint8_t golden_bare[] = {
    0x50, 0x4d, 0x44, 0x31, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xa9, 0xe5, 0x60,
};

static const struct wire_prefix sample = {
    .verb = WIRE_WRITE,
    .flags = WIRE_F_REPLY,
    .tag = 0x1122334455667788,
    .header_len = 6,
    .payload_len = 0x010203,
};

static void
golden_bytes_are_stable(void **state)
{
    (void)state;
    uint8_t out[WIRE_PREFIX_BYTES];
    wire_prefix_write(out, &sample, "header");
    assert_memory_equal(out, golden_prefix, sizeof out);
    const struct wire_prefix bare = {.verb = 255, .flags = UINT16_MAX, .tag = UINT64_MAX};
    wire_prefix_write(out, &bare, NULL);
    assert_memory_equal(out, golden_bare, sizeof out);
}

static void
golden_bytes_are_understood(void **state)
{
    (void)state;
    struct wire_prefix p;
    assert_int_equal(wire_prefix_read(golden_prefix, &p), 0);
    assert_int_equal(p.verb, sample.verb);
    assert_int_equal(p.flags, sample.flags);
    assert_int_equal(p.tag, sample.tag);
    assert_int_equal(p.header_len, sample.header_len);
    assert_int_equal(p.payload_len, sample.payload_len);
    assert_true(wire_crc_ok(golden_prefix, "header", 6));
    assert_false(wire_crc_ok(golden_prefix, "Header", 6));
    assert_false(wire_crc_ok(golden_prefix, "header", 5));
    assert_true(wire_crc_ok(golden_bare, NULL, 0));
}

static void
round_trips(void **state)
{
    (void)state;
    static uint8_t header[WIRE_HEADER_MAX];
    uint64_t seed = 1;
    dice_fill(&seed, header, sizeof header);
    for (unsigned i = 0; i < 2000; i++) {
        const struct wire_prefix in = {
            .verb = (uint8_t)dice(&seed),
            .flags = (uint16_t)dice(&seed),
            .tag = dice_any(&seed),
            .header_len = (uint32_t)dice_below(&seed, WIRE_HEADER_MAX + 1),
            .payload_len = (uint32_t)dice_below(&seed, WIRE_PAYLOAD_MAX + 1),
        };
        uint8_t bytes[WIRE_PREFIX_BYTES];
        struct wire_prefix out;
        wire_prefix_write(bytes, &in, header);
        assert_int_equal(wire_prefix_read(bytes, &out), 0);
        assert_true(wire_crc_ok(bytes, header, in.header_len));
        assert_int_equal(out.verb, in.verb);
        assert_int_equal(out.flags, in.flags);
        assert_int_equal(out.tag, in.tag);
        assert_int_equal(out.header_len, in.header_len);
        assert_int_equal(out.payload_len, in.payload_len);
    }
}

/* Read the golden prefix with one byte changed. */
static int
read_with(size_t at, uint8_t byte, struct wire_prefix *ret)
{
    uint8_t bytes[WIRE_PREFIX_BYTES];
    memcpy(bytes, golden_prefix, sizeof bytes);
    bytes[at] = byte;
    return wire_prefix_read(bytes, ret);
}

/* P2.1, and the reserved field. */
static void
strange_streams_are_lost(void **state)
{
    (void)state;
    struct wire_prefix p = {.tag = 77};
    for (size_t at = 0; at < 4; at++)
        assert_int_equal(read_with(at, golden_prefix[at] ^ 0x20, &p), PMEMD_E_PROTO);
    assert_int_equal(read_with(4, 0, &p), PMEMD_E_PROTO);
    assert_int_equal(read_with(4, 2, &p), PMEMD_E_PROTO);
    for (size_t at = 24; at < 28; at++)
        assert_int_equal(read_with(at, 1, &p), PMEMD_E_PROTO);
    assert_int_equal(p.tag, 77); /* never touched */
}

static int
read_lengths(uint32_t header_len, uint32_t payload_len, struct wire_prefix *ret)
{
    uint8_t bytes[WIRE_PREFIX_BYTES];
    memcpy(bytes, golden_prefix, sizeof bytes);
    pmi_store_u32(bytes + 16, header_len);
    pmi_store_u32(bytes + 20, payload_len);
    return wire_prefix_read(bytes, ret);
}

/* P2.2 */
static void
lengths_stop_at_their_limits(void **state)
{
    (void)state;
    struct wire_prefix p;
    assert_int_equal(read_lengths(0, 0, &p), 0);
    assert_int_equal(read_lengths(WIRE_HEADER_MAX, WIRE_PAYLOAD_MAX, &p), 0);
    static const uint32_t past[][2] = {
        {WIRE_HEADER_MAX + 1, 0}, {0, WIRE_PAYLOAD_MAX + 1}, {UINT32_MAX, 0},
        {0, UINT32_MAX},          {UINT32_MAX, UINT32_MAX},
    };
    for (size_t i = 0; i < TEST_COUNT(past); i++) {
        p = (struct wire_prefix){0};
        assert_int_equal(read_lengths(past[i][0], past[i][1], &p), PMEMD_E_TOOBIG);
        assert_int_equal(p.tag, sample.tag); /* for the reply */
        assert_int_equal(p.verb, sample.verb);
        assert_int_equal(p.header_len, past[i][0]);
        assert_int_equal(p.payload_len, past[i][1]);
    }
}

/* P2.4: for a reply, the tag must come through. */
static void
unknown_verbs_and_flags_pass(void **state)
{
    (void)state;
    struct wire_prefix p;
    assert_int_equal(wire_prefix_read(golden_bare, &p), 0);
    assert_int_equal(p.verb, 255);
    assert_int_equal(p.flags, UINT16_MAX);
    assert_int_equal(p.tag, UINT64_MAX);
}

static void
crc_sees_every_bit(void **state)
{
    (void)state;
    static const uint8_t header[6] = {'h', 'e', 'a', 'd', 'e', 'r'};
    uint8_t bytes[WIRE_PREFIX_BYTES + sizeof header];
    memcpy(bytes, golden_prefix, WIRE_PREFIX_BYTES);
    memcpy(bytes + WIRE_PREFIX_BYTES, header, sizeof header);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(wire_crc_ok(bytes, bytes + WIRE_PREFIX_BYTES, 6));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(wire_crc_ok(bytes, bytes + WIRE_PREFIX_BYTES, 6));
}

/* P4 */
static void
verbs_have_names(void **state)
{
    (void)state;
    static const char *const names[256] = {
        [1] = "hello",      [2] = "open",   [3] = "stat",   [4] = "list",    [5] = "create",
        [6] = "resize",     [7] = "delete", [8] = "seal",   [9] = "map",     [16] = "read",
        [17] = "write",     [18] = "zero",  [19] = "flush", [20] = "commit", [21] = "cas",
        [22] = "fetch_add", [23] = "wait",  [24] = "query",
    };
    for (unsigned verb = 0; verb < 256; verb++) {
        assert_string_equal(wire_verb_name(verb), names[verb] ? names[verb] : "unknown");
        assert_int_equal(wire_verb_is_hot(verb), verb >= 16 && verb <= 19);
    }
    assert_string_equal(wire_verb_name(UINT32_MAX), "unknown");
}

static void
write_prefix(void *arg)
{
    static const uint8_t header[WIRE_HEADER_MAX + 1];
    uint8_t out[WIRE_PREFIX_BYTES];
    wire_prefix_write(out, arg, header);
}

static void
our_own_lengths_are_asserted(void **state)
{
    (void)state;
    char text[DEATH_TEXT_BYTES];
    struct wire_prefix p = {.header_len = WIRE_HEADER_MAX, .payload_len = WIRE_PAYLOAD_MAX};
    assert_false(death_aborts(write_prefix, &p, text));
    p = (struct wire_prefix){.header_len = WIRE_HEADER_MAX + 1};
    assert_true(death_aborts(write_prefix, &p, text));
    p = (struct wire_prefix){.payload_len = WIRE_PAYLOAD_MAX + 1};
    assert_true(death_aborts(write_prefix, &p, text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes_are_stable),
        cmocka_unit_test(golden_bytes_are_understood),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(strange_streams_are_lost),
        cmocka_unit_test(lengths_stop_at_their_limits),
        cmocka_unit_test(unknown_verbs_and_flags_pass),
        cmocka_unit_test(crc_sees_every_bit),
        cmocka_unit_test(verbs_have_names),
        cmocka_unit_test(our_own_lengths_are_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
