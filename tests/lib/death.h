/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of assertions: run a function in a child that is expected to abort. */
#ifndef PMI_TEST_DEATH_H
#define PMI_TEST_DEATH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEATH_TEXT_BYTES 4096

static inline _Noreturn void
death_child(void (*fn)(void *arg), void *arg, int err_fd)
{
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGABRT, SIG_DFL); /* the test framework catches it */
    (void)dup2(err_fd, STDERR_FILENO);
    fn(arg);
    _exit(0);
}

/*
 * True if fn(arg) aborts. What the child printed on stderr, cut, is in text either way.
 * The caller has no other threads.
 */
static inline bool
death_aborts(void (*fn)(void *arg), void *arg, char text[static DEATH_TEXT_BYTES])
{
    int fds[2], status = 0;
    size_t len = 0;
    text[0] = '\0';
    if (pipe(fds) != 0)
        return false;
    const pid_t pid = fork();
    if (pid == 0)
        death_child(fn, arg, fds[1]);
    (void)close(fds[1]);
    while (pid > 0 && len < DEATH_TEXT_BYTES - 1) {
        const ssize_t n = read(fds[0], text + len, DEATH_TEXT_BYTES - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    (void)close(fds[0]);
    if (pid <= 0 || waitpid(pid, &status, 0) != pid)
        return false;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
