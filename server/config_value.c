/* SPDX-License-Identifier: BSD-3-Clause */
/* The text form of each type of config.def: parse with the range, format, compare names. */
#include "common/assert.h"
#include "common/checked.h"
#include "common/size.h"
#include "server/config_key.h"
#include "server/os/sock.h"

#include <errno.h>
#include <inttypes.h>
#include <pmemd/errors.h>
#include <stdarg.h>
#include <string.h>

#define WORDS_LIST_BYTES 128u
#define NEAREST_WORD_MAX 64u /* letters that are compared */

/* Where a sentence about one value goes. */
struct note {
    const struct config_key *key;
    const char *text; /* borrowed: the value as written */
    char *why;
    size_t why_len;
};

static int
refuse(const struct note *n, const char *what)
{
    return config_say(PMEMD_E_ARG, n->why, n->why_len, "%s = %.100s %s", n->key->name, n->text,
                      what);
}

static bool
is_control(char ch)
{
    return (unsigned char)ch < 0x20 || ch == 0x7f;
}

static bool
has_control(const char *text)
{
    while (*text != '\0' && !is_control(*text))
        text++;
    return *text != '\0';
}

/* "auto|copy|zc" as "auto, copy, zc". */
static const char *
words_list(const char *words, char out[static WORDS_LIST_BYTES])
{
    size_t at = 0;
    for (; *words != '\0' && at + 3 < WORDS_LIST_BYTES; words++) {
        out[at++] = *words == '|' ? ',' : *words;
        if (*words == '|')
            out[at++] = ' ';
    }
    out[at] = '\0';
    return out;
}

/* Place of the `len` bytes at `word` in "a|b|c", or -1. */
static int
word_place(const char *words, const char *word, size_t len)
{
    int place = 0;
    for (;; place++) {
        const size_t n = strcspn(words, "|");
        if (n == len && memcmp(words, word, n) == 0)
            return place;
        if (words[n] == '\0')
            return -1;
        words += n + 1;
    }
}

/* The place-th word into out. */
static void
word_at(const char *words, unsigned place, char *out, size_t len)
{
    for (; place > 0 && *words != '\0'; place--)
        words += strcspn(words, "|") + 1;
    (void)config_say(0, out, len, "%.*s", (int)strcspn(words, "|"), words);
}

static int
number_in_range(const struct note *n, uint64_t v, uint64_t *ret)
{
    const struct config_key *k = n->key;
    const bool is_size = k->type == CONFIG_TYPE_SIZE;
    char lo[PMI_SIZE_TEXT_BYTES], hi[PMI_SIZE_TEXT_BYTES], what[128];
    if (v < k->min || v > k->max) {
        if (is_size)
            (void)config_say(0, what, sizeof what, "is not within %s..%s",
                             pmi_size_format(lo, k->min), pmi_size_format(hi, k->max));
        else
            (void)config_say(0, what, sizeof what, "is not within %" PRIu64 "..%" PRIu64 " %s",
                             k->min, k->max, k->unit);
        return refuse(n, what);
    }
    const uint64_t below = v - v % k->step;
    if (below != v) { /* both neighbours are in range: so are min and max */
        char step[PMI_SIZE_TEXT_BYTES];
        (void)config_say(0, what, sizeof what,
                         "is not a multiple of %s; the nearest are %s and %s",
                         pmi_size_format(step, k->step), pmi_size_format(lo, below),
                         pmi_size_format(hi, below + k->step));
        return refuse(n, what);
    }
    *ret = v;
    return 0;
}

static int
set_size(const struct note *n, uint64_t *field)
{
    uint64_t v = 0;
    const int rc = pmi_size_parse(n->text, &v);
    if (rc == -ERANGE)
        v = UINT64_MAX;
    else if (rc != 0)
        return refuse(n, "is not a size: write a whole number, with K, M, G or T if you like");
    return number_in_range(n, v, field);
}

static int
set_count(const struct note *n, uint32_t *field)
{
    uint64_t v = 0;
    const size_t digits = strspn(n->text, "0123456789");
    if (digits == 0 || n->text[digits] != '\0')
        return refuse(n, "is not a whole number");
    for (size_t i = 0; i < digits && v <= UINT32_MAX; i++)
        v = 10 * v + (uint64_t)(n->text[i] - '0');
    const int rc = number_in_range(n, v, &v);
    if (rc == 0)
        *field = (uint32_t)v;
    return rc;
}

static int
set_bool(const struct note *n, bool *field)
{
    const int place = word_place("no|yes|false|true|off|on|0|1", n->text, strlen(n->text));
    if (place < 0)
        return refuse(n, "is neither yes nor no");
    *field = place % 2 == 1;
    return 0;
}

static int
set_text(const struct note *n, char *field)
{
    const size_t len = strlen(n->text);
    if (len > n->key->max)
        return config_say(PMEMD_E_ARG, n->why, n->why_len,
                          "%s is longer than %" PRIu64 " bytes", n->key->name, n->key->max);
    memcpy(field, n->text, len + 1);
    return 0;
}

static int
set_word(const struct note *n, uint32_t *field)
{
    char list[WORDS_LIST_BYTES], what[WORDS_LIST_BYTES + 16];
    const int place = word_place(n->key->words, n->text, strlen(n->text));
    if (place < 0) {
        (void)config_say(0, what, sizeof what, "is none of %s",
                         words_list(n->key->words, list));
        return refuse(n, what);
    }
    *field = (uint32_t)place;
    return 0;
}

static int
add_word(const struct note *n, const char *word, size_t len, uint32_t *field)
{
    char list[WORDS_LIST_BYTES];
    const int place = word_place(n->key->words, word, len);
    if (place < 0)
        return config_say(PMEMD_E_ARG, n->why, n->why_len, "%s: '%.*s' is none of %s",
                          n->key->name, (int)pmi_min(len, 64), word,
                          words_list(n->key->words, list));
    *field |= 1u << place;
    return 0;
}

static int
add_addr(const struct note *n, const char *word, size_t len, struct config_addrs *field)
{
    struct sock_addr parsed;
    char text[CONFIG_ADDR_BYTES];
    if (len >= sizeof text)
        return config_say(PMEMD_E_ARG, n->why, n->why_len,
                          "%s: '%.64s...' is longer than an address can be", n->key->name,
                          word);
    if (field->count == CONFIG_LISTEN_MAX)
        return config_say(PMEMD_E_ARG, n->why, n->why_len, "%s: more than %u addresses",
                          n->key->name, CONFIG_LISTEN_MAX);
    memcpy(text, word, len);
    text[len] = '\0';
    const int rc = sock_addr_parse(text, &parsed, n->why, n->why_len);
    if (rc != 0)
        return rc;
    memcpy(field->text[field->count++], text, len + 1);
    return 0;
}

/* Words of a list stand between commas or blanks. */
static int
add_list(const struct note *n, void *field)
{
    int rc = 0;
    for (const char *at = n->text; rc == 0 && *at != '\0';) {
        const size_t len = strcspn(at, ", ");
        if (len > 0)
            rc = n->key->type == CONFIG_TYPE_ADDRS ? add_addr(n, at, len, field)
                                                   : add_word(n, at, len, field);
        at += len + (at[len] != '\0');
    }
    return rc;
}

int
config_value_set(const struct config_key *k, void *base, const char *text, bool append,
                 char *why, size_t why_len)
{
    const struct note n = {.key = k, .text = text, .why = why, .why_len = why_len};
    void *field = (char *)base + k->offset;
    if (has_control(text))
        return config_say(PMEMD_E_ARG, why, why_len, "%s: the value has a control character",
                          k->name);
    if (text[0] == '\0' && k->type != CONFIG_TYPE_WORDS)
        return config_say(PMEMD_E_ARG, why, why_len, "%s has no value", k->name);
    switch (k->type) {
    case CONFIG_TYPE_SIZE:
        return set_size(&n, field);
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_DURATION:
        return set_count(&n, field);
    case CONFIG_TYPE_BOOL:
        return set_bool(&n, field);
    case CONFIG_TYPE_TEXT:
        return set_text(&n, field);
    case CONFIG_TYPE_WORD:
        return set_word(&n, field);
    case CONFIG_TYPE_WORDS:
        if (!append)
            *(uint32_t *)field = 0;
        return add_list(&n, field);
    case CONFIG_TYPE_ADDRS:
        if (!append)
            *(struct config_addrs *)field = (struct config_addrs){0};
        return add_list(&n, field);
    }
    pmi_assert(k->type <= CONFIG_TYPE_ADDRS);
    return PMEMD_E_ARG;
}

static void
format_words(const char *words, uint32_t bits, char *out, size_t len)
{
    char word[WORDS_LIST_BYTES];
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; bits >> i != 0; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        word_at(words, i, word, sizeof word);
        (void)config_say(0, out + at, len - at, "%s%s", at > 0 ? "," : "", word);
        at += strlen(out + at);
    }
}

static void
format_addrs(const struct config_addrs *a, char *out, size_t len)
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < a->count; i++) {
        (void)config_say(0, out + at, len - at, "%s%s", i > 0 ? "," : "", a->text[i]);
        at += strlen(out + at);
    }
}

const char *
config_value_format(const struct config_key *k, const void *base,
                    char out[static CONFIG_VALUE_BYTES])
{
    const void *field = (const char *)base + k->offset;
    const size_t len = CONFIG_VALUE_BYTES;
    switch (k->type) {
    case CONFIG_TYPE_SIZE:
        return pmi_size_format(out, *(const uint64_t *)field);
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_DURATION:
        (void)config_say(0, out, len, "%" PRIu32, *(const uint32_t *)field);
        break;
    case CONFIG_TYPE_BOOL:
        (void)config_say(0, out, len, "%s", *(const bool *)field ? "yes" : "no");
        break;
    case CONFIG_TYPE_TEXT:
        (void)config_say(0, out, len, "%s", (const char *)field);
        break;
    case CONFIG_TYPE_WORD:
        word_at(k->words, *(const uint32_t *)field, out, len);
        break;
    case CONFIG_TYPE_WORDS:
        format_words(k->words, *(const uint32_t *)field, out, len);
        break;
    case CONFIG_TYPE_ADDRS:
        format_addrs(field, out, len);
        break;
    }
    return out;
}

bool
config_key_is_list(const struct config_key *k)
{
    return k->type == CONFIG_TYPE_WORDS || k->type == CONFIG_TYPE_ADDRS;
}

/* How many letters must be added, dropped or replaced to make one word of the other. */
static unsigned
edit_distance(const char *a, const char *b)
{
    unsigned row[NEAREST_WORD_MAX + 1]; /* distances to the first j letters of b */
    const size_t la = pmi_min(strlen(a), NEAREST_WORD_MAX);
    const size_t lb = pmi_min(strlen(b), NEAREST_WORD_MAX);
    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            const unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = pmi_min_u32(replaced, pmi_min_u32(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

void
config_nearest_see(struct config_nearest *n, const char *known)
{
    const unsigned distance = edit_distance(n->word, known);
    if (n->best != NULL && distance >= n->distance)
        return;
    n->best = known;
    n->distance = distance;
}

int
config_say(int err, char *why, size_t why_len, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, why_len, fmt, ap);
    va_end(ap);
    for (; why_len > 0 && *why != '\0'; why++, why_len--) {
        if (is_control(*why)) /* of a file or an option; it would reach a terminal */
            *why = '?';
    }
    return err;
}
