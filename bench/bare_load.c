// SPDX-License-Identifier: BSD-3-Clause
/*
 * The load side of pmemd-bare: keeps a fixed number of requests in flight per connection.
 */
#include "bench/bare.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * In flight at once, below which a sleeping peer's time to wake shows: 40 us at 6 GB/s. A
 * single send then makes both sides take turns sleeping; an eighth at a time lets them overlap
 * (4 KiB, depth 32: 1.6 to 2 times the requests). With more in flight it only costs calls.
 */
#define SLICE_BELOW_BYTES ((size_t)256 << 10)
#define SLICES 8u
#define GREETING_TURNS 100u /* of BARE_TURN_MS: the server touches its memory first */

/* One connection. Replies come in order, so slot = number % depth. */
struct conn {
    int fd;
    unsigned slice; /* requests, and replies, per send at most; 0 = no limit */
    uint64_t issued, done;
    size_t in_bytes; /* arrived of the oldest reply */
    struct load_gen gen;
    struct vec out;
    struct bare_request request[LOAD_QD_MAX];
    struct bare_reply reply[LOAD_QD_MAX];
    uint64_t submitted_ns[LOAD_QD_MAX];
    uint8_t *payload; /* depth times block size */
};

/* Fill `out` with the next requests. */
static void
conn_submit(struct conn *c, const struct load_opts *o)
{
    const uint64_t now_ns = load_now_ns();
    const bool is_read = load_is_read(o->op);
    uint64_t until = c->done + o->qd;
    if (c->slice > 0 && until - c->issued > c->slice)
        until = c->issued + c->slice;
    for (; c->issued < until; c->issued++) {
        const unsigned slot = (unsigned)(c->issued % o->qd);
        c->request[slot] = (struct bare_request){.off = load_gen_next(&c->gen),
                                                 .tag = c->issued,
                                                 .len = (uint32_t)o->bs,
                                                 .is_write = !is_read,
                                                 .slice = c->slice};
        c->submitted_ns[slot] = now_ns;
        vec_add(&c->out, &c->request[slot], sizeof c->request[slot]);
        if (!is_read)
            vec_add(&c->out, c->payload + slot * o->bs, o->bs);
    }
}

/* Send until the depth is reached or the socket is full. 0 or -errno. */
static int
conn_send(struct conn *c, const struct load_opts *o, int flags)
{
    for (;;) {
        if (c->out.count == 0)
            conn_submit(c, o);
        if (c->out.count == 0)
            return 0;
        const ssize_t n = vec_send(c->fd, &c->out, flags);
        if (n <= 0)
            return (int)n;
        vec_skip(&c->out, (size_t)n);
    }
}

/* One receive of all replies in flight, payload straight to its place. */
static int
conn_receive(struct conn *c, struct load_run *r, int flags)
{
    const struct load_opts *const o = r->opts;
    const bool is_read = load_is_read(o->op);
    struct vec in;
    in.at = in.count = 0;
    for (uint64_t i = c->done; i < c->issued; i++) {
        const unsigned slot = (unsigned)(i % o->qd);
        vec_add(&in, &c->reply[slot], sizeof c->reply[slot]);
        if (is_read)
            vec_add(&in, c->payload + slot * o->bs, o->bs);
    }
    vec_skip(&in, c->in_bytes);
    const ssize_t n = vec_receive(c->fd, &in, flags);
    if (n <= 0)
        return (int)n;
    const size_t whole = sizeof(struct bare_reply) + (is_read ? o->bs : 0);
    const uint64_t now_ns = load_now_ns();
    for (c->in_bytes += (size_t)n; c->in_bytes >= whole; c->in_bytes -= whole) {
        const unsigned slot = (unsigned)(c->done % o->qd);
        const struct bare_reply *const re = &c->reply[slot];
        load_run_done(r, c->submitted_ns[slot], now_ns, re->tag == c->done && re->status == 0);
        c->done++;
    }
    return 0;
}

/* -EIO after saying why; the caller closes. */
static int
conn_open(struct conn *c, const struct load_opts *o, unsigned number)
{
    uint64_t size = 0;
    c->fd = sock_open(o->target, false);
    if (c->fd < 0)
        return -EIO;
    c->payload = load_memory(o->qd * o->bs);
    if (c->payload == NULL) {
        fprintf(stderr, "pmemd-bare: not enough memory for --bs times --qd\n");
        return -EIO;
    }
    ssize_t n = -1;
    for (unsigned tries = 0; n < 0 && tries < GREETING_TURNS; tries++)
        n = recv(c->fd, &size, sizeof size, MSG_WAITALL);
    if (n != sizeof size || size < o->bs) {
        fprintf(stderr, "pmemd-bare: %s: %s\n", o->target,
                n != sizeof size ? "no greeting: not pmemd-bare?" : "--bs exceeds its memory");
        return -EIO;
    }
    if (!o->spin && o->qd * o->bs <= SLICE_BELOW_BYTES)
        c->slice = o->qd > SLICES ? o->qd / SLICES : 1;
    load_gen_init(&c->gen, o, size, number);
    return 0;
}

static int
conn_turn(struct conn *c, struct load_run *r, int flags)
{
    const int rc = conn_send(c, r->opts, flags);
    return rc < 0 ? rc : conn_receive(c, r, flags);
}

static void
conns_poll(struct conn **conn, unsigned count)
{
    struct pollfd pfd[LOAD_CONNS_MAX];
    for (unsigned i = 0; i < count; i++) {
        const bool full = conn[i]->out.count > 0;
        pfd[i] = (struct pollfd){.fd = conn[i]->fd, .events = full ? POLLIN | POLLOUT : POLLIN};
    }
    (void)poll(pfd, count, BARE_TURN_MS); /* who can move is found by trying */
}

/* Load with connections that are open. 0 or -errno. */
static int
conns_run(struct conn **conn, struct load_run *r)
{
    const struct load_opts *const o = r->opts;
    const bool block = o->conns == 1 && !o->spin;
    int rc = 0;
    while (rc == 0 && load_run_tick(r, load_now_ns())) {
        for (unsigned i = 0; rc == 0 && i < o->conns; i++)
            rc = conn_turn(conn[i], r, block ? 0 : MSG_DONTWAIT);
        if (rc == 0 && !block && !o->spin)
            conns_poll(conn, o->conns);
    }
    return rc;
}

int
bare_load_main(int argc, char **argv)
{
    static struct load_run run;
    struct load_opts o;
    struct conn *conn[LOAD_CONNS_MAX];
    unsigned count = 0;
    if (load_parse(&o, "connect", argc, argv) < 0) {
        fprintf(stderr, "usage: pmemd-bare load --connect ADDR:PORT " LOAD_USAGE "\n");
        return LOAD_EXIT_USAGE;
    }
    int code = LOAD_EXIT_FAILED;
    int rc = load_pin(o.cpu);
    if (rc < 0) {
        fprintf(stderr, "pmemd-bare: --cpu %d: %s\n", o.cpu, strerror(-rc));
        return code;
    }
    while (rc == 0 && count < o.conns) {
        conn[count] = calloc(1, sizeof *conn[count]);
        if (conn[count] == NULL)
            break;
        rc = conn_open(conn[count], &o, count);
        count++;
    }
    if (rc == 0 && count == o.conns) {
        load_run_begin(&run, &o);
        rc = conns_run(conn, &run);
        if (rc == 0)
            code = load_report(&run);
        else
            fprintf(stderr, "pmemd-bare: load: %s\n", strerror(-rc));
    }
    while (count-- > 0) {
        if (conn[count]->fd >= 0)
            close(conn[count]->fd);
        free(conn[count]); /* payload is never unmapped: see load_memory() */
    }
    return code;
}
