/* SPDX-License-Identifier: BSD-3-Clause */
/* A place to try command lines and files: what was printed, said and returned. */
#ifndef TEST_CONFIG_DESK_H
#define TEST_CONFIG_DESK_H

#include "tests/lib/test.h"

#include "server/options.h"
#include "server/server.h"

#include <pmemd/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESK_ARGS_MAX 80

struct desk {
    struct config cfg;
    char out[32768], err[2048];
    char file[64]; /* a configuration file of our own; empty before desk_file() */
    int code;
};

static inline struct desk *
desk_up(void)
{
    struct desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    return d;
}

static inline void
desk_down(struct desk *d)
{
    if (d->file[0] != '\0')
        assert_int_equal(unlink(d->file), 0);
    free(d);
}

/* Write the file, anew if there is one. */
static inline void
desk_file(struct desk *d, const void *text, size_t len)
{
    if (d->file[0] == '\0') {
        (void)snprintf(d->file, sizeof d->file, "/tmp/pmemd_config_XXXXXX");
        const int fd = mkstemp(d->file);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    FILE *f = fopen(d->file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* Run `pmemd` with the words of `line`, which are separated by single blanks; %F is the file. */
static inline int
desk_run(struct desk *d, const char *line)
{
    char words[8192];
    char *argv[DESK_ARGS_MAX + 1] = {(char[]){"pmemd"}};
    int argc = 1;
    const int len = snprintf(words, sizeof words, "%s", line);
    assert_true(len >= 0 && (size_t)len < sizeof words);
    for (char *w = words; w != NULL && *w != '\0';) {
        char *next = strchr(w, ' ');
        if (next != NULL)
            *next++ = '\0';
        assert_true(argc < DESK_ARGS_MAX);
        argv[argc++] = strcmp(w, "%F") == 0 ? d->file : w;
        w = next;
    }
    memset(d->out, 0, sizeof d->out);
    memset(d->err, 0, sizeof d->err);
    FILE *out = fmemopen(d->out, sizeof d->out - 1, "w");
    FILE *err = fmemopen(d->err, sizeof d->err - 1, "w");
    assert_non_null(out);
    assert_non_null(err);
    d->code = options_run(argc, argv, &d->cfg, out, err);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    return d->code;
}

/* The same with a file of this text in place of %F. */
static inline int
desk_try(struct desk *d, const char *text, const char *line)
{
    desk_file(d, text, strlen(text));
    return desk_run(d, line);
}

/* It must have said exactly one line, "pmemd: ..." with this in it. */
static inline void
desk_said(const struct desk *d, const char *part)
{
    const size_t n = strlen(d->err);
    if (strstr(d->err, part) == NULL)
        print_message("said: %sexpected: %s\n", d->err, part);
    assert_non_null(strstr(d->err, part));
    assert_memory_equal(d->err, "pmemd: ", 7);
    assert_ptr_equal(strchr(d->err, '\n'), d->err + n - 1);
    assert_string_equal(d->out, "");
}

#endif
