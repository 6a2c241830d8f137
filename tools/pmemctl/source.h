/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a put reads from: a file whose length is known, or a stream that ends when it ends. */
#ifndef CTL_SOURCE_H
#define CTL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define SOURCE_TOTAL_UNKNOWN UINT64_MAX

struct source {
    int fd;
    bool named;     /* a file that can be read at any position, hence resumed */
    uint64_t total; /* bytes, or SOURCE_TOTAL_UNKNOWN */
    struct stat st;
};

/* "-" is standard input. Returns 0 or -errno. */
int source_open(const char *file, struct source *ret) __attribute__((warn_unused_result));

/* Standard input stays open. */
void source_close(struct source *s);

/* At most `len` bytes of position `pos` (streams: the next ones; may be fewer). Returns the
 * count, 0 at the end, or -errno. */
long source_read(const struct source *s, uint64_t pos, char *data, size_t len)
    __attribute__((warn_unused_result));

/*
 * A stream that is readable: has it more bytes, or did it end? Takes no byte away where the
 * kernel can tell otherwise (pipes, sockets, terminals). Returns 1, 0 or -errno.
 */
int source_has_more(const struct source *s) __attribute__((warn_unused_result));

#endif
