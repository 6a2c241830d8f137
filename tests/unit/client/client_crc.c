/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: bytes that changed on the way are noticed at both ends, repeated once, and told from a
 * buffer that its owner changed meanwhile.
 * Method: a scripted server that checks, lies, or refuses.
 */
#include "tests/unit/client/fake.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define LEN (2500u << 10) /* three pieces of P5.1 */
static uint8_t memory[LEN];
static const struct pmemd_extent extents[2] = {{.off = 4096, .len = LEN - 1000},
                                               {.off = 8 << 20, .len = 1000}};
static const struct pmemd_iov iov = {.data = memory, .len = LEN};

static struct pmemd_req
both(uint32_t verb)
{
    struct pmemd_req r = fake_req(verb, extents, &iov, verb);
    r.extent_count = 2;
    return r;
}

static struct pmemd_client *
connected(struct fake *f)
{
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.flags = PMEMD_CFG_CRC_ON;
    fake_up(f, FAKE_TCP);
    for (size_t i = 0; i < LEN; i++)
        memory[i] = (uint8_t)(i * 5 + i / 3000);
    return fake_connected(f, &cfg);
}

static struct pmemd_event
done(struct pmemd_client *c)
{
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    return ev;
}

static void
crc__both_ways(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    assert_true(f.got_open.crc);
    struct pmemd_req r = both(PMEMD_VERB_WRITE);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    assert_int_equal(m->req.flags, HOT_F_CRC);
    assert_int_equal(m->req.crc_count, 4);
    fake_serve(&f, m); /* checks them */
    fake_msg_free(m);
    assert_int_equal(done(c).err, 0);
    memset(memory, 0, LEN);
    r = both(PMEMD_VERB_READ);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    assert_int_equal(m->req.flags, HOT_F_CRC);
    assert_int_equal(m->req.crc_count, 0);
    fake_serve(&f, m);
    assert_int_equal(done(c).err, 0);
    assert_int_equal(memory[LEN - 1], (uint8_t)((LEN - 1) * 5 + (LEN - 1) / 3000));
    struct pmemd_info info;
    assert_int_equal(pmemd_info(c, &info, sizeof info), 0);
    assert_int_equal(info.flags, PMEMD_INFO_CRC);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
read__wrong_once_then_right(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    const struct pmemd_req r = both(PMEMD_VERB_READ);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    f.crc_lies = true;
    fake_serve(&f, m);
    fake_get(&f, m);
    f.crc_lies = false;
    fake_serve(&f, m);
    assert_int_equal(done(c).err, 0);
    assert_int_equal(f.connections, 1);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
read__wrong_twice(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    const struct pmemd_req r = both(PMEMD_VERB_READ);
    assert_int_equal(pmemd_submit(c, &r), 0);
    f.crc_lies = true;
    for (unsigned i = 0; i < 2; i++) {
        fake_get(&f, m);
        fake_serve(&f, m);
    }
    const struct pmemd_event ev = done(c);
    assert_int_equal(ev.err, PMEMD_E_CRC);
    assert_int_equal(ev.outcome, PMEMD_NOT_DONE);
    assert_int_equal(ev.bytes, 0);
    assert_true(fake_silence(&f));
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
write__refused_once_and_twice(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    const struct pmemd_req r = both(PMEMD_VERB_WRITE);
    for (unsigned refusals = 1; refusals <= 2; refusals++) {
        assert_int_equal(pmemd_submit(c, &r), 0);
        for (unsigned i = 0; i < refusals; i++) {
            fake_get(&f, m);
            fake_msg_free(m);
            fake_reply(&f, m, PMEMD_E_CRC, PMEMD_UNKNOWN, NULL, 0);
        }
        if (refusals == 1) {
            fake_get(&f, m);
            fake_serve(&f, m);
            fake_msg_free(m);
        }
        const struct pmemd_event ev = done(c);
        assert_int_equal(ev.err, refusals == 1 ? 0 : PMEMD_E_CRC);
        assert_int_equal(ev.outcome, refusals == 1 ? PMEMD_OK : PMEMD_UNKNOWN);
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
write__a_buffer_changed_in_flight(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    const struct pmemd_req r = both(PMEMD_VERB_WRITE);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    memory[LEN / 2] ^= 1; /* its owner breaks the rule */
    m->payload[LEN / 2] ^= 1;
    fake_serve(&f, m); /* finds that the checksums do not fit */
    fake_msg_free(m);
    const struct pmemd_event ev = done(c);
    assert_int_equal(ev.err, PMEMD_E_UNSTABLE);
    assert_int_equal(ev.outcome, PMEMD_NOT_DONE);
    assert_true(fake_silence(&f));
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* The first send's checksums are kept: a change between two sends shows too. */
static void
write__a_buffer_changed_before_the_resend(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    const struct pmemd_req r = both(PMEMD_VERB_WRITE);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_msg_free(m);
    fake_hang_up(&f, true);
    assert_int_equal(fake_event(c).what, PMEMD_EV_LOST);
    memory[7] ^= 1;
    fake_accept(&f);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    fake_get(&f, m);
    fake_serve(&f, m);
    fake_msg_free(m);
    assert_int_equal(done(c).err, PMEMD_E_UNSTABLE);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
crc__required_but_not_offered(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.flags = PMEMD_CFG_CRC_ON;
    fake_up(&f, FAKE_TCP);
    f.hello.features = 0;
    struct pmemd_client *c = fake_client(&f, &cfg);
    fake_accept(&f);
    fake_get(&f, m);
    fake_serve(&f, m);
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_REFUSED);
    assert_int_equal(ev.err, PMEMD_E_UNSUPPORTED);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
crc__a_count_that_does_not_fit_is_nonsense(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct pmemd_client *c = connected(&f);
    const struct pmemd_req r = both(PMEMD_VERB_READ);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    m->req.flags = 0; /* answers without any */
    fake_serve(&f, m);
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_LOST);
    assert_int_equal(ev.err, PMEMD_E_PROTO);
    pmemd_abort(c);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc__both_ways),
        cmocka_unit_test(read__wrong_once_then_right),
        cmocka_unit_test(read__wrong_twice),
        cmocka_unit_test(write__refused_once_and_twice),
        cmocka_unit_test(write__a_buffer_changed_in_flight),
        cmocka_unit_test(write__a_buffer_changed_before_the_resend),
        cmocka_unit_test(crc__required_but_not_offered),
        cmocka_unit_test(crc__a_count_that_does_not_fit_is_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
