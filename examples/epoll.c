/* SPDX-License-Identifier: BSD-3-Clause */
/* Copy one region to another, which may be on another server: two clients, one thread, a loop of
 * our own. Usage: epoll SOURCE-URI TARGET-URI [BYTES] */
#include <errno.h>
#include <pmemd/pmemd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CHUNK (256u << 10)
#define SLOTS 8u

struct slot {
    uint64_t off, len; /* of the chunk it carries */
    int reading;
    char data[CHUNK];
};

struct copy {
    struct pmemd_client *source, *target;
    int epfd;
    uint64_t bytes, started, copied;
    int err;
    const char *detail; /* of the client that failed; "" = none has */
    struct slot *slots;
};

/* ---- requests and events ---------------------------------------------------------------- */

static int
submit(struct copy *p, unsigned at)
{
    struct slot *s = &p->slots[at];
    const struct pmemd_extent where = {.off = s->off, .len = s->len};
    const struct pmemd_iov memory = {.data = s->data, .len = s->len};
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = s->reading ? PMEMD_VERB_READ : PMEMD_VERB_WRITE;
    req.level = s->reading ? 0 : PMEMD_LEVEL_DURABLE;
    req.extents = &where;
    req.iov = &memory;
    req.extent_count = req.iov_count = 1;
    req.cookie = at;
    struct pmemd_client *c = s->reading ? p->source : p->target;
    const int rc = pmemd_submit(c, &req);
    if (rc < 0)
        p->detail = pmemd_detail(c);
    return rc;
}

static int
start(struct copy *p, unsigned at)
{
    struct slot *s = &p->slots[at];
    const uint64_t left = p->bytes - p->started;
    if (left == 0)
        return 0;
    s->off = p->started;
    s->len = left < CHUNK ? left : CHUNK;
    s->reading = 1;
    p->started += s->len;
    return submit(p, at);
}

/* A chunk's memory may be used again once RELEASED has come, which is after DONE. */
static int
handle(struct copy *p, const struct pmemd_event *ev)
{
    if (ev->what == PMEMD_EV_DONE || ev->what == PMEMD_EV_REFUSED)
        return ev->err;
    if (ev->what != PMEMD_EV_RELEASED)
        return 0; /* CONNECTED, LOST, or one that a newer library has: it goes on by itself */
    struct slot *s = &p->slots[ev->cookie];
    if (s->reading) {
        s->reading = 0;
        return submit(p, (unsigned)ev->cookie);
    }
    p->copied += s->len;
    return start(p, (unsigned)ev->cookie);
}

/* Let a client do what it can now, and take its events. */
static void
turn(struct copy *p, struct pmemd_client *c)
{
    struct pmemd_event events[2 * SLOTS];
    int n = 1;
    while (p->err == 0 && n > 0) {
        n = pmemd_reap(c, events, sizeof events[0], 2 * SLOTS);
        for (int i = 0; i < n && p->err == 0; i++)
            p->err = handle(p, &events[i]);
        if (n < 0)
            p->err = n;
    }
    if (p->err != 0 && p->detail[0] == '\0')
        p->detail = pmemd_detail(c);
}

/* ---- the loop --------------------------------------------------------------------------- */

/* Milliseconds for epoll_wait(): rounded up, or the loop would spin before each deadline. */
static int
sleep_ms(const struct copy *p)
{
    const uint64_t a = pmemd_wait_max_ns(p->source);
    const uint64_t b = pmemd_wait_max_ns(p->target);
    const uint64_t ns = a < b ? a : b;
    if (ns == UINT64_MAX)
        return -1;
    return ns > 1000000000 ? 1000 : (int)((ns + 999999) / 1000000);
}

static void
run(struct copy *p)
{
    struct epoll_event ready[2];
    while (p->err == 0 && p->copied < p->bytes) {
        turn(p, p->source);
        turn(p, p->target);
        if (p->err != 0 || p->copied == p->bytes)
            break;
        /* Who has something to do is known anew: two clients are both turned. */
        if (epoll_wait(p->epfd, ready, 2, sleep_ms(p)) < 0 && errno != EINTR)
            p->err = -errno;
    }
}

static int
watch(struct copy *p, const char *uri, struct pmemd_client **ret)
{
    struct pmemd_config cfg;
    struct epoll_event ev = {.events = EPOLLIN};
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.timeout_ns = 10000000000;
    int rc = pmemd_open(uri, &cfg, ret);
    if (rc == 0 && epoll_ctl(p->epfd, EPOLL_CTL_ADD, pmemd_fd(*ret), &ev) < 0)
        rc = -errno;
    return rc;
}

int
main(int argc, char **argv)
{
    struct copy p = {.detail = ""};
    if (argc < 3) {
        puts("usage: epoll SOURCE-URI TARGET-URI [BYTES]");
        return 2;
    }
    p.bytes = argc > 3 ? strtoull(argv[3], NULL, 10) : 1 << 20;
    p.slots = calloc(SLOTS, sizeof *p.slots);
    p.epfd = epoll_create1(EPOLL_CLOEXEC);
    p.err = p.slots == NULL ? -ENOMEM : p.epfd < 0 ? -errno : 0;
    if (p.err == 0)
        p.err = watch(&p, argv[1], &p.source);
    if (p.err == 0)
        p.err = watch(&p, argv[2], &p.target);
    for (unsigned i = 0; i < SLOTS && p.err == 0; i++)
        p.err = start(&p, i);
    run(&p);
    if (p.err == 0)
        printf("copied %llu bytes\n", (unsigned long long)p.copied);
    else
        printf("%s\n%s\n", pmemd_strerror(p.err), p.detail);
    pmemd_close(p.source); /* waits until the library has let go of the chunks */
    pmemd_close(p.target);
    if (p.epfd >= 0)
        (void)close(p.epfd);
    free(p.slots);
    return p.err != 0;
}
