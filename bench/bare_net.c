// SPDX-License-Identifier: BSD-3-Clause
/*
 * Sockets and scatter lists of pmemd-bare: see bare.h.
 */
#include "bench/bare.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RCVBUF_BYTES (4 << 20)

void
vec_add(struct vec *v, void *base, size_t len)
{
    if (v->count > v->at) { /* neighbours merge: a run of headers costs one entry */
        struct iovec *const last = &v->iov[v->count - 1];
        if ((char *)last->iov_base + last->iov_len == base) {
            last->iov_len += len;
            return;
        }
    }
    v->iov[v->count++] = (struct iovec){.iov_base = base, .iov_len = len};
}

void
vec_skip(struct vec *v, size_t len)
{
    while (v->at < v->count && len >= v->iov[v->at].iov_len)
        len -= v->iov[v->at++].iov_len;
    if (v->at == v->count) {
        v->at = v->count = 0;
        return;
    }
    v->iov[v->at].iov_base = (char *)v->iov[v->at].iov_base + len;
    v->iov[v->at].iov_len -= len;
}

static struct msghdr
vec_message(const struct vec *v)
{
    /* sendmsg and recvmsg do not change the array, but the type cannot say so. */
    return (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)(v->iov + v->at),
                           .msg_iovlen = v->count - v->at};
}

static ssize_t
moved(ssize_t n)
{
    if (n > 0)
        return n;
    if (n == 0)
        return -EPIPE;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

ssize_t
vec_send(int fd, const struct vec *v, int flags)
{
    const struct msghdr msg = vec_message(v);
    return moved(sendmsg(fd, &msg, flags | MSG_NOSIGNAL));
}

ssize_t
vec_receive(int fd, const struct vec *v, int flags)
{
    struct msghdr msg = vec_message(v);
    return moved(recvmsg(fd, &msg, flags));
}

void
sock_tune(int fd)
{
    const int one = 1, rcvbuf = RCVBUF_BYTES;
    const struct timeval turn = {.tv_usec = BARE_TURN_MS * 1000L};
    /* Each is best effort except in what it costs: METHOD.md says why they matter. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &turn, sizeof turn) != 0)
        perror("pmemd-bare: setsockopt");
}

int
sock_open(const char *target, bool listener)
{
    char host[256];
    const char *const colon = strrchr(target, ':');
    if (colon == NULL || (size_t)(colon - target) >= sizeof host) {
        fprintf(stderr, "pmemd-bare: %s: expected ADDR:PORT\n", target);
        return -1;
    }
    memcpy(host, target, (size_t)(colon - target));
    host[colon - target] = '\0';
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *ai = NULL;
    const int gai = getaddrinfo(host, colon + 1, &hints, &ai);
    if (gai != 0) {
        fprintf(stderr, "pmemd-bare: %s: %s\n", target, gai_strerror(gai));
        return -1;
    }
    const int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
    const int one = 1;
    int rc = fd;
    if (fd >= 0) {
        sock_tune(fd); /* before the handshake: it fixes the window scale */
        if (listener)
            rc = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) |
                 bind(fd, ai->ai_addr, ai->ai_addrlen) | listen(fd, LOAD_CONNS_MAX);
        else
            rc = connect(fd, ai->ai_addr, ai->ai_addrlen);
    }
    freeaddrinfo(ai);
    if (rc >= 0)
        return fd;
    fprintf(stderr, "pmemd-bare: %s: %s\n", target, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
