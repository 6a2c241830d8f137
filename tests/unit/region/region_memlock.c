/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a plain user's 8 MiB of locked memory do not stop a region: it runs on plain operations
 * and says which limit to raise. With the right to lock, the same region is registered.
 * Method: open a 64 MiB region in a child without privileges, and one in this process.
 */
#include "bed.h"

#include "server/os/meminfo.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_BYTES (8 * MIB)
#define LEN (64 * MIB)
#define CHILD_SKIP 2

static struct region *
open_region(const struct ring_caps *caps)
{
    const struct region_config cfg = {.name = "limit", .medium = "mem", .len = LEN};
    struct region *rg = NULL;
    char why[512] = "";
    if (region_open(&cfg, caps, &rg, why, sizeof why) != 0)
        (void)fprintf(stderr, "%s\n", why);
    return rg;
}

static bool
reads_and_keeps(struct region *rg)
{
    const struct region_slice s = region_slice(rg, LEN - 1, 1);
    *s.data = 7;
    return *region_slice(rg, LEN - 1, 1).data == 7;
}

/* Exit code: 0 as promised, 1 not, CHILD_SKIP cannot be tried. */
static int
limited(bool clone)
{
    const struct rlimit lim = {.rlim_cur = LIMIT_BYTES, .rlim_max = LIMIT_BYTES};
    const struct ring_config cfg = {
        .entries = 8, .cq_entries = 32, .batch_max = 8, .fixed_slots = 4};
    struct ring_caps caps;
    struct ring ring = {0};
    char why[512];
    if (setrlimit(RLIMIT_MEMLOCK, &lim) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return CHILD_SKIP;
    if (ring_probe(&caps, why, sizeof why) != 0 || !caps.fixed)
        return CHILD_SKIP;
    caps.clone = clone;
    struct region *rg = open_region(&caps);
    if (rg == NULL || ring_open(&ring, &caps, &cfg) != 0)
        return 1;
    if (region_attach(rg, &ring, &caps, 0) != 0)
        return 1;
    const bool ok = rg->fixed_count == 0 && rg->fixed_first == REGION_NOT_FIXED &&
                    strstr(rg->why_not_fixed, "8388608") != NULL &&
                    strstr(rg->why_not_fixed, "RLIMIT_MEMLOCK") != NULL && reads_and_keeps(rg);
    (void)fprintf(stderr, "%s: %s\n", rg->medium->memory_kind, rg->why_not_fixed);
    ring_close(&ring);
    region_close(rg);
    return ok ? 0 : 1;
}

static void
in_a_child(bool clone)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(limited(clone));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIP)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_plain_user_gets_plain_operations(void **state)
{
    (void)state;
    in_a_child(true);
    in_a_child(false);
}

static void
who_may_lock_is_registered(void **state)
{
    (void)state;
    struct ring_caps caps;
    char why[512];
    uint64_t limit;
    if (meminfo_memlock_binds(&limit) && limit < 4 * LEN) {
        (void)printf("locked memory is limited to %llu bytes here\n",
                     (unsigned long long)limit);
        skip();
    }
    assert_int_equal(ring_probe(&caps, why, sizeof why), 0);
    if (!caps.clone)
        skip();
    struct region *rg = open_region(&caps);
    assert_non_null(rg);
    assert_int_equal(rg->fixed_count, rg->slot_count);
    assert_string_equal(rg->why_not_fixed, "");
    region_close(rg);
}

int
main(void)
{
    struct ring_caps caps;
    char why[512];
    if (ring_probe(&caps, why, sizeof why) != 0) {
        (void)printf("skipped: %s\n", why);
        return TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_user_gets_plain_operations),
        cmocka_unit_test(who_may_lock_is_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
