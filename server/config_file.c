/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file, through inih. Our line reader stands in front of it, because inih knows no line
 * numbers, keeps 49 letters of a section's name, says nothing of a section without keys, and
 * takes an indented line for a continuation.
 */
#include "common/assert.h"
#include "common/checked.h"
#include "common/err.h"
#include "common/uri.h"
#include "server/config_key.h"

#include <errno.h>
#include <ini.h>
#include <pmemd/errors.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_BYTES 256u

enum place { PLACE_NONE, PLACE_SERVER, PLACE_REGION };

struct reader {
    struct config *c;
    const char *path;             /* borrowed, for sentences */
    const char *at, *end;         /* what is left of the text */
    unsigned line;                /* the one inih works on, from 1 */
    enum place place;             /* section we are in */
    struct config_region *region; /* PLACE_REGION: its region */
    int err;                      /* the first error; why is written then */
    char *why;
    size_t why_len;
};

static void
fail(struct reader *r, int err, const char *what)
{
    pmi_assert(r->err == 0);
    r->err = config_say(err, r->why, r->why_len, "%s:%u: %s", r->path, r->line, what);
}

/* A line without its end, its indentation and a byte order mark; false at the end of the text. */
static bool
next_line(struct reader *r, const char **ret, size_t *ret_len)
{
    if (r->at == r->end)
        return false;
    const char *start = r->at;
    const char *newline = memchr(start, '\n', (size_t)(r->end - start));
    const char *stop = newline != NULL ? newline : r->end;
    r->at = newline != NULL ? newline + 1 : r->end;
    r->line++;
    if (r->line == 1 && stop - start >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0)
        start += 3;
    if (stop > start && stop[-1] == '\r')
        stop--;
    while (start < stop && (*start == ' ' || *start == '\t'))
        start++;
    *ret = start;
    *ret_len = (size_t)(stop - start);
    return true;
}

/* "[word name]" into its two parts; false if it is not of that form. */
static bool
split_header(const char *line, size_t len, char word[static SECTION_BYTES],
             char name[static SECTION_BYTES])
{
    char text[SECTION_BYTES];
    const char *close = memchr(line, ']', len);
    if (close == NULL || (size_t)(close - line) > sizeof text)
        return false;
    const char *after = close + 1;
    while (after < line + len && (*after == ' ' || *after == '\t'))
        after++;
    if (after < line + len && *after != ';' && *after != '#')
        return false;
    const size_t n = (size_t)(close - line) - 1;
    memcpy(text, line + 1, n);
    text[n] = '\0';
    word[0] = '\0';
    name[0] = '\0';
    char *save = NULL;
    const char *first = strtok_r(text, " \t", &save);
    const char *second = strtok_r(NULL, " \t", &save);
    if (first != NULL)
        memcpy(word, first, strlen(first) + 1);
    if (second != NULL)
        memcpy(name, second, strlen(second) + 1);
    return strtok_r(NULL, " \t", &save) == NULL;
}

static void
begin_section(struct reader *r, const char *line, size_t len)
{
    char word[SECTION_BYTES], name[SECTION_BYTES], what[CONFIG_WHY_BYTES];
    if (!split_header(line, len, word, name)) {
        fail(r, PMEMD_E_ARG, "a section header is [server] or [region NAME]");
        return;
    }
    if (strcmp(word, "server") == 0 && name[0] == '\0') {
        r->place = PLACE_SERVER;
        return;
    }
    if (strcmp(word, "region") == 0 && name[0] != '\0') {
        const int rc =
            config_region_begin(r->c, name, CONFIG_FROM_FILE, &r->region, what, sizeof what);
        if (rc != 0)
            fail(r, rc, what);
        r->place = PLACE_REGION;
        return;
    }
    struct config_nearest n = {.word = word};
    config_nearest_see(&n, "server");
    config_nearest_see(&n, "region");
    (void)config_say(0, what, sizeof what,
                     "unknown section [%.64s%s%.64s]; the nearest known is %s", word,
                     name[0] != '\0' ? " " : "", name,
                     strcmp(n.best, "server") == 0 ? "[server]" : "[region NAME]");
    fail(r, PMEMD_E_ARG, what);
}

static void
inspect(struct reader *r, const char *line, size_t len, size_t len_max)
{
    char what[64];
    for (size_t i = 0; i < len; i++) {
        const unsigned char ch = (unsigned char)line[i];
        if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
            (void)config_say(0, what, sizeof what, "a control character (0x%02x)", ch);
            fail(r, PMEMD_E_ARG, what);
            return;
        }
    }
    if (len > len_max) {
        (void)config_say(0, what, sizeof what, "the line is longer than %zu bytes", len_max);
        fail(r, PMEMD_E_ARG, what);
        return;
    }
    if (len == 0 || line[0] == ';' || line[0] == '#')
        return;
    if (line[0] == '[')
        begin_section(r, line, len);
    else if (memchr(line, '=', len) == NULL && memchr(line, ':', len) == NULL)
        fail(r, PMEMD_E_ARG, "neither a [section], a comment nor KEY = VALUE");
}

/* For inih, like fgets(). Ends the text at the first error. */
static char *
read_line(char *out, int out_len, void *stream)
{
    struct reader *r = stream;
    const char *line;
    size_t len;
    pmi_assert(out_len > 2);
    if (r->err != 0 || !next_line(r, &line, &len))
        return NULL;
    inspect(r, line, len, (size_t)out_len - 2);
    if (r->err != 0)
        return NULL;
    memcpy(out, line, len);
    out[len] = '\0';
    return out;
}

/* For inih: one KEY = VALUE. `section` is cut short: our reader knows better. */
static int
on_pair(void *user, const char *section, const char *key, const char *value)
{
    struct reader *r = user;
    char what[CONFIG_WHY_BYTES];
    int rc = 0;
    (void)section;
    pmi_assert(value != NULL);
    if (r->err != 0)
        return 0;
    if (r->place == PLACE_SERVER)
        rc = config_set_server(r->c, key, value, CONFIG_FROM_FILE, what, sizeof what);
    else if (r->place == PLACE_NONE)
        rc = config_say(PMEMD_E_ARG, what, sizeof what,
                        "a key before the first section: begin with [server] or [region NAME]");
    else if (strcmp(key, "name") == 0)
        rc = config_say(PMEMD_E_ARG, what, sizeof what,
                        "a region's name stands in its header: [region NAME]");
    else
        rc = config_set_region(r->region, key, value, CONFIG_FROM_FILE, what, sizeof what);
    if (rc != 0)
        fail(r, rc, what);
    return rc == 0;
}

int
config_read_text(struct config *c, const char *path, const char *text, size_t len, char *why,
                 size_t why_len)
{
    struct reader r = {
        .c = c,
        .path = path,
        .at = text,
        .end = text + len,
        .why = why,
        .why_len = why_len,
    };
    const int rc = ini_parse_stream(read_line, &r, on_pair, &r);
    if (r.err == 0 && rc > 0) { /* a line that only inih finds wrong */
        r.line = (unsigned)rc;
        fail(&r, PMEMD_E_ARG, "neither a [section], a comment nor KEY = VALUE");
    }
    if (r.err == 0 && rc < 0)
        r.err = config_say(-ENOMEM, why, why_len, "%s: %s", path, pmi_err_text(-ENOMEM));
    return r.err;
}

int
config_read_file(struct config *c, const char *path, char *why, size_t why_len)
{
    int rc = 0;
    char *text = NULL;
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        rc = -errno;
        return config_say(rc, why, why_len, "%s: %s", path, pmi_err_text(rc));
    }
    text = malloc(CONFIG_FILE_MAX + 1);
    if (text == NULL) {
        rc = config_say(-ENOMEM, why, why_len, "%s: %s", path, pmi_err_text(-ENOMEM));
        goto out;
    }
    const size_t len = fread(text, 1, CONFIG_FILE_MAX + 1, f);
    if (ferror(f)) {
        rc = errno != 0 ? -errno : -EIO;
        (void)config_say(rc, why, why_len, "%s: %s", path, pmi_err_text(rc));
    } else if (len > CONFIG_FILE_MAX) {
        rc = config_say(PMEMD_E_TOOBIG, why, why_len, "%s: larger than %llu bytes", path,
                        CONFIG_FILE_MAX);
    } else {
        rc = config_read_text(c, path, text, len, why, why_len);
    }
out:
    free(text);
    (void)fclose(f);
    return rc;
}
