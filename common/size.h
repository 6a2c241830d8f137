/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes as users write them: whole numbers with K, M, G or T for powers of 1024. */
#ifndef PMI_SIZE_H
#define PMI_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* The longest text of either format function, and its NUL. */
#define PMI_SIZE_TEXT_BYTES 24

/*
 * Read "4096", "4K", "256M", "1G", "2T" (the letter in either case, nothing before or after).
 *
 * Errors   -EINVAL  not such a text; also "1.5G", "-1", "4KB" and ""
 *          -ERANGE  does not fit 64 bits
 */
__attribute__((warn_unused_result)) int pmi_size_parse(const char *text, uint64_t *ret);

/*
 * Write `bytes` with the largest unit that is exact, so that pmi_size_parse() gives it back:
 * 268435456 is "256M", 1000 is "1000". Returns dst.
 */
const char *pmi_size_format(char dst[static PMI_SIZE_TEXT_BYTES], uint64_t bytes);

/* Write it for reading, one decimal, rounded down: "1.5 GiB", "512 B". Returns dst. */
const char *pmi_size_human(char dst[static PMI_SIZE_TEXT_BYTES], uint64_t bytes);

#endif
