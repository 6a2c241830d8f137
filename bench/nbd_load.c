// SPDX-License-Identifier: BSD-3-Clause
/*
 * pmemd-nbd-load: the load of pmemd-bare and pmemd-bench, for an NBD server, through libnbd's
 * asynchronous calls. It is the yardstick of the yardstick: a ceiling that is not well above
 * nbdkit is none. libnbd's optional checks are off, so that it gets its best figures.
 */
#include "bench/load.h"

#include <errno.h>
#include <libnbd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DRAIN_NS 5000000000ull

struct nbd_conn;

/* One request in flight; libnbd hands it back when the reply is here. */
struct slot {
    struct nbd_conn *conn; /* borrowed */
    struct slot *next_idle;
    uint64_t submitted_ns;
    uint8_t *payload;
};

struct nbd_conn {
    struct nbd_handle *nbd;
    struct load_run *run; /* borrowed */
    struct load_gen gen;
    struct slot *idle;
    struct slot slot[LOAD_QD_MAX];
};

static int
slot_done(void *user_data, int *error)
{
    struct slot *const s = user_data;
    load_run_done(s->conn->run, s->submitted_ns, load_now_ns(), *error == 0);
    s->next_idle = s->conn->idle;
    s->conn->idle = s;
    return 1; /* retire the command */
}

static int
conn_submit(struct nbd_conn *c)
{
    const struct load_opts *const o = c->run->opts;
    while (c->idle != NULL) {
        struct slot *const s = c->idle;
        c->idle = s->next_idle;
        s->submitted_ns = load_now_ns();
        const uint64_t off = load_gen_next(&c->gen);
        const nbd_completion_callback done = {.callback = slot_done, .user_data = s};
        const int64_t cookie = load_is_read(o->op)
                                   ? nbd_aio_pread(c->nbd, s->payload, o->bs, off, done, 0)
                                   : nbd_aio_pwrite(c->nbd, s->payload, o->bs, off, done, 0);
        if (cookie < 0)
            return -EIO;
    }
    return 0;
}

static int
conn_open(struct nbd_conn *c, struct load_run *r, unsigned number)
{
    const struct load_opts *const o = r->opts;
    c->run = r;
    c->nbd = nbd_create();
    if (c->nbd == NULL || nbd_set_strict_mode(c->nbd, 0) < 0 ||
        nbd_set_pread_initialize(c->nbd, false) < 0 || nbd_connect_uri(c->nbd, o->target) < 0)
        return -EIO;
    /* As pmemd-bare does; it concerns what the client sends, the server's side is its own. */
    (void)setsockopt(nbd_aio_get_fd(c->nbd), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    const int64_t size = nbd_get_size(c->nbd);
    if (size < (int64_t)o->bs) {
        fprintf(stderr, "--bs exceeds the export\n");
        return -EINVAL;
    }
    load_gen_init(&c->gen, o, (uint64_t)size, number);
    uint8_t *const payload = load_memory(o->qd * o->bs);
    if (payload == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < o->qd; i++) {
        c->slot[i] = (struct slot){
            .conn = c, .next_idle = c->idle, .payload = payload + (size_t)i * o->bs};
        c->idle = &c->slot[i];
    }
    return 0;
}

/* Wait for any connection, or look only when spinning, and let libnbd move bytes. */
static int
conns_turn(struct nbd_conn **conn, const struct load_opts *o)
{
    struct pollfd pfd[LOAD_CONNS_MAX];
    for (unsigned i = 0; i < o->conns; i++) {
        const unsigned dir = nbd_aio_get_direction(conn[i]->nbd);
        const short in = dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0;
        const short out = dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0;
        pfd[i] = (struct pollfd){.fd = nbd_aio_get_fd(conn[i]->nbd), .events = in | out};
    }
    if (poll(pfd, o->conns, o->spin ? 0 : 100) < 0)
        return errno == EINTR ? 0 : -errno;
    for (unsigned i = 0; i < o->conns; i++) {
        int rc = 0;
        if (pfd[i].revents & POLLIN)
            rc = nbd_aio_notify_read(conn[i]->nbd);
        else if (pfd[i].revents & POLLOUT)
            rc = nbd_aio_notify_write(conn[i]->nbd);
        else if (pfd[i].revents != 0) /* POLLERR, POLLHUP */
            return -EPIPE;
        if (rc < 0)
            return -EIO;
    }
    return 0;
}

/* Load with connections that are open. 0 or -errno. */
static int
conns_run(struct nbd_conn **conn, struct load_run *r)
{
    const struct load_opts *const o = r->opts;
    int rc = 0;
    while (rc == 0 && load_run_tick(r, load_now_ns())) {
        for (unsigned i = 0; rc == 0 && i < o->conns; i++)
            rc = conn_submit(conn[i]);
        if (rc == 0)
            rc = conns_turn(conn, o);
    }
    return rc;
}

/* Let what is in flight end: nbdkit may abort when a client leaves before its replies. */
static void
conns_drain(struct nbd_conn **conn, const struct load_opts *o)
{
    const uint64_t until_ns = load_now_ns() + DRAIN_NS;
    for (unsigned i = 0; i < o->conns; i++)
        while (nbd_aio_in_flight(conn[i]->nbd) > 0 && load_now_ns() < until_ns)
            if (conns_turn(conn, o) < 0)
                return;
    for (unsigned i = 0; i < o->conns; i++)
        (void)nbd_shutdown(conn[i]->nbd, 0);
}

int
main(int argc, char **argv)
{
    static struct load_run run;
    struct load_opts o;
    struct nbd_conn *conn[LOAD_CONNS_MAX];
    unsigned count = 0;
    if (load_parse(&o, "uri", argc, argv) < 0) {
        fprintf(stderr, "usage: pmemd-nbd-load --uri nbd://HOST:PORT " LOAD_USAGE "\n");
        return LOAD_EXIT_USAGE;
    }
    int code = LOAD_EXIT_FAILED;
    int rc = load_pin(o.cpu);
    run.opts = &o;
    while (rc == 0 && count < o.conns) {
        conn[count] = calloc(1, sizeof *conn[count]);
        if (conn[count] == NULL) {
            rc = -ENOMEM;
            break;
        }
        rc = conn_open(conn[count], &run, count);
        count++;
    }
    if (rc == 0) {
        load_run_begin(&run, &o);
        rc = conns_run(conn, &run);
    }
    if (rc == 0)
        conns_drain(conn, &o);
    if (rc == 0) {
        code = load_report(&run);
    } else {
        const char *const why = rc == -EIO ? nbd_get_error() : NULL;
        fprintf(stderr, "pmemd-nbd-load: %s\n", why != NULL ? why : strerror(-rc));
    }
    while (count-- > 0) {
        nbd_close(conn[count]->nbd); /* before its slots: it may retire commands */
        free(conn[count]);
    }
    return code;
}
