/* SPDX-License-Identifier: BSD-3-Clause */
/* The scripted server of the client's tests. */
#include "tests/unit/client/fake.h"

#include "common/crc32c.h"
#include "common/cursor.h"
#include "common/err.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

static uint64_t
now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* One turn of the client, then a short wait for `fd` (-1 = just sleep). */
static void
turn(struct fake *f, int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    if (f->client != NULL)
        (void)pmemd_ready(f->client);
    (void)poll(&p, 1, f->client != NULL ? 1 : 50);
}

static void
listen_tcp(struct fake *f)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(f->listen_fd, (struct sockaddr *)&in, &len), 0);
    (void)snprintf(f->uri, sizeof f->uri, "pmemd://127.0.0.1:%u/demo",
                   (unsigned)ntohs(in.sin_port));
}

static void
listen_unix(struct fake *f)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(un.sun_path, sizeof un.sun_path, "/tmp/pmemd-fake-%d-%p.sock", (int)getpid(),
                   (void *)f);
    (void)unlink(un.sun_path);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&un, sizeof un), 0);
    (void)snprintf(f->uri, sizeof f->uri, "pmemd+unix://%s?region=demo", un.sun_path);
}

void
fake_up(struct fake *f, enum fake_kind kind)
{
    memset(f, 0, sizeof *f);
    f->fd = -1;
    if (kind == FAKE_TCP)
        listen_tcp(f);
    else
        listen_unix(f);
    assert_int_equal(listen(f->listen_fd, 8), 0);
    f->memory = calloc(1, FAKE_REGION_BYTES);
    assert_non_null(f->memory);
    f->hello = (struct msg_hello_reply){
        .version = 1,
        .features = MSG_FEATURE_CRC,
        .limits = {.extents_max = 1024,
                   .credit_requests = 256,
                   .credit_extents = 4096,
                   .io_max = 16 << 20,
                   .zero_max = 1 << 30,
                   .stage_max = 256 << 10,
                   .credit_bytes = 64 << 20},
    };
    f->open.region = (struct msg_region){.name = "demo",
                                         .medium = "mem",
                                         .memory_kind = "4K",
                                         .durability = PMEMD_CLASS_VOLATILE,
                                         .size = FAKE_REGION_BYTES,
                                         .page_size = 4096,
                                         .connections = 1};
}

void
fake_hang_up(struct fake *f, bool reset)
{
    const struct linger off = {.l_onoff = 1, .l_linger = 0};
    if (f->fd < 0)
        return;
    if (reset)
        setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    close(f->fd);
    f->fd = -1;
}

void
fake_down(struct fake *f)
{
    if (f->has_thread) {
        atomic_store(&f->stop, true);
        pthread_join(f->thread, NULL);
    }
    fake_hang_up(f, false);
    close(f->listen_fd);
    const char *path = strstr(f->uri, "/tmp/");
    if (path != NULL) {
        char copy[160];
        (void)snprintf(copy, sizeof copy, "%s", path);
        *strchr(copy, '?') = '\0';
        unlink(copy);
    }
    free(f->memory);
}

static void
accepted(struct fake *f)
{
    const int one = 1;
    f->connections++;
    if (strncmp(f->uri, "pmemd://", 8) == 0) /* header and payload are sent apart */
        setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void
fake_accept(struct fake *f)
{
    const uint64_t end = now_ms() + PATIENCE_MS;
    fake_hang_up(f, false);
    while (f->fd < 0) {
        f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (f->fd < 0) {
            assert_true(now_ms() < end);
            if (atomic_load(&f->stop))
                return;
            turn(f, f->listen_fd, POLLIN);
        }
    }
    accepted(f);
}

/* Bytes that may pass before the next hang-up, of the `want` asked for. 0 = hang up now. */
static size_t
allowed(struct fake *f, size_t want)
{
    if (f->hang_up_every == 0)
        return want;
    if (f->budget == 0)
        return 0;
    const size_t n = want < f->budget ? want : f->budget;
    f->budget -= (unsigned)n;
    return n;
}

/* Exactly `len` bytes; false when the client hung up. */
static bool
get_bytes(struct fake *f, void *dst, size_t len)
{
    const uint64_t end = now_ms() + PATIENCE_MS;
    size_t at = 0;
    while (at < len) {
        if (f->hang_up_every != 0 && f->budget == 0)
            return false;
        const ssize_t n = recv(f->fd, (char *)dst + at, len - at, MSG_DONTWAIT);
        if (n > 0 && allowed(f, (size_t)n) < (size_t)n)
            return false;
        if (n > 0) {
            at += (size_t)n;
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR) || atomic_load(&f->stop))
            return false;
        assert_true(f->has_thread || now_ms() < end);
        turn(f, f->fd, POLLIN);
    }
    return true;
}

static bool
try_get(struct fake *f, struct fake_msg *m)
{
    uint8_t prefix[WIRE_PREFIX_BYTES];
    m->payload = NULL;
    if (!get_bytes(f, prefix, sizeof prefix))
        return false;
    assert_int_equal(wire_prefix_read(prefix, &m->p), 0);
    if (!get_bytes(f, m->header, m->p.header_len))
        return false;
    assert_true(wire_crc_ok(prefix, m->header, m->p.header_len));
    if (m->p.payload_len > 0) {
        m->payload = malloc(m->p.payload_len);
        if (!get_bytes(f, m->payload, m->p.payload_len)) {
            fake_msg_free(m);
            return false;
        }
    }
    if (wire_verb_is_hot(m->p.verb))
        assert_int_equal(hot_req_read(m->header, m->p.header_len, &m->p, &m->req), 0);
    return true;
}

void
fake_get(struct fake *f, struct fake_msg *m)
{
    m->p = (struct wire_prefix){0};
    assert_true(try_get(f, m));
}

void
fake_msg_free(struct fake_msg *m)
{
    free(m->payload);
    m->payload = NULL;
}

bool
fake_silence(struct fake *f)
{
    char byte;
    for (unsigned i = 0; i < 20; i++) {
        turn(f, f->fd, POLLIN);
        if (recv(f->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0)
            return false;
    }
    return true;
}

void
fake_send(struct fake *f, const void *data, size_t len)
{
    const uint64_t end = now_ms() + PATIENCE_MS;
    size_t at = 0;
    while (at < len) {
        const size_t most = f->dribble != 0 && f->dribble < len - at ? f->dribble : len - at;
        const size_t want = allowed(f, most);
        if (want == 0 && len > 0)
            return; /* get_bytes() says so */
        const ssize_t n =
            send(f->fd, (const char *)data + at, want, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            at += (size_t)n;
        if (n < 0 && errno != EAGAIN)
            return; /* the client hung up: the test will see that elsewhere */
        assert_true(now_ms() < end);
        if (atomic_load(&f->stop))
            return;
        if (n < 0)
            turn(f, f->fd, POLLOUT);
        else if (f->dribble != 0 && f->client != NULL)
            (void)pmemd_ready(f->client);
    }
}

static void
send_message(struct fake *f, const struct fake_msg *m, const uint8_t *header, size_t header_len,
             const void *payload, size_t len)
{
    const struct wire_prefix p = {.verb = m->p.verb,
                                  .flags = WIRE_F_REPLY,
                                  .tag = m->p.tag,
                                  .header_len = (uint32_t)header_len,
                                  .payload_len = (uint32_t)len};
    uint8_t *out = malloc(WIRE_PREFIX_BYTES + header_len);
    memcpy(out + WIRE_PREFIX_BYTES, header, header_len);
    wire_prefix_write(out, &p, out + WIRE_PREFIX_BYTES);
    fake_send(f, out, WIRE_PREFIX_BYTES + header_len);
    free(out);
    fake_send(f, payload, len);
}

void
fake_reply_msg(struct fake *f, const struct fake_msg *m, const void *header, int len)
{
    assert_true(len >= 0);
    send_message(f, m, header, (size_t)len, NULL, 0);
}

/* Checksums of a READ's reply, P5.1. */
static uint32_t
sums(const struct fake *f, const struct fake_msg *m, const uint8_t *payload, uint32_t *out)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < m->req.extent_count; i++) {
        uint64_t len = hot_extent_at(&m->req, i).len;
        while (len > 0) {
            const uint64_t piece = len < WIRE_PIECE_BYTES ? len : WIRE_PIECE_BYTES;
            out[n++] = pmi_crc32c(0, payload, piece) ^ (f->crc_lies ? 1u : 0u);
            payload += piece;
            len -= piece;
        }
    }
    return n;
}

void
fake_reply(struct fake *f, const struct fake_msg *m, int status, uint32_t outcome,
           const void *payload, size_t len)
{
    static _Thread_local uint32_t crcs[WIRE_CRCS_MAX];
    static _Thread_local uint8_t header[HOT_FIXED_BYTES + 4 * WIRE_CRCS_MAX];
    struct hot_reply r = {.status = pmi_err_to_wire(status),
                          .outcome = (uint8_t)outcome,
                          .level = m->req.level,
                          .durability = (uint8_t)f->open.region.durability,
                          .lsn = 7,
                          .epoch = 3,
                          .bytes = status == 0 ? m->req.bytes : 0};
    if (status == 0 && m->p.verb == WIRE_READ && (m->req.flags & HOT_F_CRC) != 0)
        r.crc_count = sums(f, m, payload, crcs);
    hot_reply_write(header, &r, crcs);
    send_message(f, m, header, hot_reply_bytes(r.crc_count), payload, len);
}

static bool
write_sums_ok(const struct fake_msg *m)
{
    const uint8_t *at = m->payload;
    unsigned n = 0;
    if ((m->req.flags & HOT_F_CRC) == 0)
        return true;
    for (unsigned i = 0; i < m->req.extent_count; i++) {
        uint64_t len = hot_extent_at(&m->req, i).len;
        while (len > 0) {
            const uint64_t piece = len < WIRE_PIECE_BYTES ? len : WIRE_PIECE_BYTES;
            if (pmi_crc32c(0, at, piece) != hot_crc_at(m->req.crcs, n++))
                return false;
            at += piece;
            len -= piece;
        }
    }
    return true;
}

static void
serve_hot(struct fake *f, const struct fake_msg *m)
{
    uint8_t *out = m->p.verb == WIRE_READ ? malloc(m->req.bytes) : NULL;
    uint64_t at = 0;
    if (m->p.verb == WIRE_WRITE && !write_sums_ok(m)) {
        fake_reply(f, m, PMEMD_E_CRC, PMEMD_NOT_DONE, NULL, 0);
        return;
    }
    for (unsigned i = 0; i < m->req.extent_count; i++) {
        const struct pmemd_extent e = hot_extent_at(&m->req, i);
        assert_true(e.len <= FAKE_REGION_BYTES && e.off <= FAKE_REGION_BYTES - e.len);
        if (m->p.verb == WIRE_READ)
            memcpy(out + at, f->memory + e.off, e.len);
        else if (m->p.verb == WIRE_WRITE)
            memcpy(f->memory + e.off, m->payload + at, e.len);
        else
            memset(f->memory + e.off, 0, e.len);
        at += e.len;
    }
    fake_reply(f, m, 0, PMEMD_OK, out, out != NULL ? m->req.bytes : 0);
    free(out);
}

static void
serve_control(struct fake *f, const struct fake_msg *m)
{
    static _Thread_local uint8_t out[WIRE_HEADER_MAX];
    struct msg_counter counter = {.name = "reads", .unit = "requests", .value = 42};
    if (m->p.verb == WIRE_STAT) {
        struct msg_stat_reply r = {
            .region = f->open.region, .counters = &counter, .counter_count = 1};
        fake_reply_msg(f, m, out, msg_stat_reply_write(out, sizeof out, &r));
        return;
    }
    struct msg_list_reply r = {.regions = &f->open.region, .region_count = 1};
    fake_reply_msg(f, m, out, msg_list_reply_write(out, sizeof out, &r));
}

static _Thread_local uint8_t arena[MSG_ARENA_BYTES] __attribute__((aligned(16)));

static void
serve_greeting(struct fake *f, const struct fake_msg *m)
{
    uint8_t out[4096];
    if (m->p.verb == WIRE_HELLO) {
        assert_int_equal(msg_hello_read(m->header, m->p.header_len, arena, &f->got_hello), 0);
        fake_reply_msg(f, m, out, msg_hello_reply_write(out, sizeof out, &f->hello));
    } else {
        assert_int_equal(m->p.verb, WIRE_OPEN);
        assert_int_equal(msg_open_read(m->header, m->p.header_len, arena, &f->got_open), 0);
        fake_reply_msg(f, m, out, msg_open_reply_write(out, sizeof out, &f->open));
    }
}

void
fake_serve(struct fake *f, const struct fake_msg *m)
{
    if (wire_verb_is_hot(m->p.verb))
        serve_hot(f, m);
    else if (m->p.verb == WIRE_STAT || m->p.verb == WIRE_LIST)
        serve_control(f, m);
    else
        serve_greeting(f, m);
}

void
fake_greet(struct fake *f)
{
    struct fake_msg *m = malloc(sizeof *m);
    fake_get(f, m);
    serve_greeting(f, m);
    if (f->hello.status == 0) {
        fake_get(f, m);
        serve_greeting(f, m);
    }
    free(m);
}

static void *
serve_thread(void *arg)
{
    struct fake *f = arg;
    struct fake_msg *m = malloc(sizeof *m);
    while (!atomic_load(&f->stop)) {
        struct pollfd p = {.fd = f->listen_fd, .events = POLLIN};
        if (f->fd < 0 && poll(&p, 1, 20) <= 0)
            continue;
        if (f->fd < 0) {
            f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            accepted(f);
            f->budget =
                f->hang_up_every / 2 + (unsigned)rand_r(&f->seed) % (f->hang_up_every + 1);
        }
        if (f->fd >= 0 && try_get(f, m)) {
            fake_serve(f, m);
            fake_msg_free(m);
        } else {
            fake_hang_up(f, rand_r(&f->seed) % 2 == 0);
        }
    }
    free(m);
    return NULL;
}

void
fake_thread(struct fake *f)
{
    f->has_thread = true;
    assert_int_equal(pthread_create(&f->thread, NULL, serve_thread, f), 0);
}

struct pmemd_client *
fake_client(struct fake *f, const struct pmemd_config *cfg)
{
    struct pmemd_client *c = NULL;
    assert_int_equal(pmemd_open(f->uri, cfg, &c), 0);
    f->client = c;
    return c;
}

struct pmemd_client *
fake_connected(struct fake *f, const struct pmemd_config *cfg)
{
    struct pmemd_client *c = fake_client(f, cfg);
    fake_accept(f);
    fake_greet(f);
    assert_int_equal(fake_event(c).what, PMEMD_EV_CONNECTED);
    return c;
}

struct pmemd_event
fake_event(struct pmemd_client *c)
{
    struct pmemd_event ev = {0};
    assert_true(pmemd_wait(c, 1, (uint64_t)PATIENCE_MS * 1000000) >= 1);
    assert_int_equal(pmemd_reap(c, &ev, sizeof ev, 1), 1);
    return ev;
}

void
fake_no_event(struct pmemd_client *c)
{
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(pmemd_ready(c), 0);
        (void)poll(NULL, 0, 1);
    }
}

struct pmemd_req
fake_req(uint32_t verb, const struct pmemd_extent *e, const struct pmemd_iov *v,
         uint64_t cookie)
{
    struct pmemd_req r;
    pmemd_req_init(&r, sizeof r);
    r.verb = verb;
    r.cookie = cookie;
    r.extents = e;
    r.extent_count = e != NULL;
    r.iov = v;
    r.iov_count = v != NULL;
    return r;
}
