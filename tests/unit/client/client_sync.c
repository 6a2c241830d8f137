/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the calls that block do what their names say, leave other requests' events alone, and
 * end when they should.
 * Method: the scripted server in a thread, or nobody at all.
 */
#include "tests/unit/client/fake.h"

#include "common/clock.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS PMI_NS_PER_MS

static struct pmemd_client *
threaded(struct fake *f, const struct pmemd_config *cfg)
{
    struct pmemd_client *c = NULL;
    fake_up(f, FAKE_TCP);
    fake_thread(f);
    assert_int_equal(pmemd_open(f->uri, cfg, &c), 0);
    return c;
}

static void
calls__all_of_them(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_client *c = threaded(&f, NULL);
    char in[100];
    char out[100];
    memset(out, 'x', sizeof out);
    assert_int_equal(pmemd_write(c, 5, out, sizeof out, PMEMD_LEVEL_DURABLE), 0);
    assert_int_equal(pmemd_flush(c), 0);
    assert_int_equal(pmemd_read(c, 5, in, sizeof in), 0);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(pmemd_zero(c, 5, 50, PMEMD_LEVEL_RECEIVED), 0);
    assert_int_equal(pmemd_read(c, 5, in, sizeof in), 0);
    assert_int_equal(in[49], 0);
    assert_int_equal(in[50], 'x');
    assert_int_equal(pmemd_connect(c, UINT64_MAX), 0);
    struct pmemd_info info;
    assert_int_equal(pmemd_stat(c, &info, sizeof info), 0);
    assert_int_equal(info.size, sizeof info);
    assert_string_equal(info.name, "demo");
    assert_string_equal(info.medium, "mem");
    assert_int_equal(info.len, FAKE_REGION_BYTES);
    assert_int_equal(info.extents_max, 1024);
    assert_int_equal(pmemd_read(c, FAKE_REGION_BYTES, in, 1), PMEMD_E_RANGE);
    assert_int_equal(pmemd_read(c, 0, NULL, 1), PMEMD_E_ARG);
    assert_int_equal(pmemd_read(c, 0, in, 0), PMEMD_E_ARG);
    assert_int_equal(pmemd_write(c, 0, in, 1, 2), PMEMD_E_LEVEL);
    pmemd_close(c);
    fake_down(&f);
}

static void
stat__into_a_smaller_struct(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_client *c = threaded(&f, NULL);
    union {
        struct pmemd_info info;
        uint8_t bytes[2 * sizeof(struct pmemd_info)];
    } u;
    memset(&u, 0xee, sizeof u);
    assert_int_equal(pmemd_stat(c, &u.info, 32), 0);
    assert_int_equal(u.info.size, 32);
    assert_int_equal(u.info.page_size, 4096); /* the last that fits */
    assert_int_equal(u.bytes[32], 0xee);
    assert_int_equal(pmemd_stat(c, &u.info, sizeof u), 0);
    assert_int_equal(u.info.size, sizeof u.info);
    assert_int_equal(u.bytes[sizeof u - 1], 0);
    assert_int_equal(pmemd_stat(c, &u.info, 2), PMEMD_E_ARG);
    assert_int_equal(pmemd_stat(c, NULL, sizeof u), PMEMD_E_ARG);
    assert_int_equal(pmemd_info(c, &u.info, 8), 0);
    assert_int_equal(u.info.size, 8);
    pmemd_close(c);
    fake_down(&f);
}

static void
stat__counters(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_client *c = threaded(&f, NULL);
    struct pmemd_counter counters[4];
    struct pmemd_event ev;
    const struct pmemd_iov v = {.data = counters, .len = sizeof counters};
    struct pmemd_req r = fake_req(PMEMD_VERB_STAT, NULL, &v, 0);
    r.flags = PMEMD_REQ_COUNTERS;
    assert_int_equal(pmemd_call(c, &r, &ev, sizeof ev), 0);
    assert_int_equal(ev.bytes, sizeof counters[0]);
    assert_string_equal(counters[0].name, "reads");
    assert_string_equal(counters[0].unit, "requests");
    assert_int_equal(counters[0].value, 42);
    pmemd_close(c);
    fake_down(&f);
}

static void
call__leaves_other_events_queued(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.inflight_max = 2;
    struct pmemd_client *c = threaded(&f, &cfg);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 77);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_int_equal(pmemd_submit(c, &r), 0);
    assert_int_equal(pmemd_submit(c, &r), -EAGAIN);
    assert_int_equal(pmemd_flush(c), 0); /* works although the queue is full */
    assert_int_equal(pmemd_cancel(c, 0), 0);
    struct pmemd_event ev[8];
    assert_int_equal(pmemd_wait(c, 5, 5000 * MS), 5);
    assert_int_equal(pmemd_reap(c, ev, sizeof ev[0], 8), 5);
    assert_int_equal(ev[0].what, PMEMD_EV_CONNECTED);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(ev[i].cookie, 77);
    pmemd_close(c);
    fake_down(&f);
}

static void
call__ends_at_its_deadline(void **state)
{
    (void)state;
    struct pmemd_config cfg;
    struct pmemd_client *c = NULL;
    struct pmemd_event ev;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.timeout_ns = 50 * MS;
    assert_int_equal(pmemd_open("pmemd://127.0.0.1:1/x", &cfg, &c), 0);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 0);
    const uint64_t begin = pmi_now_ns();
    assert_int_equal(pmemd_call(c, &r, &ev, sizeof ev), PMEMD_E_TIMEOUT);
    assert_true(pmi_now_ns() - begin >= 50 * MS);
    assert_true(pmi_now_ns() - begin < 2000 * MS);
    assert_int_equal(ev.what, PMEMD_EV_DONE);
    assert_int_equal(ev.outcome, PMEMD_NOT_DONE);
    assert_non_null(strstr(pmemd_detail(c), "refused"));
    pmemd_close(c);
}

static void
wait__times_and_counts(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_client *c = threaded(&f, NULL);
    assert_int_equal(pmemd_connect(c, 5000 * MS), 0);
    assert_int_equal(pmemd_wait(c, 1, 0), 1);
    const uint64_t begin = pmi_now_ns();
    assert_int_equal(pmemd_wait(c, 2, 30 * MS), 1); /* fewer than asked when the time is over */
    assert_true(pmi_now_ns() - begin >= 30 * MS);
    assert_int_equal(pmemd_wait(c, 0, UINT64_MAX), 1);
    pmemd_close(c);
    fake_down(&f);
}

static void
busy_poll__spins_then_sleeps(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_config cfg;
    char in[4096];
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.busy_poll_ns = 50000;
    struct pmemd_client *c = threaded(&f, &cfg);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(pmemd_read(c, i, in, sizeof in), 0);
    assert_true(pmemd_wait(c, 99, 20 * MS) < 99);
    pmemd_close(c);
    fake_down(&f);
}

static void
on_alarm(int sig)
{
    (void)sig;
}

static void
wait__is_interrupted_by_a_handler(void **state)
{
    (void)state;
    struct fake f;
    const struct sigaction act = {.sa_handler = on_alarm};
    struct sigaction old;
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    sigaction(SIGALRM, &act, &old);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(pmemd_wait(c, 1, 5000 * MS), -EINTR);
    setitimer(ITIMER_REAL, &soon, NULL);
    f.client = NULL; /* a handler does not end a call: its deadline does */
    struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 0);
    r.timeout_ns = 60 * MS;
    assert_int_equal(pmemd_call(c, &r, NULL, 0), PMEMD_E_TIMEOUT);
    sigaction(SIGALRM, &old, NULL);
    pmemd_close(c);
    fake_down(&f);
}

/* In the child: nothing of the parent's handle works, and nothing of it is disturbed. */
static int
child(struct pmemd_client *c, const char *uri)
{
    struct pmemd_event ev;
    struct pmemd_info info;
    struct pmemd_client *own = NULL;
    char byte;
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 1);
    int bad = 0;
    bad += pmemd_submit(c, &r) != PMEMD_E_FORKED;
    bad += pmemd_reap(c, &ev, sizeof ev, 1) != PMEMD_E_FORKED;
    bad += pmemd_ready(c) != PMEMD_E_FORKED;
    bad += pmemd_wait(c, 1, 0) != PMEMD_E_FORKED;
    bad += pmemd_cancel(c, 1) != PMEMD_E_FORKED;
    bad += pmemd_call(c, &r, NULL, 0) != PMEMD_E_FORKED;
    bad += pmemd_read(c, 0, &byte, 1) != PMEMD_E_FORKED;
    bad += pmemd_stat(c, &info, sizeof info) != PMEMD_E_FORKED;
    bad += pmemd_info(c, &info, sizeof info) != PMEMD_E_FORKED;
    bad += pmemd_connect(c, 0) != PMEMD_E_FORKED;
    bad += pmemd_fd(c) != PMEMD_E_FORKED;
    bad += pmemd_wait_max_ns(c) != UINT64_MAX;
    bad += strcmp(pmemd_detail(c), pmemd_strerror(PMEMD_E_FORKED)) != 0;
    pmemd_abort(c);
    pmemd_close(c); /* does nothing here */
    pmemd_forked(c);
    bad += pmemd_open(uri, NULL, &own) != 0; /* a child has clients of its own */
    bad += pmemd_ready(own) < 0;
    pmemd_close(own);
    return bad;
}

static void
fork__the_child_is_told(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    char byte = 1;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    const struct pmemd_extent e = {.off = 0, .len = 1};
    const struct pmemd_iov v = {.data = &byte, .len = 1};
    const struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child(c, "pmemd://127.0.0.1:1/x"));
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fake_serve(&f, m); /* the parent goes on */
    assert_int_equal(fake_event(c).err, 0);
    assert_int_equal(byte, 0);
    assert_int_equal(f.connections, 1);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
list__pages_without_a_region(void **state)
{
    (void)state;
    enum { N = 130 };
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    struct msg_region *regions = calloc(N, sizeof *regions);
    struct pmemd_info *infos = calloc(N, sizeof *infos);
    uint8_t *out = malloc(WIRE_HEADER_MAX);
    fake_up(&f, FAKE_TCP);
    *strrchr(f.uri, '/') = '\0';
    struct pmemd_client *c = fake_client(&f, NULL);
    fake_accept(&f);
    fake_get(&f, m);
    fake_serve(&f, m);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED); /* no OPEN */
    for (unsigned i = 0; i < N; i++) {
        regions[i].size = i + 1;
        regions[i].name[0] = (char)('a' + (char)(i / 26));
        regions[i].name[1] = (char)('a' + (char)(i % 26));
    }
    /* All of them, then with memory for only 70. */
    for (unsigned room = N; room >= 70; room -= 60) {
        const struct pmemd_iov v = {.data = infos, .len = room * sizeof *infos + 3};
        const struct pmemd_req r = fake_req(PMEMD_VERB_LIST, NULL, &v, 4);
        assert_int_equal(pmemd_submit(c, &r), 0);
        for (unsigned at = 0; at < room; at += 50) {
            struct msg_list_reply reply = {.regions = regions + at,
                                           .region_count = N - at < 50 ? N - at : 50,
                                           .more = N - at > 50};
            fake_get(&f, m);
            assert_int_equal(m->p.verb, WIRE_LIST);
            fake_reply_msg(&f, m, out, msg_list_reply_write(out, WIRE_HEADER_MAX, &reply));
        }
        const struct pmemd_event ev = fake_event(c);
        assert_int_equal(ev.err, 0);
        assert_int_equal(ev.bytes, room * sizeof *infos);
        for (unsigned i = 0; i < room; i++) {
            assert_int_equal(infos[i].size, sizeof infos[i]);
            assert_int_equal(infos[i].len, i + 1);
            assert_string_equal(infos[i].name, regions[i].name);
        }
        assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    }
    struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 4);
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_STATE);
    /* Pages that never end are nonsense. */
    const struct pmemd_iov v = {.data = infos, .len = N * sizeof *infos};
    r = fake_req(PMEMD_VERB_LIST, NULL, &v, 4);
    struct msg_list_reply reply = {.regions = regions, .region_count = 1, .more = true};
    assert_int_equal(pmemd_submit(c, &r), 0);
    for (unsigned i = 0; i < 2; i++) {
        fake_get(&f, m);
        fake_reply_msg(&f, m, out, msg_list_reply_write(out, WIRE_HEADER_MAX, &reply));
    }
    assert_int_equal(fake_event(c).err, PMEMD_E_PROTO);
    pmemd_abort(c);
    pmemd_close(c);
    fake_down(&f);
    free(out);
    free(infos);
    free(regions);
    free(m);
}

static void
stat__refused_in_words(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    uint8_t out[512];
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    struct pmemd_info info;
    const struct pmemd_iov v = {.data = &info, .len = sizeof info};
    const struct pmemd_req r = fake_req(PMEMD_VERB_STAT, NULL, &v, 4);
    const struct msg_refusal no = {.status = 11, .text = "not for you"};
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    fake_reply_msg(&f, m, out, msg_refusal_write(out, sizeof out, &no));
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.err, PMEMD_E_RIGHTS);
    assert_int_equal(ev.outcome, PMEMD_NOT_DONE);
    assert_non_null(strstr(pmemd_detail(c), "not for you"));
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls__all_of_them),
        cmocka_unit_test(stat__into_a_smaller_struct),
        cmocka_unit_test(stat__counters),
        cmocka_unit_test(call__leaves_other_events_queued),
        cmocka_unit_test(call__ends_at_its_deadline),
        cmocka_unit_test(wait__times_and_counts),
        cmocka_unit_test(busy_poll__spins_then_sleeps),
        cmocka_unit_test(wait__is_interrupted_by_a_handler),
        cmocka_unit_test(fork__the_child_is_told),
        cmocka_unit_test(list__pages_without_a_region),
        cmocka_unit_test(stat__refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
