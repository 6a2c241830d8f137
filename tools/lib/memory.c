// SPDX-License-Identifier: BSD-3-Clause
/* Payload memory: see memory.h. */
#include "tools/lib/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

static size_t
whole_huge_pages(size_t bytes)
{
    return (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

/* UINT64_MAX where the kernel does not tell. */
static uint64_t
available_bytes(void)
{
    FILE *const f = fopen("/proc/meminfo", "re");
    if (f == NULL)
        return UINT64_MAX;
    char line[128];
    static const char key[] = "MemAvailable:";
    uint64_t kib = UINT64_MAX >> 10;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, sizeof key - 1) == 0) {
            kib = strtoull(line + sizeof key - 1, NULL, 10);
            break;
        }
    (void)fclose(f);
    return kib << 10;
}

void *
tool_memory_new(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX / 2 || bytes > available_bytes())
        return NULL;
    const size_t len = whole_huge_pages(bytes);
    /* One huge page more, so that an aligned start lies inside; head and tail go back. */
    char *const raw = mmap(NULL, len + HUGE_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    const size_t head = -(uintptr_t)raw & (HUGE_BYTES - 1);
    char *const start = raw + head;
    if (head > 0)
        (void)munmap(raw, head);
    if (head < HUGE_BYTES)
        (void)munmap(start + len, HUGE_BYTES - head);
    (void)madvise(start, len, MADV_HUGEPAGE); /* a wish: 4 KiB pages work too */
    memset(start, 0, len);
    return start;
}

void
tool_memory_free(void *data, size_t bytes)
{
    if (data != NULL)
        (void)munmap(data, whole_huge_pages(bytes));
}
