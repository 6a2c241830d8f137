/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets with every option that accepted sockets inherit (so that accepting costs no
 * further system call): TCP_NODELAY, TCP_CONGESTION=cubic, SO_RCVBUF, keepalive.
 */
#ifndef SERVER_OS_SOCK_H
#define SERVER_OS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct sock_addr { /* "127.0.0.1:7173", "[::1]:7173", "unix:/run/x.sock" or "/run/x.sock" */
    struct sockaddr_storage ss;
    socklen_t len;
    bool is_unix;
    bool is_loopback; /* 127/8 (also mapped into IPv6), ::1, unix */
};

#define SOCK_NAME_BYTES 128 /* any name sock_peer_name() and sock_local_name() write */

/* Numeric addresses only; PMEMD_E_ARG with a sentence in why. Port defaults to 7173. */
int sock_addr_parse(const char *text, struct sock_addr *ret, char *why, size_t why_len)
    __attribute__((warn_unused_result));

/*
 * Bind and listen. A stale Unix socket file that nobody listens on is replaced. Returns the fd
 * (CLOEXEC, blocking: io_uring does the waiting), or -errno with a sentence in why ("address
 * already in use ..."). Port 0 lets the kernel choose: see sock_local_name().
 *
 * rcvbuf_bytes  0 leaves it to the kernel, and so does a host whose net.core.rmem_max is below
 *               it: the kernel's own tuning goes further than a clamped fixed size
 */
int sock_listen(const struct sock_addr *a, int backlog, uint32_t rcvbuf_bytes, char *why,
                size_t why_len) __attribute__((warn_unused_result));
void sock_unlink(const struct sock_addr *a); /* remove a Unix socket's file */

/* "127.0.0.1:40122", "[::1]:40122" or "unix" into out; "?" when it is gone. */
void sock_peer_name(int fd, char *out, size_t len);
void sock_local_name(int fd, char *out, size_t len); /* of this end; a Unix one is its path */
bool sock_is_tcp(int fd);

/* Is the peer on this host's loopback (127/8, ::1, unix)? */
bool sock_peer_is_loopback(int fd);

/*
 * Raise the send budget so that zero-copy sends out of huge folios are not throttled (they are
 * charged with their offset inside the folio). 0 or -errno (-EPERM without CAP_NET_ADMIN).
 */
int sock_budget_raise(int fd, uint32_t bytes) __attribute__((warn_unused_result));

/* Can this process raise it? Tried on a socket of its own. */
bool sock_budget_allowed(void);

/* What all TCP sockets of this host may hold (net.ipv4.tcp_mem, its last number); the budgets of
 * all connections together stay below it. 0 when it cannot be read. */
uint64_t sock_tcp_mem_bytes(void);

#endif
