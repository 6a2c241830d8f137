/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a client outlives its connection and its server, never two connections of one session
 * work on a region at a time, and what a server cannot promise it refuses by name.
 * Method: servers that are stopped and started again under clients with requests in flight.
 */
#include "common/clock.h"
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define IO_BYTES 100000u

static struct pmemd_req
request(uint32_t verb, const struct pmemd_extent *e, const struct pmemd_iov *v, uint64_t cookie)
{
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = verb;
    req.extents = e;
    req.extent_count = e != NULL;
    req.iov = v;
    req.iov_count = v != NULL;
    req.cookie = cookie;
    return req;
}

/* ---- Takeover ---------------------------------------------------------------------------- */

static void
session_is_taken_over(void **state)
{
    (void)state;
    struct bench *const b = bench_up(NULL);
    struct pmemd_config cfg = bench_config();
    struct pmemd_event ev[4];
    uint8_t data[IO_BYTES];
    cfg.session[0] = 7;
    cfg.session[1] = 9;
    cfg.reconnect_ns = 1; /* the loser must not come back and win */
    struct pmemd_client *const first = bench_client(b, "demo", &cfg);
    bench_fill(data, sizeof data, 1);
    assert_int_equal(pmemd_write(first, 0, data, sizeof data, 0), 0);
    cfg.reconnect_ns = BENCH_PATIENCE_NS;
    struct pmemd_client *const second = bench_client(b, "demo", &cfg);
    bench_expect(b, "conns_open", 1);
    bench_fill(data, sizeof data, 2);
    assert_int_equal(pmemd_write(second, 0, data, sizeof data, 0), 0);
    bool lost = false;
    for (unsigned i = 0; i < 200 && !lost; i++) {
        (void)pmemd_wait(first, 1, 50 * PMI_NS_PER_MS);
        const int n = pmemd_reap(first, ev, sizeof ev[0], (unsigned)TEST_COUNT(ev));
        for (int k = 0; k < n; k++)
            lost |= ev[k].what == PMEMD_EV_LOST;
    }
    assert_true(lost);
    pmemd_abort(first);
    pmemd_close(first);
    assert_int_equal(pmemd_read(second, 0, data, sizeof data), 0);
    pmemd_close(second);
    bench_down(b);
}

/* Different sessions, or none, live side by side. */
static void
other_sessions_stay(void **state)
{
    (void)state;
    struct bench *const b = bench_up(NULL);
    struct pmemd_client *clients[8];
    for (unsigned i = 0; i < TEST_COUNT(clients); i++)
        clients[i] = bench_client(b, "demo", NULL);
    bench_expect(b, "conns_open", TEST_COUNT(clients));
    for (unsigned i = 0; i < TEST_COUNT(clients); i++)
        assert_int_equal(pmemd_flush(clients[i]), 0);
    for (unsigned i = 0; i < TEST_COUNT(clients); i++)
        pmemd_close(clients[i]);
    bench_down(b);
}

/* ---- The server goes and comes ----------------------------------------------------------- */

#define FLIGHT 16u

/* Requests of every kind are in flight when the server goes; all of them end well after the next
 * one has come, since they may be repeated. */
static void
restart(bool at_once, bool unix_socket)
{
    struct bench_setup setup = {.unix_socket = unix_socket};
    struct bench *b = bench_up(&setup);
    char address[128];
    struct pmemd_event done[FLIGHT];
    uint8_t *const data = malloc((size_t)FLIGHT * IO_BYTES);
    uint8_t *const back = malloc((size_t)FLIGHT * IO_BYTES);
    assert_non_null(data);
    assert_non_null(back);
    (void)snprintf(address, sizeof address, "%s", bench_address(b));
    setup.listen = unix_socket ? NULL : address;
    struct pmemd_client *const c = bench_client(b, "demo", NULL);
    bench_fill(data, (size_t)FLIGHT * IO_BYTES, 3);
    for (unsigned i = 0; i < FLIGHT; i++) {
        const struct pmemd_extent e = {.off = i * (uint64_t)IO_BYTES, .len = IO_BYTES};
        const struct pmemd_iov v = {.data = data + e.off, .len = IO_BYTES};
        const struct pmemd_req req = request(PMEMD_VERB_WRITE, &e, &v, i);
        assert_int_equal(pmemd_submit(c, &req), 0);
    }
    assert_true(pmemd_ready(c) >= 0);
    bench_signal(b);
    if (at_once)
        bench_signal(b);
    assert_int_equal(bench_join(b), 0);
    b = bench_up(&setup);
    (void)bench_reap(c, done, FLIGHT);
    for (unsigned i = 0; i < FLIGHT; i++)
        assert_int_equal(done[i].err, 0);
    /* The new server's memory began empty: what the old one had acked is gone with its class. */
    for (unsigned i = 0; i < FLIGHT; i++)
        assert_int_equal(
            pmemd_write(c, i * (uint64_t)IO_BYTES, data + i * (size_t)IO_BYTES, IO_BYTES, 0),
            0);
    assert_int_equal(pmemd_read(c, 0, back, (size_t)FLIGHT * IO_BYTES), 0);
    assert_memory_equal(data, back, (size_t)FLIGHT * IO_BYTES);
    pmemd_close(c);
    bench_expect(b, "conns_open", 0);
    bench_signal(b);
    assert_int_equal(bench_join(b), 0);
    free(data);
    free(back);
}

static void
reconnects_after_a_stop(void **state)
{
    (void)state;
    restart(false, false);
}

static void
reconnects_after_a_reset(void **state)
{
    (void)state;
    restart(true, false);
}

/* Nobody comes back: requests end by their deadlines, without effect or unknown. */
static void
server_stays_away(void **state)
{
    (void)state;
    struct bench *const b = bench_up(NULL);
    struct pmemd_config cfg = bench_config();
    struct pmemd_event done[2];
    uint8_t data[IO_BYTES];
    const struct pmemd_extent e = {.off = 0, .len = IO_BYTES};
    const struct pmemd_iov v = {.data = data, .len = IO_BYTES};
    cfg.timeout_ns = 300 * PMI_NS_PER_MS;
    struct pmemd_client *const c = bench_client(b, "demo", &cfg);
    bench_fill(data, sizeof data, 4);
    bench_signal(b);
    assert_int_equal(bench_join(b), 0);
    struct pmemd_req req = request(PMEMD_VERB_WRITE, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &req), 0);
    req = request(PMEMD_VERB_READ, &e, &v, 2);
    assert_int_equal(pmemd_submit(c, &req), 0);
    (void)bench_reap(c, done, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(done[i].err, PMEMD_E_TIMEOUT);
        assert_int_not_equal(done[i].outcome, PMEMD_OK);
    }
    pmemd_close(c);
}

/* ---- Refusals ---------------------------------------------------------------------------- */

static void
refuses(const char *region, uint32_t class_min, int want)
{
    struct bench *const b = bench_up(NULL);
    struct pmemd_config cfg = bench_config();
    struct pmemd_client *c = NULL;
    uint8_t byte;
    cfg.class_min = class_min;
    assert_int_equal(pmemd_open(bench_uri(b, region), &cfg, &c), 0);
    assert_int_equal(pmemd_connect(c, BENCH_PATIENCE_NS), want);
    assert_int_equal(pmemd_read(c, 0, &byte, 1), PMEMD_E_STATE);
    assert_true(strlen(pmemd_detail(c)) > 20);
    pmemd_close(c);
    bench_expect(b, "conns_open", 0);
    bench_down(b);
}

static void
class_is_refused(void **state)
{
    (void)state;
    refuses("demo", PMEMD_CLASS_POWER_SAFE, PMEMD_E_CLASS);
    refuses("demo", PMEMD_CLASS_RESTART_SAFE, PMEMD_E_CLASS);
    refuses("demo?class=power-safe", 0, PMEMD_E_CLASS);
}

static void
name_is_refused(void **state)
{
    (void)state;
    refuses("nosuch", 0, PMEMD_E_NOREGION);
}

static void
class_it_has_is_taken(void **state)
{
    (void)state;
    struct bench *const b = bench_up(NULL);
    struct pmemd_config cfg = bench_config();
    cfg.class_min = PMEMD_CLASS_VOLATILE;
    struct pmemd_client *const c = bench_client(b, "demo", &cfg);
    assert_int_equal(pmemd_flush(c), 0);
    pmemd_close(c);
    bench_down(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_is_taken_over),   cmocka_unit_test(other_sessions_stay),
        cmocka_unit_test(reconnects_after_a_stop), cmocka_unit_test(reconnects_after_a_reset),
        cmocka_unit_test(server_stays_away),       cmocka_unit_test(class_is_refused),
        cmocka_unit_test(name_is_refused),         cmocka_unit_test(class_it_has_is_taken),
    };
    bench_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
