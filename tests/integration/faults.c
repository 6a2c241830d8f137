/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: whatever fails once, on either side, nothing leaks, nothing stays pinned, and an ack means
 * that the bytes are there.
 * Method: fail the 1st fallible thing, then the 2nd, ... until a run meets none; that run must
 * succeed. The server and the library are both in this process.
 */
#include "common/clock.h"
#include "tests/lib/bench.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define EXIT_FAILED 1
#define EXIT_HOST_CANNOT 3
#define SMALL 4096u
#define LARGE 300000u

/* A server starts slowly under the thread sanitizer: look at every third point there. */
#if defined(__SANITIZE_THREAD__)
#define STEP 3u
#else
#define STEP 1u
#endif

/* ---- (a) The server starts --------------------------------------------------------------- */

static void
check_it_serves(struct bench *b)
{
    char data[SMALL];
    char back[SMALL];
    struct pmemd_client *const c = bench_client(b, "demo", NULL);
    memset(data, 'x', sizeof data);
    assert_int_equal(pmemd_write(c, 8191, data, sizeof data, 0), 0);
    assert_int_equal(pmemd_read(c, 8191, back, sizeof back), 0);
    assert_memory_equal(data, back, sizeof data);
    pmemd_close(c);
}

/* True if the fault was met. */
static bool
start_with(enum fault_kind kind, unsigned nth, unsigned *ended)
{
    static const char *const two[] = {"shards=2", NULL};
    static const char *const regions[] = {"name=demo,medium=mem,size=4M",
                                          "name=other,medium=mem,size=4M", NULL};
    const struct bench_setup setup = {
        .options = kind == FAULT_CALL ? two : NULL, /* one of them may be up already */
        .regions = regions,
        .small_slots = true,
    };
    const struct bench_world before = bench_world();
    const int64_t mapped = fault_mapped();
    struct bench *b = NULL;
    fault_arm(kind, nth, FAULT_OTHERS);
    const int code = bench_try(&setup, &b);
    const bool fired = fault_disarm();
    if (b != NULL) {
        check_it_serves(b);
        bench_down(b);
    } else {
        (*ended)++;
        assert_true(fired); /* a run without faults succeeds */
        assert_true(code == EXIT_FAILED || code == EXIT_HOST_CANNOT);
        assert_true(bench_world_is(&before));
    }
    if (fault_mapped() != mapped)
        fail_msg("%s (the call number %u) failed: %lld bytes stay mapped", fault_what(), nth,
                 (long long)(fault_mapped() - mapped));
    return fired;
}

/* What a process allocates once, so that it is not taken for a leak. */
static int
warm_up(void **state)
{
    (void)state;
    struct bench *const b = bench_up(NULL);
    check_it_serves(b);
    bench_down(b);
    return 0;
}

static void
start_survives_each_fault(void **state)
{
    (void)state;
    for (enum fault_kind kind = FAULT_CALL; kind <= FAULT_CALL_OTHER; kind++) {
        unsigned nth = 0;
        unsigned ended = 0;
        for (; start_with(kind, nth, &ended); nth += STEP)
            assert_true(nth < FAULT_POINTS_MAX);
        assert_true(nth > 20);
        print_message("%-20s %3u faults: %u times it served, %u times it said why not\n",
                      fault_kind_name(kind), nth / STEP, nth / STEP - ended, ended);
    }
}

/* ---- (b) One round trip ------------------------------------------------------------------ */

struct trip {
    uint8_t data[LARGE], back[LARGE];
    unsigned seed, failed;
};

/* A new client, a small and a large WRITE, and both read again. */
static int
round_trip(struct bench *b, struct trip *t)
{
    struct pmemd_config cfg = bench_config();
    struct pmemd_client *c = NULL;
    cfg.timeout_ns = 10 * PMI_NS_PER_S;
    int rc = pmemd_open(bench_uri(b, "demo"), &cfg, &c);
    if (rc == 0)
        rc = pmemd_connect(c, 10 * PMI_NS_PER_S);
    bench_fill(t->data, sizeof t->data, ++t->seed);
    if (rc == 0)
        rc = pmemd_write(c, 100, t->data, SMALL, PMEMD_LEVEL_DURABLE);
    if (rc == 0)
        rc = pmemd_write(c, 100, t->data, LARGE, PMEMD_LEVEL_DURABLE);
    if (rc == 0)
        rc = pmemd_read(c, 100, t->back, LARGE);
    if (rc == 0)
        assert_memory_equal(t->data, t->back, LARGE);
    pmemd_close(c);
    return rc;
}

static void
check_trip(struct bench *b, struct trip *t, enum fault_kind kind, unsigned nth)
{
    struct pmemd_client *c = NULL;
    fault_arm(kind, nth, FAULT_OTHERS);
    const int rc = round_trip(b, t);
    const bool fired = fault_disarm();
    if (rc != 0) { /* nothing was acked that is not there: the error came first */
        assert_true(fired);
        t->failed++;
    } else {
        c = bench_client(b, "demo", NULL);
        assert_int_equal(pmemd_read(c, 100, t->back, LARGE), 0);
        assert_memory_equal(t->data, t->back, LARGE);
        pmemd_close(c);
    }
    bench_expect(b, "conns_open", 0);
    bench_expect(b, "pins", 0);
}

static bool
fires(struct bench *b, struct trip *t, enum fault_kind kind, unsigned nth)
{
    check_trip(b, t, kind, nth);
    return fault_what()[0] != '\0';
}

static void
trips_survive(const char *policy)
{
    const char *const options[] = {policy, "shards=2", NULL};
    const struct bench_setup setup = {.options = options, .small_slots = true};
    struct trip *const t = calloc(1, sizeof *t);
    assert_non_null(t);
    for (enum fault_kind kind = FAULT_CALL; kind < FAULT_KIND_N; kind++) {
        struct bench *const b = bench_up(&setup);
        const int64_t mapped = fault_mapped();
        unsigned nth = 0;
        t->failed = 0;
        while (fires(b, t, kind, nth))
            assert_true(++nth < FAULT_POINTS_MAX);
        assert_int_equal(fault_mapped(), mapped);
        bench_down(b);
        print_message("%-10s %-20s %3u faults, %u of them seen by the caller\n", policy,
                      fault_kind_name(kind), nth, t->failed);
    }
    free(t);
}

static void
trips_survive_each_fault_copy(void **state)
{
    (void)state;
    trips_survive("send=copy");
}

static void
trips_survive_each_fault_zc(void **state)
{
    (void)state;
    trips_survive("send=zc");
}

/* Accepting is armed once, at the start; so is its fault. */
static void
accept_survives_each_fault(void **state)
{
    (void)state;
    static const enum fault_kind kinds[] = {FAULT_EMFILE, FAULT_ECONNABORTED, FAULT_EINTR,
                                            FAULT_ENOBUFS, FAULT_ENOMEM};
    struct trip *const t = calloc(1, sizeof *t);
    assert_non_null(t);
    for (size_t i = 0; i < TEST_COUNT(kinds); i++) {
        fault_arm(kinds[i], 0, FAULT_OTHERS);
        struct bench *const b = bench_up(NULL);
        assert_int_equal(round_trip(b, t), 0);
        assert_true(fault_disarm());
        assert_string_equal(fault_what(), "accept");
        bench_down(b);
    }
    free(t);
}

/* ---- (c) The client ---------------------------------------------------------------------- */

static void
client_survives_each_fault(void **state)
{
    (void)state;
    struct trip *const t = calloc(1, sizeof *t);
    struct bench *const b = bench_up(NULL);
    assert_non_null(t);
    bench_expect(b, "conns_open", 0);
    const struct bench_world before = bench_world();
    const int64_t mapped = fault_mapped();
    for (enum fault_kind kind = FAULT_CALL; kind <= FAULT_CALL_OTHER; kind++) {
        unsigned failed = 0;
        unsigned nth = 0;
        for (bool fired = true; fired; nth += fired ? STEP : 0) {
            assert_true(nth < FAULT_POINTS_MAX);
            fault_arm(kind, nth, FAULT_MINE);
            const int rc = round_trip(b, t);
            fired = fault_disarm();
            assert_true(fired || rc == 0);
            failed += rc != 0;
            bench_expect(b, "conns_open", 0);
            assert_true(bench_world_is(&before));
        }
        assert_true(nth > 10);
        print_message("%-20s %3u faults, %u of them seen by the caller\n",
                      fault_kind_name(kind), nth / STEP, failed);
    }
    assert_int_equal(fault_mapped(), mapped);
    bench_down(b);
    free(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_survives_each_fault),
        cmocka_unit_test(trips_survive_each_fault_copy),
        cmocka_unit_test(trips_survive_each_fault_zc),
        cmocka_unit_test(accept_survives_each_fault),
        cmocka_unit_test(client_survives_each_fault),
    };
    bench_need();
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
