// SPDX-License-Identifier: BSD-3-Clause
/* CPU time: see usage.h. */
#include "tools/pmemd-bench/usage.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t
usage_self_ns(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0)
        return 0;
    const uint64_t secs = (uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec;
    const uint64_t usecs = (uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec;
    return secs * NS_PER_S + usecs * 1000;
}

/* 0 when the thread has ended meanwhile, or the kernel keeps no such figures. */
static uint64_t
thread_ns(uint64_t pid, const char *tid)
{
    char path[96], line[96];
    (void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/task/%.20s/schedstat", pid, tid);
    FILE *const f = fopen(path, "re");
    if (f == NULL)
        return 0;
    const char *const got = fgets(line, sizeof line, f);
    (void)fclose(f);
    return got != NULL ? strtoull(line, NULL, 10) : 0; /* the first figure of three */
}

/* utime and stime, fields 14 and 15; the name in field 2 may hold anything but ends at the
 * last bracket. */
int
usage_process_ticks_ns(uint64_t pid, uint64_t *ret)
{
    char path[48], line[1024];
    (void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    FILE *const f = fopen(path, "re");
    if (f == NULL)
        return -ENOENT;
    const char *const got = fgets(line, sizeof line, f);
    (void)fclose(f);
    char *at = got != NULL ? strrchr(line, ')') : NULL;
    for (int field = 2; at != NULL && field < 14; field++) {
        at = strchr(at, ' ');
        at += at != NULL ? 1 : 0;
    }
    if (at == NULL)
        return -ENOENT;
    const uint64_t user = strtoull(at, &at, 10);
    const uint64_t system = strtoull(at, NULL, 10);
    const long ticks = sysconf(_SC_CLK_TCK);
    *ret = (user + system) * (NS_PER_S / (uint64_t)(ticks > 0 ? ticks : 100));
    return 0;
}

int
usage_process_ns(uint64_t pid, uint64_t *ret)
{
    char path[48];
    (void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/task", pid);
    DIR *const dir = opendir(path);
    if (dir == NULL)
        return -ENOENT;
    uint64_t sum = 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            sum += thread_ns(pid, e->d_name);
    (void)closedir(dir);
    if (sum == 0)
        return usage_process_ticks_ns(pid, ret);
    *ret = sum;
    return 0;
}

int
usage_pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}
