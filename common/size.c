/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes from and to text. */
#include "common/size.h"

#include "common/checked.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

static const struct {
    char letter;
    unsigned shift;
} units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}};

#define UNIT_COUNT (sizeof units / sizeof units[0])

/* The power of two a letter stands for; false for any other. */
static bool
shift_of(char letter, unsigned *ret)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (letter == units[i].letter || letter == units[i].letter + ('a' - 'A')) {
            *ret = units[i].shift;
            return true;
        }
    }
    return false;
}

int
pmi_size_parse(const char *text, uint64_t *ret)
{
    uint64_t v = 0;
    bool fits = true;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        fits = fits && pmi_mul_ok(v, 10, &v) && pmi_add_ok(v, (uint64_t)(*at - '0'), &v);
    if (at == text)
        return -EINVAL;
    unsigned shift = 0;
    if (*at != '\0' && (!shift_of(*at, &shift) || at[1] != '\0'))
        return -EINVAL;
    if (!fits || !pmi_mul_ok(v, UINT64_C(1) << shift, &v))
        return -ERANGE;
    *ret = v;
    return 0;
}

const char *
pmi_size_format(char dst[static PMI_SIZE_TEXT_BYTES], uint64_t bytes)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        const uint64_t unit = UINT64_C(1) << units[i].shift;
        if (bytes == 0 || !pmi_is_aligned(bytes, unit))
            continue;
        (void)snprintf(dst, PMI_SIZE_TEXT_BYTES, "%" PRIu64 "%c", bytes / unit,
                       units[i].letter);
        return dst;
    }
    (void)snprintf(dst, PMI_SIZE_TEXT_BYTES, "%" PRIu64, bytes);
    return dst;
}

const char *
pmi_size_human(char dst[static PMI_SIZE_TEXT_BYTES], uint64_t bytes)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        const uint64_t unit = UINT64_C(1) << units[i].shift;
        if (bytes < unit)
            continue;
        /* The remainder is below 2^40, so ten times it does not wrap. */
        const unsigned tenths = (unsigned)(bytes % unit * 10 / unit) % 10;
        (void)snprintf(dst, PMI_SIZE_TEXT_BYTES, "%" PRIu32 ".%u %ciB",
                       (uint32_t)(bytes / unit), tenths, units[i].letter);
        return dst;
    }
    (void)snprintf(dst, PMI_SIZE_TEXT_BYTES, "%" PRIu64 " B", bytes);
    return dst;
}
