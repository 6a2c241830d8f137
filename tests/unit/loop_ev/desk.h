/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop, a client in it that writes down its events, and a scripted server in a thread. What is
 * waited for is waited for by the loop alone, with a guard that ends a test that hangs.
 */
#ifndef PMI_TESTS_LOOP_EV_DESK_H
#define PMI_TESTS_LOOP_EV_DESK_H

#include "tests/lib/test.h"
#include "tests/unit/client/fake.h"

#include <ev.h>
#include <pmemd/loop_ev.h>

#define DESK_EVENTS_MAX 1024u
#define DESK_MS UINT64_C(1000000)

struct desk {
    struct ev_loop *loop;
    struct fake server;
    struct pmemd_client *c;
    struct pmemd_ev *b;
    unsigned count;
    struct pmemd_event got[DESK_EVENTS_MAX];
    /* What the callback does after writing an event down; NULL = nothing. */
    void (*then)(struct desk *d, const struct pmemd_event *ev);
    unsigned seen; /* for `then` */
    char memory[4096];
};

/* A new loop and a server that runs `script` in a thread (NULL: fake_thread()'s), then a client
 * of it that is not attached yet. */
void desk_up(struct desk *d, enum fake_kind kind, void *(*script)(void *fake));

/* Detach, close and end whatever is still there; the loop has nothing left then. */
void desk_down(struct desk *d);

void desk_attach(struct desk *d);

/* The callback; `arg` is the desk. */
void desk_note(void *arg, struct pmemd_ev *b, const struct pmemd_event *ev);

/* Turn the loop until `count` events have come. */
void desk_run(struct desk *d, unsigned count);

/* Turn the loop for so long. Returns its turns. */
unsigned desk_idle(struct desk *d, unsigned ms);

/* Attach, and turn until CONNECTED, which is not counted. */
void desk_connect(struct desk *d);

/* Submit a READ of some bytes, which must be accepted. */
void desk_read(struct desk *d, uint64_t cookie, uint64_t timeout_ns);

/* How many events of this kind, with this cookie (UINT64_MAX = any), have come. */
unsigned desk_seen(const struct desk *d, enum pmemd_what what, uint64_t cookie);

uint64_t desk_now_ns(void);

/* Scripts. Greets, then never answers: */
void *desk_script_mute(void *fake);
/* Greets, drops the connection when the first request has come, then serves: */
void *desk_script_drop_once(void *fake);

#endif
