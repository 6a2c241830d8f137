/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection, from accept to the last thing the kernel owes: a table of states over a receiver
 * (rx), a sender (tx) and the requests in flight. It opens one region and is then moved to the
 * shard that owns it.
 */
#ifndef SERVER_CONN_CONN_H
#define SERVER_CONN_CONN_H

#include "server/conn/path.h"
#include "server/conn/stage.h"
#include "server/link/env.h"
#include "server/link/outmsg.h"
#include "server/req/req.h"

#define CONN_MAGIC 0x434f4e4eu
#define CONN_LINGER_NS 1000000000ull /* after our goodbye, for the peer's */
#define CONN_CONTROLS_MAX 4u         /* control replies unsent before we stop reading */

enum conn_state {
    CONN_FREE,
    CONN_HELLO,   /* nothing said yet */
    CONN_OPEN,    /* control verbs, and OPEN */
    CONN_MOVING,  /* leaves for its region's shard when all replies are out */
    CONN_WAITING, /* arrived; waits for the end of its session's former connection */
    CONN_READY,   /* a region is open */
    CONN_FINISH,  /* reads no more; ends when every reply is out */
    CONN_LINGER,  /* said goodbye; gives the peer time to read it */
    CONN_DRAIN,   /* broken off; the kernel still owes completions */
    CONN_STATE_N
};

enum conn_event {
    CE_WAIT,
    CE_ACCEPT, /* a socket */
    CE_ADOPT,  /* a socket whose OPEN another shard read */
    CE_HELLO,
    CE_MOVE,
    CE_OPENED,
    CE_FINISH, /* stop in good order */
    CE_IDLE,   /* nothing of its own in flight any more */
    CE_FAIL,   /* break off now */
    CE_N
};

struct conn;

enum rx_mode {
    RX_OFF,  /* not reading */
    RX_WAIT, /* a receive is armed that takes a staging buffer when bytes come */
    RX_FILL, /* a receive is armed into the staging buffer in hand */
    RX_LAND, /* a receive is armed into the region */
    RX_HOLD, /* nothing armed: waits for a lock or a bounded resource */
};

struct rx {
    enum rx_mode mode;
    uint8_t *buf;     /* staging in hand, or NULL */
    uint32_t parked;  /* bytes at buf if that is memory of our own, 0 if it is staging */
    uint32_t at, end; /* unread bytes in it */
    struct req *req;  /* WRITE whose payload is due or in its way, or NULL */
    uint64_t payload; /* bytes of it not yet consumed */
    bool landing;     /* the payload goes into the region now; else into nowhere */
};

/* What a connection that reads no further waits for. */
enum conn_pause { PAUSE_STAGE, PAUSE_REQUEST, PAUSE_SEND };

struct sendop;

struct tx {
    struct pmi_list queue;   /* struct outmsg, the head is being sent */
    struct sendop *inflight; /* the one operation in the kernel, or NULL */
    struct env_work
        later; /* start sending: at the turn's end, so that replies leave together */
    struct env_work aside; /* go on copying what writers wait for */
    uint64_t zc_out;       /* bytes whose notification is owed */
    uint32_t zc_ops;       /* and operations */
    bool budget_raised;
    bool broken; /* sends no more */
};

/* What travels with a connection to the shard of its region. */
struct conn_ticket {
    int fd;
    bool is_tcp, is_loopback, crc;
    uint64_t tag; /* of OPEN's request */
    uint64_t features;
    uint8_t session[16];
    uint32_t region; /* index in the registry */
    char peer[64];
};

struct conn_world { /* what a shard's connections share; handed down by the shard */
    struct env *env;
    struct stage stage;
    struct pmi_slots conns; /* struct conn */
    struct hosted *homes;   /* by registry index; rg NULL where another shard owns it */
    struct region *const *regions;
    uint32_t region_count;
    const struct stats *const *all_stats; /* of every shard */
    uint32_t shard_count;
    struct timer relief; /* connections wait for resources that others sit on */
    void *shard;
    /* Move a connection to its region's shard. The fd's ownership goes with the ticket. */
    void (*move)(void *shard, const struct conn_ticket *t);
    /* A connection ended (its slot is free again). */
    void (*gone)(void *shard);
};

struct conn {
    uint32_t magic;
    enum conn_state state;
    struct conn_world *world;
    struct env *env;
    struct conn_ticket t;
    struct pmi_slot_id id;
    struct hosted *home;      /* the open region, or NULL */
    struct pmi_list in_home;  /* home->conns */
    struct pmi_list in_pause; /* env->paused */
    struct pmi_list reqs;
    uint32_t req_count, extents; /* in flight, against the credits */
    uint32_t controls;           /* control replies not yet sent */
    uint64_t bytes;
    struct env_work later; /* go on reading */
    struct timer timer;    /* handshake, stall, linger */
    uint64_t progress_ns;
    uint64_t due_since_ns; /* when the message begun began to be due; 0 = none is */
    uint64_t due_bytes;    /* of it came since */
    uint64_t paused_ns;    /* since when it waits for a bounded resource; 0 = it does not */
    enum conn_pause paused_for;
    uint32_t outq; /* unsent bytes of the socket when last asked */
    bool open_due; /* OPEN's reply waits for room */
    bool stopping; /* finishes when what is staged has been served */
    bool goodbye;  /* we have shut our side in good order */
    bool disconnecting;
    struct conn *heir;   /* waits for our end */
    struct conn *former; /* we wait for its end */
    uint32_t owed;       /* completions the kernel owes */
    struct rx rx;
    struct tx tx;
    struct path path;
};

/* A completion with TAG_RECV, TAG_SEND or TAG_CLOSE. */
void conn_on_cqe(struct conn_world *w, struct ring_tag tag, int res, unsigned flags);

/* An accepted socket: fd (owned), is_tcp, is_loopback and peer are set in the ticket. NULL when
 * connections are used up (the fd is closed). */
struct conn *conn_accept(struct conn_world *w, const struct conn_ticket *t);

/* A socket whose OPEN was read elsewhere. The same. */
struct conn *conn_adopt(struct conn_world *w, const struct conn_ticket *t);

void conn_step(struct conn *c, enum conn_event ev);

/* Break off: logs `event` with the reason, then CE_FAIL. */
void conn_fail(struct conn *c, int err, const char *reason);

/* The kernel owes one thing less. In DRAIN the last one frees the connection: then true, and *c is
 * gone. */
bool conn_settle(struct conn *c);

/* Something ended that may let the connection go on to its next state (CE_IDLE). */
void conn_maybe_idle(struct conn *c);

/* Finish (or, at once, break off) every connection of a shard. */
void conn_stop_all(struct conn_world *w, bool at_once);

bool conn_discards(const struct conn *c); /* reads on only to see the peer close */

extern const struct req_up conn_req_up;

#endif
