/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a get puts its bytes. A file is built as FILE.part and gets its name when it is
 * complete and durable, so FILE never looks complete before it is. Standard output, pipes and
 * devices get their bytes in order, or in place.
 */
#ifndef CTL_SINK_H
#define CTL_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_PART_SUFFIX ".part"

struct sink {
    int fd;
    bool stream; /* bytes go out in order; else to their position */
    bool waits;  /* a stream that says EAGAIN: watch fd for POLLOUT */
    bool own_fd; /* to be closed */
    char *file;  /* owned; the name at the end; NULL unless built as .part */
    char *part;  /* owned */
};

/* "-" is standard output. Creates or opens FILE.part without changing its bytes, and locks it.
 * Returns 0, -EWOULDBLOCK when another process builds the same file, or -errno. */
int sink_open(const char *file, struct sink *ret) __attribute__((warn_unused_result));

/* Closes; what is built stays as FILE.part unless sink_commit() was called. */
void sink_close(struct sink *s);

/* Start over: nothing in it, room for `total` bytes if the file system can promise it. Streams:
 * nothing. Returns 0 or -errno (-ENOSPC: there is no room). */
int sink_restart(const struct sink *s, uint64_t total) __attribute__((warn_unused_result));

/* Store `len` bytes: at `pos`, or next in a stream. Returns how many went (a stream may take
 * fewer, 0 = not now), or -errno. */
long sink_put(const struct sink *s, uint64_t pos, const char *data, size_t len)
    __attribute__((warn_unused_result));

/* What is in the file survives a power cut. Streams: nothing. Returns 0 or -errno. */
int sink_sync(const struct sink *s) __attribute__((warn_unused_result));

/* Synced and complete: FILE.part becomes FILE. Returns 0 or -errno. */
int sink_commit(struct sink *s) __attribute__((warn_unused_result));

#endif
