// SPDX-License-Identifier: BSD-3-Clause
/*
 * pmemd-bare: main() and the server: one thread that copies straight between its sockets and
 * one piece of memory. bare.h says what the program is for.
 */
#include "bench/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAGE_BYTES ((size_t)256 << 10) /* stays in the L2 cache between recv and memcpy */
#define SLICED_BYTES ((size_t)64 << 10) /* at a time while the load is sliced */
#define DIRECT_MIN ((size_t)64 << 10)   /* a shorter rest of a payload goes through staging */
#define ACCEPT_EVERY 1024u /* turns between looks at the listener while a peer keeps us busy */
#define SERVE_USAGE "pmemd-bare serve --listen ADDR:PORT [--size N] [--spin] [--cpu N]\n"
#define SIZE_DEFAULT ((uint64_t)1 << 30)
#define CPU_MAX 1023
#define SIZE_MAX_HERE ((uint64_t)1 << 46)

/* One connection of the server. */
struct peer {
    int fd;
    size_t fill;               /* bytes in stage */
    struct bare_request write; /* the one whose payload is arriving ... */
    size_t tail;               /* ... and what of it is still to come */
    unsigned slice;            /* replies to gather at most before sending; 0 = no limit */
    unsigned replies;          /* in out, not all sent */
    struct bare_reply reply[LOAD_QD_MAX];
    struct vec out;
    uint8_t *stage;
};

struct server {
    int listener;
    bool spin;
    uint8_t *mem;
    uint64_t size;
    unsigned count;
    struct peer *peer[LOAD_CONNS_MAX];
};

static void
server_accept(struct server *s)
{
    const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    sock_tune(fd);
    struct peer *const p = calloc(1, sizeof *p);
    uint8_t *const stage = malloc(STAGE_BYTES);
    /* The greeting tells the size, so that a load generator needs no option for it. */
    if (p == NULL || stage == NULL || s->count == LOAD_CONNS_MAX ||
        send(fd, &s->size, sizeof s->size, MSG_NOSIGNAL) != sizeof s->size) {
        close(fd);
        free(stage);
        free(p);
        return;
    }
    p->fd = fd;
    p->stage = stage;
    s->peer[s->count++] = p;
}

static void
server_drop(struct server *s, unsigned i)
{
    struct peer *const p = s->peer[i];
    s->peer[i] = s->peer[--s->count];
    close(p->fd);
    free(p->stage);
    free(p);
}

static void
peer_answer(struct peer *p, const struct bare_request *rq)
{
    struct bare_reply *const re = &p->reply[p->replies++];
    *re = (struct bare_reply){.tag = rq->tag, .len = rq->len};
    vec_add(&p->out, re, sizeof *re);
}

static uint8_t *
peer_tail_at(const struct server *s, const struct peer *p)
{
    return s->mem + p->write.off + (p->write.len - p->tail);
}

static void
peer_tail_take(struct peer *p, size_t len)
{
    p->tail -= len;
    if (p->tail == 0)
        peer_answer(p, &p->write);
}

/* Send what there is to send, unless the socket is full. 0 or -errno. */
static int
peer_flush(struct peer *p, int flags)
{
    while (p->out.count > 0) {
        const ssize_t n = vec_send(p->fd, &p->out, flags);
        if (n <= 0)
            return (int)n;
        vec_skip(&p->out, (size_t)n);
    }
    p->replies = 0;
    return 0;
}

/* Start one request. -EPROTO: not our client. */
static int
peer_start(const struct server *s, struct peer *p, const struct bare_request *rq)
{
    /* The only checks: a stray byte must not end the server in the middle of a run. */
    if (rq->len == 0 || rq->off > s->size || rq->len > s->size - rq->off ||
        p->replies == LOAD_QD_MAX)
        return -EPROTO;
    if (rq->is_write != 0) {
        p->write = *rq;
        p->tail = rq->len;
    } else {
        peer_answer(p, rq);
        vec_add(&p->out, s->mem + rq->off, rq->len);
    }
    p->slice = rq->slice;
    return 0;
}

/* Consume what is staged: start requests, copy write payload, answer in slices. 0 or -errno. */
static int
peer_parse(const struct server *s, struct peer *p, int flags)
{
    size_t at = 0;
    int rc = 0;
    while (rc == 0) {
        const size_t left = p->fill - at;
        if (p->tail > 0 && left > 0) {
            const size_t n = left < p->tail ? left : p->tail;
            memcpy(peer_tail_at(s, p), p->stage + at, n);
            peer_tail_take(p, n);
            at += n;
        } else if (left >= sizeof(struct bare_request)) {
            struct bare_request rq;
            memcpy(&rq, p->stage + at, sizeof rq);
            at += sizeof rq;
            rc = peer_start(s, p, &rq);
        } else {
            break;
        }
        if (rc == 0 && p->slice > 0 && p->replies >= p->slice)
            rc = peer_flush(p, flags);
    }
    p->fill -= at;
    memmove(p->stage, p->stage + at, p->fill); /* less than a header */
    return rc;
}

/*
 * What to take into staging. All there is, but less while the load is sliced, since nothing is
 * answered before the receive returns.
 */
static size_t
peer_room(const struct peer *p)
{
    const size_t room = STAGE_BYTES - p->fill;
    return p->slice > 0 && room > SLICED_BYTES ? SLICED_BYTES : room;
}

/* One receive: the rest of a large payload to its place, everything else to staging. */
static ssize_t
peer_receive(const struct server *s, struct peer *p, int flags)
{
    struct vec in;
    in.at = in.count = 0;
    const size_t direct = p->tail >= DIRECT_MIN ? p->tail : 0;
    if (direct > 0) /* behind a large payload likely comes another: take its header only */
        vec_add(&in, peer_tail_at(s, p), direct);
    vec_add(&in, p->stage + p->fill, direct > 0 ? sizeof(struct bare_request) : peer_room(p));
    const ssize_t n = vec_receive(p->fd, &in, flags);
    if (n <= 0)
        return n;
    const size_t placed = (size_t)n < direct ? (size_t)n : direct;
    if (placed > 0)
        peer_tail_take(p, placed);
    p->fill += (size_t)n - placed;
    return n;
}

/* Receive, do, answer; or go on answering if the socket was full. 1, 0 = idle, or -errno. */
static int
peer_turn(const struct server *s, struct peer *p, int flags)
{
    if (p->out.count == 0) {
        const ssize_t n = peer_receive(s, p, flags);
        if (n <= 0)
            return (int)n;
        const int rc = peer_parse(s, p, flags);
        if (rc < 0)
            return rc;
    }
    const int rc = peer_flush(p, flags);
    return rc < 0 ? rc : 1;
}

/* False when the connection was idle. */
static bool
server_turn(struct server *s, unsigned i, int flags)
{
    const int rc = peer_turn(s, s->peer[i], flags);
    if (rc < 0)
        server_drop(s, i);
    return rc != 0;
}

/* Several connections, blocking: ask which of them can move. */
static void
server_poll(struct server *s)
{
    struct pollfd pfd[LOAD_CONNS_MAX + 1];
    for (unsigned i = 0; i < s->count; i++)
        pfd[i] = (struct pollfd){.fd = s->peer[i]->fd,
                                 .events = s->peer[i]->out.count > 0 ? POLLOUT : POLLIN};
    const unsigned count = s->count;
    pfd[count] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    if (poll(pfd, count + 1, -1) <= 0)
        return;
    for (unsigned i = count; i-- > 0;) /* downwards: a drop moves the last one here */
        if (pfd[i].revents != 0)
            (void)server_turn(s, i, MSG_DONTWAIT);
    if (pfd[count].revents != 0)
        server_accept(s);
}

static _Noreturn void
server_run(struct server *s)
{
    for (unsigned turn = 0;; turn++) {
        if (s->count == 0 || (s->count > 1 && !s->spin)) {
            server_poll(s);
            continue;
        }
        bool moved = s->spin; /* an idle turn of a spinning server means nothing */
        for (unsigned i = s->count; i-- > 0;)
            moved |= server_turn(s, i, s->spin ? MSG_DONTWAIT : 0);
        if (!moved || turn % ACCEPT_EVERY == 0)
            server_accept(s); /* the listener does not block */
    }
}

struct serve_opts {
    const char *target; /* borrowed from argv */
    uint64_t size;
    long cpu;
    bool spin;
};

static int
serve_parse(struct serve_opts *ret, int argc, char **argv)
{
    static const struct option names[] = {{"listen", required_argument, NULL, 'l'},
                                          {"size", required_argument, NULL, 's'},
                                          {"cpu", required_argument, NULL, 'u'},
                                          {"spin", no_argument, NULL, 'S'},
                                          {NULL, 0, NULL, 0}};
    struct serve_opts o = {.size = SIZE_DEFAULT, .cpu = -1};
    int at = 0, rc = 0;
    for (int key; (key = getopt_long(argc, argv, "", names, &at)) != -1;) {
        if (key == 'l')
            o.target = optarg;
        else if (key == 's')
            rc = load_parse_bytes(optarg, SIZE_MAX_HERE, &o.size);
        else if (key == 'u')
            rc = load_parse_number(optarg, 0, CPU_MAX, &o.cpu);
        else if (key == 'S')
            o.spin = true;
        else /* getopt has said which */
            return -EINVAL;
        if (rc < 0) {
            fprintf(stderr, "--%s %s: not a value it can have\n", names[at].name, optarg);
            return rc;
        }
    }
    if (optind < argc || o.target == NULL) {
        fprintf(stderr, "%s\n", optind < argc ? "stray argument" : "--listen is missing");
        return -EINVAL;
    }
    *ret = o;
    return 0;
}

static int
serve_main(int argc, char **argv)
{
    struct serve_opts o;
    if (serve_parse(&o, argc, argv) < 0) {
        fprintf(stderr, "usage: " SERVE_USAGE);
        return LOAD_EXIT_USAGE;
    }
    const int rc = load_pin((int)o.cpu);
    if (rc < 0) {
        fprintf(stderr, "pmemd-bare: --cpu %ld: %s\n", o.cpu, strerror(-rc));
        return LOAD_EXIT_FAILED;
    }
    struct server s = {.size = o.size, .spin = o.spin, .mem = load_memory(o.size)};
    if (s.mem == NULL) {
        fprintf(stderr, "pmemd-bare: not enough memory for --size\n");
        return LOAD_EXIT_FAILED;
    }
    s.listener = sock_open(o.target, true);
    if (s.listener < 0 || fcntl(s.listener, F_SETFL, O_NONBLOCK) != 0)
        return LOAD_EXIT_FAILED;
    server_run(&s);
}

int
main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "serve") == 0)
        return serve_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "load") == 0)
        return bare_load_main(argc - 1, argv + 1);
    fprintf(stderr, "usage: " SERVE_USAGE
                    "       pmemd-bare load --connect ADDR:PORT " LOAD_USAGE "\n");
    return LOAD_EXIT_USAGE;
}
