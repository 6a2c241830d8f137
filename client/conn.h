/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection of a client: who to try next, HELLO, OPEN, and what happens when it breaks.
 * A machine of its own: it knows no requests. It speaks upward through struct conn_up.
 *
 *   IDLE -> RESOLVE -> CONNECT -> HELLO -> OPEN -> READY
 *              ^  |______________|_________|       |
 *              |  (next address)                   | lost
 *           BACKOFF <- round over <----------------+
 *   any -> REFUSED (for good: refused, or reconnect_ns is over)      any -> CLOSED
 */
#ifndef PMI_CLIENT_CONN_H
#define PMI_CLIENT_CONN_H

#include "client/addr.h"
#include "common/uri.h"
#include "proto/msg.h"

#include <pmemd/pmemd.h>

#define CONN_MAGIC 0x436e4331u
#define CONN_STAGE_BYTES (256u << 10) /* what a receive brings at most besides payload */

enum conn_state {
    CONN_IDLE,    /* nothing was tried yet */
    CONN_RESOLVE, /* which address next? */
    CONN_CONNECT, /* the kernel is connecting */
    CONN_HELLO,   /* HELLO is on its way, or its reply */
    CONN_OPEN,    /* the same of OPEN */
    CONN_READY,
    CONN_BACKOFF, /* waiting before the next round */
    CONN_REFUSED,
    CONN_CLOSED,
    CONN_STATE_N
};

enum conn_event {
    CONN_EV_WAIT,    /* not an event: the next one comes from outside */
    CONN_EV_GO,      /* start a round */
    CONN_EV_FOUND,   /* there is an address to try */
    CONN_EV_OVER,    /* this round has no more addresses */
    CONN_EV_UP,      /* the transport is connected */
    CONN_EV_GREETED, /* HELLO's reply is good */
    CONN_EV_OPENED,  /* OPEN's reply is good, or there is no region to open */
    CONN_EV_FAIL,    /* this connection, or attempt, is over; conn.err says why */
    CONN_EV_REFUSE,  /* it makes no sense to go on */
    CONN_EV_CLOSE,
    CONN_EV_N
};

/* Called from inside conn_poll(), conn_lost() and conn_close(). */
struct conn_up {
    /* The connection can take requests; conn->fd, limits, region and crc are set. */
    void (*ready)(void *arg);
    /* It was ready and is over. The callee owns `fd` from now on. */
    void (*lost)(void *arg, int fd, int err);
    void (*refused)(void *arg, int err);
};

struct conn {
    uint32_t magic;
    enum conn_state state;
    int fd;          /* -1 = none; registered in epfd */
    int epfd;        /* borrowed */
    int err;         /* why the last attempt or connection failed */
    int refused_err; /* what REFUSED means; 0 before */
    bool want_out;   /* EPOLLOUT is armed */
    bool local;      /* bytes do not leave the host */
    bool crc;        /* payloads are checksummed */
    bool known;      /* limits and region are valid: once READY, for ever */
    bool history_known;
    bool fruitful;                  /* the last connection answered something */
    const struct pmi_uri *uri;      /* borrowed */
    const struct pmemd_config *cfg; /* borrowed */
    const struct conn_up *up;       /* borrowed */
    void *up_arg;
    uint8_t *stage; /* borrowed: CONN_STAGE_BYTES, in use until READY */
    void *scratch;  /* borrowed: MSG_ARENA_BYTES */
    struct addr_walk walk;
    struct sockaddr_storage addr; /* being tried, or connected to */
    socklen_t addr_len;
    uint64_t attempt_end_ns; /* CONNECT, HELLO, OPEN: give up then */
    uint64_t due_ns;         /* RESOLVE, BACKOFF: look again then */
    uint64_t trouble_ns;     /* when the first failure of this outage was; 0 = none */
    uint64_t ready_ns;       /* when it became READY */
    uint32_t round;          /* rounds that failed in a row */
    uint32_t round_tried,
        round_refused;  /* hosts of this round, and how many refused for good */
    uint32_t last_host; /* of this round: index + 1; 0 = none yet */
    uint64_t random;    /* jitter */
    uint8_t session[16];
    uint8_t tx[512]; /* HELLO or OPEN */
    uint32_t tx_len, tx_at, rx_len;
    struct msg_limits limits;
    uint64_t features;
    struct msg_region region;
    char peer[160];          /* the address in words */
    char said[MSG_TEXT_MAX]; /* what the server said about its last refusal */
    char detail[384];        /* the last trouble in a sentence; empty = none */
};

struct conn_args {
    const struct pmi_uri *uri;
    const struct pmemd_config *cfg;
    const struct conn_up *up;
    void *up_arg;
    uint8_t *stage;
    void *scratch;
    int epfd;
    uint8_t session[16];
};

void conn_init(struct conn *c, const struct conn_args *args);

/* Close what is open, silently. `forked`: this is a child's copy. */
void conn_fini(struct conn *c, bool forked);

/* Move on as far as possible; does nothing while READY, REFUSED or CLOSED. */
void conn_poll(struct conn *c, uint64_t now_ns);

/* READY only: the connection is over (its socket failed, or the peer broke the protocol).
 * `fruitful`: something was answered on it, so the pause before the next is the shortest. */
void conn_lost(struct conn *c, int err, bool fruitful);

/* Stop for good; `lost` is called if it was READY. */
void conn_close(struct conn *c);

/* When conn_poll() has something to do although the descriptor is quiet; UINT64_MAX = never. */
uint64_t conn_due_ns(const struct conn *c);

/* Have EPOLLOUT watched, or not. */
void conn_watch_out(struct conn *c, bool want);

/* Where `ev` leads from `state`; CONN_STATE_N if it cannot happen there. For tests. */
enum conn_state conn_edge(enum conn_state state, enum conn_event ev);
const char *conn_state_name(enum conn_state state);

#endif
