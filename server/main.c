/* SPDX-License-Identifier: BSD-3-Clause */
/* pmemd: options, signals, log; the rest is server_run(). */
#include "common/log.h"
#include "server/options.h"
#include "server/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Started with stderr closed, the log must not go into the first socket. */
static void
fds_fill(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

/* SIGTERM and SIGINT are read by the server, never delivered; threads inherit that. */
static void
signals_set(void)
{
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGHUP, &ignore, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

int
main(int argc, char *argv[])
{
    static struct config cfg;
    fds_fill();
    const int code = options_run(argc, argv, &cfg, stdout, stderr);
    if (code != OPTIONS_SERVE)
        return code;
    signals_set();
    pmi_log_set_sink(pmi_log_stderr, NULL);
    pmi_log_set_level((enum pmi_log_level)cfg.log_level);
    config_log(&cfg);
    return server_run(&cfg);
}
