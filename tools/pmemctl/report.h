/* SPDX-License-Identifier: BSD-3-Clause */
/* What a finished put or get says, in words or JSON. */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include "tools/lib/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define REPORT_TEXT_BYTES 256

struct report {
    const char *verb, *uri, *file; /* borrowed */
    uint64_t bytes;                /* of the whole transfer */
    uint64_t offset;
    uint64_t resumed_from; /* bytes of it that an earlier run had moved */
    uint64_t ns;           /* of this run; put: the FLUSH included */
    uint64_t sync_ns;      /* get: making the file durable, after ns */
    bool flushed;          /* put: level and durability are set */
    uint32_t level, durability;
    struct tool_path path;
};

/* The object; the caller owns it. NULL: no memory. */
json_t *report_json(const struct report *r) __attribute__((warn_unused_result));

/* "stored 268435456 bytes at offset 0 in 0.21 s (1.27 GB/s)". Returns dst. */
const char *report_text(char dst[static REPORT_TEXT_BYTES], const struct report *r);

/* Print an object on stdout, one line, and give it back; NULL is "no memory". Returns an exit
 * code: TOOL_FAILED if it could not be printed. */
int report_dump(json_t *object) __attribute__((warn_unused_result));

/* Print either form: JSON always on stdout, words on `words`. Returns an exit code. */
int report_print(const struct report *r, bool json, FILE *words)
    __attribute__((warn_unused_result));

#endif
