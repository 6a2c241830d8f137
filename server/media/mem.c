/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The medium "mem": a ladder of kinds of memory, best first. A step that cannot give all of it
 * says why, and the next is tried. Everything is allocated page by page before a step counts as
 * taken, with calls that return an error where a page fault would be SIGBUS, and never more than
 * the host says it has, so that the OOM killer has no part in it.
 */
#include "server/media/mem.h"

#include "common/assert.h"
#include "common/err.h"
#include "common/log.h"
#include "common/size.h"
#include "server/os/meminfo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <pmemd/errors.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* 6.1 */
#endif

#define MEM_MAGIC 0x6d656d31u
#define HUGE_BYTES MEMINFO_HUGE_BYTES
#define CHUNK_BYTES (256ull << 20)    /* the room is looked at again after so much */
#define SPARE_BYTES (64ull << 20)     /* left to the rest of the host */
#define SCRATCH_HUGE_MIN (1ull << 20) /* below it a huge page is mostly air */
#define THP_DIR "/sys/kernel/mm/transparent_hugepage/"

struct mem {
    struct medium base;
    uint32_t magic;
    int fd;          /* memfd, owned; -1: anonymous memory */
    bool advise;     /* each mapping of fd asks for huge pages */
    uint8_t *anon;   /* owned: what map() has not moved away yet; NULL when fd is used */
    uint64_t mapped; /* bytes handed out by map() */
};

struct reason {
    char text[200];
};

static int say(struct reason *r, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
say(struct reason *r, int rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->text, sizeof r->text, fmt, ap);
    va_end(ap);
    return rc;
}

/* ---- Room -------------------------------------------------------------------------------- */

/* May `len` more bytes of ordinary memory be taken? Page tables and the kernel's own records
 * come on top. */
static int
room_check(uint64_t len, struct reason *why)
{
    char need[PMI_SIZE_TEXT_BYTES], have[PMI_SIZE_TEXT_BYTES];
    const struct meminfo_room room = meminfo_room();
    const uint64_t extra = SPARE_BYTES + len / 256;
    if (room.bytes >= extra && room.bytes - extra >= len)
        return 0;
    return say(why, -ENOMEM, "%s needed, %s available (%s)", pmi_size_human(need, len),
               pmi_size_human(have, room.bytes),
               room.cgroup_limit ? "memory limit of the control group" : "MemAvailable");
}

/* Allocate every page of a file, or of a mapping where fd is -1. */
static int
fill(int fd, uint8_t *at, uint64_t len, bool ordinary, struct reason *why)
{
    for (uint64_t off = 0; off < len;) {
        const uint64_t n = len - off < CHUNK_BYTES ? len - off : CHUNK_BYTES;
        int rc = ordinary ? room_check(len - off, why) : 0;
        if (rc < 0)
            return rc;
        rc = fd >= 0 ? fallocate(fd, 0, (off_t)off, (off_t)n)
                     : madvise(at + off, n, MADV_POPULATE_WRITE);
        const int err = rc == 0 ? 0 : errno;
        if (err == EINTR)
            continue;
        if (err != 0)
            return say(why, -ENOMEM,
                       "the kernel refused after %" PRIu64 " of %" PRIu64 " MiB: %s", off >> 20,
                       len >> 20, pmi_err_text(-err));
        off += n;
    }
    return 0;
}

/* ---- Address space ----------------------------------------------------------------------- */

/* Like mmap() without an address, but 2 MiB aligned, and apart from every other mapping until
 * release_guards(): the kernel would join neighbours, and smaps tells of whole mappings. */
static uint8_t *
map_aligned(int fd, uint64_t len, uint8_t **ret_guard)
{
    const uint64_t all = len + 2 * HUGE_BYTES;
    uint8_t *guard =
        mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (guard == MAP_FAILED)
        return NULL;
    const uint64_t skip = HUGE_BYTES - (uintptr_t)guard % HUGE_BYTES;
    const int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    uint8_t *at = mmap(guard + skip, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
    if (at == MAP_FAILED) {
        (void)munmap(guard, all);
        return NULL;
    }
    *ret_guard = guard;
    return at;
}

static void
release_guards(uint8_t *guard, const uint8_t *at, uint64_t len)
{
    const uint64_t skip = (uint64_t)(at - guard);
    (void)munmap(guard, skip);
    (void)munmap(guard + skip + len, 2 * HUGE_BYTES - skip);
}

/* Share of a THP mapping that came in huge pages, after a second try for the rest. */
static uint64_t
huge_share(uint8_t *at, uint64_t len)
{
    uint64_t got = meminfo_huge_mapped(at, len);
    if (got < len && madvise(at, len, MADV_COLLAPSE) == 0)
        got = meminfo_huge_mapped(at, len);
    return got;
}

/* ---- The steps --------------------------------------------------------------------------- */

static int
memfd_sized(const char *name, unsigned flags, uint64_t len, int *ret, struct reason *why)
{
    const int fd = memfd_create(name, MFD_CLOEXEC | flags);
    if (fd < 0) {
        const int err = errno;
        return say(why, -err, "no memory file: %s", pmi_err_text(-err));
    }
    if (ftruncate(fd, (off_t)len) != 0) {
        const int err = errno;
        (void)close(fd);
        return say(why, -err, "a memory file of that size: %s", pmi_err_text(-err));
    }
    *ret = fd;
    return 0;
}

static int
take_hugetlb(struct mem *m, uint64_t len, struct reason *why)
{
    const uint64_t need = len / HUGE_BYTES;
    const struct meminfo_pool pool = meminfo_pool();
    if (pool.left < need)
        return say(why, -ENOMEM,
                   "%" PRIu64 " huge pages of 2 MiB needed, %" PRIu64
                   " free: sysctl -w vm.nr_hugepages=%" PRIu64,
                   need, pool.left, pool.total + need - pool.left);
    int fd = -1;
    int rc = memfd_sized("pmemd-hugetlb", MFD_HUGETLB | MFD_HUGE_2MB, len, &fd, why);
    if (rc < 0)
        return rc;
    rc = fill(fd, NULL, len, false, why);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    m->fd = fd;
    return 0;
}

/* Refuse, if the host's switch for transparent huge pages says no. */
static int
thp_switch(const char *file, struct reason *why)
{
    char path[128], word[32] = "absent";
    (void)snprintf(path, sizeof path, THP_DIR "%s", file);
    const bool known = meminfo_choice(path, word, sizeof word);
    if (known && strcmp(word, "never") != 0 && strcmp(word, "deny") != 0)
        return 0;
    return say(why, -ENOTSUP, "transparent_hugepage/%s is %s", file, word);
}

/* Fill a mapping that asks for huge pages, and see that it got them. */
static int
fill_huge(uint8_t *at, uint64_t len, uint64_t *ret_huge, struct reason *why)
{
    if (madvise(at, len, MADV_HUGEPAGE) != 0)
        return say(why, -ENOTSUP, "the kernel has no transparent huge pages");
    const int rc = fill(-1, at, len, true, why);
    if (rc < 0)
        return rc;
    *ret_huge = huge_share(at, len);
    if (*ret_huge > 0)
        return 0;
    return say(why, -ENOTSUP, "asked for transparent huge pages, got none");
}

static int
take_shmem_thp(struct mem *m, uint64_t len, struct reason *why)
{
    int fd = -1;
    uint8_t *guard = NULL;
    uint64_t huge = 0;
    int rc = thp_switch("shmem_enabled", why);
    if (rc < 0)
        return rc;
    rc = memfd_sized("pmemd-thp", 0, len, &fd, why);
    if (rc < 0)
        return rc;
    uint8_t *at = map_aligned(fd, len, &guard);
    rc = at == NULL ? say(why, -ENOMEM, "no address space") : fill_huge(at, len, &huge, why);
    if (rc == 0 && huge < len) /* anonymous memory may do better */
        rc = say(why, -ENOTSUP, "only %" PRIu64 " of %" PRIu64 " MiB came in huge pages",
                 huge >> 20, len >> 20);
    if (at != NULL)
        (void)munmap(guard, len + 2 * HUGE_BYTES);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    m->fd = fd;
    m->advise = true;
    return 0;
}

/* Anonymous memory in huge pages; *ret_huge may be less than all of it. */
static int
anon_thp(uint64_t len, uint8_t **ret, uint64_t *ret_huge, struct reason *why)
{
    uint8_t *guard = NULL;
    int rc = thp_switch("enabled", why);
    if (rc < 0)
        return rc;
    uint8_t *at = map_aligned(-1, len, &guard);
    if (at == NULL)
        return say(why, -ENOMEM, "no address space");
    rc = fill_huge(at, len, ret_huge, why);
    if (rc < 0) {
        (void)munmap(guard, len + 2 * HUGE_BYTES);
        return rc;
    }
    release_guards(guard, at, len);
    *ret = at;
    return 0;
}

static int
take_anon_thp(struct mem *m, uint64_t len, struct reason *why)
{
    uint64_t huge = 0;
    const int rc = anon_thp(len, &m->anon, &huge, why);
    if (rc < 0 || huge == len)
        return rc;
    m->base.page_size = 4096;
    (void)snprintf(m->base.memory_kind, sizeof m->base.memory_kind, "thp-mixed");
    (void)say(why, 0, "only %" PRIu64 " of %" PRIu64 " MiB came in huge pages", huge >> 20,
              len >> 20);
    return 0;
}

static int
take_small(struct mem *m, uint64_t len, struct reason *why)
{
    int fd = -1;
    int rc = memfd_sized("pmemd", 0, len, &fd, why);
    if (rc < 0)
        return rc;
    rc = fill(fd, NULL, len, true, why);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    m->fd = fd;
    return 0;
}

static const struct step {
    const char *name; /* in logs */
    const char *kind;
    uint64_t page_size;
    int (*take)(struct mem *m, uint64_t len, struct reason *why);
} ladder[] = {
    {"hugetlb", "hugetlb-2M", HUGE_BYTES, take_hugetlb},
    {"shmem-thp", "thp-2M", HUGE_BYTES, take_shmem_thp},
    {"anon-thp", "thp-2M", HUGE_BYTES, take_anon_thp},
    {"4K", "4K", 4096, take_small},
};
#define STEPS (sizeof ladder / sizeof ladder[0])

/* ---- The medium -------------------------------------------------------------------------- */

static struct mem *
self(struct medium *base)
{
    struct mem *m = (struct mem *)(void *)base;
    pmi_alive(m, MEM_MAGIC);
    return m;
}

static int
mem_map(struct medium *base, void *at, uint64_t off, uint64_t len)
{
    struct mem *m = self(base);
    pmi_assert(off == m->mapped);
    pmi_assert(len <= base->len - off);
    pmi_assert(((uintptr_t)at | off | len) % HUGE_BYTES == 0);
    void *got = m->fd >= 0 ? mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                  m->fd, (off_t)off)
                           : mremap(m->anon + off, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at);
    if (got == MAP_FAILED)
        return -errno;
    m->mapped += len;
    if (m->advise)
        (void)madvise(at, len, MADV_HUGEPAGE);
    /* A core file or a child has no business with a region. */
    (void)madvise(at, len, MADV_DONTDUMP);
    (void)madvise(at, len, MADV_DONTFORK);
    /* The memory is there: this fills page tables, so that no request pays for it. */
    if (madvise(at, len, MADV_POPULATE_WRITE) == 0 || errno == EINVAL)
        return 0;
    return -errno;
}

static int
mem_make_durable(struct medium *base, uint64_t off, uint64_t len, medium_done *done, void *arg)
{
    (void)off;
    (void)len;
    (void)done;
    (void)arg;
    pmi_alive(self(base), MEM_MAGIC);
    return 1; /* the class promises nothing beyond the process */
}

static void
mem_close(struct medium *base)
{
    struct mem *m = self(base);
    if (m->fd >= 0)
        (void)close(m->fd);
    if (m->anon != NULL && m->mapped < base->len)
        (void)munmap(m->anon + m->mapped, base->len - m->mapped);
    m->magic = 0;
    free(m);
}

static const struct medium_ops mem_ops = {
    .map = mem_map,
    .make_durable = mem_make_durable,
    .close = mem_close,
};

static int
take(struct mem *m, const struct step *s, const struct medium_config *cfg, struct reason *why)
{
    *why = (struct reason){{0}};
    m->base.page_size = s->page_size;
    (void)snprintf(m->base.memory_kind, sizeof m->base.memory_kind, "%s", s->kind);
    if (s == &ladder[0] && cfg->no_hugetlb)
        return say(why, -ENOTSUP, "switched off");
    return s->take(m, cfg->len, why);
}

/* Try the steps; *first and *last are the reasons of the first and the last that failed. */
static int
step_down(struct mem *m, const struct medium_config *cfg, struct reason *first,
          struct reason *last)
{
    const enum pmi_log_level level = cfg->quiet ? PMI_LOG_DEBUG : PMI_LOG_WARN;
    int rc = take(m, &ladder[0], cfg, last);
    *first = *last;
    for (size_t i = 1; i < STEPS && rc < 0; i++) {
        struct reason full;
        pmi_log(level, "medium.step_down",
                "region=%s bytes=%" PRIu64 " from=%s to=%s reason=\"%s\"", cfg->name, cfg->len,
                ladder[i - 1].name, ladder[i].name, last->text);
        rc = room_check(cfg->len, &full);
        if (rc < 0) { /* nor would the steps below this one fit */
            *last = full;
            return rc;
        }
        rc = take(m, &ladder[i], cfg, last);
    }
    if (rc == 0 && last->text[0] != '\0')
        pmi_log(level, "medium.step_down", "region=%s bytes=%" PRIu64 " to=%s reason=\"%s\"",
                cfg->name, cfg->len, m->base.memory_kind, last->text);
    return rc;
}

int
mem_open(const struct medium_config *cfg, struct medium **ret, char *why, size_t why_len)
{
    struct reason first, last;
    char size[PMI_SIZE_TEXT_BYTES];
    if (cfg->path != NULL) {
        (void)snprintf(why, why_len, "medium 'mem' with a path is not built into this version");
        return PMEMD_E_UNSUPPORTED;
    }
    struct mem *m = calloc(1, sizeof *m);
    if (m == NULL) {
        (void)snprintf(why, why_len, "out of memory");
        return -ENOMEM;
    }
    m->magic = MEM_MAGIC;
    m->fd = -1;
    m->base.ops = &mem_ops;
    m->base.name = "mem";
    m->base.durability = PMEMD_CLASS_VOLATILE;
    m->base.len = cfg->len;
    m->base.pinnable = true;
    if (step_down(m, cfg, &first, &last) < 0) {
        (void)snprintf(why, why_len, "no memory for %s of region %s: %s; huge pages: %s",
                       pmi_size_human(size, cfg->len), cfg->name, last.text, first.text);
        mem_close(&m->base);
        return -ENOMEM;
    }
    *ret = &m->base;
    return 0;
}

/* ---- Scratch ----------------------------------------------------------------------------- */

static uint64_t
scratch_bytes(uint64_t len)
{
    const uint64_t unit = len >= SCRATCH_HUGE_MIN ? HUGE_BYTES : 4096;
    return (len + unit - 1) / unit * unit;
}

int
medium_scratch(uint64_t len, void **ret, bool *ret_huge)
{
    struct reason why;
    uint8_t *at = NULL;
    uint64_t huge = 0;
    if (len == 0 || len > INT64_MAX / 2)
        return -EINVAL;
    const uint64_t bytes = scratch_bytes(len);
    if (len >= SCRATCH_HUGE_MIN && anon_thp(bytes, &at, &huge, &why) == 0) {
        *ret = at;
        *ret_huge = huge == bytes;
        return 0;
    }
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    const int rc = fill(-1, at, bytes, true, &why);
    if (rc < 0) {
        (void)munmap(at, bytes);
        return rc;
    }
    *ret = at;
    *ret_huge = false;
    return 0;
}

void
medium_scratch_free(void *at, uint64_t len)
{
    if (at != NULL)
        (void)munmap(at, scratch_bytes(len));
}
