/* SPDX-License-Identifier: BSD-3-Clause */
/* Many clients in one thread and one epoll set: each turn costs what the clients with something
 * to do cost. Every client keeps a record in the region, rewrites it and reads it back in turns.
 * Usage: many [URI [CLIENTS [ROUNDS]]] */
#include <errno.h>
#include <pmemd/pmemd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct record {
    uint64_t client, round;
    char fill[48];
};

struct user {
    struct pmemd_client *c;
    uint64_t number, round;
    uint64_t due_ns; /* to be turned then even if its descriptor stays quiet */
    int reading;
    struct record out, in;
};

struct crowd {
    struct user *users;
    unsigned count, busy;
    uint64_t rounds, requests;
    int epfd, err;
};

static uint64_t
now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int
submit(struct crowd *k, struct user *u)
{
    const struct pmemd_extent where = {.off = u->number * sizeof u->out, .len = sizeof u->out};
    const struct pmemd_iov memory = {.data = u->reading ? &u->in : &u->out,
                                     .len = sizeof u->out};
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = u->reading ? PMEMD_VERB_READ : PMEMD_VERB_WRITE;
    req.extents = &where;
    req.iov = &memory;
    req.extent_count = req.iov_count = 1;
    u->out.client = u->number;
    u->out.round = u->round;
    k->requests++;
    return pmemd_submit(u->c, &req);
}

static int
handle(struct crowd *k, struct user *u, const struct pmemd_event *ev)
{
    if (ev->what == PMEMD_EV_DONE || ev->what == PMEMD_EV_REFUSED)
        return ev->err;
    if (ev->what != PMEMD_EV_RELEASED)
        return 0;
    if (u->reading && (u->in.client != u->number || u->in.round != u->round))
        return PMEMD_E_CRC;
    u->round += (uint64_t)u->reading;
    u->reading = !u->reading;
    if (u->round < k->rounds)
        return submit(k, u);
    k->busy--;
    return 0;
}

/* One client's turn. It is called in no other place, so its next due time is known here. */
static void
turn(struct crowd *k, struct user *u, uint64_t now)
{
    struct pmemd_event events[8];
    int n = 1;
    while (k->err == 0 && n > 0) {
        n = pmemd_reap(u->c, events, sizeof events[0], 8);
        for (int i = 0; i < n && k->err == 0; i++)
            k->err = handle(k, u, &events[i]);
        if (n < 0)
            k->err = n;
    }
    const uint64_t left = pmemd_wait_max_ns(u->c);
    u->due_ns = left > UINT64_MAX - now ? UINT64_MAX : now + left;
    if (k->err != 0)
        (void)fprintf(stderr, "client %llu: %s\n", (unsigned long long)u->number,
                      pmemd_detail(u->c));
}

/* Turn those that are due. Returns the milliseconds that may be slept, rounded up. */
static int
turn_due(struct crowd *k)
{
    const uint64_t now = now_ns();
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < k->count; i++) {
        struct user *u = &k->users[i];
        if (u->due_ns <= now)
            turn(k, u, now);
        if (u->due_ns < due)
            due = u->due_ns;
    }
    if (due == UINT64_MAX)
        return -1;
    const uint64_t left = due > now ? due - now : 0;
    return left > 1000000000 ? 1000 : (int)((left + 999999) / 1000000);
}

static void
run(struct crowd *k)
{
    struct epoll_event ready[64];
    while (k->err == 0 && k->busy > 0) {
        const int n = epoll_wait(k->epfd, ready, 64, turn_due(k));
        if (n < 0 && errno != EINTR)
            k->err = -errno;
        const uint64_t now = now_ns();
        for (int i = 0; i < n; i++)
            turn(k, ready[i].data.ptr, now);
    }
}

static int
user_open(struct crowd *k, struct user *u, const char *uri)
{
    struct pmemd_config cfg;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = u};
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.timeout_ns = 10000000000;
    cfg.inflight_max = 1; /* a client's memory grows with it */
    int rc = pmemd_open(uri, &cfg, &u->c);
    if (rc == 0 && epoll_ctl(k->epfd, EPOLL_CTL_ADD, pmemd_fd(u->c), &ev) < 0)
        rc = -errno;
    return rc == 0 ? submit(k, u) : rc;
}

int
main(int argc, char **argv)
{
    const char *uri = argc > 1 ? argv[1] : "pmemd://127.0.0.1/demo";
    struct crowd k = {.count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 64,
                      .rounds = argc > 3 ? strtoull(argv[3], NULL, 10) : 100};
    k.users = calloc(k.count, sizeof *k.users);
    k.epfd = epoll_create1(EPOLL_CLOEXEC);
    k.err = k.users == NULL ? -ENOMEM : k.epfd < 0 ? -errno : 0;
    for (; k.busy < k.count && k.err == 0; k.busy++) {
        k.users[k.busy].number = k.busy;
        k.err = user_open(&k, &k.users[k.busy], uri);
    }
    run(&k);
    if (k.err == 0)
        printf("%u clients, %llu requests, all right\n", k.count,
               (unsigned long long)k.requests);
    else
        puts(pmemd_strerror(k.err));
    for (unsigned i = 0; k.users != NULL && i < k.count; i++)
        pmemd_close(k.users[i].c); /* NULL is allowed */
    if (k.epfd >= 0)
        (void)close(k.epfd);
    free(k.users);
    return k.err != 0;
}
