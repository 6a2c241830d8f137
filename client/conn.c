/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's connection machine as a table: state and event give the next state and what
 * happens on entering it, which returns the next event or "wait". */
#include "client/conn.h"

#include "client/greet.h"
#include "client/net.h"
#include "common/assert.h"
#include "common/checked.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RESOLVE_POLL_NS (2 * PMI_NS_PER_MS)
#define BACKOFF_MIN_NS (10 * PMI_NS_PER_MS)
#define BACKOFF_MAX_NS (2 * PMI_NS_PER_S)
#define BACKOFF_ROUNDS_MAX 16u
/* After a connection that lived this long the next attempt is made at once. */
#define GOOD_NS PMI_NS_PER_S
#define HOPS_MAX 256u /* a longer run without waiting is a circle */

struct edge {
    enum conn_state to;
    enum conn_event (*enter)(struct conn *c);
};

static enum conn_event find(struct conn *c);
static enum conn_event round_begin(struct conn *c);
static enum conn_event attempt(struct conn *c);
static enum conn_event attempt_failed(struct conn *c);
static enum conn_event hello(struct conn *c);
static enum conn_event open_region(struct conn *c);
static enum conn_event ready(struct conn *c);
static enum conn_event lost(struct conn *c);
static enum conn_event back_off(struct conn *c);
static enum conn_event refused(struct conn *c);
static enum conn_event closed(struct conn *c);

/* clang-format off */
static const struct edge edges[CONN_STATE_N][CONN_EV_N] = {
    [CONN_IDLE]    = { [CONN_EV_GO]      = { CONN_RESOLVE, round_begin    },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_RESOLVE] = { [CONN_EV_GO]      = { CONN_RESOLVE, find           },
                       [CONN_EV_FOUND]   = { CONN_CONNECT, attempt        },
                       [CONN_EV_OVER]    = { CONN_BACKOFF, back_off       },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_CONNECT] = { [CONN_EV_UP]      = { CONN_HELLO,   hello          },
                       [CONN_EV_FAIL]    = { CONN_RESOLVE, attempt_failed },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_HELLO]   = { [CONN_EV_GREETED] = { CONN_OPEN,    open_region    },
                       [CONN_EV_FAIL]    = { CONN_RESOLVE, attempt_failed },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_OPEN]    = { [CONN_EV_OPENED]  = { CONN_READY,   ready          },
                       [CONN_EV_FAIL]    = { CONN_RESOLVE, attempt_failed },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_READY]   = { [CONN_EV_FAIL]    = { CONN_BACKOFF, lost           },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_BACKOFF] = { [CONN_EV_GO]      = { CONN_RESOLVE, round_begin    },
                       [CONN_EV_REFUSE]  = { CONN_REFUSED, refused        },
                       [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_REFUSED] = { [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
    [CONN_CLOSED]  = { [CONN_EV_CLOSE]   = { CONN_CLOSED,  closed         } },
};
/* clang-format on */

static void
step(struct conn *c, enum conn_event ev)
{
    for (unsigned hops = 0; ev != CONN_EV_WAIT; hops++) {
        pmi_alive(c, CONN_MAGIC);
        pmi_assert(hops < HOPS_MAX);
        const struct edge *e = &edges[c->state][ev];
        pmi_assert(e->enter != NULL); /* events are ours: a hole is our bug */
        pmi_note("conn", (uint64_t)c->state, (uint64_t)ev);
        c->state = e->to;
        ev = e->enter(c);
    }
}

enum conn_state
conn_edge(enum conn_state state, enum conn_event ev)
{
    return edges[state][ev].enter == NULL ? CONN_STATE_N : edges[state][ev].to;
}

const char *
conn_state_name(enum conn_state state)
{
    static const char *const names[CONN_STATE_N] = {
        [CONN_IDLE] = "idle",       [CONN_RESOLVE] = "resolve", [CONN_CONNECT] = "connect",
        [CONN_HELLO] = "hello",     [CONN_OPEN] = "open",       [CONN_READY] = "ready",
        [CONN_BACKOFF] = "backoff", [CONN_REFUSED] = "refused", [CONN_CLOSED] = "closed",
    };
    return state < CONN_STATE_N ? names[state] : "?";
}

/* ---- sockets ----------------------------------------------------------------------------- */

static int
watch(const struct conn *c, int op, bool out)
{
    struct epoll_event ev = {.events = EPOLLIN | (out ? (unsigned)EPOLLOUT : 0u)};
    return epoll_ctl(c->epfd, op, c->fd, &ev) < 0 ? -errno : 0;
}

void
conn_watch_out(struct conn *c, bool want)
{
    if (c->fd < 0 || c->want_out == want)
        return;
    c->want_out = want;
    const int rc = watch(c, EPOLL_CTL_MOD, want);
    pmi_assert(rc == 0); /* it is registered */
}

static void
drop_socket(struct conn *c)
{
    if (c->fd < 0)
        return;
    (void)close(c->fd); /* which takes it out of the epoll set too */
    c->fd = -1;
    c->want_out = false;
}

/* ---- one round over the addresses -------------------------------------------------------- */

static enum conn_event
round_begin(struct conn *c)
{
    addr_rewind(&c->walk);
    c->round_tried = c->round_refused = 0;
    c->last_host = 0;
    return CONN_EV_GO;
}

static enum conn_event
find(struct conn *c)
{
    for (;;) {
        const int rc = addr_next(&c->walk, &c->addr, &c->addr_len);
        if (rc == 1)
            return CONN_EV_FOUND;
        if (rc == 0)
            return CONN_EV_OVER;
        if (rc == -EINPROGRESS) {
            c->due_ns = pmi_deadline_ns(pmi_now_ns(), RESOLVE_POLL_NS);
            return CONN_EV_WAIT;
        }
        c->err = rc;
        c->round_tried++;
        (void)snprintf(c->detail, sizeof c->detail, "cannot resolve %s", c->walk.why);
        pmi_log(PMI_LOG_WARN, "conn.resolve", "why=\"%s\"", c->walk.why);
    }
}

static const char *
doing(enum conn_state state)
{
    return state == CONN_CONNECT ? "connect to" : state == CONN_HELLO ? "greeting" : "open at";
}

static enum conn_event
fail(struct conn *c, int err, const char *why)
{
    c->err = err;
    (void)snprintf(c->detail, sizeof c->detail, "%s %s: %s%s%s", doing(c->state), c->peer,
                   pmi_err_text(err), why[0] != '\0' ? ": " : "", why);
    return CONN_EV_FAIL;
}

static enum conn_event
attempt(struct conn *c)
{
    if (c->last_host != c->walk.host + 1) {
        c->last_host = c->walk.host + 1;
        c->round_tried++; /* hosts, not addresses: a refusal speaks for the whole host */
    }
    (void)net_text(c->peer, (struct sockaddr *)&c->addr, c->addr_len);
    c->attempt_end_ns = pmi_deadline_ns(pmi_now_ns(), c->cfg->connect_timeout_ns);
    const int rc = net_connect((struct sockaddr *)&c->addr, c->addr_len, &c->fd);
    if (rc < 0 && rc != -EINPROGRESS) {
        c->fd = -1;
        return fail(c, rc, "");
    }
    c->want_out = rc == -EINPROGRESS;
    const int watched = watch(c, EPOLL_CTL_ADD, c->want_out);
    if (watched < 0)
        return fail(c, watched, "");
    return rc == 0 ? CONN_EV_UP : CONN_EV_WAIT;
}

/* A refusal that no repetition will change. PMEMD_E_PROTO is not one: somebody else may be
 * listening there while the server restarts. */
static bool
is_final(int err)
{
    return err < -100000 && err != PMEMD_E_PROTO && !pmi_err_retryable(err);
}

static enum conn_event
attempt_failed(struct conn *c)
{
    drop_socket(c);
    if (is_final(c->err)) {
        c->round_refused++;
        c->refused_err = c->err;
        addr_skip_host(&c->walk);
    }
    pmi_log(PMI_LOG_INFO, "conn.attempt", "peer=%s err=%d why=\"%s\"", c->peer, c->err,
            pmi_err_text(c->err));
    return CONN_EV_GO;
}

static enum conn_event
hello(struct conn *c)
{
    c->local = net_is_local(c->fd);
    greet_make_hello(c);
    return CONN_EV_WAIT;
}

static enum conn_event
open_region(struct conn *c)
{
    if (c->uri->region[0] == '\0')
        return CONN_EV_OPENED;
    greet_make_open(c);
    return CONN_EV_WAIT;
}

static enum conn_event
ready(struct conn *c)
{
    c->known = true;
    c->trouble_ns = 0;
    c->refused_err = 0;
    c->ready_ns = pmi_now_ns();
    c->fruitful = false;
    c->detail[0] = '\0';
    conn_watch_out(c, false);
    pmi_log(PMI_LOG_INFO, "conn.ready", "peer=%s region=%s crc=%d", c->peer, c->uri->region,
            c->crc ? 1 : 0);
    c->up->ready(c->up_arg);
    return CONN_EV_WAIT;
}

/* ---- the end of a round ------------------------------------------------------------------ */

/* xorshift64: spreads clients that lost the same server; nothing secret depends on it. */
static uint64_t
jitter(struct conn *c, uint64_t span)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return span > 0 ? c->random % span : 0;
}

static uint64_t
pause_ns(struct conn *c)
{
    const uint32_t shift = c->round < BACKOFF_ROUNDS_MAX ? c->round : BACKOFF_ROUNDS_MAX;
    uint64_t ns = BACKOFF_MIN_NS << shift;
    if (ns > BACKOFF_MAX_NS)
        ns = BACKOFF_MAX_NS;
    return ns / 2 + jitter(c, ns / 2);
}

static bool
gave_up(struct conn *c, uint64_t now)
{
    if (c->trouble_ns == 0)
        c->trouble_ns = now;
    return c->cfg->reconnect_ns != UINT64_MAX && now - c->trouble_ns >= c->cfg->reconnect_ns;
}

static void
add_detail(struct conn *c, const char *what)
{
    const size_t at = strlen(c->detail);
    (void)snprintf(c->detail + at, sizeof c->detail - at, "; %s", what);
}

static enum conn_event
back_off(struct conn *c)
{
    const uint64_t now = pmi_now_ns();
    if (c->round_tried > 0 && c->round_refused == c->round_tried)
        return CONN_EV_REFUSE; /* every host there is has refused */
    if (gave_up(c, now)) {
        c->refused_err = PMEMD_E_LOST;
        add_detail(c, "giving up, reconnect_ns is over");
        return CONN_EV_REFUSE;
    }
    uint64_t ns = pause_ns(c);
    if (c->cfg->reconnect_ns != UINT64_MAX)
        ns = pmi_min_u64(ns, c->cfg->reconnect_ns - (now - c->trouble_ns));
    char text[64];
    (void)snprintf(text, sizeof text, "retrying in %llu ms",
                   (unsigned long long)((ns + PMI_NS_PER_MS - 1) / PMI_NS_PER_MS));
    add_detail(c, text);
    c->round++;
    c->due_ns = pmi_deadline_ns(now, ns);
    return CONN_EV_WAIT;
}

static enum conn_event
lost(struct conn *c)
{
    const uint64_t now = pmi_now_ns();
    const int fd = c->fd;
    const bool lasted = now - c->ready_ns >= GOOD_NS;
    if (lasted || c->fruitful)
        c->round = 0;
    c->fd = -1;
    c->want_out = false;
    c->due_ns = lasted ? now : pmi_deadline_ns(now, pause_ns(c));
    c->round++;
    c->trouble_ns = now;
    c->round_tried = c->round_refused = 0;
    (void)snprintf(c->detail, sizeof c->detail, "connection to %s: %s", c->peer,
                   pmi_err_text(c->err));
    pmi_log(PMI_LOG_WARN, "conn.lost", "peer=%s err=%d why=\"%s\"", c->peer, c->err,
            pmi_err_text(c->err));
    c->up->lost(c->up_arg, fd, c->err);
    if (c->cfg->reconnect_ns == 0) {
        c->refused_err = PMEMD_E_LOST;
        return CONN_EV_REFUSE;
    }
    return CONN_EV_WAIT;
}

static enum conn_event
refused(struct conn *c)
{
    pmi_log(PMI_LOG_ERROR, "conn.refused", "peer=%s err=%d why=\"%s\"", c->peer, c->refused_err,
            pmi_err_text(c->refused_err));
    addr_rewind(&c->walk);
    c->up->refused(c->up_arg, c->refused_err);
    return CONN_EV_WAIT;
}

static enum conn_event
closed(struct conn *c)
{
    drop_socket(c);
    addr_rewind(&c->walk);
    return CONN_EV_WAIT;
}

/* ---- driving ----------------------------------------------------------------------------- */

static enum conn_event
poll_handshake(struct conn *c)
{
    const char *why = "";
    int rc = greet_move(c);
    if (rc == -EINPROGRESS)
        return CONN_EV_WAIT;
    if (rc < 0)
        return fail(c, rc, why);
    const bool is_hello = c->state == CONN_HELLO;
    rc = is_hello ? greet_take_hello(c, &why) : greet_take_open(c, &why);
    if (rc < 0)
        return fail(c, rc, why);
    return is_hello ? CONN_EV_GREETED : CONN_EV_OPENED;
}

static enum conn_event
poll_connect(struct conn *c)
{
    const int rc = net_connected(c->fd);
    if (rc == -EINPROGRESS)
        return CONN_EV_WAIT;
    return rc == 0 ? CONN_EV_UP : fail(c, rc, "");
}

static enum conn_event
poll_state(struct conn *c, uint64_t now_ns)
{
    enum conn_event ev = CONN_EV_WAIT;
    switch (c->state) {
    case CONN_IDLE:
        return CONN_EV_GO;
    case CONN_RESOLVE:
    case CONN_BACKOFF:
        return now_ns >= c->due_ns ? CONN_EV_GO : CONN_EV_WAIT;
    case CONN_CONNECT:
        ev = poll_connect(c);
        break;
    case CONN_HELLO:
    case CONN_OPEN:
        ev = poll_handshake(c);
        break;
    case CONN_READY:
    case CONN_REFUSED:
    case CONN_CLOSED:
    case CONN_STATE_N:
        return CONN_EV_WAIT;
    }
    if (ev == CONN_EV_WAIT && now_ns >= c->attempt_end_ns)
        return fail(c, -ETIMEDOUT, "");
    return ev;
}

void
conn_poll(struct conn *c, uint64_t now_ns)
{
    for (unsigned hops = 0; hops < HOPS_MAX; hops++) {
        const enum conn_event ev = poll_state(c, now_ns);
        if (ev == CONN_EV_WAIT)
            return;
        step(c, ev);
    }
}

void
conn_lost(struct conn *c, int err, bool fruitful)
{
    pmi_assert(c->state == CONN_READY);
    c->err = err;
    c->fruitful = fruitful;
    step(c, CONN_EV_FAIL);
}

void
conn_close(struct conn *c)
{
    if (c->state == CONN_READY) {
        const int fd = c->fd;
        c->fd = -1;
        c->up->lost(c->up_arg, fd, PMEMD_E_CANCELED);
    }
    step(c, CONN_EV_CLOSE);
}

uint64_t
conn_due_ns(const struct conn *c)
{
    switch (c->state) {
    case CONN_IDLE:
        return 0;
    case CONN_RESOLVE:
    case CONN_BACKOFF:
        return c->due_ns;
    case CONN_CONNECT:
    case CONN_HELLO:
    case CONN_OPEN:
        return c->attempt_end_ns;
    case CONN_READY:
    case CONN_REFUSED:
    case CONN_CLOSED:
    case CONN_STATE_N:
        break;
    }
    return UINT64_MAX;
}

void
conn_init(struct conn *c, const struct conn_args *args)
{
    *c = (struct conn){
        .magic = CONN_MAGIC,
        .fd = -1,
        .epfd = args->epfd,
        .uri = args->uri,
        .cfg = args->cfg,
        .up = args->up,
        .up_arg = args->up_arg,
        .stage = args->stage,
        .scratch = args->scratch,
    };
    memcpy(c->session, args->session, sizeof c->session);
    memcpy(&c->random, args->session, sizeof c->random);
    c->random |= 1; /* never zero, which would stay zero */
    addr_init(&c->walk, c->uri);
}

void
conn_fini(struct conn *c, bool forked)
{
    if (c->magic == 0)
        return;
    drop_socket(c);
    addr_fini(&c->walk, forked);
    c->magic = 0;
}
