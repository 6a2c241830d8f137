/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: what was written is what is read, wherever it lies: at slot borders, in a thousand pieces,
 * overlapping itself, larger than one request, staged or landed, with checksums and without.
 * Method: the public library against a real server of eight small slots, compared with a copy of
 * the region that the test keeps itself.
 */
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXTENTS_MAX 2000u
#define ROUNDS 250u

struct bed {
    struct bench *bench;
    struct pmemd_client *client;
    uint8_t *model; /* what the region must hold */
    uint8_t *data;  /* as large */
    uint64_t random;
};

static uint64_t
dice(struct bed *b, uint64_t below)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return (b->random >> 8) % below;
}

static struct bed
up(bool unix_socket, uint32_t crc_flag)
{
    const struct bench_setup setup = {.unix_socket = unix_socket, .small_slots = true};
    struct pmemd_config cfg = bench_config();
    struct bed b = {.random = 88172645463325252ull};
    cfg.flags = crc_flag;
    b.bench = bench_up(&setup);
    b.client = bench_client(b.bench, "demo", &cfg);
    b.model = calloc(1, BENCH_REGION_BYTES);
    b.data = calloc(1, BENCH_REGION_BYTES + 1);
    assert_non_null(b.model);
    assert_non_null(b.data);
    return b;
}

static void
down(struct bed *b)
{
    pmemd_close(b->client);
    bench_expect(b->bench, "conns_open", 0);
    assert_int_equal(bench_pins(b->bench), 0);
    bench_down(b->bench);
    free(b->model);
    free(b->data);
}

static void
must(struct bed *b, int rc)
{
    if (rc != 0)
        fail_msg("%s: %s", pmemd_strerror(rc), pmemd_detail(b->client));
}

static void
check_all(struct bed *b)
{
    memset(b->data, 0xee, BENCH_REGION_BYTES);
    must(b, pmemd_read(b->client, 0, b->data, BENCH_REGION_BYTES));
    assert_memory_equal(b->data, b->model, BENCH_REGION_BYTES);
}

/* ---- One extent -------------------------------------------------------------------------- */

static void
there_and_back(struct bed *b, uint64_t off, uint64_t len, uint64_t seed)
{
    if (off > BENCH_REGION_BYTES || len > BENCH_REGION_BYTES - off)
        return;
    bench_fill(b->model + off, len, seed);
    must(b, pmemd_write(b->client, off, b->model + off, len, PMEMD_LEVEL_RECEIVED));
    memset(b->data, 0xee, len + 1);
    must(b, pmemd_read(b->client, off, b->data, len));
    assert_memory_equal(b->data, b->model + off, len);
    assert_int_equal(b->data[len], 0xee);
}

static void
borders(bool unix_socket, uint32_t crc_flag)
{
    static const uint64_t lens[] = {1,        2,       4095,   4096,          65535,
                                    65536,    65537,   131073, BENCH_MIB - 1, BENCH_MIB + 1,
                                    3u << 20, 7u << 20};
    struct bed b = up(unix_socket, crc_flag);
    uint64_t seed = 1;
    for (size_t i = 0; i < TEST_COUNT(lens); i++) {
        const uint64_t len = lens[i];
        for (uint64_t slot = 1; slot <= 8; slot += 3) {
            const uint64_t border = slot * BENCH_SLOT_BYTES;
            there_and_back(&b, border, len, seed++);
            there_and_back(&b, border - 1, len, seed++);
            if (border >= len) {
                there_and_back(&b, border - len, len, seed++);
                there_and_back(&b, border - len / 2, len, seed++);
            }
        }
        there_and_back(&b, 0, len, seed++);
        there_and_back(&b, BENCH_REGION_BYTES - len, len, seed++);
    }
    there_and_back(&b, 0, BENCH_REGION_BYTES, seed++);
    check_all(&b);
    assert_true(bench_stat(b.bench, "bytes_landed") > 0);
    assert_true(bench_stat(b.bench, "bytes_staged") > 0);
    down(&b);
}

static void
borders_tcp(void **state)
{
    (void)state;
    borders(false, PMEMD_CFG_CRC_OFF);
}

static void
borders_tcp_crc(void **state)
{
    (void)state;
    borders(false, PMEMD_CFG_CRC_ON);
}

static void
borders_unix(void **state)
{
    (void)state;
    borders(true, PMEMD_CFG_CRC_OFF);
}

static void
borders_unix_crc(void **state)
{
    (void)state;
    borders(true, PMEMD_CFG_CRC_ON);
}

/* ---- Many extents ------------------------------------------------------------------------ */

struct many {
    struct pmemd_extent extents[EXTENTS_MAX];
    struct pmemd_iov iov[EXTENTS_MAX];
    unsigned count;
    uint64_t bytes;
};

/* Extents with memory one behind the other in `data`, but cut at other places. */
static void
lay_iov(struct many *m, uint8_t *data, unsigned pieces)
{
    const uint64_t each = m->bytes / pieces;
    for (unsigned i = 0; i < pieces; i++)
        m->iov[i] = (struct pmemd_iov){
            .data = data + i * each,
            .len = i + 1 < pieces ? each : m->bytes - i * each,
        };
}

static int
send(struct bed *b, uint32_t verb, const struct many *m, unsigned pieces,
     struct pmemd_event *ret)
{
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = verb;
    req.extents = m->extents;
    req.extent_count = m->count;
    req.iov = verb != PMEMD_VERB_ZERO ? m->iov : NULL;
    req.iov_count = verb != PMEMD_VERB_ZERO ? pieces : 0;
    return pmemd_call(b->client, &req, ret, sizeof *ret);
}

static void
model_write(struct bed *b, const struct many *m)
{
    const uint8_t *from = b->data;
    for (unsigned i = 0; i < m->count; i++) {
        memcpy(b->model + m->extents[i].off, from, m->extents[i].len);
        from += m->extents[i].len;
    }
}

static void
model_zero(struct bed *b, const struct many *m)
{
    for (unsigned i = 0; i < m->count; i++)
        memset(b->model + m->extents[i].off, 0, m->extents[i].len);
}

static void
model_compare(struct bed *b, const struct many *m)
{
    const uint8_t *at = b->data;
    for (unsigned i = 0; i < m->count; i++) {
        assert_memory_equal(at, b->model + m->extents[i].off, m->extents[i].len);
        at += m->extents[i].len;
    }
}

/* One request with these extents, and what it must do. */
static void
step(struct bed *b, uint32_t verb, struct many *m, unsigned pieces, uint64_t seed)
{
    struct pmemd_event ev;
    lay_iov(m, b->data, pieces);
    if (verb == PMEMD_VERB_WRITE)
        bench_fill(b->data, m->bytes, seed);
    else
        memset(b->data, 0xee, m->bytes);
    must(b, send(b, verb, m, pieces, &ev));
    assert_int_equal(ev.outcome, PMEMD_OK);
    assert_int_equal(ev.bytes, m->bytes);
    if (verb == PMEMD_VERB_WRITE)
        model_write(b, m);
    else if (verb == PMEMD_VERB_ZERO)
        model_zero(b, m);
    else
        model_compare(b, m);
}

/* Anything, most of it around slot borders; extents may overlap each other (P3.6). */
static void
roll(struct bed *b, struct many *m)
{
    m->count = 1 + (unsigned)dice(b, dice(b, 8) == 0 ? 200 : 6);
    m->bytes = 0;
    const uint64_t longest = dice(b, 6) == 0 ? BENCH_MIB + 9 : 9000;
    for (unsigned i = 0; i < m->count; i++) {
        const uint64_t len = 1 + dice(b, m->count > 20 ? 3000 : longest);
        uint64_t off = dice(b, BENCH_REGION_BYTES - len);
        if (dice(b, 2) == 0) {
            off = (1 + dice(b, 7)) * BENCH_SLOT_BYTES - dice(b, len + 1);
        }
        m->extents[i] = (struct pmemd_extent){.off = off, .len = len};
        m->bytes += len;
    }
}

static void
random_rounds(uint32_t crc_flag)
{
    static const uint32_t verbs[] = {PMEMD_VERB_WRITE, PMEMD_VERB_READ, PMEMD_VERB_ZERO};
    struct bed b = up(false, crc_flag);
    struct many *const m = calloc(1, sizeof *m);
    assert_non_null(m);
    for (unsigned i = 0; i < ROUNDS; i++) {
        roll(&b, m);
        const unsigned pieces = 1 + (unsigned)dice(&b, m->bytes < 40 ? m->bytes : 40);
        step(&b, verbs[dice(&b, 5) % 3], m, pieces, i);
        if (i % 64 == 0)
            must(&b, pmemd_flush(b.client));
    }
    check_all(&b);
    free(m);
    down(&b);
}

static void
random_against_model(void **state)
{
    (void)state;
    random_rounds(PMEMD_CFG_CRC_OFF);
}

static void
random_against_model_crc(void **state)
{
    (void)state;
    random_rounds(PMEMD_CFG_CRC_ON);
}

/* `count` extents of `len` bytes, `apart` bytes from each other. */
static void
comb(struct many *m, unsigned count, uint64_t from, uint64_t len, uint64_t apart)
{
    m->count = count;
    m->bytes = count * len;
    for (unsigned i = 0; i < count; i++)
        m->extents[i] = (struct pmemd_extent){.off = from + i * apart, .len = len};
}

static void
a_thousand_extents(void **state)
{
    (void)state;
    static const uint32_t crcs[] = {PMEMD_CFG_CRC_OFF, PMEMD_CFG_CRC_ON};
    struct many *const m = calloc(1, sizeof *m);
    assert_non_null(m);
    for (size_t i = 0; i < TEST_COUNT(crcs); i++) {
        struct bed b = up(false, crcs[i]);
        comb(m, 1024, 5, 16, 8191); /* staged, all over the region */
        step(&b, PMEMD_VERB_WRITE, m, 1, 1);
        step(&b, PMEMD_VERB_READ, m, 7, 0);
        comb(m, 1024, 100, 5000, 16001); /* landed */
        step(&b, PMEMD_VERB_WRITE, m, 1024, 2);
        step(&b, PMEMD_VERB_READ, m, 3, 0);
        comb(m, EXTENTS_MAX, 0, 3000, 8000); /* more than one request takes: the library cuts */
        step(&b, PMEMD_VERB_WRITE, m, 5, 3);
        step(&b, PMEMD_VERB_READ, m, EXTENTS_MAX, 0);
        comb(m, 1024, 77, 9000, 16300);
        step(&b, PMEMD_VERB_ZERO, m, 1, 0);
        check_all(&b);
        down(&b);
    }
    free(m);
}

static void
extents_that_overlap(void **state)
{
    (void)state;
    struct bed b = up(false, PMEMD_CFG_CRC_ON);
    struct many *const m = calloc(1, sizeof *m);
    assert_non_null(m);
    comb(m, 100, 1000, 5000, 100); /* each over the next: the later one stays */
    step(&b, PMEMD_VERB_WRITE, m, 1, 4);
    step(&b, PMEMD_VERB_READ, m, 1, 0);
    comb(m, 200, BENCH_SLOT_BYTES - 30000, 60000, 0); /* all at one place, landed */
    step(&b, PMEMD_VERB_WRITE, m, 2, 5);
    step(&b, PMEMD_VERB_READ, m, 1, 0);
    m->extents[0] = (struct pmemd_extent){.off = 0, .len = 4096}; /* backwards */
    m->extents[1] = (struct pmemd_extent){.off = 2048, .len = 4096};
    m->extents[2] = (struct pmemd_extent){.off = 1024, .len = 2048};
    m->count = 3;
    m->bytes = 10240;
    step(&b, PMEMD_VERB_WRITE, m, 3, 6);
    step(&b, PMEMD_VERB_READ, m, 1, 0);
    check_all(&b);
    free(m);
    down(&b);
}

/* ---- The other verbs --------------------------------------------------------------------- */

static void
zero_and_flush(void **state)
{
    (void)state;
    struct bed b = up(false, 0);
    bench_fill(b.model, BENCH_REGION_BYTES, 9);
    must(&b, pmemd_write(b.client, 0, b.model, BENCH_REGION_BYTES, PMEMD_LEVEL_DURABLE));
    must(&b, pmemd_zero(b.client, 1, BENCH_REGION_BYTES - 2, PMEMD_LEVEL_DURABLE));
    memset(b.model + 1, 0, BENCH_REGION_BYTES - 2);
    check_all(&b);

    struct pmemd_req req;
    struct pmemd_event ev;
    pmemd_req_init(&req, sizeof req);
    req.verb = PMEMD_VERB_FLUSH;
    must(&b, pmemd_call(b.client, &req, &ev, sizeof ev));
    assert_int_equal(ev.level, PMEMD_LEVEL_DURABLE);
    assert_int_equal(ev.durability, PMEMD_CLASS_VOLATILE);
    assert_int_equal(ev.outcome, PMEMD_OK);
    down(&b);
}

static void
past_the_end(void **state)
{
    (void)state;
    struct bed b = up(false, 0);
    uint8_t byte = 1;
    assert_int_equal(pmemd_write(b.client, BENCH_REGION_BYTES, &byte, 1, 0), PMEMD_E_RANGE);
    assert_int_equal(pmemd_read(b.client, UINT64_MAX - 1, &byte, 1), PMEMD_E_RANGE);
    assert_int_equal(pmemd_zero(b.client, BENCH_REGION_BYTES - 1, 2, 0), PMEMD_E_RANGE);
    there_and_back(&b, BENCH_REGION_BYTES - 1, 1, 3);
    check_all(&b);
    down(&b);
}

/* Every counter that a request should move, moves by what it should. */
static void
counters_move(void **state)
{
    (void)state;
    struct bed b = up(false, PMEMD_CFG_CRC_OFF);
    struct pmemd_counter rows[64];
    struct pmemd_info info;
    must(&b, pmemd_write(b.client, 0, b.data, 4096, 0));
    must(&b, pmemd_write(b.client, 0, b.data, BENCH_MIB, 0));
    must(&b, pmemd_read(b.client, 0, b.data, 8192));
    must(&b, pmemd_zero(b.client, 0, 4096, 0));
    must(&b, pmemd_flush(b.client));
    must(&b, pmemd_stat(b.client, &info, sizeof info));
    assert_int_equal(bench_stat(b.bench, "writes"), 2);
    assert_int_equal(bench_stat(b.bench, "reads"), 1);
    assert_int_equal(bench_stat(b.bench, "zeros"), 1);
    assert_int_equal(bench_stat(b.bench, "flushes"), 1);
    assert_int_equal(bench_stat(b.bench, "controls"), 3); /* HELLO, OPEN, STAT */
    assert_int_equal(bench_stat(b.bench, "bytes_in"), BENCH_MIB + 4096);
    assert_int_equal(bench_stat(b.bench, "bytes_out"), 8192);
    assert_int_equal(bench_stat(b.bench, "bytes_copied"), 8192);
    assert_int_equal(bench_stat(b.bench, "bytes_landed") + bench_stat(b.bench, "bytes_staged"),
                     BENCH_MIB + 4096);
    assert_int_equal(bench_stat(b.bench, "conns_open"), 1);
    assert_int_equal(bench_stat(b.bench, "refused"), 0);

    struct pmemd_req req;
    const struct pmemd_iov iov = {.data = rows, .len = sizeof rows};
    pmemd_req_init(&req, sizeof req);
    req.verb = PMEMD_VERB_STAT;
    req.flags = PMEMD_REQ_COUNTERS;
    req.iov = &iov;
    req.iov_count = 1;
    memset(rows, 0, sizeof rows);
    must(&b, pmemd_call(b.client, &req, NULL, 0));
    unsigned found = 0;
    for (size_t i = 0; i < TEST_COUNT(rows); i++)
        if (strcmp(rows[i].name, "bytes_in") == 0) {
            assert_int_equal(rows[i].value, BENCH_MIB + 4096);
            assert_string_equal(rows[i].unit, "bytes");
            found++;
        }
    assert_int_equal(found, 1);
    assert_string_equal(info.name, "demo");
    assert_int_equal(info.len, BENCH_REGION_BYTES);
    assert_int_equal(info.durability, PMEMD_CLASS_VOLATILE);
    assert_string_equal(info.medium, "mem");
    assert_int_equal(info.connections, 1);
    assert_int_equal(info.extents_max, 1024);
    assert_true(info.fixed_buffers == 8 || info.fixed_buffers == 0);
    down(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borders_tcp),          cmocka_unit_test(borders_tcp_crc),
        cmocka_unit_test(borders_unix),         cmocka_unit_test(borders_unix_crc),
        cmocka_unit_test(random_against_model), cmocka_unit_test(random_against_model_crc),
        cmocka_unit_test(a_thousand_extents),   cmocka_unit_test(extents_that_overlap),
        cmocka_unit_test(zero_and_flush),       cmocka_unit_test(past_the_end),
        cmocka_unit_test(counters_move),
    };
    bench_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
