/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a client finds its server, is refused by name, and comes back by itself, as the contract
 * says; its machine has no dead ends.
 * Method: a scripted server, ports where nobody listens, and a walk over the table.
 */
#include "tests/unit/client/fake.h"

#include "client/conn.h"
#include "common/err.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The C library's lookups run in a thread that ThreadSanitizer never hears of: it crashes. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_LOOKUPS 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(NO_LOOKUPS)
#define SKIP_LOOKUPS() skip()
#else
#define SKIP_LOOKUPS() (void)0
#endif

#define SECOND UINT64_C(1000000000)

static void
machine__each_state_is_reachable_and_can_close(void **state)
{
    (void)state;
    bool seen[CONN_STATE_N] = {[CONN_IDLE] = true};
    for (unsigned round = 0; round < CONN_STATE_N; round++) {
        for (unsigned s = 0; s < CONN_STATE_N; s++) {
            for (unsigned ev = 0; ev < CONN_EV_N && seen[s]; ev++) {
                const enum conn_state to = conn_edge(s, ev);
                if (to != CONN_STATE_N)
                    seen[to] = true;
            }
        }
    }
    for (unsigned s = 0; s < CONN_STATE_N; s++) {
        assert_true(seen[s]);
        assert_int_equal(conn_edge(s, CONN_EV_CLOSE), CONN_CLOSED);
        assert_int_equal(conn_edge(s, CONN_EV_WAIT), CONN_STATE_N);
        assert_string_not_equal(conn_state_name(s), "?");
    }
    /* Whoever waits for the peer can be told that the peer is gone. */
    static const enum conn_state waits[] = {CONN_CONNECT, CONN_HELLO, CONN_OPEN, CONN_READY};
    for (unsigned i = 0; i < TEST_COUNT(waits); i++)
        assert_int_not_equal(conn_edge(waits[i], CONN_EV_FAIL), CONN_STATE_N);
}

static void
open__refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "http://host/x",
        "pmemd://",
        "pmemd://host:0/x",
        "pmemd://user@host/x",
        "pmemd+unix://relative?region=x",
        "pmemd://h/x?class=eternal",
    };
    struct pmemd_client *c = (void *)&c;
    for (unsigned i = 0; i < TEST_COUNT(bad); i++)
        assert_int_equal(pmemd_open(bad[i], NULL, &c), PMEMD_E_ARG);
    assert_int_equal(pmemd_open(NULL, NULL, &c), PMEMD_E_ARG);
    assert_int_equal(pmemd_open("pmemds://127.0.0.1/x", NULL, &c), PMEMD_E_UNSUPPORTED);
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.inflight_max = 0;
    assert_int_equal(pmemd_open("pmemd://127.0.0.1/x", &cfg, &c), PMEMD_E_ARG);
    assert_ptr_equal(c, (void *)&c); /* outputs are set on success only */
    pmemd_close(NULL);
    pmemd_forked(NULL);
}

static void
open__does_no_io(void **state)
{
    (void)state;
    struct fake f;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_client(&f, NULL);
    struct pollfd p = {.fd = f.listen_fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20), 0);
    assert_int_equal(pmemd_wait_max_ns(c), 0); /* it wants to be driven at once */
    struct pmemd_info info;
    assert_int_equal(pmemd_info(c, &info, sizeof info), PMEMD_E_STATE);
    assert_string_equal(pmemd_detail(c), "no error so far");
    const int fd = pmemd_fd(c);
    assert_true(fd >= 0);
    fake_accept(&f);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    assert_int_equal(pmemd_fd(c), fd);
    assert_int_equal(pmemd_wait_max_ns(c), UINT64_MAX);
    assert_int_equal(pmemd_info(c, &info, sizeof info), 0);
    assert_int_equal(info.len, FAKE_REGION_BYTES);
    assert_int_equal(info.io_max, 16 << 20);
    assert_string_equal(info.name, "demo");
    assert_string_equal(f.got_open.region, "demo");
    assert_int_equal(f.got_hello.version_min, 1);
    assert_memory_equal(f.got_hello.software, "libpmemd/", 9);
    pmemd_close(c);
    fake_down(&f);
}

/* One refusal, final. */
static void
refused(int hello_status, int open_status, const char *uri_tail)
{
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    fake_up(&f, FAKE_TCP);
    strcat(f.uri, uri_tail);
    f.hello.status = pmi_err_to_wire(hello_status);
    f.open.status = pmi_err_to_wire(open_status);
    (void)snprintf(f.hello.text, sizeof f.hello.text, "because of hello");
    (void)snprintf(f.open.text, sizeof f.open.text, "because of open");
    const int want = hello_status < 0 ? hello_status : open_status;
    struct pmemd_client *c = fake_client(&f, NULL);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 9);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_accept(&f);
    fake_greet(&f);
    struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_DONE);
    assert_int_equal(ev.err, want);
    assert_int_equal(ev.outcome, PMEMD_NOT_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_REFUSED);
    assert_int_equal(ev.err, want);
    assert_non_null(
        strstr(pmemd_detail(c), hello_status < 0 ? "because of hello" : "because of open"));
    assert_int_equal(pmemd_submit(c, &r), PMEMD_E_STATE);
    assert_int_equal(pmemd_connect(c, SECOND), want);
    assert_int_equal(pmemd_wait(c, 1, UINT64_MAX), 0); /* nothing can come: it does not hang */
    struct pollfd p = {.fd = f.listen_fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 30), 0); /* no reconnect follows */
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
refused__by_class_name_rights_version(void **state)
{
    (void)state;
    refused(0, PMEMD_E_CLASS, "?class=power-safe");
    refused(0, PMEMD_E_NOREGION, "");
    refused(0, PMEMD_E_RIGHTS, "");
    refused(PMEMD_E_VERSION, 0, "");
}

static void
open__class_is_the_higher_of_config_and_uri(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.class_min = PMEMD_CLASS_VOLATILE;
    cfg.session[0] = 0x1122334455667788;
    fake_up(&f, FAKE_UNIX);
    strcat(f.uri, "&class=restart-safe");
    struct pmemd_client *c = fake_connected(&f, &cfg);
    assert_int_equal(f.got_open.class_min, PMEMD_CLASS_RESTART_SAFE);
    assert_int_equal(f.got_hello.session[0], 0x88);
    assert_false(f.got_open.crc); /* bytes do not leave the host */
    pmemd_close(c);
    fake_down(&f);
}

static void
connect__retries_until_somebody_listens(void **state)
{
    (void)state;
    struct fake f;
    fake_up(&f, FAKE_UNIX);
    char path[160];
    (void)snprintf(path, sizeof path, "%s", strstr(f.uri, "/tmp/"));
    *strchr(path, '?') = '\0';
    char hidden[170];
    (void)snprintf(hidden, sizeof hidden, "%s.x", path);
    assert_int_equal(rename(path, hidden), 0);
    struct pmemd_client *c = fake_client(&f, NULL);
    fake_no_event(c);
    assert_non_null(strstr(pmemd_detail(c), "connect to unix:/tmp/"));
    assert_non_null(strstr(pmemd_detail(c), "retrying in "));
    assert_int_equal(pmemd_connect(c, SECOND / 50), PMEMD_E_TIMEOUT);
    assert_true(pmemd_wait_max_ns(c) <= 2 * SECOND);
    assert_int_equal(rename(hidden, path), 0);
    fake_accept(&f);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    pmemd_close(c);
    fake_down(&f);
}

static void
connect__tries_each_host_and_name(void **state)
{
    (void)state;
    SKIP_LOOKUPS();
    struct fake f;
    char uri[512];
    fake_up(&f, FAKE_TCP);
    /* Port 1 is closed; "localhost" needs a lookup; IPv6 may or may not exist here. */
    const char *port = strrchr(f.uri, ':') + 1;
    (void)snprintf(uri, sizeof uri, "pmemd://127.0.0.1:1,[::1]:1,localhost:%s", port);
    memcpy(f.uri, uri, sizeof f.uri);
    struct pmemd_client *c = fake_connected(&f, NULL);
    pmemd_close(c);
    fake_down(&f);
}

static void
connect__unknown_name(void **state)
{
    (void)state;
    SKIP_LOOKUPS();
    struct pmemd_config cfg;
    struct pmemd_client *c;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.reconnect_ns = 0;
    assert_int_equal(pmemd_open("pmemd://no-such-host.invalid/x", &cfg, &c), 0);
    assert_int_equal(pmemd_connect(c, 20 * SECOND), PMEMD_E_LOST);
    assert_non_null(strstr(pmemd_detail(c), "no-such-host.invalid"));
    pmemd_close(c);
    /* A lookup that still runs is no obstacle to closing. */
    assert_int_equal(pmemd_open("pmemd://no-such-host.invalid/x", NULL, &c), 0);
    assert_int_equal(pmemd_ready(c), 0);
    pmemd_close(c);
}

static void
connect__a_refusal_of_one_host_is_not_the_end(void **state)
{
    (void)state;
    struct fake a;
    struct fake b;
    fake_up(&a, FAKE_TCP);
    fake_up(&b, FAKE_TCP);
    a.open.status = 9; /* NOREGION */
    char uri[160];
    (void)snprintf(uri, sizeof uri, "pmemd://127.0.0.1:%.5s,127.0.0.1:%s",
                   strrchr(a.uri, ':') + 1, strrchr(b.uri, ':') + 1);
    memcpy(a.uri, uri, sizeof uri);
    struct pmemd_client *c = fake_client(&a, NULL);
    b.client = c;
    fake_accept(&a);
    fake_greet(&a);
    fake_accept(&b);
    fake_greet(&b);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    pmemd_close(c);
    fake_down(&a);
    fake_down(&b);
}

static void
connect__a_refusal_is_not_final_while_a_host_is_away(void **state)
{
    (void)state;
    struct fake f;
    char uri[160];
    fake_up(&f, FAKE_TCP);
    f.open.status = pmi_err_to_wire(PMEMD_E_NOREGION);
    (void)snprintf(uri, sizeof uri, "pmemd://127.0.0.1:%.5s,127.0.0.1:1/demo",
                   strrchr(f.uri, ':') + 1);
    memcpy(f.uri, uri, sizeof f.uri);
    struct pmemd_client *c = fake_client(&f, NULL);
    for (unsigned i = 0; i < 3; i++) {
        f.open.status = i < 2 ? pmi_err_to_wire(PMEMD_E_NOREGION) : 0;
        fake_accept(&f);
        fake_greet(&f);
    }
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED); /* and nothing before */
    pmemd_close(c);
    fake_down(&f);
}

static void
connect__gives_up_after_reconnect_ns(void **state)
{
    (void)state;
    struct pmemd_config cfg;
    struct pmemd_client *c;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.reconnect_ns = SECOND / 10;
    assert_int_equal(pmemd_open("pmemd://127.0.0.1:1/x", &cfg, &c), 0);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 9);
    assert_int_equal(pmemd_submit(c, &r), 0);
    const struct pmemd_event ev = fake_event(c);
    assert_int_equal(ev.what, PMEMD_EV_DONE);
    assert_int_equal(ev.err, PMEMD_E_LOST);
    assert_int_equal(ev.outcome, PMEMD_NOT_DONE);
    assert_int_equal(fake_event(c).what, PMEMD_EV_RELEASED);
    assert_int_equal(fake_event(c).what, PMEMD_EV_REFUSED);
    assert_non_null(strstr(pmemd_detail(c), "Connection refused"));
    assert_int_equal(pmemd_connect(c, SECOND), PMEMD_E_LOST);
    pmemd_close(c);
}

static void
connect__a_silent_server_times_out(void **state)
{
    (void)state;
    struct fake f;
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.connect_timeout_ns = SECOND / 20;
    cfg.reconnect_ns = 0;
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_client(&f, &cfg);
    assert_int_equal(pmemd_connect(c, 5 * SECOND), PMEMD_E_LOST); /* HELLO is never answered */
    assert_non_null(strstr(pmemd_detail(c), "greeting"));
    assert_non_null(strstr(pmemd_detail(c), "timed out"));
    pmemd_close(c);
    fake_down(&f);
}

/* A first byte of nonsense, in each phase: dropped, and tried again. */
static void
nonsense(unsigned phase)
{
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    uint8_t junk[64] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_client(&f, NULL);
    fake_accept(&f);
    if (phase >= 1) {
        fake_get(&f, m);
        fake_serve(&f, m);
    }
    if (phase == 2) {
        fake_get(&f, m);
        fake_serve(&f, m);
        assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    }
    fake_send(&f, junk, sizeof junk);
    if (phase == 2) {
        const struct pmemd_event ev = fake_event(c);
        assert_int_equal(ev.what, PMEMD_EV_LOST);
        assert_int_equal(ev.err, PMEMD_E_PROTO);
    }
    fake_accept(&f);
    fake_greet(&f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static void
nonsense__in_each_phase(void **state)
{
    (void)state;
    nonsense(0);
    nonsense(1);
    nonsense(2);
}

/* Replies that are messages, but not answers to anything. */
static void
nonsense__well_formed(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    static uint8_t memory[8192];
    const struct pmemd_extent e = {.off = 0, .len = 4096};
    const struct pmemd_iov v = {.data = memory, .len = 4096};
    const struct pmemd_req r = fake_req(PMEMD_VERB_READ, &e, &v, 1);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    assert_int_equal(pmemd_submit(c, &r), 0);
    for (unsigned i = 0; i < 6; i++) {
        fake_get(&f, m);
        const struct fake_msg good = *m;
        if (i == 0)
            m->p.tag ^= 1; /* of nobody */
        if (i == 1)
            m->p.tag ^= UINT64_C(1) << 32; /* of an earlier user of the slot */
        if (i == 2)
            m->p.verb = WIRE_WRITE;
        if (i == 3)
            fake_reply(&f, m, 0, PMEMD_OK, memory, 4095); /* less than was asked for */
        else if (i == 4)
            fake_reply(&f, m, PMEMD_E_BUSY, PMEMD_NOT_DONE, memory, 1); /* an error has none */
        else
            fake_reply(&f, m, i == 5 ? 0 : PMEMD_E_BUSY, i == 5 ? PMEMD_OK : PMEMD_NOT_DONE,
                       memory, i == 5 ? 4097 : 0);
        *m = good;
        const struct pmemd_event ev = fake_event(c);
        assert_int_equal(ev.what, PMEMD_EV_LOST);
        assert_int_equal(ev.err, PMEMD_E_PROTO);
        fake_accept(&f);
        fake_greet(&f);
        assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    }
    fake_get(&f, m);
    fake_serve(&f, m);
    assert_int_equal(fake_event(c).err, 0);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

/* One bit of a reply's header is wrong. */
static void
nonsense__a_header_that_does_not_fit_its_checksum(void **state)
{
    (void)state;
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 1);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    assert_int_equal(pmemd_submit(c, &r), 0);
    fake_get(&f, m);
    const struct hot_reply reply = {.durability = 1};
    uint8_t out[WIRE_PREFIX_BYTES + HOT_FIXED_BYTES];
    const struct wire_prefix p = {.verb = WIRE_FLUSH,
                                  .flags = WIRE_F_REPLY,
                                  .tag = m->p.tag,
                                  .header_len = HOT_FIXED_BYTES};
    hot_reply_write(out + WIRE_PREFIX_BYTES, &reply, NULL);
    wire_prefix_write(out, &p, out + WIRE_PREFIX_BYTES);
    out[WIRE_PREFIX_BYTES + 9] ^= 1; /* the LSN */
    fake_send(&f, out, sizeof out);
    assert_int_equal(fake_event(c).err, PMEMD_E_PROTO);
    pmemd_abort(c);
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

static char logged[4096];

static void
sink(void *arg, int level, const char *line)
{
    (void)arg;
    (void)level;
    if (strlen(logged) + strlen(line) + 2 < sizeof logged) {
        strcat(logged, line);
        strcat(logged, "\n");
    }
}

static void
history__a_new_one_is_logged(void **state)
{
    (void)state;
    struct fake f;
    pmemd_set_log(sink, NULL);
    fake_up(&f, FAKE_TCP);
    struct pmemd_client *c = fake_connected(&f, NULL);
    for (unsigned i = 0; i < 2; i++) {
        fake_hang_up(&f, true);
        assert_int_equal(fake_event(c).what, PMEMD_EV_LOST);
        assert_null(strstr(logged, "region.new_history"));
        f.open.region.history[3] = (uint8_t)i;
        fake_accept(&f);
        fake_greet(&f);
        assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    }
    assert_non_null(strstr(logged, "warn region.new_history region=demo"));
    assert_non_null(strstr(logged, "conn.lost"));
    pmemd_close(c);
    pmemd_set_log(NULL, NULL);
    fake_down(&f);
}

static void
events__of_the_connection_are_bounded(void **state)
{
    (void)state;
    enum { TIMES = 40 };
    struct fake f;
    struct fake_msg *m = malloc(sizeof *m);
    const struct pmemd_req r = fake_req(PMEMD_VERB_FLUSH, NULL, NULL, 1);
    fake_up(&f, FAKE_UNIX);
    struct pmemd_client *c = fake_client(&f, NULL);
    for (unsigned i = 0; i < TIMES; i++) {
        fake_accept(&f);
        fake_greet(&f);
        /* Something is answered each time, so that the client comes back soon. */
        assert_int_equal(pmemd_submit(c, &r), 0);
        fake_get(&f, m);
        fake_serve(&f, m);
        fake_hang_up(&f, false);
        while (pmemd_connect(c, 0) == 0)
            ;
    }
    static struct pmemd_event ev[1000];
    unsigned links = 0;
    uint32_t last = 0;
    const int n = pmemd_reap(c, ev, sizeof ev[0], TEST_COUNT(ev));
    for (int i = 0; i < n; i++) {
        if (ev[i].what == PMEMD_EV_DONE || ev[i].what == PMEMD_EV_RELEASED)
            continue;
        links++;
        last = ev[i].what;
    }
    assert_int_equal(ev[0].what, PMEMD_EV_CONNECTED);
    assert_true(links > 4);
    assert_true(links < 32);
    assert_int_equal(last, PMEMD_EV_LOST); /* the newest is never dropped */
    pmemd_close(c);
    fake_down(&f);
    free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine__each_state_is_reachable_and_can_close),
        cmocka_unit_test(open__refuses_what_it_cannot_do),
        cmocka_unit_test(open__does_no_io),
        cmocka_unit_test(refused__by_class_name_rights_version),
        cmocka_unit_test(open__class_is_the_higher_of_config_and_uri),
        cmocka_unit_test(connect__retries_until_somebody_listens),
        cmocka_unit_test(connect__tries_each_host_and_name),
        cmocka_unit_test(connect__unknown_name),
        cmocka_unit_test(connect__a_refusal_of_one_host_is_not_the_end),
        cmocka_unit_test(connect__a_refusal_is_not_final_while_a_host_is_away),
        cmocka_unit_test(connect__gives_up_after_reconnect_ns),
        cmocka_unit_test(connect__a_silent_server_times_out),
        cmocka_unit_test(nonsense__in_each_phase),
        cmocka_unit_test(nonsense__well_formed),
        cmocka_unit_test(nonsense__a_header_that_does_not_fit_its_checksum),
        cmocka_unit_test(history__a_new_one_is_logged),
        cmocka_unit_test(events__of_the_connection_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
