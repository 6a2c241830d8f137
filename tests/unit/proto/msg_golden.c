/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the bytes of the control messages do not drift.
 * Method: one message of each kind, encoded from text by protobuf's own compiler; ours must be
 * the same bytes, and reading them and writing what was read must give them again.
 */
#include "tests/lib/test.h"

#include "proto/msg.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t golden_hello[] = {
    0x08, 0x01, 0x10, 0x02, 0x18, 0x01, 0x22, 0x10, 0x50, 0x51, 0x52,
    0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d,
    0x5e, 0x5f, 0x2a, 0x06, 0x74, 0x65, 0x73, 0x74, 0x20, 0x31,
};
static const uint8_t golden_hello_reply[] = {
    0x18, 0x01, 0x20, 0x01, 0x2a, 0x1d, 0x08, 0x80, 0x08, 0x10, 0x80, 0x80, 0x80, 0x08,
    0x18, 0x80, 0x80, 0x80, 0x80, 0x04, 0x20, 0x80, 0x80, 0x04, 0x28, 0x80, 0x02, 0x30,
    0x80, 0x80, 0x80, 0x20, 0x38, 0x80, 0x20, 0x32, 0x05, 0x70, 0x6d, 0x65, 0x6d, 0x64,
};
static const uint8_t golden_hello_no[] = {
    0x08, 0x05, 0x12, 0x02, 0x6e, 0x6f, 0x18, 0x01, 0x20,
    0x01, 0x32, 0x05, 0x70, 0x6d, 0x65, 0x6d, 0x64,
};
static const uint8_t golden_open[] = {
    0x0a, 0x04, 0x64, 0x65, 0x6d, 0x6f, 0x10, 0x02, 0x18, 0x01,
};
static const uint8_t golden_open_reply[] = {
    0x1a, 0x50, 0x0a, 0x04, 0x64, 0x65, 0x6d, 0x6f, 0x10, 0x80, 0x80, 0x80, 0x80, 0x01,
    0x18, 0x01, 0x22, 0x03, 0x6d, 0x65, 0x6d, 0x2a, 0x03, 0x74, 0x68, 0x70, 0x30, 0x80,
    0x80, 0x80, 0x01, 0x38, 0x02, 0x40, 0x01, 0x48, 0x03, 0x50, 0x04, 0x58, 0x05, 0x62,
    0x10, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c,
    0x5d, 0x5e, 0x5f, 0x68, 0x06, 0x70, 0x07, 0x78, 0x08, 0x80, 0x01, 0x09, 0x8a, 0x01,
    0x08, 0x6c, 0x6f, 0x6f, 0x70, 0x62, 0x61, 0x63, 0x6b, 0x90, 0x01, 0x0a,
};
static const uint8_t golden_stat[] = {
    0x08,
    0x01,
};
static const uint8_t golden_stat_reply[] = {
    0x1a, 0x50, 0x0a, 0x04, 0x64, 0x65, 0x6d, 0x6f, 0x10, 0x80, 0x80, 0x80, 0x80, 0x01, 0x18,
    0x01, 0x22, 0x03, 0x6d, 0x65, 0x6d, 0x2a, 0x03, 0x74, 0x68, 0x70, 0x30, 0x80, 0x80, 0x80,
    0x01, 0x38, 0x02, 0x40, 0x01, 0x48, 0x03, 0x50, 0x04, 0x58, 0x05, 0x62, 0x10, 0x50, 0x51,
    0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x68,
    0x06, 0x70, 0x07, 0x78, 0x08, 0x80, 0x01, 0x09, 0x8a, 0x01, 0x08, 0x6c, 0x6f, 0x6f, 0x70,
    0x62, 0x61, 0x63, 0x6b, 0x90, 0x01, 0x0a, 0x22, 0x17, 0x0a, 0x08, 0x72, 0x65, 0x71, 0x2e,
    0x72, 0x65, 0x61, 0x64, 0x12, 0x08, 0x72, 0x65, 0x71, 0x75, 0x65, 0x73, 0x74, 0x73, 0x18,
    0xac, 0x02, 0x22, 0x09, 0x0a, 0x07, 0x7a, 0x63, 0x2e, 0x6c, 0x61, 0x74, 0x65,
};
static const uint8_t golden_list[] = {
    0x0a, 0x04, 0x64, 0x65, 0x6d, 0x6f, 0x10, 0x07,
};
static const uint8_t golden_list_reply[] = {
    0x1a, 0x50, 0x0a, 0x04, 0x64, 0x65, 0x6d, 0x6f, 0x10, 0x80, 0x80, 0x80, 0x80, 0x01,
    0x18, 0x01, 0x22, 0x03, 0x6d, 0x65, 0x6d, 0x2a, 0x03, 0x74, 0x68, 0x70, 0x30, 0x80,
    0x80, 0x80, 0x01, 0x38, 0x02, 0x40, 0x01, 0x48, 0x03, 0x50, 0x04, 0x58, 0x05, 0x62,
    0x10, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c,
    0x5d, 0x5e, 0x5f, 0x68, 0x06, 0x70, 0x07, 0x78, 0x08, 0x80, 0x01, 0x09, 0x8a, 0x01,
    0x08, 0x6c, 0x6f, 0x6f, 0x70, 0x62, 0x61, 0x63, 0x6b, 0x90, 0x01, 0x0a, 0x1a, 0x15,
    0x0a, 0x01, 0x78, 0x62, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01,
};
static const uint8_t golden_refusal[] = {
    0x08, 0x0d, 0x12, 0x17, 0x63, 0x72, 0x65, 0x61, 0x74, 0x65, 0x20, 0x69, 0x73, 0x20,
    0x6e, 0x6f, 0x74, 0x20, 0x62, 0x75, 0x69, 0x6c, 0x74, 0x20, 0x79, 0x65, 0x74,
};

#define ID                                                                                     \
    {                                                                                          \
        0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d,    \
            0x5e, 0x5f                                                                         \
    }

static const struct msg_region demo = {
    .name = "demo",
    .medium = "mem",
    .memory_kind = "thp",
    .why_copied = "loopback",
    .durability = 1,
    .shard = 1,
    .size = 268435456,
    .page_size = 2097152,
    .fixed_buffers = 2,
    .connections = 3,
    .lsn = 4,
    .epoch = 5,
    .bytes_zc = 6,
    .bytes_copied = 7,
    .bytes_staged = 8,
    .bytes_unknown = 9,
    .bytes_direct = 10,
    .history = ID,
};

static uint8_t out[4096];
static void *scratch;

static int
scratch_up(void **state)
{
    (void)state;
    scratch = aligned_alloc(16, MSG_ARENA_BYTES);
    return scratch == NULL;
}

static int
scratch_down(void **state)
{
    (void)state;
    free(scratch);
    return 0;
}

static void
assert_demo(const struct msg_region *r)
{
    assert_string_equal(r->name, demo.name);
    assert_string_equal(r->medium, demo.medium);
    assert_string_equal(r->memory_kind, demo.memory_kind);
    assert_string_equal(r->why_copied, demo.why_copied);
    assert_int_equal(r->durability, demo.durability);
    assert_int_equal(r->shard, demo.shard);
    assert_int_equal(r->size, demo.size);
    assert_int_equal(r->page_size, demo.page_size);
    assert_int_equal(r->fixed_buffers, demo.fixed_buffers);
    assert_int_equal(r->connections, demo.connections);
    assert_int_equal(r->lsn, demo.lsn);
    assert_int_equal(r->epoch, demo.epoch);
    assert_int_equal(r->bytes_zc, demo.bytes_zc);
    assert_int_equal(r->bytes_copied, demo.bytes_copied);
    assert_int_equal(r->bytes_staged, demo.bytes_staged);
    assert_int_equal(r->bytes_unknown, demo.bytes_unknown);
    assert_int_equal(r->bytes_direct, demo.bytes_direct);
    assert_memory_equal(r->history, demo.history, sizeof demo.history);
}

/* The n bytes just packed at `out` are exactly these. */
#define ASSERT_GOLDEN(n, golden)                                                               \
    do {                                                                                       \
        assert_int_equal(n, sizeof(golden));                                                   \
        assert_memory_equal(out, golden, sizeof(golden));                                      \
    } while (0)

static void
hello(void **state)
{
    (void)state;
    const struct msg_hello m = {.version_min = 1,
                                .version_max = 2,
                                .features = MSG_FEATURE_CRC,
                                .session = ID,
                                .software = "test 1"};
    ASSERT_GOLDEN(msg_hello_write(out, sizeof out, &m), golden_hello);
    struct msg_hello got;
    assert_int_equal(msg_hello_read(golden_hello, sizeof golden_hello, scratch, &got), 0);
    assert_int_equal(got.version_min, 1);
    assert_int_equal(got.version_max, 2);
    assert_int_equal(got.features, MSG_FEATURE_CRC);
    assert_memory_equal(got.session, m.session, sizeof m.session);
    assert_string_equal(got.software, "test 1");
}

static void
hello_reply(void **state)
{
    (void)state;
    const struct msg_hello_reply m = {.version = 1,
                                      .features = MSG_FEATURE_CRC,
                                      .limits = {.extents_max = WIRE_EXTENTS_MAX,
                                                 .io_max = WIRE_PAYLOAD_MAX,
                                                 .zero_max = WIRE_ZERO_MAX,
                                                 .stage_max = 65536,
                                                 .credit_requests = 256,
                                                 .credit_bytes = 67108864,
                                                 .credit_extents = 4096},
                                      .software = "pmemd"};
    ASSERT_GOLDEN(msg_hello_reply_write(out, sizeof out, &m), golden_hello_reply);
    struct msg_hello_reply got;
    assert_int_equal(
        msg_hello_reply_read(golden_hello_reply, sizeof golden_hello_reply, scratch, &got), 0);
    assert_int_equal(got.limits.extents_max, WIRE_EXTENTS_MAX);
    assert_int_equal(got.limits.io_max, WIRE_PAYLOAD_MAX);
    assert_int_equal(got.limits.zero_max, WIRE_ZERO_MAX);
    assert_int_equal(got.limits.stage_max, 65536);
    assert_int_equal(got.limits.credit_requests, 256);
    assert_int_equal(got.limits.credit_bytes, 67108864);
    assert_int_equal(got.limits.credit_extents, 4096);
    ASSERT_GOLDEN(msg_hello_reply_write(out, sizeof out, &got), golden_hello_reply);
}

static void
hello_refused(void **state)
{
    (void)state;
    const struct msg_hello_reply m = {
        .status = 5, .version = 1, .features = 1, .text = "no", .software = "pmemd"};
    ASSERT_GOLDEN(msg_hello_reply_write(out, sizeof out, &m), golden_hello_no);
    struct msg_hello_reply got;
    assert_int_equal(
        msg_hello_reply_read(golden_hello_no, sizeof golden_hello_no, scratch, &got), 0);
    assert_int_equal(got.status, 5);
    assert_int_equal(got.version, 1);
    assert_string_equal(got.text, "no");
    assert_int_equal(got.limits.io_max, 0);
}

static void
open_both_ways(void **state)
{
    (void)state;
    const struct msg_open m = {.region = "demo", .class_min = 2, .crc = true};
    ASSERT_GOLDEN(msg_open_write(out, sizeof out, &m), golden_open);
    struct msg_open got;
    assert_int_equal(msg_open_read(golden_open, sizeof golden_open, scratch, &got), 0);
    assert_string_equal(got.region, "demo");
    assert_int_equal(got.class_min, 2);
    assert_true(got.crc);

    const struct msg_open_reply reply = {.region = demo};
    ASSERT_GOLDEN(msg_open_reply_write(out, sizeof out, &reply), golden_open_reply);
    struct msg_open_reply back;
    assert_int_equal(
        msg_open_reply_read(golden_open_reply, sizeof golden_open_reply, scratch, &back), 0);
    assert_demo(&back.region);
}

static void
stat_both_ways(void **state)
{
    (void)state;
    struct msg_stat got;
    ASSERT_GOLDEN(msg_stat_write(out, sizeof out, &(struct msg_stat){.counters = true}),
                  golden_stat);
    assert_int_equal(msg_stat_read(golden_stat, sizeof golden_stat, scratch, &got), 0);
    assert_true(got.counters);

    struct msg_counter counters[] = {
        {.name = "req.read", .unit = "requests", .value = 300},
        {.name = "zc.late"},
    };
    const struct msg_stat_reply reply = {
        .region = demo, .counters = counters, .counter_count = 2};
    ASSERT_GOLDEN(msg_stat_reply_write(out, sizeof out, &reply), golden_stat_reply);
    struct msg_counter room[3];
    struct msg_stat_reply back = {.counters = room, .counter_count = 3};
    assert_int_equal(
        msg_stat_reply_read(golden_stat_reply, sizeof golden_stat_reply, scratch, &back), 0);
    assert_demo(&back.region);
    assert_ptr_equal(back.counters, room);
    assert_int_equal(back.counter_count, 2);
    assert_memory_equal(room, counters, sizeof counters);
}

static void
list_both_ways(void **state)
{
    (void)state;
    const struct msg_list m = {.after = "demo", .max = 7};
    ASSERT_GOLDEN(msg_list_write(out, sizeof out, &m), golden_list);
    struct msg_list got;
    assert_int_equal(msg_list_read(golden_list, sizeof golden_list, scratch, &got), 0);
    assert_string_equal(got.after, "demo");
    assert_int_equal(got.max, 7);

    struct msg_region regions[2] = {demo, {.name = "x"}};
    const struct msg_list_reply reply = {.regions = regions, .region_count = 2, .more = true};
    ASSERT_GOLDEN(msg_list_reply_write(out, sizeof out, &reply), golden_list_reply);
    struct msg_region room[2];
    struct msg_list_reply back = {.regions = room, .region_count = 2};
    assert_int_equal(
        msg_list_reply_read(golden_list_reply, sizeof golden_list_reply, scratch, &back), 0);
    assert_int_equal(back.region_count, 2);
    assert_true(back.more);
    assert_demo(&room[0]);
    assert_string_equal(room[1].name, "x");
    assert_string_equal(room[1].why_copied, "");
    ASSERT_GOLDEN(msg_list_reply_write(out, sizeof out, &back), golden_list_reply);
}

static void
refusal(void **state)
{
    (void)state;
    const struct msg_refusal m = {.status = 13, .text = "create is not built yet"};
    ASSERT_GOLDEN(msg_refusal_write(out, sizeof out, &m), golden_refusal);
    struct msg_refusal got;
    assert_int_equal(msg_refusal_read(golden_refusal, sizeof golden_refusal, scratch, &got), 0);
    assert_int_equal(got.status, 13);
    assert_string_equal(got.text, m.text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello),          cmocka_unit_test(hello_reply),
        cmocka_unit_test(hello_refused),  cmocka_unit_test(open_both_ways),
        cmocka_unit_test(stat_both_ways), cmocka_unit_test(list_both_ways),
        cmocka_unit_test(refusal),
    };
    return cmocka_run_group_tests(tests, scratch_up, scratch_down);
}
