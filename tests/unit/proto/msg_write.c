/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: what is written can be read, is the same then, and never runs past its buffer; what
 * could not be read is not written.
 * Method: random messages of every kind, written twice with a reading between; the largest
 * ones; every capacity that is too small; names and texts that are not in order.
 */
#include "tests/lib/test.h"

#include "proto/msg.h"
#include "proto/text.h"
#include "tests/unit/proto/dice.h"

#include <pmemd/errors.h>
#include <stdlib.h>
#include <string.h>

/* Too large for a stack, and where they are no test can leave something behind for another. */
struct bench {
    struct msg_region regions[MSG_LIST_MAX + 1], regions_back[MSG_LIST_MAX + 1];
    struct msg_counter counters[MSG_COUNTERS_MAX + 1], counters_back[MSG_COUNTERS_MAX + 1];
    uint8_t first[WIRE_HEADER_MAX + 64], second[WIRE_HEADER_MAX + 64];
    uint8_t *scratch; /* of exactly the promised size */
};

static int
bench_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    if (b == NULL)
        return -1;
    b->scratch = aligned_alloc(16, MSG_ARENA_BYTES);
    *state = b;
    return b->scratch == NULL;
}

static int
bench_down(void **state)
{
    struct bench *b = *state;
    free(b->scratch);
    free(b);
    return 0;
}

/* Characters of 1 to 4 bytes, filling the field to a random length, sometimes to the brim. */
static void
roll_text(uint64_t *seed, char *dst, size_t cap)
{
    static const char *const some[] = {
        "a", "Z", ".", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x92\xbe"};
    const size_t want = dice_below(seed, 3) == 0 ? cap - 1 : dice_below(seed, cap);
    size_t len = 0;
    memset(dst, 0, cap);
    while (len < want) {
        const char *c = some[dice_below(seed, TEST_COUNT(some))];
        if (len + strlen(c) > want)
            c = "x";
        while (*c != '\0')
            dst[len++] = *c++;
    }
}

static void
roll_region(uint64_t *seed, struct msg_region *r)
{
    memset(r, 0, sizeof *r);
    roll_text(seed, r->name, sizeof r->name);
    roll_text(seed, r->medium, sizeof r->medium);
    roll_text(seed, r->memory_kind, sizeof r->memory_kind);
    roll_text(seed, r->why_copied, sizeof r->why_copied);
    r->durability = (uint32_t)dice_any(seed);
    r->shard = (uint32_t)dice_any(seed);
    uint64_t *const numbers[] = {&r->size,          &r->page_size,    &r->fixed_buffers,
                                 &r->connections,   &r->lsn,          &r->epoch,
                                 &r->bytes_zc,      &r->bytes_copied, &r->bytes_staged,
                                 &r->bytes_unknown, &r->bytes_direct};
    for (size_t i = 0; i < TEST_COUNT(numbers); i++)
        *numbers[i] = dice_any(seed);
    dice_fill(seed, r->history, sizeof r->history);
}

static uint16_t
roll_status(uint64_t *seed)
{
    return dice_below(seed, 2) ? 0 : (uint16_t)dice_any(seed);
}

/* `n` came from writing to b->first, `again` from writing to b->second what was read there. */
static void
assert_same(const struct bench *b, int n, int again)
{
    assert_true(n >= 0);
    assert_int_equal(n, again);
    assert_memory_equal(b->first, b->second, (size_t)n);
}

/* Write x as `kind`, read it to y, write y: the same bytes. */
#define TWICE(b, kind, x, y)                                                                   \
    do {                                                                                       \
        const int n_ = msg_##kind##_write((b)->first, WIRE_HEADER_MAX, x);                     \
        assert_true(n_ >= 0);                                                                  \
        assert_int_equal(msg_##kind##_read((b)->first, (size_t)n_, (b)->scratch, y), 0);       \
        assert_same(b, n_, msg_##kind##_write((b)->second, WIRE_HEADER_MAX, y));               \
    } while (0)

static void
requests_round_trip(void **state)
{
    struct bench *b = *state;
    uint64_t seed = 11;
    for (unsigned i = 0; i < 500; i++) {
        struct msg_hello hello = {.version_min = (uint32_t)dice_any(&seed),
                                  .version_max = (uint32_t)dice_any(&seed),
                                  .features = dice_any(&seed)};
        dice_fill(&seed, hello.session, sizeof hello.session);
        roll_text(&seed, hello.software, sizeof hello.software);
        struct msg_hello hello_back;
        TWICE(b, hello, &hello, &hello_back);
        assert_memory_equal(hello.session, hello_back.session, sizeof hello.session);
        assert_string_equal(hello.software, hello_back.software);

        struct msg_open open = {.class_min = (uint32_t)dice_any(&seed),
                                .crc = dice_below(&seed, 2)};
        roll_text(&seed, open.region, sizeof open.region);
        struct msg_open open_back;
        TWICE(b, open, &open, &open_back);
        assert_string_equal(open.region, open_back.region);
        assert_int_equal(open.crc, open_back.crc);

        const struct msg_stat stat = {.counters = dice_below(&seed, 2)};
        struct msg_stat stat_back;
        TWICE(b, stat, &stat, &stat_back);
        assert_int_equal(stat.counters, stat_back.counters);

        struct msg_list list = {.max = (uint32_t)dice_any(&seed)};
        roll_text(&seed, list.after, sizeof list.after);
        struct msg_list list_back;
        TWICE(b, list, &list, &list_back);
        assert_string_equal(list.after, list_back.after);
        assert_int_equal(list.max, list_back.max);
    }
}

static void
roll_limits(uint64_t *seed, struct msg_limits *l)
{
    *l = (struct msg_limits){
        .extents_max = 1 + (uint32_t)dice_below(seed, WIRE_EXTENTS_MAX),
        .io_max = 1 + dice_below(seed, WIRE_PAYLOAD_MAX),
        .zero_max = 1 + dice_below(seed, WIRE_ZERO_MAX),
        .stage_max = dice_any(seed),
        .credit_requests = (uint32_t)dice_any(seed) | 1,
        .credit_bytes = dice_any(seed) | 1,
        .credit_extents = (uint32_t)dice_any(seed) | 1,
    };
}

static void
handshake_replies_round_trip(void **state)
{
    struct bench *b = *state;
    uint64_t seed = 12;
    for (unsigned i = 0; i < 500; i++) {
        struct msg_hello_reply hello = {.status = roll_status(&seed),
                                        .version = (uint32_t)dice_any(&seed),
                                        .features = dice_any(&seed)};
        roll_limits(&seed, &hello.limits);
        roll_text(&seed, hello.text, sizeof hello.text);
        roll_text(&seed, hello.software, sizeof hello.software);
        struct msg_hello_reply hello_back;
        TWICE(b, hello_reply, &hello, &hello_back);
        assert_int_equal(hello_back.status, hello.status);
        assert_string_equal(hello_back.text, hello.text);
        assert_int_equal(hello_back.limits.io_max, hello.status ? 0 : hello.limits.io_max);

        struct msg_open_reply open = {.status = roll_status(&seed)};
        roll_text(&seed, open.text, sizeof open.text);
        roll_region(&seed, &open.region);
        struct msg_open_reply open_back;
        TWICE(b, open_reply, &open, &open_back);
        assert_int_equal(open_back.status, open.status);
        assert_string_equal(open_back.text, open.text);
        assert_int_equal(open_back.region.lsn, open.status ? 0 : open.region.lsn);
        assert_string_equal(open_back.region.name, open.status ? "" : open.region.name);

        struct msg_refusal no = {.status = roll_status(&seed) | 1};
        roll_text(&seed, no.text, sizeof no.text);
        struct msg_refusal no_back;
        TWICE(b, refusal, &no, &no_back);
        assert_string_equal(no.text, no_back.text);
    }
}

static void
stat_and_list_replies_round_trip(void **state)
{
    struct bench *b = *state;
    uint64_t seed = 13;
    for (unsigned i = 0; i < 200; i++) {
        struct msg_stat_reply stat = {.status = roll_status(&seed),
                                      .counters = b->counters,
                                      .counter_count = (unsigned)dice_below(&seed, 20)};
        roll_text(&seed, stat.text, sizeof stat.text);
        roll_region(&seed, &stat.region);
        for (unsigned c = 0; c < stat.counter_count; c++) {
            roll_text(&seed, b->counters[c].name, sizeof b->counters[c].name);
            roll_text(&seed, b->counters[c].unit, sizeof b->counters[c].unit);
            b->counters[c].value = dice_any(&seed);
        }
        struct msg_stat_reply stat_back = {.counters = b->counters_back, .counter_count = 20};
        TWICE(b, stat_reply, &stat, &stat_back);
        assert_int_equal(stat_back.status, stat.status);
        assert_string_equal(stat_back.text, stat.text);
        assert_int_equal(stat_back.counter_count, stat.status ? 0 : stat.counter_count);
        assert_memory_equal(b->counters_back, b->counters,
                            stat_back.counter_count * sizeof b->counters[0]);

        struct msg_list_reply list = {.status = roll_status(&seed),
                                      .regions = b->regions,
                                      .region_count = (unsigned)dice_below(&seed, 10),
                                      .more = dice_below(&seed, 2)};
        roll_text(&seed, list.text, sizeof list.text);
        for (unsigned r = 0; r < list.region_count; r++)
            roll_region(&seed, &b->regions[r]);
        struct msg_list_reply list_back = {.regions = b->regions_back, .region_count = 10};
        TWICE(b, list_reply, &list, &list_back);
        assert_int_equal(list_back.status, list.status);
        assert_string_equal(list_back.text, list.text);
        assert_int_equal(list_back.region_count, list.status ? 0 : list.region_count);
        assert_int_equal(list_back.more, list.status ? 0 : list.more);
        for (unsigned r = 0; r < list_back.region_count; r++)
            assert_string_equal(b->regions_back[r].why_copied, b->regions[r].why_copied);
    }
}

static void
fill_text(char *dst, size_t cap)
{
    memset(dst, 'm', cap - 1);
    dst[cap - 1] = '\0';
}

/* Every byte of every field in use. */
static void
fill_region(struct msg_region *r)
{
    memset(r, 0xff, sizeof *r);
    fill_text(r->name, sizeof r->name);
    fill_text(r->medium, sizeof r->medium);
    fill_text(r->memory_kind, sizeof r->memory_kind);
    fill_text(r->why_copied, sizeof r->why_copied);
}

static void
the_largest_list_fits(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i <= MSG_LIST_MAX; i++)
        fill_region(&b->regions[i]);
    struct msg_list_reply m = {
        .regions = b->regions, .region_count = MSG_LIST_MAX, .more = true};
    fill_text(m.text, sizeof m.text);
    struct msg_list_reply back = {.regions = b->regions_back, .region_count = MSG_LIST_MAX};
    TWICE(b, list_reply, &m, &back);
    assert_int_equal(back.region_count, MSG_LIST_MAX);
    assert_int_equal(b->regions_back[MSG_LIST_MAX - 1].bytes_direct, UINT64_MAX);
    m.region_count++;
    assert_int_equal(msg_list_reply_write(b->first, sizeof b->first, &m), PMEMD_E_TOOBIG);
}

static void
the_largest_stat_fits(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i <= MSG_COUNTERS_MAX; i++) {
        fill_text(b->counters[i].name, sizeof b->counters[i].name);
        fill_text(b->counters[i].unit, sizeof b->counters[i].unit);
        b->counters[i].value = UINT64_MAX;
    }
    struct msg_stat_reply m = {.counters = b->counters, .counter_count = MSG_COUNTERS_MAX};
    fill_text(m.text, sizeof m.text);
    fill_region(&m.region);
    struct msg_stat_reply back = {.counters = b->counters_back,
                                  .counter_count = MSG_COUNTERS_MAX};
    TWICE(b, stat_reply, &m, &back);
    assert_int_equal(back.counter_count, MSG_COUNTERS_MAX);
    m.counter_count++;
    assert_int_equal(msg_stat_reply_write(b->first, sizeof b->first, &m), PMEMD_E_TOOBIG);
}

/* Write x as `kind` with every capacity up to what it needs, from allocations of that size. */
#define SQUEEZE(b, kind, x)                                                                    \
    do {                                                                                       \
        const int n_ = msg_##kind##_write((b)->first, WIRE_HEADER_MAX, x);                     \
        assert_true(n_ > 0);                                                                   \
        for (int cap_ = 0; cap_ <= n_; cap_++) {                                               \
            uint8_t *exact_ = malloc((size_t)cap_ + 1);                                        \
            assert_non_null(exact_);                                                           \
            assert_int_equal(msg_##kind##_write(exact_ + 1, (size_t)cap_, x),                  \
                             cap_ < n_ ? PMEMD_E_TOOBIG : n_);                                 \
            free(exact_);                                                                      \
        }                                                                                      \
        assert_int_equal(msg_##kind##_write(NULL, 0, x), PMEMD_E_TOOBIG);                      \
    } while (0)

static void
small_buffers_are_refused(void **state)
{
    struct bench *b = *state;
    uint64_t seed = 14;
    struct msg_region region;
    roll_region(&seed, &region);
    struct msg_limits limits;
    roll_limits(&seed, &limits);
    SQUEEZE(b, hello, &((struct msg_hello){.software = "s"}));
    SQUEEZE(b, hello_reply, &((struct msg_hello_reply){.limits = limits, .text = "t"}));
    SQUEEZE(b, open, &((struct msg_open){.region = "r", .crc = true}));
    SQUEEZE(b, open_reply, &((struct msg_open_reply){.region = region}));
    SQUEEZE(b, stat, &((struct msg_stat){.counters = true}));
    SQUEEZE(b, list, &((struct msg_list){.after = "r"}));
    SQUEEZE(b, refusal, &((struct msg_refusal){.status = 1, .text = "t"}));
    struct msg_counter counters[] = {{.name = "one"}, {.name = "two", .value = 2}};
    SQUEEZE(
        b, stat_reply,
        &((struct msg_stat_reply){.region = region, .counters = counters, .counter_count = 2}));
    struct msg_region regions[] = {region, region};
    SQUEEZE(b, list_reply,
            &((struct msg_list_reply){.regions = regions, .region_count = 2, .more = true}));
    /* A message of defaults has no bytes, and needs none. */
    assert_int_equal(msg_stat_write(NULL, 0, &(struct msg_stat){0}), 0);
    struct msg_stat stat = {.counters = true};
    assert_int_equal(msg_stat_read(NULL, 0, b->scratch, &stat), 0);
    assert_false(stat.counters);
}

static void
bad_names_are_refused(void **state)
{
    struct bench *b = *state;
    for (unsigned bad = 0; bad < 2; bad++) {
        struct msg_region region = {0};
        struct msg_open open = {0};
        struct msg_list list = {0};
        if (bad == 0) {
            strcpy(region.name, "a\xff");
        } else {
            memset(region.name, 'a', sizeof region.name); /* no end */
        }
        memcpy(open.region, region.name, sizeof open.region);
        memcpy(list.after, region.name, sizeof list.after);
        uint8_t *out = b->first;
        assert_int_equal(msg_open_write(out, 4096, &open), PMEMD_E_ARG);
        assert_int_equal(msg_list_write(out, 4096, &list), PMEMD_E_ARG);
        const struct msg_open_reply open_reply = {.region = region};
        assert_int_equal(msg_open_reply_write(out, 4096, &open_reply), PMEMD_E_ARG);
        const struct msg_stat_reply stat_reply = {.region = region};
        assert_int_equal(msg_stat_reply_write(out, 4096, &stat_reply), PMEMD_E_ARG);
        const struct msg_list_reply list_reply = {.regions = &region, .region_count = 1};
        assert_int_equal(msg_list_reply_write(out, 4096, &list_reply), PMEMD_E_ARG);
    }
    assert_int_equal(msg_refusal_write(b->first, 4096, &(struct msg_refusal){.text = "why"}),
                     PMEMD_E_ARG);
}

/* A server that configures limits no client may accept must learn it here. */
static void
bad_limits_are_refused(void **state)
{
    struct bench *b = *state;
    uint64_t seed = 15;
    for (unsigned i = 0; i < 10; i++) {
        struct msg_hello_reply m = {0};
        roll_limits(&seed, &m.limits);
        assert_true(msg_hello_reply_write(b->first, 4096, &m) > 0);
        struct msg_limits *l = &m.limits;
        switch (i) {
        case 0:
            l->extents_max = 0;
            break;
        case 1:
            l->io_max = 0;
            break;
        case 2:
            l->zero_max = 0;
            break;
        case 3:
            l->credit_requests = 0;
            break;
        case 4:
            l->credit_bytes = 0;
            break;
        case 5:
            l->credit_extents = 0;
            break;
        case 6:
            l->extents_max = WIRE_EXTENTS_MAX + 1;
            break;
        case 7:
            l->io_max = WIRE_PAYLOAD_MAX + 1;
            break;
        case 8:
            l->zero_max = WIRE_ZERO_MAX + 1;
            break;
        default:
            m.limits = (struct msg_limits){0};
            break;
        }
        assert_int_equal(msg_hello_reply_write(b->first, 4096, &m), PMEMD_E_ARG);
        m.status = 5; /* refused: no limits are told */
        assert_true(msg_hello_reply_write(b->first, 4096, &m) > 0);
    }
}

/* Write x as `kind`, read it to y. */
#define ONCE(b, kind, x, y)                                                                    \
    do {                                                                                       \
        const int n_ = msg_##kind##_write((b)->first, WIRE_HEADER_MAX, x);                     \
        assert_true(n_ > 0);                                                                   \
        assert_int_equal(msg_##kind##_read((b)->first, (size_t)n_, (b)->scratch, y), 0);       \
    } while (0)

static void
texts_are_mended(void **state)
{
    struct bench *b = *state;
    struct msg_hello hello_back;
    ONCE(b, hello, &((struct msg_hello){.software = "s\xff."}), &hello_back);
    assert_string_equal(hello_back.software, "s?.");

    struct msg_hello_reply hello_no = {.status = 1, .text = "t\xff.", .software = "s\xff."};
    ONCE(b, hello_reply, &hello_no, &hello_no);
    assert_string_equal(hello_no.text, "t?.");
    assert_string_equal(hello_no.software, "s?.");

    struct msg_open_reply open_reply = {.text = "t\xff."};
    ONCE(b, open_reply, &open_reply, &open_reply);
    assert_string_equal(open_reply.text, "t?.");

    struct msg_list_reply list_reply = {.status = 1, .text = "t\xff."};
    ONCE(b, list_reply, &list_reply, &list_reply);
    assert_string_equal(list_reply.text, "t?.");

    struct msg_counter counter = {.name = "r\xe9q", .unit = "\xc3"};
    const struct msg_stat_reply stat = {
        .text = "t\xff.",
        .region = {.medium = "\x80", .memory_kind = "\xc0k", .why_copied = "ok\xf0\x9f"},
        .counters = &counter,
        .counter_count = 1};
    struct msg_stat_reply stat_back = {.counters = b->counters_back, .counter_count = 1};
    ONCE(b, stat_reply, &stat, &stat_back);
    assert_string_equal(stat_back.text, "t?.");
    assert_string_equal(b->counters_back[0].name, "r?q");
    assert_string_equal(b->counters_back[0].unit, "");
    assert_string_equal(stat_back.region.medium, "?");
    assert_string_equal(stat_back.region.memory_kind, "?k");
    assert_string_equal(stat_back.region.why_copied, "ok");
}

/* A text that fills its field without an end, and has a euro sign across the cut. */
static void
texts_are_cut_between_characters(void **state)
{
    struct bench *b = *state;
    struct msg_refusal m = {.status = 1}, back;
    memset(m.text, 'x', sizeof m.text);
    memcpy(m.text + sizeof m.text - 3, "\xe2\x82\xac", 3);
    ONCE(b, refusal, &m, &back);
    assert_int_equal(strlen(back.text), sizeof m.text - 3);
    assert_int_equal(m.text[sizeof m.text - 1], '\xac'); /* the caller's is as it was */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_round_trip),
        cmocka_unit_test(handshake_replies_round_trip),
        cmocka_unit_test(stat_and_list_replies_round_trip),
        cmocka_unit_test(the_largest_list_fits),
        cmocka_unit_test(the_largest_stat_fits),
        cmocka_unit_test(small_buffers_are_refused),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(bad_limits_are_refused),
        cmocka_unit_test(texts_are_mended),
        cmocka_unit_test(texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, bench_up, bench_down);
}
