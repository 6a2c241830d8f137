/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers of /proc and /sys for what memory there is. */
#include "server/os/meminfo.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define POOL_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define LINE_BYTES 512
#define PATH_BYTES 1024

/* First line of a file without its newline; false when there is none. */
static bool
first_line(const char *path, char *ret, size_t len)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    const bool ok = fgets(ret, (int)len, f) != NULL;
    (void)fclose(f);
    if (ok)
        ret[strcspn(ret, "\n")] = '\0';
    return ok;
}

bool
meminfo_number(const char *path, uint64_t *ret)
{
    char line[LINE_BYTES];
    char *end;
    if (!first_line(path, line, sizeof line) || line[0] < '0' || line[0] > '9')
        return false; /* "max", say */
    const uint64_t v = strtoull(line, &end, 10);
    if (*end != '\0')
        return false;
    *ret = v;
    return true;
}

bool
meminfo_choice(const char *path, char *ret, size_t len)
{
    char line[LINE_BYTES];
    if (!first_line(path, line, sizeof line))
        return false;
    const char *open = strchr(line, '[');
    const char *close = open == NULL ? NULL : strchr(open, ']');
    if (close == NULL)
        return false;
    (void)snprintf(ret, len, "%.*s", (int)(close - open - 1), open + 1);
    return true;
}

/* "Key: 123 kB" and "key 123" alike; false, and *ret untouched, if the line has another key. */
static bool
keyed_base(const char *line, const char *key, int base, uint64_t *ret)
{
    const size_t n = strlen(key);
    if (strncmp(line, key, n) != 0 || (line[n] != ':' && line[n] != ' '))
        return false;
    *ret = strtoull(line + n + 1, NULL, base);
    return true;
}

static bool
keyed(const char *line, const char *key, uint64_t *ret)
{
    return keyed_base(line, key, 10, ret);
}

/* The value of a key in a file of such lines; false, and *ret untouched, if it has none. */
static bool
find_keyed(const char *path, const char *key, int base, uint64_t *ret)
{
    char line[LINE_BYTES];
    bool found = false;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    while (!found && fgets(line, sizeof line, f) != NULL)
        found = keyed_base(line, key, base, ret);
    (void)fclose(f);
    return found;
}

bool
meminfo_status(const char *key, int base, uint64_t *ret)
{
    return find_keyed("/proc/self/status", key, base, ret);
}

/* ---- The hugetlb pool -------------------------------------------------------------------- */

struct meminfo_pool
meminfo_pool(void)
{
    uint64_t total = 0, free_pages = 0, reserved = 0, overcommit = 0, surplus = 0;
    if (!meminfo_number(POOL_DIR "nr_hugepages", &total) ||
        !meminfo_number(POOL_DIR "free_hugepages", &free_pages))
        return (struct meminfo_pool){0};
    (void)meminfo_number(POOL_DIR "resv_hugepages", &reserved);
    (void)meminfo_number(POOL_DIR "nr_overcommit_hugepages", &overcommit);
    (void)meminfo_number(POOL_DIR "surplus_hugepages", &surplus);
    uint64_t left = free_pages > reserved ? free_pages - reserved : 0;
    left += overcommit > surplus ? overcommit - surplus : 0;
    return (struct meminfo_pool){.total = total, .left = left};
}

/* ---- Ordinary memory --------------------------------------------------------------------- */

static uint64_t
host_room(void)
{
    uint64_t kib;
    return find_keyed("/proc/meminfo", "MemAvailable", 10, &kib) ? kib * 1024 : UINT64_MAX;
}

struct cgroup_files { /* of one version of control groups */
    const char *base, *limit, *usage, *stat_prefix;
};

static const struct cgroup_files cgroup_v1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                              "memory.usage_in_bytes", "total_"};
static const struct cgroup_files cgroup_v2 = {"/sys/fs/cgroup", "memory.max", "memory.current",
                                              ""};

/* File cache of a group, which the kernel drops before it refuses memory. */
static uint64_t
cgroup_cache(const char *dir, const char *prefix)
{
    char path[PATH_BYTES + 64], line[LINE_BYTES];
    uint64_t active = 0, inactive = 0;
    (void)snprintf(path, sizeof path, "%s/memory.stat", dir);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    const size_t skip = strlen(prefix);
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, prefix, skip) != 0)
            continue;
        if (!keyed(line + skip, "active_file", &active))
            (void)keyed(line + skip, "inactive_file", &inactive);
    }
    (void)fclose(f);
    return active + inactive;
}

static uint64_t
cgroup_dir_room(const struct cgroup_files *cg, const char *dir)
{
    char path[PATH_BYTES + 64];
    uint64_t limit, usage;
    (void)snprintf(path, sizeof path, "%s/%s", dir, cg->limit);
    if (!meminfo_number(path, &limit) || limit > INT64_MAX / 2) /* v1 says "none" so */
        return UINT64_MAX;
    (void)snprintf(path, sizeof path, "%s/%s", dir, cg->usage);
    if (!meminfo_number(path, &usage))
        return UINT64_MAX;
    const uint64_t cache = cgroup_cache(dir, cg->stat_prefix);
    const uint64_t held = usage > cache ? usage - cache : 0;
    return limit > held ? limit - held : 0;
}

/* The tightest of a group and all above it. In a container the path may be the host's, and only
 * the top exists here. */
static uint64_t
cgroup_tree_room(const struct cgroup_files *cg, const char *group)
{
    char dir[PATH_BYTES];
    uint64_t room = UINT64_MAX;
    const int n = snprintf(dir, sizeof dir, "%s%s", cg->base, group);
    if (n < 0 || (size_t)n >= sizeof dir)
        return UINT64_MAX;
    const size_t top = strlen(cg->base);
    for (;;) {
        const uint64_t here = cgroup_dir_room(cg, dir);
        room = here < room ? here : room;
        char *cut = strrchr(dir + top, '/');
        if (cut == NULL)
            return room;
        *cut = '\0';
    }
}

static uint64_t
cgroup_room(void)
{
    char line[PATH_BYTES / 2];
    uint64_t room = UINT64_MAX;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f == NULL)
        return UINT64_MAX;
    while (fgets(line, sizeof line, f) != NULL) { /* "4:memory:/group" or "0::/group" */
        line[strcspn(line, "\n")] = '\0';
        char *names = strchr(line, ':');
        char *group = names == NULL ? NULL : strchr(names + 1, ':');
        if (group == NULL)
            continue;
        *group++ = '\0';
        const bool v2 = names[1] == '\0';
        if (!v2 && strstr(names, "memory") == NULL)
            continue;
        const uint64_t here = cgroup_tree_room(v2 ? &cgroup_v2 : &cgroup_v1, group);
        room = here < room ? here : room;
    }
    (void)fclose(f);
    return room;
}

struct meminfo_room
meminfo_room(void)
{
    const uint64_t host = host_room(), cgroup = cgroup_room();
    return (struct meminfo_room){
        .bytes = cgroup < host ? cgroup : host,
        .cgroup_limit = cgroup < host,
    };
}

/* ---- Mappings ---------------------------------------------------------------------------- */

/* "7f00-7fff rw-p ..." opens each mapping in smaps. */
static bool
range_line(const char *line, uint64_t *ret_from, uint64_t *ret_to)
{
    char *end;
    const uint64_t from = strtoull(line, &end, 16);
    if (end == line || *end != '-')
        return false;
    const char *second = end + 1;
    const uint64_t to = strtoull(second, &end, 16);
    if (end == second || *end != ' ')
        return false;
    *ret_from = from;
    *ret_to = to;
    return true;
}

uint64_t
meminfo_huge_mapped(const void *at, uint64_t len)
{
    static const char *const kinds[] = {"AnonHugePages", "ShmemPmdMapped", "FilePmdMapped",
                                        "Shared_Hugetlb", "Private_Hugetlb"};
    const uint64_t from = (uint64_t)(uintptr_t)at;
    char line[LINE_BYTES];
    uint64_t sum = 0, lo, hi, kib;
    bool inside = false;
    FILE *f = fopen("/proc/self/smaps", "re");
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof line, f) != NULL) {
        if (range_line(line, &lo, &hi)) {
            inside = lo >= from && hi - from <= len;
            continue;
        }
        for (size_t i = 0; inside && i < sizeof kinds / sizeof kinds[0]; i++)
            if (keyed(line, kinds[i], &kib))
                sum += kib * 1024;
    }
    (void)fclose(f);
    return sum;
}

/* ---- Locked memory ----------------------------------------------------------------------- */

/* CAP_IPC_LOCK counts in the first user namespace only, where all ids are themselves. */
static bool
may_lock_all(void)
{
    char line[LINE_BYTES];
    uint64_t caps = 0;
    if (!meminfo_status("CapEff", 16, &caps) || (caps >> CAP_IPC_LOCK & 1) == 0)
        return false;
    if (!first_line("/proc/self/uid_map", line, sizeof line))
        return true;
    char *at = line;
    const uint64_t inside = strtoull(at, &at, 10);
    const uint64_t outside = strtoull(at, &at, 10);
    const uint64_t count = strtoull(at, &at, 10);
    return inside == 0 && outside == 0 && count == UINT32_MAX;
}

bool
meminfo_memlock_binds(uint64_t *ret_bytes)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_MEMLOCK, &lim) != 0 || lim.rlim_cur == RLIM_INFINITY || may_lock_all())
        return false;
    *ret_bytes = lim.rlim_cur;
    return true;
}
