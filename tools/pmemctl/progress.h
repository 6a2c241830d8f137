/* SPDX-License-Identifier: BSD-3-Clause */
/* The line on standard error that says how far a transfer is. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_TEXT_BYTES 96

struct progress {
    bool on;
    bool terminal;  /* one line rewritten ten times a second; else a line a second */
    bool shown;     /* a line is there to be wiped */
    uint64_t total; /* bytes; UINT64_MAX = nobody knows */
    uint64_t first; /* bytes moved before this run */
    uint64_t start_ns, last_ns;
};

/* "asked" shows it also where standard error is no terminal. */
void progress_init(struct progress *p, bool asked, uint64_t first, uint64_t total);

/* `done` bytes are moved; prints if it is time to. */
void progress_step(struct progress *p, uint64_t done);

/* Wipe the line, so that other messages stand alone. */
void progress_clear(struct progress *p);

/* The text alone: "35 %  94371840 of 268435456 bytes  1.31 GB/s  0:12 left". Returns dst. */
const char *progress_text(char dst[static PROGRESS_TEXT_BYTES], const struct progress *p,
                          uint64_t done, uint64_t now_ns);

#endif
