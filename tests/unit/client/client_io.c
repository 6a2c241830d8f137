/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: requests reach the server as asked, within its limits and credits, and replies reach
 * their requests, however their bytes arrive.
 * Method: a scripted server in the same thread.
 */
#include "tests/unit/client/fake.h"

#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
fill(uint8_t *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 31 + i / 251 + seed);
}

/* DONE then RELEASED of one request. */
static struct pmemd_event
take_both(struct pmemd_client *c, uint64_t cookie)
{
    const struct pmemd_event done = fake_event(c);
    assert_int_equal(done.what, PMEMD_EV_DONE);
    assert_int_equal(done.cookie, cookie);
    const struct pmemd_event released = fake_event(c);
    assert_int_equal(released.what, PMEMD_EV_RELEASED);
    assert_int_equal(released.cookie, cookie);
    return done;
}

static void
round_trip(enum fake_kind kind, size_t len, size_t dribble)
{
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    uint8_t *out = malloc(len);
    uint8_t *in = malloc(len);
    fill(out, len, 1);
    memset(in, 0, len);
    fake_up(&f, kind);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 4096, .len = len};
    const struct pmemd_iov vout = {.data = out, .len = len};
    const struct pmemd_iov vin = {.data = in, .len = len};
    struct pmemd_req w = fake_req(PMEMD_VERB_WRITE, &e, &vout, 11);
    struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &vin, 12);
    w.level = PMEMD_LEVEL_DURABLE;
    memcpy(w.trace, "0123456789abcdef", 16);

    assert_int_equal(pmemd_submit(c, &w), 0);
    fake_get(&f, m);
    assert_int_equal(m->p.verb, WIRE_WRITE);
    assert_int_equal(m->req.level, PMEMD_LEVEL_DURABLE);
    assert_int_equal(m->req.timeout_us, 0);
    assert_memory_equal(m->req.trace, "0123456789abcdef", 16);
    f.dribble = dribble;
    fake_serve(&f, m);
    fake_msg_free(m);
    const struct pmemd_event done = take_both(c, 11);
    assert_int_equal(done.err, 0);
    assert_int_equal(done.outcome, PMEMD_OK);
    assert_int_equal(done.level, PMEMD_LEVEL_DURABLE);
    assert_int_equal(done.durability, PMEMD_CLASS_VOLATILE);
    assert_int_equal(done.bytes, len);
    assert_int_equal(done.lsn, 7);
    assert_int_equal(done.epoch, 3);
    assert_memory_equal(f.memory + 4096, out, len);

    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    assert_int_equal(take_both(c, 12).bytes, len);
    assert_memory_equal(in, out, len);
    pmemd_close(c);
    fake_down(&f);
    free(in);
    free(out);
    free(m);
}

static void
round_trip__tcp_and_unix(void **state)
{
    (void)state;
    round_trip(FAKE_TCP, 4096, 0);
    round_trip(FAKE_UNIX, 4096, 0);
    round_trip(FAKE_TCP, 1, 0);
    round_trip(FAKE_TCP, 10u << 20, 0);
    round_trip(FAKE_UNIX, 3u << 20, 0);
}

static void
round_trip__one_byte_at_a_time(void **state)
{
    (void)state;
    round_trip(FAKE_TCP, 700, 1);
    round_trip(FAKE_UNIX, 300000, 977);
    round_trip(FAKE_TCP, 200000, 65537);
}

static void
scatter_gather__extents_and_iovs_of_other_shapes(void **state)
{
    (void)state;
    enum { N = 37 };
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_extent e[N];
    struct pmemd_iov v[N];
    uint8_t *out = malloc(N * 1000);
    uint8_t *in = calloc(1, N * 1000);
    uint64_t sum = 0;
    fill(out, N * 1000, 5);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < N; i++) {
        e[i] = (struct pmemd_extent){.off = (N - i) * 8192u, .len = 1 + (i * 97) % 900};
        sum += e[i].len;
    }
    /* Memory in three pieces, one of them empty, none of them like the extents. */
    v[0] = (struct pmemd_iov){.data = out, .len = 13};
    v[1] = (struct pmemd_iov){.data = NULL, .len = 0};
    v[2] = (struct pmemd_iov){.data = out + 13, .len = sum - 13};
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, e, v, 1);
    r.extent_count = N;
    r.iov_count = 3;
    assert_int_equal(pmemd_submit(c, &r), 0);
    memset(e, 0xee, sizeof e); /* the arrays were copied */
    memset(v, 0xee, sizeof v);
    fake_get(&f, m);
    assert_int_equal(m->req.extent_count, N);
    assert_int_equal(hot_extent_at(&m->req, 0).off, N * 8192u);
    assert_memory_equal(m->payload, out, sum);
    fake_serve(&f, m);
    fake_msg_free(m);
    (void)take_both(c, 1);
    for (unsigned i = 0; i < N; i++)
        e[i] = (struct pmemd_extent){.off = (N - i) * 8192u, .len = 1 + (i * 97) % 900};
    for (unsigned i = 0; i < N; i++)
        v[i] = (struct pmemd_iov){.data = in + i * (sum / N), .len = sum / N};
    v[N - 1].len = sum - (N - 1) * (sum / N);
    r = fake_req(PMEMD_VERB_READ, e, v, 2);
    r.extent_count = r.iov_count = N;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    (void)take_both(c, 2);
    assert_memory_equal(in, out, sum);
    pmemd_close(c);
    fake_down(&f);
    free(out);
    free(in);
    free(m);
}

/* More pieces of memory than one receive or one send takes. */
static void
scatter_gather__thousands_of_pieces(void **state)
{
    (void)state;
    enum { N = 3000, PIECE = 333 };
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_iov *v = calloc(N, sizeof *v);
    uint8_t *memory = malloc(N * 2 * PIECE);
    fake_up(&f, FAKE_TCP);
    fill(f.memory, N * PIECE, 8);
    fill(memory, N * 2 * PIECE, 77);
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < N; i++)
        v[i] = (struct pmemd_iov){.data = memory + i * 2 * PIECE, .len = PIECE};
    const struct pmemd_extent e = {.off = 0, .len = N * PIECE};
    struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, v, 1);
    r.iov_count = N;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    (void)take_both(c, 1);
    for (unsigned i = 0; i < N; i++) {
        assert_memory_equal(v[i].data, f.memory + i * PIECE, PIECE);
        assert_int_equal(memory[(i * 2 + 1) * PIECE],
                         (uint8_t)((i * 2 + 1) * PIECE * 31 + (i * 2 + 1) * PIECE / 251 + 77));
    }
    memset(f.memory, 0, N * PIECE);
    r.verb = PMEMD_VERB_WRITE;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    (void)take_both(c, 1);
    for (unsigned i = 0; i < N; i++)
        assert_memory_equal(v[i].data, f.memory + i * PIECE, PIECE);
    pmemd_close(c);
    fake_down(&f);
    free(memory);
    free(v);
    free(m);
}

static void
replies__any_order(void **state)
{
    (void)state;
    enum { N = 32 };
    struct fake f;
    struct fake_msg *m = calloc(N, sizeof *m);
    static uint8_t in[N][4096];
    fake_up(&f, FAKE_TCP);
    fill(f.memory, N * 4096, 9);
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < N; i++) {
        const struct pmemd_extent e = {.off = i * 4096u, .len = 4096};
        const struct pmemd_iov v = {.data = in[i], .len = 4096};
        const struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, i);
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    for (unsigned i = 0; i < N; i++)
        fake_get(&f, &m[i]);
    for (unsigned i = N; i-- > 0;)
        fake_serve(&f, &m[i ^ 5]);
    uint64_t seen = 0;
    for (unsigned i = 0; i < N; i++) {
        const struct pmemd_event done = fake_event(c);
        assert_int_equal(done.what, PMEMD_EV_DONE);
        assert_int_equal(done.err, 0);
        assert_int_equal(seen >> done.cookie & 1, 0);
        seen |= UINT64_C(1) << done.cookie;
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    }
    assert_int_equal(seen, 0xffffffff);
    assert_memory_equal(in, f.memory, N * 4096);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
cut__at_the_servers_limits(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const size_t len = 100000;
    uint8_t *out = malloc(len);
    fill(out, len, 3);
    fake_up(&f, FAKE_TCP);
    f.hello.limits.io_max = 32768;
    f.hello.limits.extents_max = 2;
    struct pmemd_client *c = fake_connected(&f, NULL);
    /* Five extents of 20000: pairs would be 40000, so bytes and counts both cut. */
    struct pmemd_extent e[5];
    for (unsigned i = 0; i < 5; i++)
        e[i] = (struct pmemd_extent){.off = i * 30000u, .len = 20000};
    const struct pmemd_iov v = {.data = out, .len = len};
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, e, &v, 1);
    r.extent_count = 5;
    assert_int_equal(pmemd_submit(c, &r), 0);
    uint64_t sum = 0;
    unsigned n = 0;
    while (sum < len) {
        fake_get(&f, m);
        assert_true(m->req.bytes <= 32768);
        assert_true(m->req.extent_count <= 2);
        sum += m->req.bytes;
        n++;
        if (sum < len)
            fake_no_event(c);
        fake_serve(&f, m);
        fake_msg_free(m);
    }
    assert_true(n >= 4);
    assert_int_equal(take_both(c, 1).bytes, len);
    for (unsigned i = 0; i < 5; i++)
        assert_memory_equal(f.memory + i * 30000u, out + i * 20000u, 20000);
    pmemd_close(c);
    fake_down(&f);
    free(out);
    free(m);
}

static void
cut__zero_by_its_own_limit(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    f.hello.limits.zero_max = 1 << 20;
    memset(f.memory, 0xff, 8 << 20);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 100, .len = (2 << 20) + 1};
    const struct pmemd_req r = fake_req(PMEMD_VERB_ZERO, &e, NULL, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    for (unsigned i = 0; i < 3; i++) {
        fake_get(&f, m);
        fake_serve(&f, m);
    }
    assert_int_equal(take_both(c, 1).bytes, e.len);
    assert_int_equal(f.memory[99], 0xff);
    assert_int_equal(f.memory[100], 0);
    assert_int_equal(f.memory[100 + (2 << 20)], 0);
    assert_int_equal(f.memory[101 + (2 << 20)], 0xff);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* In flight at the server, counted as P7.1 does. */
static void
credits(uint32_t verb, size_t len, uint32_t extents, unsigned want_in_flight)
{
    struct fake f;
    struct fake_msg *m = calloc(16, sizeof *m);
    static uint8_t memory[64 << 10];
    struct pmemd_extent e[4];
    fake_up(&f, FAKE_TCP);
    f.hello.limits.credit_requests = 5;
    f.hello.limits.credit_bytes = 96 << 10;
    f.hello.limits.credit_extents = 6;
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < extents; i++)
        e[i] = (struct pmemd_extent){.off = i * 65536u, .len = len / extents};
    const struct pmemd_iov v = {.data = memory, .len = len};
    for (unsigned i = 0; i < 12; i++) {
        struct pmemd_req r = fake_req(verb, e, &v, i);
        r.extent_count = extents;
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    unsigned got = 0;
    for (; got < want_in_flight; got++)
        fake_get(&f, &m[got]);
    for (unsigned next = 0; next < 12; next++) {
        assert_true(fake_silence(&f)); /* not one more than granted */
        fake_serve(&f, &m[next % 16]);
        fake_msg_free(&m[next % 16]);
        if (got < 12)
            fake_get(&f, &m[got++ % 16]);
        (void)take_both(c, next);
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
credits__requests_bytes_extents(void **state)
{
    (void)state;
    credits(PMEMD_VERB_READ, 4096, 1, 5);
    credits(PMEMD_VERB_READ, 32768, 1, 3);
    credits(PMEMD_VERB_WRITE, 32768, 1, 3);
    credits(PMEMD_VERB_WRITE, 4096, 2, 3);
    credits(PMEMD_VERB_READ, 4096, 4, 1);
}

static void
credits__one_request_is_always_allowed(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    static uint8_t memory[64 << 10];
    fake_up(&f, FAKE_TCP);
    f.hello.limits.credit_bytes = 1000;
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = sizeof memory};
    const struct pmemd_iov v = {.data = memory, .len = sizeof memory};
    const struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_int_equal(pmemd_submit(c, &r), 0);
    for (unsigned i = 0; i < 2; i++) {
        fake_get(&f, m);
        assert_true(fake_silence(&f));
        fake_serve(&f, m);
        (void)take_both(c, 1);
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
submit__inflight_max_then_again(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.inflight_max = 2;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_int_equal(pmemd_submit(c, &r), -EAGAIN);
    fake_get(&f, m);
    assert_int_equal(m->p.verb, WIRE_FLUSH);
    assert_int_equal(m->req.extent_count, 0);
    fake_serve(&f, m);
    (void)take_both(c, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_int_equal(pmemd_submit(c, &r), -EAGAIN);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_get(&f, m);
    fake_serve(&f, m);
    (void)take_both(c, 1);
    (void)take_both(c, 1);
    /* Events that nobody reaps end it too: they have a bounded place to wait in. */
    for (unsigned i = 0; i < 1000; i++) {
        if (pmemd_submit(c, &r) == -EAGAIN)
            break;
        assert_true(i < 999);
        fake_get(&f, m);
        fake_serve(&f, m);
        while (pmemd_ready(c) < (int)(2 * i + 2))
            ;
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
submit__refusals(void **state)
{
    (void)state;
    struct fake f;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    uint8_t byte[16];
    const struct pmemd_extent e = {.off = 0, .len = 16};
    const struct pmemd_iov v = {.data = byte, .len = 16};
    struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    r.verb = 20;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_VERB);
    r.verb = 1u << 31;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_VERB);
    r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    r.flags = PMEMD_REQ_COUNTERS;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_FLAG);
    r = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    r.level = PMEMD_LEVEL_REPLICATED;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_LEVEL);
    r.level = 77;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_LEVEL);
    r = fake_req(PMEMD_VERB_WRITE, &e, NULL, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    r = fake_req(PMEMD_VERB_ZERO, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    r = fake_req(PMEMD_VERB_FLUSH, &e, NULL, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    const struct pmemd_extent empty = {.off = 0, .len = 0};
    const struct pmemd_iov none = {.data = byte, .len = 0};
    r = fake_req(PMEMD_VERB_WRITE, &empty, &none, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    const struct pmemd_iov shorter = {.data = byte, .len = 15};
    r = fake_req(PMEMD_VERB_WRITE, &e, &shorter, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    const struct pmemd_iov nothing = {.data = NULL, .len = 16};
    r = fake_req(PMEMD_VERB_WRITE, &e, &nothing, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    const struct pmemd_extent wraps = {.off = UINT64_MAX - 3, .len = 16};
    r = fake_req(PMEMD_VERB_READ, &wraps, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    const struct pmemd_extent past = {.off = FAKE_REGION_BYTES - 15, .len = 16};
    r = fake_req(PMEMD_VERB_READ, &past, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_RANGE);
    assert_non_null(strstr(pmemd_detail(c), "read"));
    r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    r.seq = 1;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    r.size = 8;
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_ARG);
    fake_no_event(c); /* a call that failed brings no event */
    assert_true(fake_silence(&f));
    pmemd_close(c);
    fake_down(&f);
}

static void
range__before_connecting_comes_as_event(void **state)
{
    (void)state;
    struct fake f;
    uint8_t byte[16];
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_client(&f, NULL);
    const struct pmemd_extent e = {.off = FAKE_REGION_BYTES, .len = 16};
    const struct pmemd_iov v = {.data = byte, .len = 16};
    const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, 5);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_accept(&f);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    const struct pmemd_event done = take_both(c, 5);
    assert_int_equal(done.err, PMEMD_E_RANGE);
    assert_int_equal(done.outcome, PMEMD_NOT_DONE);
    assert_true(fake_silence(&f)); /* no piece of it was sent */
    pmemd_close(c);
    fake_down(&f);
}

static void
errors__of_the_server_and_of_a_part(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    static uint8_t memory[8192];
    fake_up(&f, FAKE_TCP);
    f.hello.limits.io_max = 4096;
    f.hello.limits.credit_requests = 1;
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = 8192};
    const struct pmemd_iov v = {.data = memory, .len = 8192};
    const struct pmemd_req w = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    const struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, 2);
    /* The first of two parts fails: the second is not sent, and nothing happened. */
    assert_int_equal(pmemd_submit(c, &w), 0);
    fake_get(&f, m);
    fake_reply(&f, m, PMEMD_E_RIGHTS, PMEMD_NOT_DONE, NULL, 0);
    fake_msg_free(m);
    struct pmemd_event done = take_both(c, 1);
    assert_int_equal(done.err, PMEMD_E_RIGHTS);
    assert_int_equal(done.outcome, PMEMD_NOT_DONE);
    assert_true(fake_silence(&f));
    /* The second fails: the first was done. */
    assert_int_equal(pmemd_submit(c, &w), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    fake_get(&f, m);
    fake_reply(&f, m, PMEMD_E_RIGHTS, PMEMD_NOT_DONE, NULL, 0);
    fake_msg_free(m);
    done = take_both(c, 1);
    assert_int_equal(done.outcome, PMEMD_UNKNOWN);
    assert_int_equal(done.bytes, 4096);
    /* A READ has no effect in any case. */
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_get(&f, m);
    fake_reply(&f, m, PMEMD_E_RIGHTS, PMEMD_NOT_DONE, NULL, 0);
    done = take_both(c, 2);
    assert_int_equal(done.err, PMEMD_E_RIGHTS);
    assert_int_equal(done.outcome, PMEMD_NOT_DONE);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip__tcp_and_unix),
        cmocka_unit_test(round_trip__one_byte_at_a_time),
        cmocka_unit_test(scatter_gather__extents_and_iovs_of_other_shapes),
        cmocka_unit_test(scatter_gather__thousands_of_pieces),
        cmocka_unit_test(replies__any_order),
        cmocka_unit_test(cut__at_the_servers_limits),
        cmocka_unit_test(cut__zero_by_its_own_limit),
        cmocka_unit_test(credits__requests_bytes_extents),
        cmocka_unit_test(credits__one_request_is_always_allowed),
        cmocka_unit_test(submit__inflight_max_then_again),
        cmocka_unit_test(submit__refusals),
        cmocka_unit_test(range__before_connecting_comes_as_event),
        cmocka_unit_test(errors__of_the_server_and_of_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
