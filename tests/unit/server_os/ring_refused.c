/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a host without io_uring is told which knob to turn.
 * Method: children under a seccomp filter that refuses one of the three calls, without locked
 * memory, and without descriptors; each checks its own sentence.
 */
#include "bed.h"

#include "server/os/meminfo.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pmemd/errors.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_OK 0
#define CHILD_WRONG 1
#define CHILD_SKIP 2

static bool
filter_call(long call, int err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog prog = {.len = TEST_COUNT(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static int
expect(const char *word)
{
    struct ring_caps caps;
    char why[512] = "";
    const int rc = ring_probe(&caps, why, sizeof why);
    if (rc == PMEMD_E_NORING && strstr(why, word) != NULL)
        return CHILD_OK;
    (void)fprintf(stderr, "expected '%s', got %d '%s'\n", word, rc, why);
    return CHILD_WRONG;
}

static int
under_filter(long call, int err)
{
    return filter_call(call, err)
               ? expect("io_uring_setup, io_uring_enter and io_uring_register")
               : CHILD_SKIP;
}

static int
child_setup_eperm(void)
{
    return under_filter(SYS_io_uring_setup, EPERM);
}

static int
child_setup_enosys(void)
{
    return under_filter(SYS_io_uring_setup, ENOSYS);
}

static int
child_enter_eperm(void)
{
    return under_filter(SYS_io_uring_enter, EPERM);
}

static int
child_register_eacces(void)
{
    return under_filter(SYS_io_uring_register, EACCES);
}

static int
child_no_locked_memory(void)
{
    const struct rlimit none = {0};
    uint64_t limit;
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return CHILD_SKIP;
    char why[512] = "";
    ring_explain(-ENOMEM, why, sizeof why);
    if (!meminfo_memlock_binds(&limit) || strstr(why, "RLIMIT_MEMLOCK") == NULL)
        return CHILD_WRONG;
    struct ring_caps caps; /* kernels may or may not count the ring's own memory */
    return ring_probe(&caps, why, sizeof why) == 0 ? CHILD_OK : expect("RLIMIT_MEMLOCK");
}

static int
child_no_descriptors(void)
{
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = 3};
    return setrlimit(RLIMIT_NOFILE, &none) == 0 ? expect("RLIMIT_NOFILE") : CHILD_SKIP;
}

static void
run(int (*body)(void))
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIP)
        skip();
    assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

#define RUN(name)                                                                              \
    static void name(void **state)                                                             \
    {                                                                                          \
        (void)state;                                                                           \
        run(child_##name);                                                                     \
    }

RUN(setup_eperm)
RUN(setup_enosys)
RUN(enter_eperm)
RUN(register_eacces)
RUN(no_locked_memory)
RUN(no_descriptors)

static void
errors_have_sentences(void **state)
{
    static const int errors[] = {PMEMD_E_NORING, -EPERM, -ENOSYS, -ENOMEM, -EMFILE, -EINVAL};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(errors); i++) {
        char why[512] = "";
        ring_explain(errors[i], why, sizeof why);
        assert_true(strlen(why) > 20);
    }
}

int
main(void)
{
    struct ring_caps caps;
    const int skipped = bed_probe(&caps);
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup_eperm),           cmocka_unit_test(setup_enosys),
        cmocka_unit_test(enter_eperm),           cmocka_unit_test(register_eacces),
        cmocka_unit_test(no_locked_memory),      cmocka_unit_test(no_descriptors),
        cmocka_unit_test(errors_have_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
