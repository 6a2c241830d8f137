/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: what is read from /proc and /sys is true, and a silent file is not a number.
 * Method: compare with what sysinfo(2) and fresh mappings say.
 */
#include "server/os/meminfo.h"
#include "tests/lib/test.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

static void
room_is_below_what_the_host_has(void **state)
{
    (void)state;
    struct sysinfo si;
    assert_int_equal(sysinfo(&si), 0);
    const struct meminfo_room room = meminfo_room();
    assert_true(room.bytes > 0);
    assert_true(room.bytes < (uint64_t)si.totalram * si.mem_unit);
}

static void
pool_has_no_more_left_than_it_may_have(void **state)
{
    (void)state;
    uint64_t overcommit = 0;
    (void)meminfo_number("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages",
                         &overcommit);
    const struct meminfo_pool pool = meminfo_pool();
    assert_true(pool.left <= pool.total + overcommit);
}

static void
silent_files_say_nothing(void **state)
{
    (void)state;
    uint64_t v = 42;
    char word[16] = "kept";
    assert_false(meminfo_number("/proc/there-is-no-such-file", &v));
    assert_false(meminfo_number("/proc/self/status", &v)); /* begins with a letter */
    assert_int_equal(v, 42);
    assert_false(meminfo_choice("/proc/self/status", word, sizeof word));
    assert_string_equal(word, "kept");
}

static void
small_pages_are_not_huge(void **state)
{
    (void)state;
    const size_t len = 64 << 10;
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    memset(at, 1, len);
    assert_int_equal(meminfo_huge_mapped(at, len), 0);
    assert_int_equal(munmap(at, len), 0);
}

static void
memlock_binds_without_the_right(void **state)
{
    (void)state;
    const pid_t pid = fork();
    if (pid == 0) {
        struct rlimit lim = {0};
        uint64_t bytes = 0;
        (void)getrlimit(RLIMIT_MEMLOCK, &lim);
        lim.rlim_cur = 4096;
        const int cut = setrlimit(RLIMIT_MEMLOCK, &lim);
        const int gone = geteuid() == 0 ? setuid(65534) : 0;
        _exit(cut == 0 && gone == 0 && meminfo_memlock_binds(&bytes) && bytes == 4096 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_below_what_the_host_has),
        cmocka_unit_test(pool_has_no_more_left_than_it_may_have),
        cmocka_unit_test(silent_files_say_nothing),
        cmocka_unit_test(small_pages_are_not_huge),
        cmocka_unit_test(memlock_binds_without_the_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
