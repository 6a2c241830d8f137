/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 of the texts in messages (P4): theirs is refused if it is none, ours is mended. */
#ifndef PMI_PROTO_TEXT_H
#define PMI_PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Are these n bytes UTF-8 without NUL? (No surrogates, no longer forms, at most U+10FFFF.) */
bool text_ok(const char *s, size_t n) __attribute__((warn_unused_result));

/*
 * Make the text in s[cap] one that text_ok() accepts, in place: it ends before s[cap - 1] at
 * the latest, a character that was cut off at its end is dropped, other bad bytes become '?'.
 */
void text_mend(char *s, size_t cap);

#endif
