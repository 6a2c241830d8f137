/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, listeners and the options that accepted sockets inherit from them. */
#include "server/os/sock.h"

#include "common/assert.h"
#include "common/err.h"
#include "common/log.h"
#include "server/os/meminfo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pmemd/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT_DEFAULT 7173u

union any_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage ss;
};

static bool
is_loopback(const union any_addr *a)
{
    const uint8_t *v6 = a->in6.sin6_addr.s6_addr;
    switch (a->sa.sa_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(a->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr) && v6[12] == IN_LOOPBACKNET);
    default:
        return false;
    }
}

static void
put_name(const union any_addr *a, socklen_t addr_len, char *out, size_t len)
{
    char host[INET6_ADDRSTRLEN] = "?";
    switch (a->sa.sa_family) {
    case AF_UNIX:
        if (addr_len > offsetof(struct sockaddr_un, sun_path) && a->un.sun_path[0] != '\0')
            (void)snprintf(out, len, "%.*s", (int)sizeof a->un.sun_path, a->un.sun_path);
        else
            (void)snprintf(out, len, "unix");
        return;
    case AF_INET:
        (void)inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof host);
        (void)snprintf(out, len, "%s:%u", host, (unsigned)ntohs(a->in.sin_port));
        return;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof host);
        (void)snprintf(out, len, "[%s]:%u", host, (unsigned)ntohs(a->in6.sin6_port));
        return;
    default:
        (void)snprintf(out, len, "?");
    }
}

/* ---- Parsing ----------------------------------------------------------------------------- */

static int
refuse(char *why, size_t why_len, const char *text, const char *what)
{
    (void)snprintf(why, why_len, "'%s' is no address to listen on: %s", text, what);
    return PMEMD_E_ARG;
}

static int
parse_unix(const char *text, const char *path, struct sock_addr *ret, char *why, size_t why_len)
{
    union any_addr a = {.un = {.sun_family = AF_UNIX}};
    const size_t n = strlen(path);
    if (path[0] != '/')
        return refuse(why, why_len, text, "the path of a Unix socket starts with '/'");
    if (n >= sizeof a.un.sun_path)
        return refuse(why, why_len, text, "the path of a Unix socket has at most 107 bytes");
    memcpy(a.un.sun_path, path, n + 1);
    *ret = (struct sock_addr){
        .ss = a.ss,
        .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1),
        .is_unix = true,
        .is_loopback = true,
    };
    return 0;
}

/* ":7173" or nothing. */
static bool
parse_port(const char *text, in_port_t *ret)
{
    unsigned port = 0;
    if (*text == '\0') {
        *ret = htons(PORT_DEFAULT);
        return true;
    }
    if (*text++ != ':' || *text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (unsigned)(*text - '0');
    *ret = htons((uint16_t)port);
    return *text == '\0' && port <= UINT16_MAX;
}

int
sock_addr_parse(const char *text, struct sock_addr *ret, char *why, size_t why_len)
{
    char host[INET6_ADDRSTRLEN];
    union any_addr a = {.ss = {.ss_family = AF_UNSPEC}};
    if (text[0] == '/')
        return parse_unix(text, text, ret, why, why_len);
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text, text + 5, ret, why, why_len);

    const bool v6 = text[0] == '[';
    const char *from = text + (v6 ? 1 : 0);
    const size_t n = strcspn(from, v6 ? "]" : ":");
    if (n >= sizeof host || (v6 && from[n] != ']'))
        return refuse(why, why_len, text, "write 127.0.0.1:7173, [::1]:7173 or unix:/path");
    memcpy(host, from, n);
    host[n] = '\0';
    if (!v6 && strchr(from + n + (from[n] != '\0'), ':') != NULL)
        return refuse(why, why_len, text, "put an IPv6 address in brackets, as in [::1]:7173");
    in_port_t port;
    if (!parse_port(from + n + (v6 ? 1 : 0), &port))
        return refuse(why, why_len, text, "a port is a number up to 65535 after one colon");
    if (!v6 && inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        a.in.sin_port = port;
    } else if (v6 && inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = port;
    } else {
        return refuse(why, why_len, text, "numeric addresses only, no names and no zones");
    }
    *ret = (struct sock_addr){
        .ss = a.ss,
        .len = v6 ? sizeof a.in6 : sizeof a.in,
        .is_loopback = is_loopback(&a),
    };
    return 0;
}

/* ---- Listening --------------------------------------------------------------------------- */

static int
set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Fix the receive buffer only where that gives what was asked for. */
static void
set_rcvbuf(int fd, uint32_t bytes)
{
    uint64_t max = 0;
    const int want = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;
    if (want == 0 || set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, want) == 0)
        return;
    if (meminfo_number("/proc/sys/net/core/rmem_max", &max) && (uint64_t)want <= max)
        (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, want);
}

static void
set_tcp_options(int fd, uint32_t rcvbuf_bytes)
{
    static const char cc[] = "cubic";
    (void)set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    (void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    /* A peer that vanished without a word is found out within two minutes. */
    (void)set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
    /* Some hosts default to bbr, which is three times slower on short paths. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, sizeof cc - 1) != 0) {
        const int err = errno;
        pmi_log(PMI_LOG_INFO, "listen.no_cubic", "reason=\"%s\"", pmi_err_text(-err));
    }
    set_rcvbuf(fd, rcvbuf_bytes);
}

static const char *
bind_hint(int err)
{
    switch (err) {
    case EADDRINUSE:
        return " (another process listens there: `ss -lptn` names it)";
    case EACCES:
        return " (a port below 1024 needs CAP_NET_BIND_SERVICE; a Unix socket, a folder that "
               "this user may write to)";
    case EADDRNOTAVAIL:
        return " (no interface of this host has that address)";
    case EAFNOSUPPORT:
        return " (the kernel has this address family switched off)";
    case ENOENT:
        return " (the folder of the socket does not exist)";
    default:
        return "";
    }
}

static int
explain(const struct sock_addr *a, int err, char *why, size_t why_len)
{
    char name[SOCK_NAME_BYTES];
    const union any_addr any = {.ss = a->ss};
    put_name(&any, a->len, name, sizeof name);
    (void)snprintf(why, why_len, "cannot listen on %s: %s%s", name, pmi_err_text(-err),
                   bind_hint(err));
    return -err;
}

static int
bind_to(int fd, const struct sock_addr *a)
{
    const union any_addr any = {.ss = a->ss};
    return bind(fd, &any.sa, a->len) == 0 ? 0 : -errno;
}

/* A socket file whose owner died: connecting is refused. Anything else is left alone. */
static bool
is_stale(const struct sock_addr *a)
{
    const union any_addr any = {.ss = a->ss};
    struct stat st;
    if (lstat(any.un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const bool refused = connect(fd, &any.sa, a->len) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

int
sock_listen(const struct sock_addr *a, int backlog, uint32_t rcvbuf_bytes, char *why,
            size_t why_len)
{
    const int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        const int err = errno;
        return explain(a, err, why, why_len);
    }
    if (!a->is_unix)
        set_tcp_options(fd, rcvbuf_bytes);
    if (a->ss.ss_family == AF_INET6) /* so that [::] and 0.0.0.0 can stand side by side */
        (void)set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    int rc = bind_to(fd, a);
    if (rc == -EADDRINUSE && a->is_unix && is_stale(a)) {
        sock_unlink(a);
        rc = bind_to(fd, a);
    }
    if (rc == 0 && listen(fd, backlog) != 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    (void)close(fd);
    return explain(a, -rc, why, why_len);
}

void
sock_unlink(const struct sock_addr *a)
{
    const union any_addr any = {.ss = a->ss};
    if (a->is_unix)
        (void)unlink(any.un.sun_path);
}

/* ---- Connections ------------------------------------------------------------------------- */

void
sock_peer_name(int fd, char *out, size_t len)
{
    union any_addr a = {.ss = {.ss_family = AF_UNSPEC}};
    socklen_t n = sizeof a;
    if (getpeername(fd, &a.sa, &n) != 0)
        a.sa.sa_family = AF_UNSPEC;
    if (a.sa.sa_family == AF_UNIX)
        n = 0; /* whatever name a client chose is not worth a log line */
    put_name(&a, n, out, len);
}

void
sock_local_name(int fd, char *out, size_t len)
{
    union any_addr a = {.ss = {.ss_family = AF_UNSPEC}};
    socklen_t n = sizeof a;
    if (getsockname(fd, &a.sa, &n) != 0)
        a.sa.sa_family = AF_UNSPEC;
    put_name(&a, n, out, len);
}

bool
sock_peer_is_loopback(int fd)
{
    union any_addr a = {.ss = {.ss_family = AF_UNSPEC}};
    socklen_t n = sizeof a;
    return getpeername(fd, &a.sa, &n) == 0 && is_loopback(&a);
}

bool
sock_is_tcp(int fd)
{
    int protocol = 0;
    socklen_t n = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n) == 0 &&
           protocol == IPPROTO_TCP;
}

int
sock_budget_raise(int fd, uint32_t bytes)
{
    /* The kernel doubles what it is told. */
    const int value = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;
    return set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, value);
}

bool
sock_budget_allowed(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    const bool ok = sock_budget_raise(fd, 1u << 20) == 0;
    (void)close(fd);
    return ok;
}

uint64_t
sock_tcp_mem_bytes(void)
{
    char line[96] = "";
    unsigned long pages = 0;
    FILE *f = fopen("/proc/sys/net/ipv4/tcp_mem", "re");
    if (f == NULL)
        return 0;
    if (fgets(line, sizeof line, f) != NULL) {
        char *at = line; /* low, pressure, high */
        for (int i = 0; i < 3; i++)
            pages = strtoul(at, &at, 10);
    }
    (void)fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
