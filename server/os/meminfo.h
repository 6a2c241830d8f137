/* SPDX-License-Identifier: BSD-3-Clause */
/* What the host says about memory: how much is left to take, how much may be locked, and what a
 * mapping was really given. Read from /proc and /sys; a file that is not there counts as silent. */
#ifndef SERVER_OS_MEMINFO_H
#define SERVER_OS_MEMINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMINFO_HUGE_BYTES (2ull << 20)

struct meminfo_pool { /* of 2 MiB hugetlb pages */
    uint64_t total;
    uint64_t left; /* free, not promised to anybody, and what may still be overcommitted */
};

/* All zero where the kernel has none. */
struct meminfo_pool meminfo_pool(void);

struct meminfo_room {
    uint64_t bytes;    /* UINT64_MAX: unknown */
    bool cgroup_limit; /* the control group is the tighter limit, not the host */
};

/* Bytes of ordinary memory that can be taken without driving anybody out: MemAvailable, and
 * what the limits of this process's memory control groups leave. */
struct meminfo_room meminfo_room(void);

/* Bytes of [at, at + len) that are mapped by huge pages. The range is a mapping of its own. */
uint64_t meminfo_huge_mapped(const void *at, uint64_t len);

/* The chosen word of a file like "always [madvise] never"; false when the file is silent. */
bool meminfo_choice(const char *path, char *ret, size_t len);

/* A whole number in a file; false when the file is silent. */
bool meminfo_number(const char *path, uint64_t *ret);

/* The number behind a key of /proc/self/status; false when it has none. */
bool meminfo_status(const char *key, int base, uint64_t *ret);

/* True, with the limit in bytes, if RLIMIT_MEMLOCK binds this process. */
bool meminfo_memlock_binds(uint64_t *ret_bytes);

#endif
