/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ending early on SIGINT, SIGTERM or SIGHUP. The handler also writes to an eventfd that every
 * sleep watches, so a request to stop is never lost between the check and the sleep.
 */
#ifndef CTL_STOP_H
#define CTL_STOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* Most descriptors one ctl_poll() takes. */
#define CTL_POLL_MAX 2

/* Call once, before any transfer. Returns 0 or -errno. */
int ctl_stop_init(void) __attribute__((warn_unused_result));

/* A stop signal came. A second one ends the process at once, with exit code 1. */
bool ctl_stopping(void);

/*
 * poll() that the first stop signal also ends. wait_ns UINT64_MAX = no limit. Returns 0 or
 * -errno; which descriptors are ready, fds[].revents says. -EINTR is not an error here.
 */
int ctl_poll(struct pollfd *fds, unsigned count, uint64_t wait_ns)
    __attribute__((warn_unused_result));

#endif
