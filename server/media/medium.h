/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a region lives: one interface, one file per medium. A medium gives memory and makes
 * ranges durable; everything above it is the same code. Offsets are bytes from the start of the
 * medium's data.
 */
#ifndef SERVER_MEDIA_MEDIUM_H
#define SERVER_MEDIA_MEDIUM_H

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct medium;

struct medium_config {
    const char *name;   /* of the region; for logs */
    const char *medium; /* "mem"; others are refused by name */
    const char *path;   /* NULL; refused for mem in this version */
    uint64_t len;       /* bytes, a multiple of 2 MiB */
    bool no_hugetlb;    /* skip that step (--disable hugetlb) */
    bool quiet;         /* step-downs are debug lines */
};

typedef void medium_done(void *arg, int err);

struct medium_ops {
    /*
     * Map [off, off + len) at exactly `at` (address space reserved by the caller, who also
     * unmaps it, after close or before), 2 MiB aligned all three. Called with adjacent ranges
     * in rising order, each once: memory without a file behind it is moved there.
     */
    int (*map)(struct medium *m, void *at, uint64_t off, uint64_t len);
    /*
     * Make visible bytes durable, as the class promises. Returns 1 when that is already so (no
     * callback), 0 when `done` will be called on the shard's thread, or an error.
     */
    int (*make_durable)(struct medium *m, uint64_t off, uint64_t len, medium_done *done,
                        void *arg);
    void (*close)(struct medium *m); /* frees m; what was mapped stays mapped */
};

struct medium {
    const struct medium_ops *ops;
    const char *name;     /* "mem" */
    uint32_t durability;  /* enum pmemd_class */
    char memory_kind[32]; /* "hugetlb-2M", "thp-2M", "4K"; "thp-mixed": some of both */
    uint64_t page_size;   /* bytes, the smallest in it */
    uint64_t len;
    bool pinnable;    /* may be tried as fixed buffers */
    bool flush_lines; /* stored lines need flushing: receive with non-temporal copies */
};

/*
 * Open a medium: all its memory is allocated before this returns (a cgroup or hugetlb limit is an
 * error here, not a SIGBUS later). Each step down (hugetlb -> THP -> 4 KiB) is logged as
 * medium.step_down with the reason. Errors: PMEMD_E_UNSUPPORTED (medium not built), PMEMD_E_ARG,
 * -ENOMEM; `why` gets the sentence with what to do.
 */
int medium_open(const struct medium_config *cfg, struct medium **ret, char *why, size_t why_len)
    __attribute__((warn_unused_result));

/*
 * Scratch memory of the server itself (staging buffers, descriptors): zero, allocated, from 1 MiB
 * on in transparent huge pages where the host has them. It leaves the hugetlb pool to the
 * regions. 0 or -ENOMEM; free with the same len.
 */
int medium_scratch(uint64_t len, void **ret, bool *ret_huge)
    __attribute__((warn_unused_result));
void medium_scratch_free(void *at, uint64_t len); /* NULL allowed */

#endif
