/* SPDX-License-Identifier: BSD-3-Clause */
/* One socket: made, connected, tuned, given up. Nothing here blocks or remembers. */
#ifndef PMI_CLIENT_NET_H
#define PMI_CLIENT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Longest text of net_text() and its NUL. */
#define NET_TEXT_BYTES 160

/*
 * Start connecting a new non-blocking socket. On success *ret_fd is the caller's, and the
 * result is 0 when it is connected already, else -EINPROGRESS.
 * Errors: negated errno of socket() or connect(); nothing is open then.
 */
__attribute__((warn_unused_result)) int net_connect(const struct sockaddr *addr,
                                                    socklen_t addr_len, int *ret_fd);

/* How a connect that was in progress stands: 0 = connected, -EINPROGRESS, or why not. */
__attribute__((warn_unused_result)) int net_connected(int fd);

/* True if bytes to this peer do not leave the host. */
__attribute__((warn_unused_result)) bool net_is_local(int fd);

/* True if the socket takes MSG_ZEROCOPY from now on. */
__attribute__((warn_unused_result)) bool net_enable_zerocopy(int fd);

/* Reset the connection now, so that the kernel drops what it has queued, but keep the socket:
 * its error queue is still to be read. */
void net_reset(int fd);

/* Close; `reset`: at once, dropping what the kernel has not sent yet. */
void net_close(int fd, bool reset);

/* "127.0.0.1:7173", "[::1]:7173" or "unix:/path". Returns dst. */
const char *net_text(char dst[static NET_TEXT_BYTES], const struct sockaddr *addr,
                     socklen_t addr_len);

#endif
