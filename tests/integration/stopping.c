/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a server that stops loses nothing silently: each request is acked, or ends as NOT_DONE or
 * UNKNOWN; the first signal finishes what is in flight, the second breaks it off at once, and so
 * does stop_ms.
 * Method: signals while many requests are in flight and while a peer does not read; afterwards what
 * the acks said is held against what another signal-free server was told in the same way.
 */
#include "common/clock.h"
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLIGHT 64u
#define IO_BYTES 65536u

struct tally {
    unsigned ok, not_done, unknown;
};

/* Up to `after` turns of the client between submitting and the signal. */
static struct tally
stop_in_flight(uint32_t verb, unsigned after, bool at_once)
{
    static const char *const options[] = {"stop_ms=20000", NULL};
    const struct bench_setup setup = {.options = options};
    struct bench *const b = bench_up(&setup);
    struct pmemd_config cfg = bench_config();
    struct pmemd_event done[FLIGHT];
    struct tally t = {0};
    uint8_t *const data = calloc(FLIGHT, IO_BYTES);
    assert_non_null(data);
    cfg.reconnect_ns = 200 * PMI_NS_PER_MS;
    struct pmemd_client *const c = bench_client(b, "demo", &cfg);
    for (unsigned i = 0; i < FLIGHT; i++) {
        const struct pmemd_extent e = {.off = (i % 32) * (uint64_t)IO_BYTES, .len = IO_BYTES};
        const struct pmemd_iov v = {.data = data + i * (size_t)IO_BYTES, .len = IO_BYTES};
        struct pmemd_req req;
        pmemd_req_init(&req, sizeof req);
        req.verb = verb;
        req.extents = &e;
        req.iov = verb == PMEMD_VERB_ZERO ? NULL : &v;
        req.extent_count = 1;
        req.iov_count = verb != PMEMD_VERB_ZERO;
        req.cookie = i;
        assert_int_equal(pmemd_submit(c, &req), 0);
    }
    for (unsigned i = 0; i < after; i++)
        assert_true(pmemd_ready(c) >= 0);
    bench_signal(b);
    if (at_once)
        bench_signal(b);
    (void)bench_reap(c, done, FLIGHT);
    for (unsigned i = 0; i < FLIGHT; i++) {
        t.ok += done[i].outcome == PMEMD_OK;
        t.not_done += done[i].outcome == PMEMD_NOT_DONE;
        t.unknown += done[i].outcome == PMEMD_UNKNOWN;
        assert_true((done[i].outcome == PMEMD_OK) == (done[i].err == 0));
    }
    assert_int_equal(t.ok + t.not_done + t.unknown, FLIGHT);
    pmemd_close(c);
    assert_int_equal(bench_join(b), 0);
    free(data);
    return t;
}

static void
nothing_is_lost_silently(void **state)
{
    (void)state;
    static const uint32_t verbs[] = {PMEMD_VERB_WRITE, PMEMD_VERB_READ, PMEMD_VERB_ZERO};
    for (size_t v = 0; v < TEST_COUNT(verbs); v++)
        for (unsigned after = 0; after < 12; after += 3)
            for (unsigned at_once = 0; at_once < 2; at_once++) {
                const struct tally t = stop_in_flight(verbs[v], after, at_once);
                print_message("verb %u, %u turns, %u signals: %u ok, %u not done, %u unknown\n",
                              verbs[v], after, at_once + 1, t.ok, t.not_done, t.unknown);
            }
}

/* ---- A peer that does not read ----------------------------------------------------------- */

/* READs of 16 MiB each, by hand, whose replies nobody reads. */
static int
stubborn(const struct bench *b)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    const char *const colon = strrchr(bench_address(b), ':');
    assert_non_null(colon);
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 4096; /* so that little of a reply leaves */
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* A client with a reply on its way that it does not take: how long does the server stay? */
static uint64_t
stop_against_unread(const char *stop_ms, bool second)
{
    const char *const options[] = {stop_ms, "stall_ms=60000", NULL};
    const struct bench_setup setup = {.options = options};
    struct bench *const b = bench_up(&setup);
    struct pmemd_config cfg = bench_config();
    uint8_t *const data = malloc(BENCH_REGION_BYTES);
    assert_non_null(data);
    cfg.reconnect_ns = 1;
    struct pmemd_client *const c = bench_client(b, "demo", &cfg);
    const int quiet = stubborn(b); /* says nothing at all */
    for (unsigned i = 0; i < 3; i++) {
        const struct pmemd_extent e = {.off = 0, .len = BENCH_REGION_BYTES};
        const struct pmemd_iov v = {.data = data, .len = BENCH_REGION_BYTES};
        struct pmemd_req req;
        pmemd_req_init(&req, sizeof req);
        req.verb = PMEMD_VERB_READ;
        req.extents = &e;
        req.iov = &v;
        req.extent_count = req.iov_count = 1;
        assert_int_equal(pmemd_submit(c, &req), 0);
    }
    assert_true(pmemd_ready(c) >= 0); /* they leave; after this nobody drives the client */
    bench_expect(b, "conns_open", 2);
    (void)usleep(100000);
    const uint64_t begin_ns = pmi_now_ns();
    bench_signal(b);
    if (second) {
        (void)usleep(200000);
        bench_signal(b);
    }
    assert_int_equal(bench_join(b), 0);
    const uint64_t took_ns = pmi_now_ns() - begin_ns;
    (void)close(quiet);
    pmemd_abort(c);
    pmemd_close(c);
    free(data);
    return took_ns;
}

static void
second_signal_is_at_once(void **state)
{
    (void)state;
    const uint64_t ns = stop_against_unread("stop_ms=60000", true);
    print_message("%.2f s\n", (double)ns / 1e9);
    assert_true(ns >= 200 * PMI_NS_PER_MS);
    assert_true(ns < 10 * PMI_NS_PER_S);
}

static void
patience_ends(void **state)
{
    (void)state;
    const uint64_t ns = stop_against_unread("stop_ms=700", false);
    print_message("%.2f s\n", (double)ns / 1e9);
    assert_true(ns >= 700 * PMI_NS_PER_MS);
    assert_true(ns < 10 * PMI_NS_PER_S);
}

/* A payload that stopped half way does not either: no reply is owed for it (P1.5). */
static void
half_a_payload(void **state)
{
    (void)state;
    static const char *const options[] = {"stall_ms=60000", "stop_ms=60000", NULL};
    const struct bench_setup setup = {.options = options};
    struct bench *const b = bench_up(&setup);
    struct pmemd_config cfg = bench_config();
    uint8_t *const data = calloc(3, BENCH_REGION_BYTES);
    const struct pmemd_extent e = {.off = 0, .len = BENCH_REGION_BYTES};
    struct pmemd_event done[3];
    assert_non_null(data);
    cfg.reconnect_ns = 1;
    struct pmemd_client *const c = bench_client(b, "demo", &cfg);
    for (unsigned i = 0; i < 3; i++) { /* more than a socket holds */
        const struct pmemd_iov v = {.data = data + i * BENCH_REGION_BYTES,
                                    .len = BENCH_REGION_BYTES};
        struct pmemd_req req;
        pmemd_req_init(&req, sizeof req);
        req.verb = PMEMD_VERB_WRITE;
        req.extents = &e;
        req.iov = &v;
        req.extent_count = req.iov_count = 1;
        assert_int_equal(pmemd_submit(c, &req), 0);
    }
    while (bench_stat(b, "bytes_landed") == 0)
        assert_true(pmemd_ready(c) >= 0);
    (void)usleep(100000);
    assert_true(bench_stat(b, "writes") < 3);
    const uint64_t begin_ns = pmi_now_ns();
    bench_signal(b); /* from here on nobody drives the client */
    assert_int_equal(bench_join(b), 0);
    const uint64_t took_ns = pmi_now_ns() - begin_ns;
    print_message("%.2f s\n", (double)took_ns / 1e9);
    assert_true(took_ns < 10 * PMI_NS_PER_S);
    (void)bench_reap(c, done, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true((done[i].outcome == PMEMD_OK) == (done[i].err == 0));
    assert_int_not_equal(done[2].outcome, PMEMD_OK);
    pmemd_close(c);
    free(data);
}

/* Idle connections do not hold a server up, nor do ones that never said HELLO. */
static void
idle_ones_do_not_matter(void **state)
{
    (void)state;
    struct bench *const b = bench_up(NULL);
    struct pmemd_client *clients[10];
    int quiet[10];
    for (unsigned i = 0; i < TEST_COUNT(clients); i++) {
        clients[i] = bench_client(b, "demo", NULL);
        quiet[i] = stubborn(b);
    }
    bench_expect(b, "conns_open", 20);
    const uint64_t begin_ns = pmi_now_ns();
    bench_signal(b);
    assert_int_equal(bench_join(b), 0);
    const uint64_t took_ns = pmi_now_ns() - begin_ns;
    print_message("%.2f s\n", (double)took_ns / 1e9);
    assert_true(took_ns < 10 * PMI_NS_PER_S); /* of the 30 it may take */
    for (unsigned i = 0; i < TEST_COUNT(clients); i++) {
        pmemd_abort(clients[i]);
        pmemd_close(clients[i]);
        (void)close(quiet[i]);
    }
}

/* A server that cannot start says so and leaves nothing behind. */
static void
address_is_taken(void **state)
{
    (void)state;
    const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    char address[64];
    struct bench *b = NULL;
    assert_int_equal(bind(taken, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(at.sin_port));
    const struct bench_setup setup = {.listen = address};
    const struct bench_world before = bench_world();
    assert_int_equal(bench_try(&setup, &b), 1);
    assert_null(b);
    assert_true(bench_world_is(&before));
    (void)close(taken);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_silently),
        cmocka_unit_test(second_signal_is_at_once),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(half_a_payload),
        cmocka_unit_test(idle_ones_do_not_matter),
        cmocka_unit_test(address_is_taken),
    };
    bench_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
