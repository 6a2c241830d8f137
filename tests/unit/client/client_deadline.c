/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a request can end before its reply: by its deadline, by cancel, abort or close. Its
 * outcome then says what is known, its memory comes back after DONE and never too early, and
 * the connection goes on.
 * Method: a scripted server that answers late, in part, or not at all.
 */
#include "tests/unit/client/fake.h"

#include "tests/lib/test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MS UINT64_C(1000000)

static uint8_t memory[8 << 20];

static const struct pmemd_extent page = {.off = 0, .len = 4096};
static const struct pmemd_iov page_iov = {.data = memory, .len = 4096};

static struct pmemd_event
expect(struct pmemd_client *c, uint32_t what, uint64_t cookie, int err, uint32_t outcome)
{
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, what);
    assert_int_equal(ev.cookie, cookie);
    assert_int_equal(ev.err, err);
    assert_int_equal(ev.outcome, outcome);
    return ev;
}

static void
deadline__not_done_before_a_byte_left(void **state)
{
    (void)state;
    struct fake f;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_client(&f, NULL);
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &page, &page_iov, 1);
    r.timeout_ns = 30 * MS;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_accept(&f); /* but nobody answers HELLO */
    assert_true(pmemd_wait_max_ns(c) <= 30 * MS);
    (void)expect(c, PMEMD_EV_DONE, 1, PMEMD_E_TIMEOUT, PMEMD_NOT_DONE);
    (void)expect(c, PMEMD_EV_RELEASED, 1, 0, 0);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    assert_true(fake_silence(&f)); /* it is not sent afterwards */
    pmemd_close(c);
    fake_down(&f);
}

static void
deadline__unknown_after(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *late = malloc(sizeof *late);
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.timeout_ns = 20 * MS; /* the default of requests that name none */
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    struct pmemd_req r = fake_req(PMEMD_VERB_READ, &page, &page_iov, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, late);
    assert_true(late->req.timeout_us > 0);
    assert_true(late->req.timeout_us <= 20000);
    (void)expect(c, PMEMD_EV_DONE, 1, PMEMD_E_TIMEOUT, PMEMD_UNKNOWN);
    (void)expect(c, PMEMD_EV_RELEASED, 1, 0, 0);
    /* The late reply must not touch the memory, which is the caller's again. */
    memset(f.memory, 0xaa, 4096);
    memset(memory, 0x55, 4096);
    f.dribble = 100;
    fake_serve(&f, late);
    fake_no_event(c);
    assert_int_equal(memory[0], 0x55);
    assert_int_equal(memory[4095], 0x55);
    /* The connection lives, and its credit came back. */
    f.dribble = 0;
    r.timeout_ns = 5000 * MS;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    (void)expect(c, PMEMD_EV_DONE, 1, 0, PMEMD_OK);
    assert_int_equal(memory[0], 0xaa);
    assert_int_equal(f.connections, 1);
    pmemd_close(c);
    fake_down(&f);
    free(m);
    free(late);
}

static void
deadline__in_the_middle_of_a_payload(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const size_t len = 1 << 20;
    fake_up(&f, FAKE_TCP);
    memset(f.memory, 0xaa, len);
    memset(memory, 0x55, len);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = len};
    const struct pmemd_iov v = {.data = memory, .len = len};
    struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    r.timeout_ns = 50 * MS;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    /* The whole reply, made by hand, of which the first half comes in time. */
    struct hot_reply reply = {.durability = 1, .bytes = len};
    uint8_t head[WIRE_PREFIX_BYTES + HOT_FIXED_BYTES];
    const struct wire_prefix p = {.verb = WIRE_READ,
                                  .flags = WIRE_F_REPLY,
                                  .tag = m->p.tag,
                                  .header_len = HOT_FIXED_BYTES,
                                  .payload_len = (uint32_t)len};
    hot_reply_write(head + WIRE_PREFIX_BYTES, &reply, NULL);
    wire_prefix_write(head, &p, head + WIRE_PREFIX_BYTES);
    fake_send(&f, head, sizeof head);
    fake_send(&f, f.memory, len / 2);
    (void)expect(c, PMEMD_EV_DONE, 1, PMEMD_E_TIMEOUT, PMEMD_UNKNOWN);
    (void)expect(c, PMEMD_EV_RELEASED, 1, 0, 0);
    memset(memory, 0x55, len);
    fake_send(&f, f.memory, len / 2);
    fake_no_event(c);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(memory[i], 0x55);
    /* What follows is understood. */
    r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 2);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    (void)expect(c, PMEMD_EV_DONE, 2, 0, PMEMD_OK);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* A WRITE whose payload is stuck half way: the rest must still leave from its memory. */
static void
deadline__write_half_sent_keeps_its_memory(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const size_t len = sizeof memory;
    const int small = 1 << 16;
    fake_up(&f, FAKE_UNIX);
    struct pmemd_client *c = fake_connected(&f, NULL);
    setsockopt(f.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (size_t i = 0; i < len; i++)
        memory[i] = (uint8_t)(i * 7);
    const struct pmemd_extent e = {.off = 0, .len = len};
    const struct pmemd_iov v = {.data = memory, .len = len};
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    r.timeout_ns = 20 * MS;
    assert_int_equal(pmemd_submit(c, &r), 0);
    (void)expect(c, PMEMD_EV_DONE, 1, PMEMD_E_TIMEOUT, PMEMD_UNKNOWN);
    fake_no_event(c); /* RELEASED must wait */
    fake_get(&f, m);
    assert_memory_equal(m->payload, memory, len);
    (void)expect(c, PMEMD_EV_RELEASED, 1, 0, 0);
    memset(memory, 0, len);
    fake_serve(&f, m);
    fake_msg_free(m);
    fake_no_event(c);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
deadline__many_in_order(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    enum { N = 50 };
    for (unsigned i = 0; i < N; i++) {
        struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, i);
        r.timeout_ns = (10 + (i * 37) % N) * MS;
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    for (unsigned i = 0; i < N; i++)
        fake_get(&f, m);
    uint64_t last = 0;
    for (unsigned i = 0; i < N; i++) {
        const struct pmemd_event ev = fake_event(c);
        const uint64_t due = 10 + (ev.cookie * 37) % N;
        assert_int_equal(ev.what, PMEMD_EV_DONE);
        assert_int_equal(ev.err, PMEMD_E_TIMEOUT);
        assert_true(due >= last);
        last = due;
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    }
    assert_int_equal(pmemd_wait_max_ns(c), UINT64_MAX);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
cancel__queued_and_sent(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    f.hello.limits.credit_requests = 1;
    struct pmemd_client *c = fake_connected(&f, NULL);
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &page, &page_iov, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    r.cookie = 2; /* waits for the credit */
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_true(fake_silence(&f));
    assert_int_equal(pmemd_cancel(c, 3), 0);
    assert_int_equal(pmemd_cancel(c, 2), 1);
    (void)expect(c, PMEMD_EV_DONE, 2, PMEMD_E_CANCELED, PMEMD_NOT_DONE);
    (void)expect(c, PMEMD_EV_RELEASED, 2, 0, 0);
    assert_int_equal(pmemd_cancel(c, 1), 1);
    (void)expect(c, PMEMD_EV_DONE, 1, PMEMD_E_CANCELED, PMEMD_UNKNOWN);
    (void)expect(c, PMEMD_EV_RELEASED, 1, 0, 0);
    assert_int_equal(pmemd_cancel(c, 1), 0);
    /* Its credit is still used until the reply: nothing new may leave before. */
    r.cookie = 4;
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_true(fake_silence(&f));
    fake_serve(&f, m);
    fake_msg_free(m);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    (void)expect(c, PMEMD_EV_DONE, 4, 0, PMEMD_OK);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
abort__every_request_gets_both_events(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    f.hello.limits.credit_requests = 3;
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < 5; i++) {
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &page, &page_iov, i);
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        fake_get(&f, m);
        fake_msg_free(m);
    }
    pmemd_abort(c);
    unsigned done = 0;
    unsigned released = 0;
    for (unsigned i = 0; i < 10; i++) {
        const struct pmemd_event ev = fake_event(c);
        if (ev.what == PMEMD_EV_DONE) {
            done |= 1u << ev.cookie;
            assert_int_equal(ev.err, PMEMD_E_CANCELED);
            assert_int_equal(ev.outcome, ev.cookie < 3 ? PMEMD_UNKNOWN : PMEMD_NOT_DONE);
        } else {
            assert_int_equal(ev.what, PMEMD_EV_RELEASED);
            assert_true((done >> ev.cookie & 1) != 0);
            released |= 1u << ev.cookie;
        }
    }
    assert_int_equal(done, 31);
    assert_int_equal(released, 31);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 0);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_STATE);
    assert_int_equal(pmemd_wait(c, 1, UINT64_MAX), 0);
    pmemd_abort(c); /* twice is once */
    char byte;
    assert_true(recv(f.fd, &byte, 1, 0) <= 0); /* dropped, not drained */
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static uint64_t
now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static void
close__is_bounded(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.connect_timeout_ns = 100 * MS;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &page, &page_iov, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    r.timeout_ns = 250 * MS;
    assert_int_equal(pmemd_submit(c, &r), 0);
    const uint64_t begin = now_ns();
    pmemd_close(c); /* nobody answers */
    const uint64_t took = now_ns() - begin;
    assert_true(took >= 200 * MS);
    assert_true(took < 2000 * MS);
    fake_down(&f);
}

static void
close__waits_for_what_is_in_flight(void **state)
{
    (void)state;
    struct fake f;
    fake_up(&f, FAKE_TCP);
    fake_thread(&f);
    struct pmemd_client *c = NULL;
    assert_int_equal(pmemd_open(f.uri, NULL, &c), 0);
    memset(memory, 0x77, 4096);
    for (unsigned i = 0; i < 20; i++) {
        const struct pmemd_extent e = {.off = i * 4096u, .len = 4096};
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &page_iov, i);
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    pmemd_close(c);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(f.memory[i * 4096 + 4095], 0x77);
    fake_down(&f);
}

static void
close__before_anything(void **state)
{
    (void)state;
    struct pmemd_client *c = NULL;
    assert_int_equal(pmemd_open("pmemd://127.0.0.1:1/x", NULL, &c), 0);
    pmemd_close(c);
    assert_int_equal(pmemd_open("pmemd://127.0.0.1:1/x", NULL, &c), 0);
    assert_int_equal(pmemd_ready(c), 0);
    pmemd_close(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline__not_done_before_a_byte_left),
        cmocka_unit_test(deadline__unknown_after),
        cmocka_unit_test(deadline__in_the_middle_of_a_payload),
        cmocka_unit_test(deadline__write_half_sent_keeps_its_memory),
        cmocka_unit_test(deadline__many_in_order),
        cmocka_unit_test(cancel__queued_and_sent),
        cmocka_unit_test(abort__every_request_gets_both_events),
        cmocka_unit_test(close__is_bounded),
        cmocka_unit_test(close__waits_for_what_is_in_flight),
        cmocka_unit_test(close__before_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
