/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a request header is taken only if every rule of P2.3, P2.4, P3 and P5.1 holds, and the
 * error says whether to reply or to close.
 * Method: take a good request of each verb, break one rule at its edge, look at the answer.
 * Headers are read from allocations of their exact size, so that a sanitizer sees every byte
 * too far. Then random requests round trip, and random damage is survived.
 */
#include "tests/lib/test.h"

#include "common/cursor.h"
#include "proto/hot.h"
#include "tests/lib/death.h"
#include "tests/unit/proto/dice.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define ROOM                                                                                   \
    (HOT_FIXED_BYTES + (WIRE_EXTENTS_MAX + 1) * HOT_EXTENT_BYTES + WIRE_CRCS_MAX * 4 + 64)

/* A header, before it is read: tests change what they like. */
struct shot {
    struct wire_prefix p;
    size_t len;
    uint8_t bytes[ROOM];
};

/* The lists follow the fixed part as they are: nothing is checked, so that tests can lie. */
static struct shot
load(uint8_t verb, uint16_t flags, unsigned extent_count, const uint64_t *lens,
     uint32_t crc_count)
{
    struct shot s = {.p = {.verb = verb}, .len = hot_req_bytes(extent_count, crc_count)};
    pmi_store_u16(s.bytes + 2, flags);
    pmi_store_u16(s.bytes + 4, (uint16_t)extent_count);
    pmi_store_u64(s.bytes + 16, 0xe90c);
    pmi_store_u32(s.bytes + 52, crc_count);
    uint64_t sum = 0;
    for (size_t i = 0; i < extent_count; i++) {
        pmi_store_u64(s.bytes + HOT_FIXED_BYTES + i * HOT_EXTENT_BYTES, i * 4096);
        pmi_store_u64(s.bytes + HOT_FIXED_BYTES + i * HOT_EXTENT_BYTES + 8, lens[i]);
        sum += lens[i];
    }
    if (verb == WIRE_WRITE)
        s.p.payload_len = (uint32_t)sum;
    return s;
}

static struct shot
good(uint8_t verb)
{
    static const uint64_t lens[] = {4096, MIB, 1};
    return load(verb, 0, verb == WIRE_FLUSH ? 0 : 3, lens, 0);
}

static const uint8_t verbs[] = {WIRE_READ, WIRE_WRITE, WIRE_ZERO, WIRE_FLUSH};

/* Read it from memory that ends where the header ends. */
static int
fire_into(const struct shot *s, struct hot_req *ret)
{
    uint8_t *exact = malloc(s->len + 1);
    assert_non_null(exact);
    uint8_t *at = exact + 1; /* no alignment to lean on */
    memcpy(at, s->bytes, s->len);
    const int rc = hot_req_read(at, s->len, &s->p, ret);
    free(exact);
    return rc;
}

static int
fire(const struct shot *s)
{
    struct hot_req r = {.epoch = 1};
    const int rc = fire_into(s, &r);
    if (rc == PMEMD_E_PROTO) {
        assert_int_equal(r.epoch, 1); /* untouched */
    } else {
        assert_int_equal(r.epoch, 0xe90c);
    }
    if (rc < 0 && rc != PMEMD_E_PROTO) {
        assert_int_equal(r.extent_count + r.crc_count + r.crc_pieces, 0);
        assert_int_equal(r.bytes, 0);
        assert_null(r.extents);
        assert_null(r.crcs);
    }
    return rc;
}

static void
good_requests_pass(void **state)
{
    (void)state;
    for (size_t v = 0; v < TEST_COUNT(verbs); v++) {
        const struct shot s = good(verbs[v]);
        assert_int_equal(fire(&s), 0);
    }
}

/* P2.3: a header shorter than its verb needs, or longer. */
static void
length_is_exact(void **state)
{
    (void)state;
    for (size_t v = 0; v < TEST_COUNT(verbs); v++) {
        struct shot s = good(verbs[v]);
        const size_t right = s.len;
        for (s.len = 0; s.len < right + 40; s.len++)
            assert_int_equal(fire(&s), s.len == right ? 0 : PMEMD_E_PROTO);
    }
}

static void
reserved_bytes_are_zero(void **state)
{
    (void)state;
    static const uint8_t at[] = {6, 7, 56, 57, 58, 59, 60, 61, 62, 63};
    for (size_t i = 0; i < TEST_COUNT(at); i++) {
        struct shot s = good(WIRE_READ);
        s.bytes[at[i]] = 0x80;
        assert_int_equal(fire(&s), PMEMD_E_PROTO);
    }
}

/* P2.4 */
static void
unknown_flags_get_a_reply(void **state)
{
    (void)state;
    for (size_t v = 0; v < TEST_COUNT(verbs); v++) {
        for (unsigned bit = 0; bit < 16; bit++) {
            struct shot s = good(verbs[v]);
            s.p.flags = (uint16_t)(1u << bit);
            /* A request that says it is a reply is no request of a newer version. */
            assert_int_equal(fire(&s), bit == 0 ? PMEMD_E_PROTO : PMEMD_E_FLAG);
            if (bit == 0)
                continue;
            s = good(verbs[v]);
            pmi_store_u16(s.bytes + 2, (uint16_t)(1u << bit));
            assert_int_equal(fire(&s), PMEMD_E_FLAG);
        }
    }
    struct shot s = good(WIRE_ZERO);
    pmi_store_u16(s.bytes + 2, HOT_F_CRC);
    assert_int_equal(fire(&s), PMEMD_E_FLAG);
    s = good(WIRE_FLUSH);
    pmi_store_u16(s.bytes + 2, HOT_F_CRC);
    assert_int_equal(fire(&s), PMEMD_E_FLAG);
}

/* What an unknown flag means for the rest of the header, we cannot know. */
static void
nothing_behind_an_unknown_flag_is_judged(void **state)
{
    (void)state;
    struct shot s = good(WIRE_WRITE);
    memset(s.bytes + HOT_FIXED_BYTES, 0xff, 200);
    pmi_store_u16(s.bytes + 2, 0x8000);
    pmi_store_u16(s.bytes + 4, 0xffff);
    pmi_store_u32(s.bytes + 52, 0xffffffff);
    s.bytes[60] = 1;
    assert_int_equal(fire(&s), PMEMD_E_FLAG);
    s.len = HOT_FIXED_BYTES;
    assert_int_equal(fire(&s), PMEMD_E_FLAG);
    s.len--;
    assert_int_equal(fire(&s), PMEMD_E_PROTO);
}

static void
levels(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 256; level++) {
        struct shot s = good(WIRE_WRITE);
        s.bytes[0] = (uint8_t)level;
        assert_int_equal(fire(&s), level < 2 ? 0 : PMEMD_E_LEVEL);
        s.bytes[1] = 1; /* replicas, which only level 2 has */
        assert_int_equal(fire(&s), level < 2 ? PMEMD_E_PROTO : PMEMD_E_LEVEL);
    }
    /* A level we cannot meet does not excuse broken counts. */
    struct shot s = good(WIRE_WRITE);
    s.bytes[0] = 2;
    s.p.payload_len++;
    assert_int_equal(fire(&s), PMEMD_E_PROTO);
}

static void
extent_counts(void **state)
{
    (void)state;
    static uint64_t ones[WIRE_EXTENTS_MAX + 1];
    for (size_t i = 0; i < TEST_COUNT(ones); i++)
        ones[i] = 1;
    for (size_t v = 0; v < TEST_COUNT(verbs); v++) {
        const bool flush = verbs[v] == WIRE_FLUSH;
        struct shot s = load(verbs[v], 0, 0, ones, 0);
        assert_int_equal(fire(&s), flush ? 0 : PMEMD_E_PROTO);
        s = load(verbs[v], 0, 1, ones, 0);
        assert_int_equal(fire(&s), flush ? PMEMD_E_PROTO : 0);
        s = load(verbs[v], 0, WIRE_EXTENTS_MAX, ones, 0);
        assert_int_equal(fire(&s), flush ? PMEMD_E_PROTO : 0);
        s = load(verbs[v], 0, WIRE_EXTENTS_MAX + 1, ones, 0);
        assert_int_equal(fire(&s), flush ? PMEMD_E_PROTO : PMEMD_E_TOOBIG);
        s = good(verbs[v]);
        pmi_store_u16(s.bytes + 4, UINT16_MAX); /* not there */
        assert_int_equal(fire(&s), PMEMD_E_PROTO);
    }
}

/* P3.1, P3.2, P3.3 */
static void
payload_is_what_the_verb_says(void **state)
{
    (void)state;
    for (size_t v = 0; v < TEST_COUNT(verbs); v++) {
        struct shot s = good(verbs[v]);
        s.p.payload_len++;
        assert_int_equal(fire(&s), PMEMD_E_PROTO);
        s.p.payload_len -= 2; /* wraps to the largest where it was 0 */
        assert_int_equal(fire(&s), PMEMD_E_PROTO);
        s.p.payload_len = 0;
        assert_int_equal(fire(&s), verbs[v] == WIRE_WRITE ? PMEMD_E_PROTO : 0);
    }
}

static void
zero_lengths(void **state)
{
    (void)state;
    for (size_t v = 0; v < 3; v++) {
        for (unsigned at = 0; at < 3; at++) {
            uint64_t lens[] = {5, 6, 7};
            lens[at] = 0;
            const struct shot s = load(verbs[v], 0, 3, lens, 0);
            assert_int_equal(fire(&s), PMEMD_E_PROTO);
        }
    }
}

/* P3.4, and sums that wrap. */
static void
sums_stop_at_their_limit(void **state)
{
    (void)state;
    static const struct {
        uint64_t lens[3];
        int want;
        uint8_t verb;
    } cases[] = {
        {{WIRE_PAYLOAD_MAX - 2, 1, 1}, 0, WIRE_READ},
        {{WIRE_PAYLOAD_MAX - 1, 1, 1}, PMEMD_E_TOOBIG, WIRE_READ},
        {{1, 1, WIRE_PAYLOAD_MAX}, PMEMD_E_TOOBIG, WIRE_READ},
        {{UINT64_MAX, 1, 1}, PMEMD_E_TOOBIG, WIRE_READ},
        {{1, UINT64_MAX, 1}, PMEMD_E_TOOBIG, WIRE_READ},
        {{UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1, 1}, PMEMD_E_TOOBIG, WIRE_READ},
        {{WIRE_ZERO_MAX - 2, 1, 1}, 0, WIRE_ZERO},
        {{WIRE_ZERO_MAX - 1, 1, 1}, PMEMD_E_TOOBIG, WIRE_ZERO},
        {{4096, UINT64_MAX - 4096, 1}, PMEMD_E_TOOBIG, WIRE_ZERO},
        {{4096, UINT64_MAX, 1}, PMEMD_E_TOOBIG, WIRE_ZERO},
        {{WIRE_PAYLOAD_MAX - 2, 1, 1}, 0, WIRE_WRITE},
        /* The payload is the sum modulo 2^32 here: only the wrap is wrong. */
        {{UINT64_MAX, 4, 1}, PMEMD_E_PROTO, WIRE_WRITE},
        {{4, UINT64_MAX, 1}, PMEMD_E_PROTO, WIRE_WRITE},
        {{UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1, 8}, PMEMD_E_PROTO, WIRE_WRITE},
        {{UINT64_C(1) << 32, 4, 4}, PMEMD_E_PROTO, WIRE_WRITE},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        const struct shot s = load(cases[i].verb, 0, 3, cases[i].lens, 0);
        assert_int_equal(fire(&s), cases[i].want);
    }
}

/* P5.1 */
static void
pieces(void **state)
{
    (void)state;
    static const struct {
        uint64_t len;
        uint32_t want;
    } cases[] = {
        {0, 0},       {1, 1},       {MIB - 1, 1},   {MIB, 1},
        {MIB + 1, 2}, {2 * MIB, 2}, {16 * MIB, 16}, {WIRE_ZERO_MAX, 1024},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++)
        assert_int_equal(hot_crc_pieces(cases[i].len), cases[i].want);
}

static void
checksum_counts(void **state)
{
    (void)state;
    static const uint64_t lens[] = {1, MIB, MIB + 1, 3 * MIB}; /* 1 + 1 + 2 + 3 */
    for (uint32_t n = 0; n < 12; n++) {
        struct shot s = load(WIRE_WRITE, HOT_F_CRC, 4, lens, n);
        assert_int_equal(fire(&s), n == 7 ? 0 : PMEMD_E_PROTO);
        s = load(WIRE_WRITE, 0, 4, lens, n);
        assert_int_equal(fire(&s), n == 0 ? 0 : PMEMD_E_PROTO);
        s = load(WIRE_READ, HOT_F_CRC, 4, lens, n);
        assert_int_equal(fire(&s), n == 0 ? 0 : PMEMD_E_PROTO);
        s = load(WIRE_ZERO, 0, 4, lens, n);
        assert_int_equal(fire(&s), n == 0 ? 0 : PMEMD_E_PROTO);
        s = load(WIRE_FLUSH, 0, 0, lens, n);
        assert_int_equal(fire(&s), n == 0 ? 0 : PMEMD_E_PROTO);
    }
    /* Counts whose bytes wrap 32 bits, so that a narrow product would fit. */
    static const uint32_t wild[] = {0x40000000, 0x40000007, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < TEST_COUNT(wild); i++) {
        struct shot s = load(WIRE_WRITE, HOT_F_CRC, 4, lens, 7);
        pmi_store_u32(s.bytes + 52, wild[i]);
        assert_int_equal(fire(&s), PMEMD_E_PROTO);
    }
}

/* The most checksums a legal WRITE has: one more for each MiB that an extent steps over. */
static void
the_largest_header_fits(void **state)
{
    (void)state;
    static uint64_t lens[WIRE_EXTENTS_MAX];
    uint32_t want = 0;
    for (size_t i = 0; i < WIRE_EXTENTS_MAX; i++) {
        lens[i] = i < 15 ? MIB + 1 : 1;
        want += hot_crc_pieces(lens[i]);
    }
    assert_true(want <= WIRE_CRCS_MAX);
    struct shot s = load(WIRE_WRITE, HOT_F_CRC, WIRE_EXTENTS_MAX, lens, want);
    assert_true(s.len <= WIRE_HEADER_MAX);
    assert_int_equal(fire(&s), 0);
    struct hot_req r;
    s = load(WIRE_READ, HOT_F_CRC, WIRE_EXTENTS_MAX, lens, 0);
    assert_int_equal(hot_req_read(s.bytes, s.len, &s.p, &r), 0);
    assert_int_equal(r.crc_pieces, want);
    assert_true(hot_reply_bytes(r.crc_pieces) <= WIRE_HEADER_MAX);
}

/* An extent's end is the region's to judge, even where it wraps. */
static void
offsets_are_not_judged(void **state)
{
    (void)state;
    struct shot s = good(WIRE_READ);
    pmi_store_u64(s.bytes + HOT_FIXED_BYTES, UINT64_MAX);
    assert_int_equal(fire(&s), 0);
}

/* A random legal request in *r, *ret_extents and *ret_crcs. */
static void
roll(uint64_t *seed, uint8_t verb, struct hot_req *r, struct pmemd_extent *ret_extents,
     uint32_t *ret_crcs)
{
    *r = (struct hot_req){
        .level = (uint8_t)dice_below(seed, 2),
        .flags = verb <= WIRE_WRITE ? (uint16_t)dice_below(seed, 2) : 0,
        .extent_count = verb == WIRE_FLUSH
                            ? 0
                            : (uint16_t)(1 + dice_below(seed, dice_below(seed, 8) ? 8 : 1024)),
        .timeout_us = (uint32_t)dice_any(seed),
        .min_lsn = dice_any(seed),
        .epoch = dice_any(seed),
        .seq = dice_any(seed),
    };
    dice_fill(seed, r->trace, sizeof r->trace);
    for (unsigned i = 0; i < r->extent_count; i++) {
        const uint64_t most = WIRE_PAYLOAD_MAX / r->extent_count;
        ret_extents[i].off = dice_any(seed);
        ret_extents[i].len = 1 + dice_below(seed, most);
        r->bytes += ret_extents[i].len;
        r->crc_pieces += hot_crc_pieces(ret_extents[i].len);
    }
    if (verb == WIRE_WRITE && r->flags == HOT_F_CRC)
        r->crc_count = r->crc_pieces;
    for (unsigned i = 0; i < r->crc_count; i++)
        ret_crcs[i] = (uint32_t)dice(seed);
}

static void
round_trips(void **state)
{
    (void)state;
    static struct shot s;
    static struct pmemd_extent extents[WIRE_EXTENTS_MAX];
    static uint32_t crcs[WIRE_CRCS_MAX];
    uint64_t seed = 3;
    for (unsigned n = 0; n < 4000; n++) {
        struct hot_req in, out;
        const uint8_t verb = verbs[n % 4];
        roll(&seed, verb, &in, extents, crcs);
        s.p = (struct wire_prefix){.verb = verb,
                                   .payload_len = verb == WIRE_WRITE ? (uint32_t)in.bytes : 0};
        s.len = hot_req_bytes(in.extent_count, in.crc_count);
        dice_fill(&seed, s.bytes, HOT_FIXED_BYTES); /* every byte must be written */
        hot_req_write(s.bytes, &in, extents, crcs);
        assert_int_equal(hot_req_read(s.bytes, s.len, &s.p, &out), 0);
        assert_int_equal(out.level, in.level);
        assert_int_equal(out.flags, in.flags);
        assert_int_equal(out.timeout_us, in.timeout_us);
        assert_int_equal(out.min_lsn, in.min_lsn);
        assert_int_equal(out.epoch, in.epoch);
        assert_int_equal(out.seq, in.seq);
        assert_memory_equal(out.trace, in.trace, sizeof in.trace);
        assert_int_equal(out.bytes, in.bytes);
        assert_int_equal(out.crc_pieces, in.crc_pieces);
        assert_int_equal(out.extent_count, in.extent_count);
        assert_int_equal(out.crc_count, in.crc_count);
        for (unsigned i = 0; i < in.extent_count; i++) {
            assert_int_equal(hot_extent_at(&out, i).off, extents[i].off);
            assert_int_equal(hot_extent_at(&out, i).len, extents[i].len);
        }
        for (unsigned i = 0; i < in.crc_count; i++)
            assert_int_equal(hot_crc_at(out.crcs, i), crcs[i]);
    }
}

static void
random_damage_is_survived(void **state)
{
    (void)state;
    static struct pmemd_extent extents[WIRE_EXTENTS_MAX];
    static uint32_t crcs[WIRE_CRCS_MAX];
    static struct shot s;
    uint64_t seed = 4;
    unsigned taken = 0, refused = 0;
    for (unsigned n = 0; n < 20000; n++) {
        struct hot_req in, out;
        const uint8_t verb = verbs[n % 4];
        roll(&seed, verb, &in, extents, crcs);
        s.p = (struct wire_prefix){.verb = verb,
                                   .payload_len = verb == WIRE_WRITE ? (uint32_t)in.bytes : 0};
        s.len = hot_req_bytes(in.extent_count, in.crc_count);
        hot_req_write(s.bytes, &in, extents, crcs);
        for (uint64_t hits = 1 + dice_below(&seed, 3); hits > 0; hits--) {
            const uint64_t at = dice_below(&seed, dice_below(&seed, 2) ? s.len : 56);
            s.bytes[at] ^= (uint8_t)(1u << dice_below(&seed, 8));
        }
        if (fire_into(&s, &out) == 0)
            taken++;
        else
            refused++;
    }
    assert_true(taken > 1000);
    assert_true(refused > 1000);
}

static void
read_cold_verb(void *arg)
{
    struct shot *s = arg;
    struct hot_req r;
    _exit(hot_req_read(s->bytes, s->len, &s->p, &r) == 0);
}

static void
write_req(void *arg)
{
    static const struct pmemd_extent extents[WIRE_EXTENTS_MAX + 1];
    static const uint32_t crcs[WIRE_CRCS_MAX + 1];
    static uint8_t out[ROOM];
    hot_req_write(out, arg, extents, crcs);
}

static void
extent_past_count(void *arg)
{
    (void)hot_extent_at(arg, 1);
}

static void
our_own_mistakes_are_caught(void **state)
{
    (void)state;
    char text[DEATH_TEXT_BYTES];
    struct shot s = good(WIRE_FLUSH);
    s.p.verb = WIRE_STAT;
    assert_true(death_aborts(read_cold_verb, &s, text));
    struct hot_req r = {.extent_count = 1};
    assert_true(death_aborts(extent_past_count, &r, text));
    r = (struct hot_req){.extent_count = WIRE_EXTENTS_MAX, .crc_count = WIRE_CRCS_MAX};
    assert_false(death_aborts(write_req, &r, text));
    r = (struct hot_req){.extent_count = WIRE_EXTENTS_MAX + 1};
    assert_true(death_aborts(write_req, &r, text));
    r = (struct hot_req){.crc_count = WIRE_CRCS_MAX + 1};
    assert_true(death_aborts(write_req, &r, text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_pass),
        cmocka_unit_test(length_is_exact),
        cmocka_unit_test(reserved_bytes_are_zero),
        cmocka_unit_test(unknown_flags_get_a_reply),
        cmocka_unit_test(nothing_behind_an_unknown_flag_is_judged),
        cmocka_unit_test(levels),
        cmocka_unit_test(extent_counts),
        cmocka_unit_test(payload_is_what_the_verb_says),
        cmocka_unit_test(zero_lengths),
        cmocka_unit_test(sums_stop_at_their_limit),
        cmocka_unit_test(pieces),
        cmocka_unit_test(checksum_counts),
        cmocka_unit_test(the_largest_header_fits),
        cmocka_unit_test(offsets_are_not_judged),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(random_damage_is_survived),
        cmocka_unit_test(our_own_mistakes_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
