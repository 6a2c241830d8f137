// SPDX-License-Identifier: BSD-3-Clause
/* Stop signals: see stop.h. */
#include "tools/pmemctl/stop.h"

#include "tools/lib/args.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_count;
static int stop_fd = -1; /* lives as long as the process */

static void
on_stop(int signo)
{
    (void)signo;
    if (stop_count > 0)
        _exit(1);
    stop_count = 1;
    const int saved = errno;
    const uint64_t one = 1;
    if (write(stop_fd, &one, sizeof one) < 0) /* cannot be: the counter is 64 bits wide */
        _exit(1);
    errno = saved;
}

int
ctl_stop_init(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0)
        return -errno;
    struct sigaction act = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    (void)sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction old;
        if (sigaction(signals[i], NULL, &old) < 0)
            return -errno;
        if (old.sa_handler == SIG_IGN) /* as nohup and background jobs wish it */
            continue;
        if (sigaction(signals[i], &act, NULL) < 0)
            return -errno;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a closed standard output is an error, not a death */
    return 0;
}

bool
ctl_stopping(void)
{
    return stop_count > 0;
}

int
ctl_poll(struct pollfd *fds, unsigned count, uint64_t wait_ns)
{
    struct pollfd all[CTL_POLL_MAX + 1];
    if (count > CTL_POLL_MAX)
        return -EINVAL;
    memcpy(all, fds, count * sizeof *fds);
    /* Once the stop is known, the eventfd would only keep us from sleeping. */
    all[count] = (struct pollfd){.fd = ctl_stopping() ? -1 : stop_fd, .events = POLLIN};
    const struct timespec ts = {
        .tv_sec = (time_t)(wait_ns / TOOL_NS_PER_S),
        .tv_nsec = (long)(wait_ns % TOOL_NS_PER_S),
    };
    const int rc = ppoll(all, count + 1, wait_ns == UINT64_MAX ? NULL : &ts, NULL);
    const int err = rc < 0 ? errno : 0;
    for (unsigned i = 0; i < count; i++)
        fds[i].revents = rc > 0 ? all[i].revents : 0;
    return err == EINTR ? 0 : -err;
}
