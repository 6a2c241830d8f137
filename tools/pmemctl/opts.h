/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of pmemctl. */
#ifndef CTL_OPTS_H
#define CTL_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_verb {
    CTL_NONE,
    CTL_LIST,
    CTL_STAT,
    CTL_PUT,
    CTL_GET,
    CTL_FLUSH,
    CTL_HELP,
    CTL_VERSION,
};

struct ctl_opts {
    enum ctl_verb verb;
    const char *uri;  /* borrowed from argv */
    const char *file; /* borrowed from argv; "-" is standard input or output */
    uint64_t offset;
    uint64_t length;     /* get: UINT64_MAX = to the end of the region */
    uint64_t timeout_ns; /* for a server that is not there */
    uint64_t checkpoint; /* bytes between progress records; 0 = the default, and at most
                            one a second */
    bool json;
    bool resume;
    bool progress; /* asked for; a terminal gets it anyway */
};

/*
 * Parse argv. Does no I/O; may permute argv.
 *
 * ret      set on success only
 * why      gets the sentence for the user otherwise
 * Returns  0, or the exit code: 2 for usage, 4 for a verb that is not built yet
 */
int ctl_opts_parse(int argc, char **argv, struct ctl_opts *ret, char *why, size_t why_bytes)
    __attribute__((warn_unused_result));

/* What --help prints. */
extern const char ctl_help[];

#endif
