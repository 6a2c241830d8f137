// SPDX-License-Identifier: BSD-3-Clause
/* libpmemd made of memory: see fake.h. Requests are carried out when they are reaped. */
#include "tests/unit/tools_c/fake.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_MAX 128u
#define EXTENTS_MAX 16u

struct held {
    bool used, write;
    uint64_t cookie;
    unsigned lag;
    unsigned iov_count;
    struct pmemd_iov iov[EXTENTS_MAX];
    uint64_t sum; /* of the bytes at submit */
};

struct queued {
    struct pmemd_req req;
    struct pmemd_extent extents[EXTENTS_MAX];
    struct pmemd_iov iov[EXTENTS_MAX];
    uint64_t sum;
};

struct pmemd_client {
    int fd;
    bool connected, aborted;
    uint64_t sent;
    struct queued queue[QUEUE_MAX];
    unsigned head, tail;
    struct held held[QUEUE_MAX];
    unsigned held_count;
    struct pmemd_event ready[4 * QUEUE_MAX];
    unsigned ready_head, ready_tail;
};

struct late { /* bytes of a torn write that are still to land */
    bool used;
    uint64_t off;
    size_t len;
    unsigned char *data;
};

struct fake fake;
static struct late late[64];
static unsigned char *old_copy;
static unsigned requests;

void
fake_reset(void)
{
    free(fake.region);
    free(old_copy);
    for (unsigned i = 0; i < 64; i++)
        free(late[i].data);
    memset(late, 0, sizeof late);
    fake = (struct fake){.region = calloc(1, FAKE_BYTES), .len = FAKE_BYTES};
    old_copy = calloc(1, FAKE_BYTES);
    requests = 0;
    if (fake.region == NULL || old_copy == NULL)
        abort();
}

static uint64_t
sum_of(const struct pmemd_iov *iov, unsigned count)
{
    uint64_t sum = 14695981039346656037u;
    for (unsigned i = 0; i < count; i++)
        for (uint64_t at = 0; at + 8 <= iov[i].len; at += 8) {
            uint64_t word = 0;
            memcpy(&word, (const char *)iov[i].data + at, sizeof word);
            sum = (sum ^ word) * 1099511628211u;
        }
    return sum;
}

static void
push(struct pmemd_client *c, struct pmemd_event ev)
{
    ev.size = sizeof ev;
    c->ready[c->ready_tail++ % (4 * QUEUE_MAX)] = ev;
}

static void
land_late(void)
{
    for (unsigned i = 0; i < 64; i++)
        if (late[i].used) {
            memcpy(fake.region + late[i].off, late[i].data, late[i].len);
            free(late[i].data);
            late[i] = (struct late){0};
        }
}

/* Put bytes down; from `cut` on only later. */
static void
land(uint64_t off, const unsigned char *data, size_t len, size_t cut)
{
    memcpy(fake.region + off, data, cut);
    for (unsigned i = 0; cut < len && i < 64; i++) {
        if (late[i].used)
            continue;
        late[i] = (struct late){true, off + cut, len - cut, malloc(len - cut)};
        memcpy(late[i].data, data + cut, len - cut);
        return;
    }
    memcpy(fake.region + off + cut, data + cut, len - cut);
}

static bool
every(unsigned n, unsigned count)
{
    return n != 0 && count % n == 0;
}

/* Scatter the iov over the extents or gather it from them. */
static uint64_t
move(const struct queued *q)
{
    static unsigned char linear[FAKE_BYTES];
    const bool read = q->req.verb == PMEMD_VERB_READ;
    const unsigned char *from = fake.region;
    uint64_t total = 0, at = 0;
    if (fake.stale_every != 0 && requests % 512 == 0)
        memcpy(old_copy, fake.region, FAKE_BYTES);
    if (read && every(fake.stale_every, fake.reads))
        from = old_copy;
    for (unsigned i = 0; !read && i < q->req.iov_count; i++) {
        memcpy(linear + at, q->iov[i].data, q->iov[i].len);
        at += q->iov[i].len;
    }
    for (unsigned i = 0; i < q->req.extent_count; i++) {
        const struct pmemd_extent e = q->extents[i];
        uint64_t off = e.off;
        if (read && every(fake.place_every, fake.reads) && off + e.len + 4096 <= fake.len)
            off += 4096;
        size_t cut = e.len;
        if (every(fake.tear_every, fake.writes))
            cut = e.len / 2 + 8;
        if (every(fake.skew_every, fake.writes) && e.len >= 8192)
            cut = e.len / 2 & ~(size_t)4095;
        if (read)
            memcpy(linear + total, from + off, e.len);
        else
            land(e.off, linear + total, e.len, cut);
        total += e.len;
    }
    at = 0;
    for (unsigned i = 0; read && i < q->req.iov_count; i++) {
        memcpy(q->iov[i].data, linear + at, q->iov[i].len);
        at += q->iov[i].len;
    }
    return total;
}

static void
hold(struct pmemd_client *c, const struct queued *q)
{
    for (unsigned i = 0; i < QUEUE_MAX; i++) {
        struct held *const h = &c->held[i];
        if (h->used)
            continue;
        *h = (struct held){
            .used = true,
            .write = q->req.verb == PMEMD_VERB_WRITE,
            .cookie = q->req.cookie,
            .lag = fake.release_lag,
            .iov_count = q->req.iov_count,
            .sum = q->sum,
        };
        memcpy(h->iov, q->iov, sizeof h->iov);
        c->held_count++;
        return;
    }
    abort();
}

static int
fill_list(const struct queued *q, struct pmemd_event *ev)
{
    struct pmemd_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    info.len = fake.len;
    info.durability = PMEMD_CLASS_VOLATILE;
    info.io_max = 16 << 20;
    info.page_size = 4096;
    info.bytes_copied = fake.bytes_read;
    (void)snprintf(info.name, sizeof info.name, "fake");
    (void)snprintf(info.medium, sizeof info.medium, "mem");
    if (q->iov[0].len < sizeof info)
        return PMEMD_E_ARG;
    memcpy(q->iov[0].data, &info, sizeof info);
    ev->bytes = sizeof info;
    return 0;
}

static void
carry_out(struct pmemd_client *c, const struct queued *q)
{
    struct pmemd_event ev = {
        .what = PMEMD_EV_DONE,
        .cookie = q->req.cookie,
        .level = q->req.level,
        .durability = PMEMD_CLASS_VOLATILE,
    };
    const bool data = q->req.verb == PMEMD_VERB_READ || q->req.verb == PMEMD_VERB_WRITE;
    if (data) {
        requests++;
        fake.reads += q->req.verb == PMEMD_VERB_READ ? 1 : 0;
        fake.writes += q->req.verb == PMEMD_VERB_WRITE ? 1 : 0;
        if (requests == fake.stop_at)
            (void)raise(SIGTERM);
        if (every(fake.lose_every, requests)) {
            push(c, (struct pmemd_event){.what = PMEMD_EV_LOST, .err = PMEMD_E_LOST});
            push(c, (struct pmemd_event){.what = PMEMD_EV_CONNECTED});
        }
        if (fake.mute_from != 0 && requests >= fake.mute_from)
            return;
    }
    if (data && fake.fail_from != 0 && requests >= fake.fail_from)
        ev.err = fake.fail_err;
    else if (data)
        ev.bytes = move(q);
    else if (q->req.verb == PMEMD_VERB_FLUSH)
        fake.flushes++;
    else if (q->req.flags == 0)
        ev.err = fill_list(q, &ev);
    if (ev.err == 0 && q->req.verb == PMEMD_VERB_READ)
        fake.bytes_read += ev.bytes;
    if (ev.err == 0 && q->req.verb == PMEMD_VERB_WRITE) {
        fake.bytes_written += ev.bytes;
        c->sent += ev.bytes;
    }
    push(c, ev);
    hold(c, q);
}

static void
release(struct pmemd_client *c)
{
    for (unsigned i = 0; i < QUEUE_MAX && c->held_count > 0; i++) {
        struct held *const h = &c->held[i];
        if (!h->used || h->lag-- > 0)
            continue;
        if (h->write && sum_of(h->iov, h->iov_count) != h->sum)
            fake.unstable++;
        push(c, (struct pmemd_event){.what = PMEMD_EV_RELEASED, .cookie = h->cookie});
        h->used = false;
        c->held_count--;
    }
}

int
pmemd_reap(struct pmemd_client *c, struct pmemd_event *events, size_t stride, unsigned max)
{
    if (!c->connected) {
        c->connected = true;
        push(c, (struct pmemd_event){.what = PMEMD_EV_CONNECTED});
    }
    land_late();
    release(c);
    /* A few at a time, so that requests of several clients interleave. */
    for (unsigned n = 0; n < 3 && c->head != c->tail; n++)
        carry_out(c, &c->queue[c->head++ % QUEUE_MAX]);
    unsigned n = 0;
    for (; n < max && c->ready_head != c->ready_tail; n++)
        memcpy((char *)events + n * stride, &c->ready[c->ready_head++ % (4 * QUEUE_MAX)],
               stride < sizeof *events ? stride : sizeof *events);
    return (int)n;
}

int
pmemd_submit(struct pmemd_client *c, const struct pmemd_req *req)
{
    if (c->aborted)
        return PMEMD_E_STATE;
    if (req->extent_count > EXTENTS_MAX || req->iov_count > EXTENTS_MAX)
        return PMEMD_E_ARG;
    for (unsigned i = 0; i < req->extent_count; i++)
        if (req->extents[i].off > fake.len ||
            req->extents[i].len > fake.len - req->extents[i].off)
            return PMEMD_E_RANGE;
    struct queued *const q = &c->queue[c->tail % QUEUE_MAX];
    *q = (struct queued){.req = *req};
    if (req->extent_count > 0)
        memcpy(q->extents, req->extents, req->extent_count * sizeof *req->extents);
    if (req->iov_count > 0)
        memcpy(q->iov, req->iov, req->iov_count * sizeof *req->iov);
    for (unsigned i = 0; i < QUEUE_MAX && c->held_count > 0; i++)
        if (c->held[i].used && c->held[i].iov_count > 0 && req->iov_count > 0 &&
            c->held[i].iov[0].data == req->iov[0].data)
            fake.early++;
    if (req->verb == PMEMD_VERB_WRITE)
        q->sum = sum_of(q->iov, req->iov_count);
    c->tail++;
    if (c->tail - c->head > fake.in_flight_max)
        fake.in_flight_max = c->tail - c->head;
    return 0;
}

int
pmemd_open(const char *uri, const struct pmemd_config *cfg, struct pmemd_client **ret)
{
    (void)uri;
    (void)cfg;
    if (fake.open_err < 0)
        return fake.open_err;
    struct pmemd_client *const c = calloc(1, sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    c->fd = eventfd(1, EFD_CLOEXEC); /* always readable: there may always be work */
    fake.clients++;
    memcpy(old_copy, fake.region, FAKE_BYTES);
    *ret = c;
    return 0;
}

void
pmemd_close(struct pmemd_client *c)
{
    if (c == NULL)
        return;
    (void)close(c->fd);
    free(c);
    fake.clients--;
}

void
pmemd_abort(struct pmemd_client *c)
{
    c->aborted = true;
}

int
pmemd_connect(struct pmemd_client *c, uint64_t timeout_ns)
{
    (void)c;
    (void)timeout_ns;
    return fake.connect_err;
}

int
pmemd_info(const struct pmemd_client *c, struct pmemd_info *ret, size_t size)
{
    (void)c;
    struct pmemd_event ev;
    const struct queued q = {.iov = {{ret, size}}};
    return fill_list(&q, &ev);
}

int
pmemd_stat(struct pmemd_client *c, struct pmemd_info *ret, size_t size)
{
    return pmemd_info(c, ret, size);
}

int
pmemd_call(struct pmemd_client *c, const struct pmemd_req *req, struct pmemd_event *ret,
           size_t ret_size)
{
    struct queued q = {.req = *req};
    if (req->extent_count > 0)
        memcpy(q.extents, req->extents, req->extent_count * sizeof *req->extents);
    if (req->iov_count > 0)
        memcpy(q.iov, req->iov, req->iov_count * sizeof *req->iov);
    q.sum = sum_of(q.iov, req->iov_count);
    const unsigned lag = fake.release_lag;
    fake.release_lag = 0;
    carry_out(c, &q);
    fake.release_lag = lag;
    struct pmemd_event ev = c->ready[--c->ready_tail % (4 * QUEUE_MAX)];
    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (c->held[i].used && c->held[i].cookie == req->cookie && c->held[i].lag == 0) {
            c->held[i].used = false;
            c->held_count--;
            break;
        }
    if (ret != NULL)
        memcpy(ret, &ev, ret_size < sizeof ev ? ret_size : sizeof ev);
    return ev.err;
}

static int
one(struct pmemd_client *c, uint32_t verb, uint64_t off, struct pmemd_iov iov)
{
    const struct pmemd_extent extent = {off, iov.len};
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = verb;
    req.extents = &extent;
    req.iov = &iov;
    req.extent_count = req.iov_count = 1;
    req.cookie = UINT64_MAX;
    return pmemd_call(c, &req, NULL, 0);
}

int
pmemd_read(struct pmemd_client *c, uint64_t off, void *data, size_t len)
{
    return one(c, PMEMD_VERB_READ, off, (struct pmemd_iov){data, len});
}

int
pmemd_write(struct pmemd_client *c, uint64_t off, const void *data, size_t len, uint32_t level)
{
    (void)level;
    struct pmemd_iov iov = {.len = len};
    memcpy(&iov.data, &data, sizeof data); /* casts const away; WRITE only reads it */
    return one(c, PMEMD_VERB_WRITE, off, iov);
}

int
pmemd_wait(struct pmemd_client *c, unsigned min_events, uint64_t timeout_ns)
{
    (void)min_events;
    (void)timeout_ns;
    return (int)(c->ready_tail - c->ready_head);
}

int
pmemd_fd(const struct pmemd_client *c)
{
    return c->fd;
}

uint64_t
pmemd_wait_max_ns(const struct pmemd_client *c)
{
    (void)c;
    return UINT64_MAX;
}

void
pmemd_sent(const struct pmemd_client *c, uint64_t *ret_zc, uint64_t *ret_copied,
           uint64_t *ret_unknown)
{
    *ret_zc = *ret_unknown = 0;
    *ret_copied = c->sent;
}

void
pmemd_config_init(struct pmemd_config *cfg, size_t size)
{
    *cfg = (struct pmemd_config){.size = (uint32_t)size};
}

void
pmemd_req_init(struct pmemd_req *req, size_t size)
{
    *req = (struct pmemd_req){.size = (uint32_t)size};
}

const char *
pmemd_detail(const struct pmemd_client *c)
{
    (void)c;
    return "the fake says so";
}

const char *
pmemd_strerror(int err)
{
    return err > -100000 ? strerror(-err) : "a pmemd error";
}

const char *
pmemd_version(void)
{
    return "0.0.0";
}

uint64_t
__wrap_tool_now_ns(void) /* NOLINT(bugprone-reserved-identifier) */
{
    static uint64_t now_ns = UINT64_C(1000000000);
    return now_ns += fake.tick_ns != 0 ? fake.tick_ns : 10000;
}
