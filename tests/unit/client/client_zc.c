/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: memory that the kernel still reads is never given back, whatever becomes of the request
 * or its connection; zero-copy stops where the kernel copies anyway.
 * Method: MSG_ZEROCOPY over loopback TCP to a receiver that does not read, so that the kernel
 * keeps the pages until it does. sendmsg() is wrapped to see flags and to refuse memory.
 */
#include "tests/unit/client/fake.h"

#include "client/client.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier) */
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
/* NOLINTEND(bugprone-reserved-identifier) */

static unsigned zc_sends; /* with the flag */
static unsigned all_sends;
static unsigned refusals; /* how many with the flag are still to fail */

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    all_sends++;
    if ((flags & MSG_ZEROCOPY) != 0) {
        if (refusals > 0) {
            refusals--;
            errno = ENOBUFS;
            return -1;
        }
        zc_sends++;
    }
    return __real_sendmsg(fd, m, flags);
}

#define LEN (512u << 10)
static uint8_t memory[LEN] __attribute__((aligned(4096)));
static const struct pmemd_extent extent = {.off = 0, .len = LEN};
static const struct pmemd_iov iov = {.data = memory, .len = LEN};

static struct pmemd_config
always(void)
{
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.flags = PMEMD_CFG_ZC_ALWAYS;
    return cfg;
}

/* Listen with a receive buffer that holds a small part of what is sent. */
static void
up_narrow(struct fake *f)
{
    const int small = 64 << 10;
    fake_up(f, FAKE_TCP);
    setsockopt(f->listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    zc_sends = all_sends = refusals = 0;
    for (size_t i = 0; i < LEN; i++)
        memory[i] = (uint8_t)(i * 11 + i / 4096);
}

/* Submit a WRITE and drive until all of it is in the kernel. */
static void
send_all(struct pmemd_client *c, uint64_t cookie)
{
    const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &extent, &iov, cookie);
    const int room = 4 << 20;
    setsockopt(c->conn.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    assert_int_equal(pmemd_submit(c, &r), 0);
    for (unsigned i = 0; i < 5000 && !c->sender.idle; i++)
        assert_int_equal(pmemd_ready(c), 0);
    assert_true(pmi_list_empty(&c->flow.sending));
    assert_true(zc_sends > 0);
    assert_true(zc_owed(&c->sender.zc) > 0);
}

static void
released__follows_the_notification(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_config cfg = always();
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    send_all(c, 1);
    uint64_t zc;
    uint64_t copied;
    uint64_t unknown;
    pmemd_sent(c, &zc, &copied, &unknown);
    assert_int_equal(zc + copied + unknown, LEN);
    assert_true(unknown > 0);
    assert_int_equal(pmemd_cancel(c, 1), 1);
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_DONE);
    assert_int_equal(ev.outcome, PMEMD_UNKNOWN);
    fake_no_event(c); /* the kernel still reads it */
    fake_get(&f, m);
    assert_memory_equal(m->payload, memory, LEN);
    fake_msg_free(m);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_int_equal(zc_owed(&c->sender.zc), 0);
    fake_no_event(c);
    pmemd_sent(c, &zc, &copied, &unknown);
    assert_int_equal(zc + copied, LEN);
    assert_int_equal(unknown, 0);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
released__by_its_own_notification_only(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_config cfg = always();
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    send_all(c, 1);
    const uint32_t first_sends = c->sender.zc.next;
    send_all(c, 2);
    assert_int_equal(pmemd_cancel(c, 1) + pmemd_cancel(c, 2), 2);
    assert_int_equal(fake_event(c).what, PMEMD_EV_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_DONE);
    fake_get(&f, m); /* the first alone: the second stays in the kernel for the most part */
    fake_msg_free(m);
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_RELEASED);
    assert_int_equal(ev.cookie, 1);
    assert_true(c->sender.zc.first >= first_sends);
    fake_no_event(c);
    fake_get(&f, m);
    fake_msg_free(m);
    assert_int_equal(fake_event(c).cookie, 2);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
released__never_before_done(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_config cfg = always();
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    send_all(c, 1);
    fake_get(&f, m);
    /* All of it was received and notified, but not answered. */
    for (unsigned i = 0; i < 2000 && zc_owed(&c->sender.zc) > 0; i++) {
        assert_int_equal(pmemd_ready(c), 0);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(zc_owed(&c->sender.zc), 0);
    fake_no_event(c);
    fake_serve(&f, m);
    fake_msg_free(m);
    assert_int_equal(fake_event(c).what, PMEMD_EV_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_memory_equal(f.memory, memory, LEN);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
lost__the_old_socket_is_kept_until_it_lets_go(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_config cfg = always();
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 0)
            send_all(c, 1);
        fake_hang_up(&f, true);
        assert_int_equal(fake_event(c).what, PMEMD_EV_LOST);
        fake_accept(&f);
        fake_greet(&f);
        assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
        fake_no_event(c);
    }
    fake_get(&f, m);
    assert_memory_equal(m->payload, memory, LEN); /* the same bytes again */
    fake_serve(&f, m);
    fake_msg_free(m);
    assert_int_equal(fake_event(c).what, PMEMD_EV_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_int_equal(c->graves.used, 0);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* A request that ended while the kernel holds its bytes for a dead connection. */
static void
grave__its_notifications_release(void **state)
{
    (void)state;
    struct fake f;
    const struct pmemd_config cfg = always();
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    send_all(c, 1);
    /* By hand, because the kernel's reset lets go at once: an op in a grave stays attached. */
    struct op *op = flow_op_of_tag(&c->flow, UINT64_C(1) << 32);
    assert_non_null(op);
    assert_true(op->zc_held);
    flow_lost(&c->flow, 0x80);
    assert_int_equal(op->graves, 0x80);
    assert_int_equal(pmemd_cancel(c, 1), 1);
    struct pmemd_event ev[4];
    assert_int_equal(events_take(&c->flow.events, ev, sizeof ev[0], 4), 1);
    assert_int_equal(ev[0].what, PMEMD_EV_DONE);
    flow_graves_empty(&c->flow, 0x40); /* another one */
    assert_int_equal(events_waiting(&c->flow.events), 0);
    flow_graves_empty(&c->flow, 0x80);
    assert_int_equal(events_take(&c->flow.events, ev, sizeof ev[0], 4), 1);
    assert_int_equal(ev[0].what, PMEMD_EV_RELEASED);
    pmemd_close(c);
    fake_down(&f);
}

/* A socket that never gets its notification stays, and is looked at more and more rarely. */
static void
grave__waits_for_the_last_notification(void **state)
{
    (void)state;
    struct graves g = {0};
    struct zc z;
    struct zc_stats stats = {0};
    uint8_t bits = 0;
    zc_init(&z, true, true);
    (void)zc_count(&z, 10, &stats);
    for (unsigned i = 0; i < GRAVES_MAX; i++) {
        assert_true(graves_room(&g));
        bits |= graves_bury(&g, socket(AF_INET, SOCK_STREAM, 0), &z, 0);
    }
    assert_int_equal(bits, 0xff);
    assert_false(graves_room(&g));
    uint64_t now = 0;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(graves_poll(&g, now, &stats), 0);
        assert_true(graves_due_ns(&g) > now);
        now = graves_due_ns(&g);
    }
    zc_notice(&g.at[3].zc, 0, 0, false, now, &stats);
    assert_int_equal(graves_poll(&g, now, &stats), 8);
    assert_true(graves_room(&g));
    graves_fini(&g);
    assert_int_equal(graves_due_ns(&g), UINT64_MAX);
}

static void
abort__releases_what_the_kernel_held(void **state)
{
    (void)state;
    struct fake f;
    const struct pmemd_config cfg = always();
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    send_all(c, 1);
    pmemd_abort(c);
    assert_int_not_equal(c->graves.used, 0); /* not yet: it looks when it is driven */
    assert_int_equal(events_waiting(&c->flow.events), 1);
    assert_int_equal(fake_event(c).what, PMEMD_EV_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_int_equal(c->graves.used, 0);
    pmemd_close(c);
    fake_down(&f);
}

static void
close__waits_for_the_kernel(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_config cfg = always();
    cfg.connect_timeout_ns = 50000000;
    up_narrow(&f);
    struct pmemd_client *c = fake_connected(&f, &cfg);
    send_all(c, 1);
    pmemd_close(c); /* asserts that nothing is held when it frees */
    fake_down(&f);
}

/* Over loopback the kernel always copies: a few tries, then plain sends, then a look again. */
static void
controller__stops_where_the_kernel_copies(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    zc_sends = all_sends = 0;
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < 30; i++) {
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &extent, &iov, i);
        if (i == 20) {
            assert_int_equal(c->sender.zc.mode, ZC_PAUSED);
            assert_true(zc_sends >= ZC_PROBES);
            assert_true(zc_sends <= 3 * ZC_PROBES);
            zc_sends = 0;
        }
        if (i == 25) {
            assert_int_equal(zc_sends, 0);
            c->sender.zc.resume_ns = 0; /* the pause is over */
        }
        assert_int_equal(pmemd_submit(c, &r), 0);
        fake_get(&f, m);
        fake_serve(&f, m);
        fake_msg_free(m);
        assert_int_equal(fake_event(c).what, PMEMD_EV_DONE);
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    }
    assert_true(zc_sends > 0);
    assert_int_equal(c->sender.zc.mode, ZC_PAUSED);
    assert_int_equal(c->sender.zc.pause_ns, UINT64_C(4000000000)); /* doubled twice */
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
controller__off_small_or_unix(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    for (unsigned i = 0; i < 3; i++) {
        struct pmemd_config cfg = always();
        if (i == 0)
            cfg.flags = PMEMD_CFG_ZC_OFF;
        if (i == 1)
            cfg.zc_min = LEN + 1;
        fake_up(&f, i == 2 ? FAKE_UNIX : FAKE_TCP);
        zc_sends = 0;
        struct pmemd_client *c = fake_connected(&f, &cfg);
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &extent, &iov, i);
        assert_int_equal(pmemd_submit(c, &r), 0);
        fake_get(&f, m);
        fake_serve(&f, m);
        fake_msg_free(m);
        assert_int_equal(fake_event(c).err, 0);
        assert_int_equal(zc_sends, 0);
        uint64_t copied;
        pmemd_sent(c, NULL, &copied, NULL);
        assert_int_equal(copied, LEN);
        pmemd_close(c);
        fake_down(&f);
    }
    free(m);
}

static void
enobufs__copies_this_one(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_config cfg = always();
    fake_up(&f, FAKE_TCP);
    zc_sends = all_sends = 0;
    struct pmemd_client *c = fake_connected(&f, &cfg);
    for (unsigned i = 0; i < 2; i++) {
        const struct pmemd_req r = fake_req(PMEMD_VERB_WRITE, &extent, &iov, i);
        refusals = i == 0;
        assert_int_equal(pmemd_submit(c, &r), 0);
        fake_get(&f, m);
        fake_serve(&f, m);
        fake_msg_free(m);
        assert_int_equal(fake_event(c).err, 0);
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
        assert_int_equal(zc_sends > 0, i == 1); /* the next one is tried again */
    }
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
notice__ranges_in_any_order(void **state)
{
    (void)state;
    struct zc z;
    struct zc_stats stats = {0};
    zc_init(&z, true, false);
    assert_int_equal(z.mode, ZC_PROBE);
    z.next = z.first = UINT32_MAX - 2; /* the kernel's numbers wrap */
    for (unsigned i = 0; i < 6; i++)
        (void)zc_count(&z, 100 + i, &stats);
    assert_int_equal(stats.bytes_unknown, 615);
    zc_notice(&z, UINT32_MAX, 1, false, 0, &stats);
    assert_int_equal(zc_owed(&z), 6); /* an earlier one is missing */
    assert_int_equal(stats.bytes_zc, 102 + 103 + 104);
    assert_int_equal(z.mode, ZC_ON);
    zc_notice(&z, UINT32_MAX - 2, UINT32_MAX - 1, true, 0, &stats);
    assert_int_equal(zc_owed(&z), 1);
    assert_int_equal(stats.bytes_copied, 201);
    zc_notice(&z, 2, 2, false, 0, &stats);
    assert_int_equal(zc_owed(&z), 0);
    assert_int_equal(stats.bytes_unknown, 0);
    zc_init(&z, false, true);
    assert_false(zc_wanted(&z, 0));
}

static void
probe__bounds_what_is_out(void **state)
{
    (void)state;
    struct zc z;
    struct zc_stats stats = {0};
    zc_init(&z, true, false);
    for (unsigned i = 0; i < ZC_PROBES; i++) {
        assert_true(zc_wanted(&z, 0));
        (void)zc_count(&z, 1, &stats);
    }
    assert_false(zc_wanted(&z, 0));
    zc_notice(&z, 0, ZC_PROBES - 1, true, 5, &stats);
    assert_int_equal(z.mode, ZC_PAUSED);
    assert_false(zc_wanted(&z, 1000));
    assert_true(zc_wanted(&z, UINT64_C(1000000005)));
    assert_int_equal(z.mode, ZC_PROBE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(released__follows_the_notification),
        cmocka_unit_test(released__by_its_own_notification_only),
        cmocka_unit_test(released__never_before_done),
        cmocka_unit_test(lost__the_old_socket_is_kept_until_it_lets_go),
        cmocka_unit_test(grave__its_notifications_release),
        cmocka_unit_test(grave__waits_for_the_last_notification),
        cmocka_unit_test(abort__releases_what_the_kernel_held),
        cmocka_unit_test(close__waits_for_the_kernel),
        cmocka_unit_test(controller__stops_where_the_kernel_copies),
        cmocka_unit_test(controller__off_small_or_unix),
        cmocka_unit_test(enobufs__copies_this_one),
        cmocka_unit_test(notice__ranges_in_any_order),
        cmocka_unit_test(probe__bounds_what_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
