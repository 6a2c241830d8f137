/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: whatever the connection does, every accepted request gets DONE once and RELEASED once
 * after it, and what is read is what was stored.
 * Method: many requests against a model of the region, while the server hangs up at random
 * places, in both directions, with every way of sending. Random, but of a fixed seed.
 */
#include "tests/unit/client/fake.h"

#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 24, SLOT_BYTES = 192 << 10, REQUESTS = 600 };

struct slot {
    uint8_t memory[SLOT_BYTES]; /* of the request */
    uint8_t model[SLOT_BYTES];  /* what the region must hold there */
    struct pmemd_extent extents[6];
    struct pmemd_iov iov[4];
    uint64_t bytes;
    uint32_t verb;
    bool busy, done;
};

/* Random extents inside the slot's own part of the region: they rise, so that none overlap. */
static unsigned
make_extents(struct slot *s, unsigned index)
{
    const unsigned n = 1 + (unsigned)rand() % 6;
    uint64_t at = 0;
    s->bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        const uint64_t room = SLOT_BYTES / n;
        const uint64_t len = 1 + (uint64_t)rand() % (rand() % 3 == 0 ? room : 5000);
        at = i * room;
        s->extents[i] = (struct pmemd_extent){.off = index * SLOT_BYTES + at, .len = len};
        s->bytes += len;
    }
    return n;
}

static unsigned
make_iov(struct slot *s)
{
    const unsigned n = 1 + (unsigned)rand() % 4;
    uint64_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        const uint64_t len =
            i == n - 1 ? s->bytes - at : (uint64_t)rand() % (s->bytes - at + 1);
        s->iov[i] = (struct pmemd_iov){.data = s->memory + at, .len = len};
        at += len;
    }
    return n;
}

/* Bring the model to what the request makes of it, or compare a READ with it. */
static void
settle(struct slot *s, unsigned index)
{
    uint64_t at = 0;
    for (unsigned i = 0; at < s->bytes; i++) {
        uint8_t *model = s->model + (s->extents[i].off - index * SLOT_BYTES);
        const uint64_t len = s->extents[i].len;
        if (s->verb == PMEMD_VERB_READ)
            assert_memory_equal(s->memory + at, model, len);
        else if (s->verb == PMEMD_VERB_WRITE)
            memcpy(model, s->memory + at, len);
        else
            memset(model, 0, len);
        at += len;
    }
}

static void
start(struct pmemd_client *c, struct slot *s, unsigned index)
{
    static const uint32_t verbs[] = {PMEMD_VERB_READ, PMEMD_VERB_WRITE, PMEMD_VERB_ZERO};
    struct pmemd_req r;
    s->verb = verbs[rand() % 3];
    r = fake_req(s->verb, s->extents, NULL, index);
    r.extent_count = make_extents(s, index);
    if (s->verb != PMEMD_VERB_ZERO) {
        r.iov = s->iov;
        r.iov_count = make_iov(s);
    }
    for (uint64_t i = 0; i < s->bytes; i++)
        s->memory[i] = s->verb == PMEMD_VERB_WRITE ? (uint8_t)rand() : 0xdd;
    assert_int_equal(pmemd_submit(c, &r), 0);
    s->busy = true;
    s->done = false;
}

static void
on_event(struct slot *slots, const struct pmemd_event *ev, unsigned *ended)
{
    if (ev->what == PMEMD_EV_LOST)
        assert_int_not_equal(ev->err, PMEMD_E_PROTO); /* the server hangs up, but speaks well */
    if (ev->what == PMEMD_EV_CONNECTED || ev->what == PMEMD_EV_LOST)
        return;
    struct slot *s = &slots[ev->cookie];
    assert_true(s->busy);
    if (ev->what == PMEMD_EV_DONE) {
        assert_false(s->done);
        assert_int_equal(ev->err, 0);
        assert_int_equal(ev->bytes, s->bytes);
        s->done = true;
        return;
    }
    assert_int_equal(ev->what, PMEMD_EV_RELEASED);
    assert_true(s->done);
    settle(s, (unsigned)ev->cookie);
    s->busy = false;
    (*ended)++;
}

static void
chaos(enum fake_kind kind, uint32_t flags, unsigned seed)
{
    struct fake f;
    struct pmemd_config cfg;
    struct slot *slots = calloc(SLOTS, sizeof *slots);
    struct pmemd_client *c = NULL;
    unsigned started = 0;
    unsigned ended = 0;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.flags = flags;
    cfg.zc_min = 4096;
    srand(seed);
    fake_up(&f, kind);
    f.hello.limits.io_max = 50000; /* requests are cut */
    f.hello.limits.extents_max = 4;
    f.hello.limits.credit_bytes = 300000;
    f.hang_up_every = 400000;
    fake_thread(&f);
    assert_int_equal(pmemd_open(f.uri, &cfg, &c), 0);
    while (ended < REQUESTS) {
        struct pmemd_event ev[16];
        for (unsigned i = 0; i < SLOTS && started < REQUESTS; i++) {
            if (!slots[i].busy && rand() % 3 != 0) {
                start(c, &slots[i], i);
                started++;
            }
        }
        (void)pmemd_wait(c, 1, 1000000);
        const int n = pmemd_reap(c, ev, sizeof ev[0], TEST_COUNT(ev));
        for (int i = 0; i < n; i++)
            on_event(slots, &ev[i], &ended);
    }
    pmemd_close(c);
    assert_true(f.connections > 20);
    for (unsigned i = 0; i < SLOTS; i++)
        assert_memory_equal(slots[i].model, f.memory + i * SLOT_BYTES, SLOT_BYTES);
    fake_down(&f);
    free(slots);
}

static void
chaos__tcp(void **state)
{
    (void)state;
    chaos(FAKE_TCP, PMEMD_CFG_CRC_OFF, 1);
}

static void
chaos__unix(void **state)
{
    (void)state;
    chaos(FAKE_UNIX, PMEMD_CFG_CRC_OFF, 2);
}

static void
chaos__checksums(void **state)
{
    (void)state;
    chaos(FAKE_TCP, PMEMD_CFG_CRC_ON, 3);
}

static void
chaos__zero_copy(void **state)
{
    (void)state;
    chaos(FAKE_TCP, PMEMD_CFG_ZC_ALWAYS, 4);
    chaos(FAKE_TCP, PMEMD_CFG_ZC_ALWAYS | PMEMD_CFG_CRC_ON, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chaos__tcp),
        cmocka_unit_test(chaos__unix),
        cmocka_unit_test(chaos__checksums),
        cmocka_unit_test(chaos__zero_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
