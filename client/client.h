/* SPDX-License-Identifier: BSD-3-Clause */
/* The handle: what a client is made of, and its one turn. */
#ifndef PMI_CLIENT_CLIENT_H
#define PMI_CLIENT_CLIENT_H

#include "client/conn.h"
#include "client/control.h"
#include "client/flow.h"
#include "client/fork.h"
#include "client/graves.h"
#include "client/recv.h"
#include "client/send.h"

#define CLIENT_MAGIC 0x436c5031u

struct pmemd_client {
    uint32_t magic;
    uint32_t token; /* of the process that opened it */
    bool aborted;   /* nothing new is taken */
    int epfd;       /* owned: what pmemd_fd() returns */
    struct pmemd_config cfg;
    struct pmi_uri uri;
    struct conn conn;
    struct flow flow;
    struct sender sender;
    struct receiver receiver;
    struct graves graves;
    struct control control;
    uint8_t *memory; /* owned: stage and arena */
};

/* True in a forked child: the handle is the parent's. Asserts that it is a handle. */
__attribute__((warn_unused_result)) static inline bool
client_forked(const struct pmemd_client *c)
{
    pmi_alive(c, CLIENT_MAGIC);
    return fork_happened(c->token);
}

static inline bool
client_ready(const struct pmemd_client *c)
{
    return c->conn.state == CONN_READY;
}

/* Do what can be done now. `receive` false leaves the socket's input alone. */
void client_turn(struct pmemd_client *c, bool receive);

/* Nothing will ever come any more: no request lives, and none can be made. */
__attribute__((warn_unused_result)) bool client_is_over(const struct pmemd_client *c);

/* Drop the connection and end every request. */
void client_stop(struct pmemd_client *c);

/* Free everything. `forked`: in a child, whose connection is still the parent's. */
void client_free(struct pmemd_client *c, bool forked);

/* Check and queue; `sync` as in flow_add(). */
__attribute__((warn_unused_result)) int
client_submit(struct pmemd_client *c, const struct pmemd_req *req, struct sync_wait *sync);

#endif
