/* SPDX-License-Identifier: BSD-3-Clause */
/* The well-formed sequences of UTF-8 (Unicode, table 3-7), and nothing else of Unicode. */
#include "proto/text.h"

#include "common/assert.h"

#include <string.h>

/* Bytes of the character that starts with `c`, 0 if none does; what its second byte may be. */
static size_t
lead(unsigned char c, unsigned char *ret_lo, unsigned char *ret_hi)
{
    *ret_lo = 0x80;
    *ret_hi = 0xbf;
    if (c >= 0x01 && c <= 0x7f)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef) {
        if (c == 0xe0)
            *ret_lo = 0xa0; /* below: two bytes would do */
        if (c == 0xed)
            *ret_hi = 0x9f; /* above: surrogates */
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (c == 0xf0)
            *ret_lo = 0x90; /* below: three bytes would do */
        if (c == 0xf4)
            *ret_hi = 0x8f; /* above U+10FFFF */
        return 4;
    }
    return 0;
}

/*
 * Bytes of the character at s, which has n >= 1 bytes; 0 if there is none. *ret_cut: what is
 * there is the start of one, and the bytes end.
 */
static size_t
character(const char *s, size_t n, bool *ret_cut)
{
    unsigned char lo, hi;
    const size_t want = lead((unsigned char)s[0], &lo, &hi);
    *ret_cut = false;
    for (size_t i = 1; i < want; i++, lo = 0x80, hi = 0xbf) {
        if (i == n) {
            *ret_cut = true;
            return 0;
        }
        const unsigned char c = (unsigned char)s[i];
        if (c < lo || c > hi)
            return 0;
    }
    return want;
}

bool
text_ok(const char *s, size_t n)
{
    bool cut;
    for (size_t i = 0; i < n;) {
        const size_t step = character(s + i, n - i, &cut);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

void
text_mend(char *s, size_t cap)
{
    pmi_assert(cap >= 1);
    const size_t n = strnlen(s, cap - 1);
    s[n] = '\0';
    bool cut;
    for (size_t i = 0; i < n;) {
        const size_t step = character(s + i, n - i, &cut);
        if (cut) {
            s[i] = '\0';
            return;
        }
        if (step == 0)
            s[i] = '?';
        i += step == 0 ? 1 : step;
    }
}
