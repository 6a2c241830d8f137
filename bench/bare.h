// SPDX-License-Identifier: BSD-3-Clause
/*
 * pmemd-bare: the shape of pmemd's traffic without its work. A request is 32 bytes, a reply 16,
 * payload follows either. No checksums, sessions or persistence, so what it reaches is the
 * ceiling for pmemd. Both ends must run on the same architecture and trust each other. This
 * header is what they share.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "bench/load.h"

#include <sys/types.h>
#include <sys/uio.h>

enum {
    BARE_TURN_MS = 50, /* the longest a blocking call hides a new connection or a run's end */
    BARE_IOV_MAX = 2 * LOAD_QD_MAX,
};

struct bare_request {
    uint64_t off;
    uint64_t tag;
    uint32_t len;
    uint32_t is_write;
    uint32_t slice;  /* the server sends after at most so many replies: see bare_load.c */
    uint32_t unused; /* pmemd's frame has 32 bytes, so has ours */
};

struct bare_reply {
    uint64_t tag;
    uint32_t len;
    uint32_t status; /* 0 = done */
};

_Static_assert(sizeof(struct bare_request) == 32, "wire layout");
_Static_assert(sizeof(struct bare_reply) == 16, "wire layout");

/* A scatter list that may take several calls to send or to fill. */
struct vec {
    unsigned at, count; /* both 0 when empty */
    struct iovec iov[BARE_IOV_MAX];
};

void vec_add(struct vec *v, void *base, size_t len);
void vec_skip(struct vec *v, size_t len);

/* One sendmsg or recvmsg. Bytes moved, 0 = not now, or -errno; -EPIPE at the peer's end. */
LOAD_CHECK ssize_t vec_send(int fd, const struct vec *v, int flags);
LOAD_CHECK ssize_t vec_receive(int fd, const struct vec *v, int flags);

/* Latency and window settings every socket of ours has. */
void sock_tune(int fd);

/* A socket listening on or connected to ADDR:PORT, or -1 after saying why on stderr. */
LOAD_CHECK int sock_open(const char *target, bool listener);

/* The load side's main(). Returns the exit code. */
int bare_load_main(int argc, char **argv);

#endif
