/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report of a failed assertion. It runs in a process that is known to be broken, so it
 * takes no lock, allocates nothing and writes with write(2).
 */
#include "common/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT_LINE_BYTES 512

struct note {
    const char *what; /* borrowed for ever */
    uint64_t a, b;
};

static _Thread_local struct note notes[PMI_NOTES_MAX];
static _Thread_local uint64_t notes_count; /* ever made; the next goes to count modulo MAX */

pmi_static_assert((PMI_NOTES_MAX & (PMI_NOTES_MAX - 1)) == 0);

static void
say(const char *line)
{
    const size_t len = strlen(line);
    for (size_t at = 0; at < len;) {
        const ssize_t n = write(STDERR_FILENO, line + at, len - at);
        if (n <= 0)
            return; /* nobody listens; abort() still tells */
        at += (size_t)n;
    }
}

static void
say_notes(void)
{
    char line[REPORT_LINE_BYTES];
    const uint64_t count = notes_count < PMI_NOTES_MAX ? notes_count : PMI_NOTES_MAX;
    for (uint64_t back = count; back > 0; back--) { /* oldest first */
        const struct note *n = &notes[(notes_count - back) % PMI_NOTES_MAX];
        (void)snprintf(line, sizeof line,
                       "  %" PRIu64 " before: %s a=%" PRIu64 " b=%" PRIu64 "\n", back, n->what,
                       n->a, n->b);
        say(line);
    }
}

_Noreturn static void
die(const char *file, int line, const char *func, const char *expr, const char *more)
{
    char text[REPORT_LINE_BYTES];
    (void)snprintf(text, sizeof text, "pmemd: assertion failed: %s%s, at %s:%d in %s\n", expr,
                   more, file, line, func);
    say(text);
    say_notes();
    abort();
}

void
pmi_note(const char *what, uint64_t a, uint64_t b)
{
    notes[notes_count++ % PMI_NOTES_MAX] = (struct note){.what = what, .a = a, .b = b};
}

_Noreturn void
pmi_assert_fail(const char *file, int line, const char *func, const char *expr)
{
    die(file, line, func, expr, "");
}

_Noreturn void
pmi_alive_fail(const char *file, int line, const char *func, const char *expr, uint32_t found)
{
    char more[32];
    (void)snprintf(more, sizeof more, " (magic 0x%08" PRIx32 ")", found);
    die(file, line, func, expr, more);
}
