/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a control message is read whole or not at all, nothing in it is cut unseen, and it
 * costs its reader a bounded amount of memory.
 * Method: messages made by hand, each rule of the schema broken at its edge; unknown fields;
 * floods that use up the arena; every truncation; random damage. Messages and scratch are
 * allocations of their exact size, so that a sanitizer sees every byte too far.
 */
#include "tests/lib/test.h"

#include "proto/msg.h"
#include "tests/unit/proto/craft.h"
#include "tests/unit/proto/dice.h"

#include <pmemd/errors.h>
#include <stdlib.h>

#define COUNTERS_ROOM 20000

struct bench {
    uint8_t *scratch;
    struct msg_counter *counters;
    struct msg_region regions[4];
    struct craft c; /* the message in the making */
};

static int
bench_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    if (b == NULL)
        return -1;
    b->scratch = aligned_alloc(16, MSG_ARENA_BYTES);
    b->counters = calloc(COUNTERS_ROOM, sizeof *b->counters);
    *state = b;
    return b->scratch == NULL || b->counters == NULL;
}

static int
bench_down(void **state)
{
    struct bench *b = *state;
    free(b->scratch);
    free(b->counters);
    free(b);
    return 0;
}

/* The kinds by number, so that some tests can try all of them. */
enum kind { HELLO, HELLO_REPLY, OPEN, OPEN_REPLY, STAT, STAT_REPLY, LIST, LIST_REPLY, REFUSAL };
#define KINDS 9

union any {
    struct msg_hello hello;
    struct msg_hello_reply hello_reply;
    struct msg_open open;
    struct msg_open_reply open_reply;
    struct msg_stat stat;
    struct msg_stat_reply stat_reply;
    struct msg_list list;
    struct msg_list_reply list_reply;
    struct msg_refusal refusal;
};

static int
read_kind(struct bench *b, enum kind kind, const uint8_t *p, size_t n, union any *ret)
{
    switch (kind) {
    case HELLO:
        return msg_hello_read(p, n, b->scratch, &ret->hello);
    case HELLO_REPLY:
        return msg_hello_reply_read(p, n, b->scratch, &ret->hello_reply);
    case OPEN:
        return msg_open_read(p, n, b->scratch, &ret->open);
    case OPEN_REPLY:
        return msg_open_reply_read(p, n, b->scratch, &ret->open_reply);
    case STAT:
        return msg_stat_read(p, n, b->scratch, &ret->stat);
    case STAT_REPLY:
        ret->stat_reply.counters = b->counters;
        ret->stat_reply.counter_count = COUNTERS_ROOM;
        return msg_stat_reply_read(p, n, b->scratch, &ret->stat_reply);
    case LIST:
        return msg_list_read(p, n, b->scratch, &ret->list);
    case LIST_REPLY:
        ret->list_reply.regions = b->regions;
        ret->list_reply.region_count = TEST_COUNT(b->regions);
        return msg_list_reply_read(p, n, b->scratch, &ret->list_reply);
    case REFUSAL:
        return msg_refusal_read(p, n, b->scratch, &ret->refusal);
    }
    return PMEMD_E_ARG;
}

/* Read a message from exactly its own bytes; b->c is empty again afterwards. */
static int
fire_into(struct bench *b, enum kind kind, const struct craft *c, union any *ret)
{
    uint8_t *exact = malloc(c->len + 1);
    assert_non_null(exact);
    memcpy(exact + 1, c->bytes, c->len);
    const int rc = read_kind(b, kind, exact + 1, c->len, ret);
    free(exact);
    b->c.len = 0;
    assert_true(rc == 0 || rc == PMEMD_E_PROTO);
    return rc;
}

static int
fire(struct bench *b, enum kind kind)
{
    union any m;
    return fire_into(b, kind, &b->c, &m);
}

static const uint8_t id[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* The least that each kind must have. */
static void
craft_good(struct craft *c, enum kind kind)
{
    static struct craft sub;
    sub.len = 0;
    switch (kind) {
    case HELLO:
        craft_bytes(c, 4, id, 16);
        break;
    case HELLO_REPLY:
        for (uint32_t field = 1; field <= 7; field++)
            craft_num(&sub, field, 1);
        craft_sub(c, 5, &sub);
        break;
    case OPEN_REPLY:
    case STAT_REPLY:
    case LIST_REPLY:
        craft_bytes(&sub, 1, "r", 1);
        craft_sub(c, 3, &sub);
        break;
    case REFUSAL:
        craft_num(c, 1, 1);
        break;
    case OPEN:
    case STAT:
    case LIST:
        break;
    }
}

static void
the_least_is_enough(void **state)
{
    struct bench *b = *state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        craft_good(&b->c, kind);
        assert_int_equal(fire(b, kind), 0);
    }
    /* And an empty message is refused where that is not nothing. */
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const bool ok = kind == OPEN || kind == STAT || kind == LIST || kind == LIST_REPLY;
        assert_int_equal(fire(b, kind), ok ? 0 : PMEMD_E_PROTO);
    }
}

/* P2.5 */
static void
unknown_fields_are_ignored(void **state)
{
    struct bench *b = *state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        craft_num(&b->c, 1000, UINT64_MAX);
        craft_good(&b->c, kind);
        craft_bytes(&b->c, 536870911, "future", 6);
        craft_varint(&b->c, 200 << 3 | 1); /* 8 bytes */
        for (unsigned i = 0; i < 8; i++)
            craft_byte(&b->c, 0xff);
        craft_varint(&b->c, 200 << 3 | 5); /* 4 bytes */
        for (unsigned i = 0; i < 4; i++)
            craft_byte(&b->c, 0xff);
        assert_int_equal(fire(b, kind), 0);
    }
}

/* Every text: which message it is in (or in which sub-message), its field, its longest. */
static const struct {
    enum kind kind;
    uint32_t outer; /* field of the sub-message, 0 = none */
    uint32_t field;
    size_t max;
} texts[] = {
    {HELLO, 0, 5, 64},        {HELLO_REPLY, 0, 2, 255}, {HELLO_REPLY, 0, 6, 64},
    {OPEN, 0, 1, 128},        {OPEN_REPLY, 0, 2, 255},  {OPEN_REPLY, 3, 1, 128},
    {OPEN_REPLY, 3, 4, 15},   {OPEN_REPLY, 3, 5, 31},   {OPEN_REPLY, 3, 17, 151},
    {STAT_REPLY, 0, 2, 255},  {STAT_REPLY, 3, 1, 128},  {STAT_REPLY, 4, 1, 47},
    {STAT_REPLY, 4, 2, 15},   {LIST, 0, 1, 128},        {LIST_REPLY, 0, 2, 255},
    {LIST_REPLY, 3, 17, 151}, {REFUSAL, 0, 2, 255},
};

/* A good message of texts[i]'s kind with this text in its place. */
static int
fire_text(struct bench *b, size_t i, const void *text, size_t len)
{
    static struct craft sub;
    sub.len = 0;
    craft_good(&b->c, texts[i].kind);
    if (texts[i].outer == 0) {
        craft_bytes(&b->c, texts[i].field, text, len);
    } else {
        craft_bytes(&sub, texts[i].field, text, len);
        craft_sub(&b->c, texts[i].outer, &sub);
    }
    return fire(b, texts[i].kind);
}

static void
texts_are_whole_or_refused(void **state)
{
    struct bench *b = *state;
    char text[300];
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        const size_t max = texts[i].max;
        memset(text, 't', sizeof text);
        assert_int_equal(fire_text(b, i, text, 0), 0);
        assert_int_equal(fire_text(b, i, text, max), 0);
        assert_int_equal(fire_text(b, i, text, max + 1), PMEMD_E_PROTO);
        assert_int_equal(fire_text(b, i, text, sizeof text), PMEMD_E_PROTO);
        text[max - 1] = '\0'; /* at the end, in the middle, past the field */
        assert_int_equal(fire_text(b, i, text, max), PMEMD_E_PROTO);
        assert_int_equal(fire_text(b, i, text, max + 1), PMEMD_E_PROTO);
        assert_int_equal(fire_text(b, i, "a\0b", 3), PMEMD_E_PROTO);
        assert_int_equal(fire_text(b, i, "\0", 1), PMEMD_E_PROTO);
        assert_int_equal(fire_text(b, i, "\xc3\xbc", 2), 0);
        assert_int_equal(fire_text(b, i, "\xc3", 1), PMEMD_E_PROTO);
        assert_int_equal(fire_text(b, i, "\xc0\xaf", 2), PMEMD_E_PROTO);
    }
}

static void
ids_have_16_bytes(void **state)
{
    struct bench *b = *state;
    for (size_t n = 0; n <= sizeof id; n++) {
        craft_bytes(&b->c, 4, id, n);
        assert_int_equal(fire(b, HELLO), n == 16 ? 0 : PMEMD_E_PROTO);
        static struct craft region;
        region.len = 0;
        craft_bytes(&region, 12, id, n);
        craft_sub(&b->c, 3, &region);
        assert_int_equal(fire(b, OPEN_REPLY), n == 16 || n == 0 ? 0 : PMEMD_E_PROTO);
    }
}

static void
statuses_fit_the_wire(void **state)
{
    struct bench *b = *state;
    static const enum kind replies[] = {HELLO_REPLY, OPEN_REPLY, STAT_REPLY, LIST_REPLY,
                                        REFUSAL};
    for (size_t i = 0; i < TEST_COUNT(replies); i++) {
        craft_num(&b->c, 1, UINT16_MAX);
        assert_int_equal(fire(b, replies[i]), 0);
        craft_num(&b->c, 1, UINT16_MAX + 1); /* 0 in 16 bits, and 0 is OK */
        assert_int_equal(fire(b, replies[i]), PMEMD_E_PROTO);
        craft_num(&b->c, 1, UINT32_MAX);
        assert_int_equal(fire(b, replies[i]), PMEMD_E_PROTO);
    }
}

/* With a status, the rest is not even looked at. */
static void
errors_are_status_and_text(void **state)
{
    struct bench *b = *state;
    union any m;
    static struct craft region;
    region.len = 0;
    craft_run(&region, 1, 'n', 500);
    craft_num(&b->c, 1, 3);
    craft_sub(&b->c, 3, &region);
    assert_int_equal(fire_into(b, OPEN_REPLY, &b->c, &m), 0);
    assert_string_equal(m.open_reply.region.name, "");
    craft_num(&b->c, 1, 3);
    craft_sub(&b->c, 3, &region);
    craft_sub(&b->c, 4, &region);
    assert_int_equal(fire_into(b, STAT_REPLY, &b->c, &m), 0);
    assert_int_equal(m.stat_reply.counter_count, 0);
    craft_num(&b->c, 1, 3);
    craft_sub(&b->c, 3, &region);
    craft_num(&b->c, 4, 1);
    assert_int_equal(fire_into(b, LIST_REPLY, &b->c, &m), 0);
    assert_int_equal(m.list_reply.region_count, 0);
    assert_false(m.list_reply.more);
    craft_num(&b->c, 1, 5);
    craft_num(&b->c, 3, 1);
    assert_int_equal(fire_into(b, HELLO_REPLY, &b->c, &m), 0);
    assert_int_equal(m.hello_reply.version, 1);
}

static void
limits_are_sane(void **state)
{
    struct bench *b = *state;
    /* Field by field: the largest allowed; 0 is allowed for stage_max (4) alone. */
    static const uint64_t max[8] = {
        0,          WIRE_EXTENTS_MAX, WIRE_PAYLOAD_MAX, WIRE_ZERO_MAX,
        UINT64_MAX, UINT32_MAX,       UINT64_MAX,       UINT32_MAX};
    for (uint32_t field = 1; field <= 7; field++) {
        for (unsigned edge = 0; edge < 3; edge++) {
            if (edge == 2 && max[field] >= UINT32_MAX)
                continue; /* protobuf itself cuts there */
            const uint64_t v = edge == 0 ? 0 : max[field] + (edge == 2);
            static struct craft limits;
            limits.len = 0;
            for (uint32_t other = 1; other <= 7; other++)
                craft_num(&limits, other, other == field ? v : 1);
            craft_sub(&b->c, 5, &limits);
            const bool ok = edge == 1 || (edge == 0 && field == 4);
            assert_int_equal(fire(b, HELLO_REPLY), ok ? 0 : PMEMD_E_PROTO);
        }
    }
}

/* More than the caller's array holds, or a bad last one: nothing is stored at all. */
static void
arrays_are_all_or_nothing(void **state)
{
    struct bench *b = *state;
    struct msg_region regions[3];
    struct msg_list_reply list = {.regions = regions, .region_count = 2, .status = 77};
    for (unsigned count = 0; count < 4; count++) {
        memset(regions, 0x5a, sizeof regions);
        list.region_count = 2;
        b->c.len = 0;
        for (unsigned i = 0; i < count; i++)
            craft_good(&b->c, LIST_REPLY);
        const int rc = msg_list_reply_read(b->c.bytes, b->c.len, b->scratch, &list);
        assert_int_equal(rc, count <= 2 ? 0 : PMEMD_E_PROTO);
        assert_int_equal(list.region_count, count <= 2 ? count : 2);
        assert_int_equal(regions[0].name[1], count >= 1 && count <= 2 ? 0 : 0x5a);
        assert_int_equal(regions[2].name[0], 0x5a);
    }
    struct msg_counter counters[3];
    memset(counters, 0x5a, sizeof counters);
    struct msg_stat_reply stat = {.counters = counters, .counter_count = 3, .status = 77};
    b->c.len = 0;
    craft_good(&b->c, STAT_REPLY);
    craft_bytes(&b->c, 4, "\x0a\x01n", 3); /* a counter named "n" */
    craft_bytes(&b->c, 4, "\x0a\x01\xff", 3);
    assert_int_equal(msg_stat_reply_read(b->c.bytes, b->c.len, b->scratch, &stat),
                     PMEMD_E_PROTO);
    assert_int_equal(counters[0].name[0], 0x5a);
    assert_int_equal(stat.status, 77);
    assert_int_equal(stat.counter_count, 3);
    b->c.len = 0;
}

/* n empty counters: 2 bytes each on the wire, more than 64 in memory. */
static int
fire_counters(struct bench *b, unsigned n)
{
    craft_good(&b->c, STAT_REPLY);
    for (unsigned i = 0; i < n; i++)
        craft_bytes(&b->c, 4, NULL, 0);
    assert_true(b->c.len <= WIRE_HEADER_MAX);
    return fire(b, STAT_REPLY);
}

static void
floods_end_at_the_arena(void **state)
{
    struct bench *b = *state;
    unsigned good = MSG_COUNTERS_MAX, bad = 16000;
    assert_int_equal(fire_counters(b, good), 0);
    assert_int_equal(fire_counters(b, bad), PMEMD_E_PROTO);
    while (bad - good > 1) {
        const unsigned mid = good + (bad - good) / 2;
        if (fire_counters(b, mid) == 0)
            good = mid;
        else
            bad = mid;
    }
    assert_in_range(good, MSG_ARENA_BYTES / 160, MSG_ARENA_BYTES / 64);
    /* Around the edge, each allocation is the one that fails. */
    for (unsigned n = good - 40; n < good + 40; n++)
        assert_int_equal(fire_counters(b, n), n <= good ? 0 : PMEMD_E_PROTO);
    /* Unknown fields cost memory too; the same field again and again does. */
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (unsigned i = 0; i < 16000; i++)
            craft_num(&b->c, 15, 0);
        assert_int_equal(fire(b, kind), PMEMD_E_PROTO);
    }
    for (unsigned i = 0; i < 10; i++)
        craft_run(&b->c, 2, 't', 3000);
    assert_int_equal(fire(b, REFUSAL), PMEMD_E_PROTO);
    for (unsigned i = 0; i < 10000; i++)
        craft_bytes(&b->c, 3, NULL, 0); /* a region, merged into itself */
    assert_int_equal(fire(b, OPEN_REPLY), PMEMD_E_PROTO);
}

static void
no_message_is_longer_than_a_header(void **state)
{
    struct bench *b = *state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (unsigned over = 0; over < 2; over++) {
            craft_good(&b->c, kind);
            craft_run(&b->c, 15, 0, WIRE_HEADER_MAX - b->c.len - 4 + over);
            assert_int_equal(b->c.len, WIRE_HEADER_MAX + over);
            assert_int_equal(fire(b, kind), over ? PMEMD_E_PROTO : 0);
        }
    }
}

/* Fields of every kind, a few levels of nonsense included. */
static void
craft_rich(struct craft *c, enum kind kind)
{
    static struct craft region;
    region.len = 0;
    for (uint32_t field = 1; field <= 17; field++) {
        if (field == 1 || field == 4 || field == 5 || field == 17)
            craft_bytes(&region, field, "text", 4);
        else if (field == 12)
            craft_bytes(&region, field, id, 16);
        else
            craft_num(&region, field, UINT64_MAX >> field);
    }
    craft_good(c, kind);
    if (kind == HELLO || kind == HELLO_REPLY)
        craft_num(c, 3, 5);
    if (kind == OPEN_REPLY || kind == STAT_REPLY || kind == LIST_REPLY)
        craft_sub(c, 3, &region);
    if (kind == STAT_REPLY)
        craft_bytes(c, 4, "\x0a\x01n\x12\x02ns\x18\x07", 9);
    craft_num(c, 99, 1);
}

static void
truncation_and_damage_are_survived(void **state)
{
    struct bench *b = *state;
    static struct craft rich, hurt;
    uint64_t seed = 21;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        rich.len = 0;
        craft_rich(&rich, kind);
        union any m;
        assert_int_equal(fire_into(b, kind, &rich, &m), 0);
        const size_t whole = rich.len;
        for (rich.len = 0; rich.len < whole; rich.len++)
            (void)fire_into(b, kind, &rich, &m);
        for (unsigned n = 0; n < 4000; n++) {
            hurt = rich;
            for (uint64_t hits = 1 + dice_below(&seed, 3); hits > 0; hits--)
                hurt.bytes[dice_below(&seed, hurt.len)] = (uint8_t)dice(&seed);
            (void)fire_into(b, kind, &hurt, &m);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_is_enough),
        cmocka_unit_test(unknown_fields_are_ignored),
        cmocka_unit_test(texts_are_whole_or_refused),
        cmocka_unit_test(ids_have_16_bytes),
        cmocka_unit_test(statuses_fit_the_wire),
        cmocka_unit_test(errors_are_status_and_text),
        cmocka_unit_test(limits_are_sane),
        cmocka_unit_test(arrays_are_all_or_nothing),
        cmocka_unit_test(floods_end_at_the_arena),
        cmocka_unit_test(no_message_is_longer_than_a_header),
        cmocka_unit_test(truncation_and_damage_are_survived),
    };
    return cmocka_run_group_tests(tests, bench_up, bench_down);
}
