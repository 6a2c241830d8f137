/* SPDX-License-Identifier: BSD-3-Clause */
/* The exit codes every pmemd program shares, and how the tools say what went wrong. */
#ifndef TOOL_EXIT_H
#define TOOL_EXIT_H

#include <pmemd/pmemd.h>

enum tool_exit {
    TOOL_OK = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_HOST = 3,    /* this host cannot, and the message says how to change that */
    TOOL_REFUSED = 4, /* by name: not built, not allowed, does not fit */
    TOOL_DIFFERS = 5, /* bytes are not what they must be */
};

/* The name that starts every message; borrowed for the program's life. */
void tool_name_set(const char *name);

/* "NAME: " and the message, one line on stderr. */
void tool_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit code for a negated errno or PMEMD_E_*; TOOL_OK for 0 and counts. */
enum tool_exit tool_exit_of(int err);

/*
 * Say that `what` failed with `err`. The client's own sentence is added where it has one that
 * says more; `c` may be NULL. Returns tool_exit_of(err).
 */
enum tool_exit tool_fail(const char *what, int err, const struct pmemd_client *c);

#endif
