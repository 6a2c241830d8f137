/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets of the client. */
#include "client/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define RCVBUF_BYTES (4 << 20)
/* A peer that vanished is noticed within half a minute, idle or not. */
#define KEEP_IDLE_S 10
#define KEEP_INTERVAL_S 5
#define KEEP_COUNT 4
#define USER_TIMEOUT_MS 30000

/* Options that only make things better: a kernel that refuses one is none the worse. */
static void
tune_tcp(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_RCVBUF, RCVBUF_BYTES},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
    /* Named, because the host's default may be one that is slow where latency is low. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", strlen("cubic"));
}

int
net_connect(const struct sockaddr *addr, socklen_t addr_len, int *ret_fd)
{
    const int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (addr->sa_family != AF_UNIX)
        tune_tcp(fd);
    int rc = connect(fd, addr, addr_len) < 0 ? -errno : 0;
    if (rc == -EINTR)
        rc = -EINPROGRESS; /* it goes on in the background */
    if (rc < 0 && rc != -EINPROGRESS) {
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return rc;
}

int
net_connected(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (poll(&p, 1, 0) <= 0)
        return -EINPROGRESS;
    int err = 0;
    socklen_t len = sizeof err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        return -errno;
    return -err;
}

static bool
is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
        return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* The same address at both ends, whatever the ports. */
static bool
same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)(const void *)a;
        const struct sockaddr_in *y = (const struct sockaddr_in *)(const void *)b;
        return x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)(const void *)a;
    const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)(const void *)b;
    return memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

bool
net_is_local(int fd)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_storage own = {0};
    socklen_t peer_len = sizeof peer;
    socklen_t own_len = sizeof own;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0 ||
        getsockname(fd, (struct sockaddr *)&own, &own_len) < 0)
        return false;
    if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
        return peer.ss_family == AF_UNIX;
    return is_loopback(&peer) || same_host(&peer, &own);
}

bool
net_enable_zerocopy(int fd)
{
    const int one = 1;
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &len) < 0 ||
        (own.ss_family != AF_INET && own.ss_family != AF_INET6))
        return false;
    return setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one) == 0;
}

void
net_reset(int fd)
{
    /* Disconnecting with SO_LINGER 0 sends a reset and empties the send queue; closing would
     * do that too, but take the error queue with it. */
    const struct linger off = {.l_onoff = 1, .l_linger = 0};
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    if (connect(fd, &nowhere, sizeof nowhere) < 0)
        (void)shutdown(fd, SHUT_RDWR);
}

void
net_close(int fd, bool reset)
{
    const struct linger off = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    (void)close(fd);
}

const char *
net_text(char dst[static NET_TEXT_BYTES], const struct sockaddr *addr, socklen_t addr_len)
{
    char host[128];
    char port[16];
    if (addr->sa_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)addr;
        (void)snprintf(dst, NET_TEXT_BYTES, "unix:%s", un->sun_path);
        return dst;
    }
    if (getnameinfo(addr, addr_len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        (void)snprintf(dst, NET_TEXT_BYTES, "an unknown address");
    else if (addr->sa_family == AF_INET6)
        (void)snprintf(dst, NET_TEXT_BYTES, "[%s]:%s", host, port);
    else
        (void)snprintf(dst, NET_TEXT_BYTES, "%s:%s", host, port);
    return dst;
}
