/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: regions live on several threads and do not mix: a connection reaches the thread that owns
 * its region, whichever thread accepted it, and many move at the same time.
 * Method: three shards with five regions; clients on all of them, in flight together.
 */
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS 5u
#define SHARDS 3u
#define DEPTH 8u
#define IO_BYTES 200000u
#define ROUNDS 20u

static const char *const names[REGIONS] = {"a", "b", "c", "d", "e"};

static struct bench *
up(void)
{
    static const char *const options[] = {"shards=3", NULL};
    static const char *const regions[] = {
        "name=e,medium=mem,size=4M", "name=a,medium=mem,size=8M",  "name=c,medium=mem,size=5M",
        "name=b,medium=mem,size=4M", "name=d,medium=mem,size=12M", NULL};
    const struct bench_setup setup = {
        .options = options, .regions = regions, .small_slots = true};
    struct bench *const b = bench_up(&setup);
    assert_int_equal(bench_shard_count(b), SHARDS);
    return b;
}

static void
regions_are_spread(void **state)
{
    (void)state;
    static const uint64_t lens[REGIONS] = {8u << 20, 4u << 20, 5u << 20, 12u << 20, 4u << 20};
    struct bench *const b = up();
    for (unsigned i = 0; i < REGIONS; i++) {
        struct pmemd_info info;
        struct pmemd_client *const c = bench_client(b, names[i], NULL);
        assert_int_equal(pmemd_stat(c, &info, sizeof info), 0);
        assert_string_equal(info.name, names[i]);
        assert_int_equal(info.len, lens[i]);
        assert_int_equal(info.shard, i % SHARDS); /* in the order of their names */
        assert_int_equal(info.connections, 1);
        pmemd_close(c);
    }
    bench_expect(b, "conns_open", 0);
    assert_int_equal(bench_stat(b, "conns_accepted"), REGIONS);
    bench_down(b);
}

struct lane {
    struct pmemd_client *client;
    uint8_t *out, *in; /* DEPTH pieces of IO_BYTES */
};

static void
submit_all(struct lane *l, uint32_t verb)
{
    for (unsigned i = 0; i < DEPTH; i++) {
        const struct pmemd_extent e = {.off = i * (uint64_t)IO_BYTES, .len = IO_BYTES};
        const struct pmemd_iov v = {.data = (verb == PMEMD_VERB_WRITE ? l->out : l->in) + e.off,
                                    .len = IO_BYTES};
        struct pmemd_req req;
        pmemd_req_init(&req, sizeof req);
        req.verb = verb;
        req.extents = &e;
        req.iov = &v;
        req.extent_count = req.iov_count = 1;
        req.cookie = i;
        assert_int_equal(pmemd_submit(l->client, &req), 0);
    }
}

static void
reap_all(struct lane *l)
{
    struct pmemd_event done[DEPTH];
    assert_int_equal(bench_reap(l->client, done, DEPTH), 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        assert_int_equal(done[i].err, 0);
        assert_int_equal(done[i].bytes, IO_BYTES);
    }
}

static void
regions_do_not_mix(void **state)
{
    (void)state;
    struct bench *const b = up();
    struct lane lanes[REGIONS];
    for (unsigned i = 0; i < REGIONS; i++)
        lanes[i] = (struct lane){.client = bench_client(b, names[i], NULL),
                                 .out = malloc(DEPTH * IO_BYTES),
                                 .in = malloc(DEPTH * IO_BYTES)};
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < REGIONS; i++) { /* all in flight before any is reaped */
            bench_fill(lanes[i].out, (size_t)DEPTH * IO_BYTES, round * 100 + i);
            submit_all(&lanes[i], PMEMD_VERB_WRITE);
            assert_true(pmemd_ready(lanes[i].client) >= 0);
        }
        for (unsigned i = 0; i < REGIONS; i++) {
            reap_all(&lanes[i]);
            submit_all(&lanes[i], PMEMD_VERB_READ);
            assert_true(pmemd_ready(lanes[i].client) >= 0);
        }
        for (unsigned i = 0; i < REGIONS; i++) {
            reap_all(&lanes[i]);
            assert_memory_equal(lanes[i].in, lanes[i].out, (size_t)DEPTH * IO_BYTES);
        }
    }
    for (unsigned i = 0; i < REGIONS; i++) {
        pmemd_close(lanes[i].client);
        free(lanes[i].out);
        free(lanes[i].in);
    }
    bench_expect(b, "conns_open", 0);
    assert_int_equal(bench_pins(b), 0);
    bench_down(b);
}

/* Opens that are on their way between threads when the server stops, or when clients go. */
static void
many_move_at_once(void **state)
{
    (void)state;
    struct pmemd_client *clients[40];
    for (unsigned round = 0; round < 10; round++) {
        struct bench *const b = up();
        const struct pmemd_config cfg = bench_config();
        for (unsigned i = 0; i < TEST_COUNT(clients); i++) {
            assert_int_equal(pmemd_open(bench_uri(b, names[i % REGIONS]), &cfg, &clients[i]),
                             0);
            assert_true(pmemd_ready(clients[i]) >= 0);
        }
        for (unsigned i = 0; i < TEST_COUNT(clients); i++) {
            if (round % 2 == 0)
                assert_int_equal(pmemd_connect(clients[i], BENCH_PATIENCE_NS), 0);
            else
                assert_true(pmemd_ready(clients[i]) >= 0);
        }
        if (round % 3 == 0) {
            bench_signal(b);
            bench_signal(b);
        }
        for (unsigned i = 0; i < TEST_COUNT(clients); i++) {
            pmemd_abort(clients[i]);
            pmemd_close(clients[i]);
        }
        bench_down(b);
    }
}

/* LIST, a page at a time, over a URI without a region. */
static void
list_names_all(void **state)
{
    (void)state;
    struct bench *const b = up();
    struct pmemd_client *const c = bench_client(b, "", NULL);
    struct pmemd_info rows[REGIONS + 1];
    struct pmemd_req req;
    struct pmemd_event ev;
    const struct pmemd_iov iov = {.data = rows, .len = sizeof rows};
    memset(rows, 0, sizeof rows);
    pmemd_req_init(&req, sizeof req);
    req.verb = PMEMD_VERB_LIST;
    req.iov = &iov;
    req.iov_count = 1;
    assert_int_equal(pmemd_call(c, &req, &ev, sizeof ev), 0);
    for (unsigned i = 0; i < REGIONS; i++)
        assert_string_equal(rows[i].name, names[i]);
    assert_string_equal(rows[REGIONS].name, "");
    assert_int_equal(pmemd_flush(c), PMEMD_E_STATE); /* no region is open */
    pmemd_close(c);
    bench_expect(b, "conns_open", 0);
    bench_down(b);
}

/* More regions than one page holds. */
static void
list_pages(void **state)
{
    (void)state;
    char texts[60][64];
    const char *regions[61] = {NULL};
    for (unsigned i = 0; i < 60; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "name=region-%02u,medium=mem,size=4K", i);
        regions[i] = texts[i];
    }
    const struct bench_setup setup = {.regions = regions};
    struct bench *const b = bench_up(&setup);
    struct pmemd_client *const c = bench_client(b, "region-59", NULL);
    struct pmemd_info *const rows = calloc(64, sizeof *rows);
    assert_non_null(rows);
    const struct pmemd_iov iov = {.data = rows, .len = 64 * sizeof *rows};
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = PMEMD_VERB_LIST;
    req.iov = &iov;
    req.iov_count = 1;
    assert_int_equal(pmemd_call(c, &req, NULL, 0), 0);
    for (unsigned i = 0; i < 60; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "region-%02u", i);
        assert_string_equal(rows[i].name, name);
        assert_int_equal(rows[i].len, 4096);
    }
    assert_string_equal(rows[60].name, "");
    free(rows);
    pmemd_close(c);
    bench_down(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_are_spread), cmocka_unit_test(regions_do_not_mix),
        cmocka_unit_test(many_move_at_once),  cmocka_unit_test(list_names_all),
        cmocka_unit_test(list_pages),
    };
    bench_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
