/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a lost connection is no error of its requests: they are sent again, in their order,
 * with the same bytes, and their memory stays borrowed until then.
 * Method: a scripted server that hangs up at every stage of a request.
 */
#include "tests/unit/client/fake.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static uint8_t memory[4 << 20];

static void
again(struct fake *f, struct pmemd_client *c)
{
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_LOST);
    assert_true(ev.err < 0);
    fake_accept(f);
    fake_greet(f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
}

static void
resend__each_verb(void **state)
{
    (void)state;
    static const uint32_t verbs[] = {PMEMD_VERB_READ,  PMEMD_VERB_WRITE, PMEMD_VERB_ZERO,
                                     PMEMD_VERB_FLUSH, PMEMD_VERB_STAT,  PMEMD_VERB_LIST};
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = 4096};
    const struct pmemd_iov v = {.data = memory, .len = 4096};
    for (unsigned i = 0; i < TEST_COUNT(verbs); i++) {
        const bool extents = verbs[i] >= PMEMD_VERB_READ && verbs[i] <= PMEMD_VERB_ZERO;
        const bool iov = verbs[i] != PMEMD_VERB_ZERO && verbs[i] != PMEMD_VERB_FLUSH;
        const struct pmemd_req r =
            fake_req(verbs[i], extents ? &e : NULL, iov ? &v : NULL, verbs[i]);
        assert_int_equal(pmemd_submit(c, &r), 0);
        for (unsigned times = 0; times < 3; times++) {
            fake_get(&f, m);
            assert_int_equal(m->p.verb, verbs[i]);
            fake_msg_free(m);
            fake_hang_up(&f, times == 1);
            again(&f, c);
        }
        fake_get(&f, m);
        fake_serve(&f, m);
        fake_msg_free(m);
        const struct pmemd_event done = fake_event(c);
        assert_int_equal(done.what, PMEMD_EV_DONE);
        assert_int_equal(done.err, 0);
        assert_int_equal(done.outcome, PMEMD_OK);
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
resend__keeps_the_order(void **state)
{
    (void)state;
    enum { N = 10 };
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    f.hello.limits.credit_requests = 6;
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < N; i++) {
        const struct pmemd_extent e = {.off = i * 4096u, .len = 4096};
        const struct pmemd_iov v = {.data = memory, .len = 4096};
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, i);
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        fake_get(&f, m);
        if (i == 2)
            fake_serve(&f, m); /* one of those on the wire is answered */
        fake_msg_free(m);
    }
    assert_int_equal(fake_event(c).cookie, 2);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    fake_hang_up(&f, false);
    again(&f, c);
    for (unsigned i = 0; i < N; i++) {
        if (i == 2)
            continue;
        fake_get(&f, m);
        assert_int_equal(hot_extent_at(&m->req, 0).off, i * 4096u);
        fake_serve(&f, m);
        fake_msg_free(m);
        const struct pmemd_event done = fake_event(c);
        assert_int_equal(done.what, PMEMD_EV_DONE);
        assert_int_equal(done.cookie, i);
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* What was sent whole goes before what was stuck half way, and that before what came later. */
static void
resend__keeps_the_order_of_a_full_socket(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_UNIX);
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < 4; i++) {
        const struct pmemd_extent e = {.off = i * 4096u, .len = i == 2 ? sizeof memory : 4096};
        const struct pmemd_iov v = {.data = memory, .len = e.len};
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, i);
        assert_int_equal(pmemd_submit(c, &r), 0);
    }
    assert_false(fake_silence(&f));
    fake_hang_up(&f, false);
    again(&f, c);
    for (unsigned i = 0; i < 4; i++) {
        fake_get(&f, m);
        assert_int_equal(hot_extent_at(&m->req, 0).off, i * 4096u);
        fake_serve(&f, m);
        fake_msg_free(m);
    }
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(fake_event(c).err, 0);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* Hang up while a large payload is half way, in either direction. */
static void
resend__in_the_middle_of_a_payload(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    uint8_t *half = malloc(1 << 20);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 8192, .len = sizeof memory};
    const struct pmemd_iov v = {.data = memory, .len = sizeof memory};
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (uint8_t)(i * 13 + i / 1000);
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m); /* whole, so that some bytes surely left */
    fake_msg_free(m);
    fake_hang_up(&f, true);
    again(&f, c);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    assert_int_equal(fake_event(c).err, 0);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_memory_equal(f.memory + 8192, memory, sizeof memory);

    memset(memory, 0, sizeof memory);
    r = fake_req(PMEMD_VERB_READ, &e, &v, 2);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    const struct hot_reply reply = {.durability = 1, .bytes = sizeof memory};
    uint8_t head[WIRE_PREFIX_BYTES + HOT_FIXED_BYTES];
    const struct wire_prefix p = {.verb = WIRE_READ,
                                  .flags = WIRE_F_REPLY,
                                  .tag = m->p.tag,
                                  .header_len = HOT_FIXED_BYTES,
                                  .payload_len = sizeof memory};
    hot_reply_write(head + WIRE_PREFIX_BYTES, &reply, NULL);
    wire_prefix_write(head, &p, head + WIRE_PREFIX_BYTES);
    fake_send(&f, head, sizeof head);
    memset(half, 0xee, 1 << 20);
    fake_send(&f, half, 1 << 20); /* bytes that will be overwritten */
    fake_no_event(c);
    fake_hang_up(&f, false);
    again(&f, c);
    fake_get(&f, m);
    fake_serve(&f, m);
    assert_int_equal(fake_event(c).err, 0);
    assert_memory_equal(f.memory + 8192, memory, sizeof memory);
    pmemd_close(c);
    fake_down(&f);
    free(half);
    free(m);
}

static void
smaller_limits(uint32_t flags)
{
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.flags = flags;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    struct pmemd_extent e[9];
    for (unsigned i = 0; i < 9; i++)
        e[i] = (struct pmemd_extent){.off = i * 40000u, .len = 10000 + i};
    const struct pmemd_iov v = {.data = memory, .len = 90036};
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, e, &v, 1);
    r.extent_count = 9;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    assert_int_equal(m->req.bytes, 90036);
    fake_msg_free(m);
    f.hello.limits.io_max = 7000;
    f.hello.limits.extents_max = 1;
    fake_hang_up(&f, false);
    again(&f, c);
    for (uint64_t sum = 0; sum < 90036; sum += m->req.bytes) {
        fake_get(&f, m);
        assert_true(m->req.bytes <= 7000);
        fake_serve(&f, m);
        fake_msg_free(m);
    }
    const struct pmemd_event done = fake_event(c);
    assert_int_equal(done.err, 0);
    assert_int_equal(done.bytes, 90036);
    uint64_t at = 0;
    for (unsigned i = 0; i < 9; i++, at += 9999 + i)
        assert_memory_equal(f.memory + i * 40000u, memory + at, 10000 + i);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
resend__to_a_server_with_smaller_limits(void **state)
{
    (void)state;
    smaller_limits(PMEMD_CFG_CRC_OFF);
    smaller_limits(PMEMD_CFG_CRC_ON);
}

static void
resend__until_its_deadline(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = 4096};
    const struct pmemd_iov v = {.data = memory, .len = 4096};
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    r.timeout_ns = 50000000;
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_msg_free(m);
    fake_hang_up(&f, true);
    assert_int_equal(fake_event(c).what, PMEMD_EV_LOST);
    const struct pmemd_event done = fake_event(c);
    assert_int_equal(done.what, PMEMD_EV_DONE);
    assert_int_equal(done.err, PMEMD_E_TIMEOUT);
    assert_int_equal(done.outcome, PMEMD_UNKNOWN); /* the lost connection may have carried it */
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
resend__after_closing(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_reply(&f, m, PMEMD_E_CLOSING, PMEMD_NOT_DONE, NULL, 0);
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_LOST);
    assert_int_equal(ev.err, PMEMD_E_CLOSING);
    fake_accept(&f);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    fake_get(&f, m);
    fake_serve(&f, m);
    assert_int_equal(fake_event(c).err, 0);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
resend__not_when_reconnecting_is_off(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.reconnect_ns = 0;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_hang_up(&f, false);
    assert_int_equal(fake_event(c).what, PMEMD_EV_LOST);
    const struct pmemd_event done = fake_event(c);
    assert_int_equal(done.what, PMEMD_EV_DONE);
    assert_int_equal(done.err, PMEMD_E_LOST);
    assert_int_equal(done.outcome, PMEMD_UNKNOWN);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_int_equal(fake_event(c).what, PMEMD_EV_REFUSED);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* A refusal can come before the payload is out: the rest must follow, or the stream is lost. */
static void
reply__before_the_payload_is_out(void **state)
{
    (void)state;
    struct fake f;
    fake_up(&f, FAKE_UNIX);
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = sizeof memory};
    const struct pmemd_iov v = {.data = memory, .len = sizeof memory};
    struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_false(fake_silence(&f)); /* a part of it has arrived: the socket is full */
    /* Its tag: the first that this client ever gave. */
    memset(m, 0, sizeof *m);
    m->p.verb = WIRE_WRITE;
    m->p.tag = UINT64_C(1) << 32;
    fake_reply(&f, m, PMEMD_E_FENCED, PMEMD_NOT_DONE, NULL, 0);
    const struct pmemd_event done = fake_event(c);
    assert_int_equal(done.what, PMEMD_EV_DONE);
    assert_int_equal(done.err, PMEMD_E_FENCED);
    fake_no_event(c);
    fake_get(&f, m);
    fake_msg_free(m);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 2);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_serve(&f, m);
    assert_int_equal(fake_event(c).err, 0);
    assert_int_equal(f.connections, 1);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* Answers that no server can have: a second one to the same tag while its first user is still
 * leaving, and a good one to what has not left yet. */
static void
impossible(unsigned refusals, int last_status, uint32_t last_outcome)
{
    struct fake f;
    fake_up(&f, FAKE_UNIX);
    struct fake_msg *m = calloc(1, sizeof *m);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = sizeof memory};
    const struct pmemd_iov v = {.data = memory, .len = sizeof memory};
    const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_false(fake_silence(&f));
    m->p.verb = WIRE_WRITE;
    m->p.tag = UINT64_C(1) << 32;
    for (unsigned i = 0; i < refusals; i++)
        fake_reply(&f, m, PMEMD_E_FENCED, PMEMD_NOT_DONE, NULL, 0);
    fake_reply(&f, m, last_status, last_outcome, NULL, 0);
    bool lost = false;
    for (unsigned i = 0; i < 1 + 2 * refusals; i++) {
        const struct pmemd_event ev = fake_event(c);
        lost = lost || (ev.what == PMEMD_EV_LOST && ev.err == PMEMD_E_PROTO);
    }
    assert_true(lost);
    pmemd_abort(c);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
reply__impossible(void **state)
{
    (void)state;
    impossible(1, PMEMD_E_FENCED, PMEMD_NOT_DONE);
    impossible(0, 0, PMEMD_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resend__each_verb),
        cmocka_unit_test(resend__keeps_the_order),
        cmocka_unit_test(resend__keeps_the_order_of_a_full_socket),
        cmocka_unit_test(resend__in_the_middle_of_a_payload),
        cmocka_unit_test(resend__to_a_server_with_smaller_limits),
        cmocka_unit_test(resend__until_its_deadline),
        cmocka_unit_test(resend__after_closing),
        cmocka_unit_test(resend__not_when_reconnecting_is_off),
        cmocka_unit_test(reply__before_the_payload_is_out),
        cmocka_unit_test(reply__impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
