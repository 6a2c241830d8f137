/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The progress record of a put or get, a small JSON file beside the user's:
 * FILE.pmemctl-resume. It says how long a prefix of the transfer needs no repeating, and enough
 * to notice that source or target are no longer the same.
 */
#ifndef CTL_RESUME_H
#define CTL_RESUME_H

#include <pmemd/pmemd.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define RESUME_SUFFIX ".pmemctl-resume"

struct resume_key {
    const char *verb; /* "put" or "get"; borrowed */
    const char *uri;  /* borrowed */
    uint64_t offset, length;
    uint64_t file_size;     /* put: of the source; get: 0 */
    uint64_t file_mtime_ns; /* put: of the source; get: 0 */
};

/* FILE with a suffix; the caller frees it. NULL: no memory. */
char *resume_path(const char *file, const char *suffix) __attribute__((warn_unused_result));

/* st_mtim in ns. */
uint64_t resume_mtime_ns(const struct stat *st);

/*
 * Keep `done` bytes as the prefix that needs no repeating. Written aside and renamed, so that a
 * reader sees the old record or the new one. Returns 0 or -errno.
 */
int resume_save(const char *path, const struct resume_key *key, uint64_t done)
    __attribute__((warn_unused_result));

/*
 * Read the record.
 *
 * *ret     the prefix, at most key->length; set on success only
 * why      on failure: why the transfer starts over, in words that follow "starting over: "
 * Returns  0; -ENOENT: there is none; -ESTALE: it is not about this transfer; -errno
 */
int resume_load(const char *path, const struct resume_key *key, uint64_t *ret, char *why,
                size_t why_bytes) __attribute__((warn_unused_result));

/*
 * Compare up to 64 samples of the first `len` bytes of the file with the region: whether it is
 * still the region (and the file) that the record speaks of. A volatile region that was
 * restarted, for example, is all zeroes, so blocks of zeroes make no sample.
 *
 * Returns 0: nothing differs; -ESTALE: something does; or another error.
 */
int resume_compare(struct pmemd_client *c, int fd, uint64_t region_off, uint64_t len)
    __attribute__((warn_unused_result));

#endif
