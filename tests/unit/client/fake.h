/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server whose every byte the test decides. It lives in the test's own thread: waiting for
 * the client means driving the client, so nothing here depends on timing. fake_thread() serves
 * in a thread instead, for the calls that block.
 */
#ifndef PMI_TESTS_CLIENT_FAKE_H
#define PMI_TESTS_CLIENT_FAKE_H

#include "proto/hot.h"
#include "proto/msg.h"
#include "proto/wire.h"

#include <pmemd/pmemd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define FAKE_REGION_BYTES (64u << 20)

struct fake_msg {
    struct wire_prefix p;
    struct hot_req req; /* of a hot verb; its views point into `header` */
    uint8_t header[WIRE_HEADER_MAX];
    uint8_t *payload; /* owned by the message: fake_msg_free() */
};

struct fake {
    int listen_fd;
    int fd; /* the connection; -1 = none */
    char uri[160];
    struct pmemd_client *client; /* driven while the server waits; NULL = nobody */
    struct msg_hello_reply hello;
    struct msg_open_reply open;
    struct msg_hello got_hello;
    struct msg_open got_open;
    uint8_t *memory;        /* FAKE_REGION_BYTES */
    size_t dribble;         /* send at most so many bytes at a time; 0 = no limit */
    unsigned hang_up_every; /* thread: hang up after about so many bytes; 0 = never */
    unsigned budget;        /* bytes left until then */
    unsigned seed;          /* of the thread's own dice */
    bool crc_lies;          /* answer READs with wrong checksums */
    unsigned connections;
    pthread_t thread;
    atomic_bool stop;
    bool has_thread;
};

enum fake_kind { FAKE_TCP, FAKE_UNIX };

/* Listen; the URI names region "demo". Defaults: generous limits, class volatile, no CRC. */
void fake_up(struct fake *f, enum fake_kind kind);
void fake_down(struct fake *f);

/* Close the connection; `reset` with RST. */
void fake_hang_up(struct fake *f, bool reset);

/* Accept, then answer HELLO and OPEN with f->hello and f->open. */
void fake_accept(struct fake *f);
void fake_greet(struct fake *f);

/* The next request, whole. */
void fake_get(struct fake *f, struct fake_msg *m);
void fake_msg_free(struct fake_msg *m);

/* True if the client, driven for a while, sends nothing. */
bool fake_silence(struct fake *f);

/* Raw bytes to the client, which is driven meanwhile. */
void fake_send(struct fake *f, const void *data, size_t len);

/* Answer with this status (0 = OK); `payload` for a READ. */
void fake_reply(struct fake *f, const struct fake_msg *m, int status, uint32_t outcome,
                const void *payload, size_t len);

/* A reply made of a protobuf header. */
void fake_reply_msg(struct fake *f, const struct fake_msg *m, const void *header, int len);

/* Do what the request says with f->memory, and answer. */
void fake_serve(struct fake *f, const struct fake_msg *m);

/* Serve whatever comes in a thread of its own, until fake_down(). */
void fake_thread(struct fake *f);

/* Open a client on the fake. `cfg` NULL = defaults. */
struct pmemd_client *fake_client(struct fake *f, const struct pmemd_config *cfg);

/* Open, accept, greet, and take the CONNECTED event. */
struct pmemd_client *fake_connected(struct fake *f, const struct pmemd_config *cfg);

/* Drive the client until an event comes (at most some seconds), and return it. */
struct pmemd_event fake_event(struct pmemd_client *c);

/* Drive a few turns; there must be no event. */
void fake_no_event(struct pmemd_client *c);

/* A request of one extent and one piece of memory. */
struct pmemd_req fake_req(uint32_t verb, const struct pmemd_extent *e,
                          const struct pmemd_iov *v, uint64_t cookie);

#endif
