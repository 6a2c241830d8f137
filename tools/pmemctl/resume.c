// SPDX-License-Identifier: BSD-3-Clause
/* Progress records: see resume.h. */
#include "tools/pmemctl/resume.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_VERSION 1
#define SAMPLES 64u
#define SAMPLE_BYTES ((size_t)4096)

char *
resume_path(const char *file, const char *suffix)
{
    char *path = NULL;
    return asprintf(&path, "%s%s", file, suffix) < 0 ? NULL : path;
}

uint64_t
resume_mtime_ns(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st->st_mtim.tv_nsec;
}

static json_t *
record_make(const struct resume_key *key, uint64_t done)
{
    return json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "pmemctl_resume",
                     RECORD_VERSION, "verb", key->verb, "uri", key->uri, "offset",
                     (json_int_t)key->offset, "length", (json_int_t)key->length, "file_size",
                     (json_int_t)key->file_size, "file_mtime_ns",
                     (json_int_t)key->file_mtime_ns, "done", (json_int_t)done);
}

int
resume_save(const char *path, const struct resume_key *key, uint64_t done)
{
    json_t *const record = record_make(key, done);
    char *aside = NULL;
    int rc = -ENOMEM;
    if (record == NULL || asprintf(&aside, "%s.%ld", path, (long)getpid()) < 0) {
        aside = NULL;
        goto out;
    }
    FILE *const f = fopen(aside, "we");
    if (f == NULL) {
        rc = -errno;
        goto out;
    }
    rc = json_dumpf(record, f, JSON_INDENT(1)) == 0 ? 0 : -EIO;
    if (fputc('\n', f) == EOF && rc == 0)
        rc = -EIO;
    if (fclose(f) == EOF && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(aside, path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(aside);
out:
    free(aside);
    json_decref(record);
    return rc;
}

/* What the record's fields say; the strings are borrowed from it. */
struct fields {
    int version;
    const char *verb, *uri;
    json_int_t offset, length, file_size, file_mtime_ns, done;
};

/* Why the record is not about this transfer; NULL if it is. */
static const char *
mismatch(const struct fields *f, const struct resume_key *key)
{
    if (f->version != RECORD_VERSION)
        return "the progress record is of another version";
    if (strcmp(f->verb, key->verb) != 0)
        return "the progress record is of another verb";
    if (strcmp(f->uri, key->uri) != 0)
        return "the progress record is about another URI";
    if ((uint64_t)f->offset != key->offset || (uint64_t)f->length != key->length)
        return "the progress record is about another range of the region";
    if ((uint64_t)f->file_size != key->file_size ||
        (uint64_t)f->file_mtime_ns != key->file_mtime_ns)
        return "the file was changed meanwhile";
    if (f->done < 0 || (uint64_t)f->done > key->length)
        return "the progress record is damaged";
    return NULL;
}

int
resume_load(const char *path, const struct resume_key *key, uint64_t *ret, char *why,
            size_t why_bytes)
{
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        const int err = errno;
        (void)snprintf(why, why_bytes, "%s: %s", path,
                       err == ENOENT ? "there is no progress record" : strerror(err));
        return -err;
    }
    json_t *const record = json_loadf(file, 0, NULL);
    (void)fclose(file);
    struct fields f = {0};
    int rc = -ESTALE;
    const char *reason = "the progress record is damaged";
    if (json_unpack(record, "{s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "pmemctl_resume",
                    &f.version, "verb", &f.verb, "uri", &f.uri, "offset", &f.offset, "length",
                    &f.length, "file_size", &f.file_size, "file_mtime_ns", &f.file_mtime_ns,
                    "done", &f.done) == 0) {
        reason = mismatch(&f, key);
        rc = reason == NULL ? 0 : -ESTALE;
    }
    if (rc == 0)
        *ret = (uint64_t)f.done;
    else
        (void)snprintf(why, why_bytes, "%s", reason);
    json_decref(record);
    return rc;
}

static bool
all_zero(const char *data, size_t len)
{
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

/* The first block in [from, to) of the file that is not all zeroes: 1 and *at, 0, or -errno. */
static int
find_sample(int fd, uint64_t from, uint64_t to, char *data, uint64_t *at, size_t *len)
{
    for (uint64_t pos = from; pos < to; pos += SAMPLE_BYTES) {
        const size_t want = to - pos < SAMPLE_BYTES ? (size_t)(to - pos) : SAMPLE_BYTES;
        const ssize_t got = pread(fd, data, want, (off_t)pos);
        if (got < 0)
            return -errno;
        if ((size_t)got < want)
            return -ESTALE; /* the file became shorter */
        if (all_zero(data, want))
            continue;
        *at = pos;
        *len = want;
        return 1;
    }
    return 0;
}

int
resume_compare(struct pmemd_client *c, int fd, uint64_t region_off, uint64_t len)
{
    char ours[SAMPLE_BYTES], theirs[SAMPLE_BYTES];
    /* Whole blocks per stride. */
    const uint64_t blocks = (len + SAMPLE_BYTES - 1) / SAMPLE_BYTES;
    const uint64_t stride = (blocks + SAMPLES - 1) / SAMPLES * SAMPLE_BYTES;
    for (uint64_t from = 0; from < len; from += stride) {
        const uint64_t to = len - from > stride ? from + stride : len;
        uint64_t at = 0;
        size_t bytes = 0;
        int rc = find_sample(fd, from, to, ours, &at, &bytes);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        rc = pmemd_read(c, region_off + at, theirs, bytes);
        if (rc < 0)
            return rc;
        if (memcmp(ours, theirs, bytes) != 0)
            return -ESTALE;
    }
    return 0;
}
