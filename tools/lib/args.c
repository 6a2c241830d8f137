// SPDX-License-Identifier: BSD-3-Clause
/* Option values: see args.h. */
#include "tools/lib/args.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECS_MAX (30.0 * 86400.0)

/* The digits at *text, moved past; strtoull alone would take "-1", " 1" and "+1". */
static int
take_digits(const char **text, uint64_t *ret)
{
    if ((*text)[0] < '0' || (*text)[0] > '9')
        return -EINVAL;
    uint64_t sum = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        sum = sum * 10 + digit;
    }
    *text = at;
    *ret = sum;
    return 0;
}

int
tool_parse_size(const char *text, uint64_t *ret)
{
    static const char units[] = "KMGTkmgt";
    uint64_t n = 0;
    const int rc = take_digits(&text, &n);
    if (rc < 0)
        return rc;
    unsigned shift = 0;
    if (text[0] != '\0') {
        const char *const unit = strchr(units, text[0]);
        if (unit == NULL || text[1] != '\0')
            return -EINVAL;
        shift = 10 * ((unsigned)(unit - units) % 4 + 1);
    }
    if (n > UINT64_MAX >> shift)
        return -ERANGE;
    *ret = n << shift;
    return 0;
}

int
tool_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;
    const int rc = take_digits(&text, &n);
    if (rc < 0)
        return rc;
    if (text[0] != '\0')
        return -EINVAL;
    if (n < min || n > max)
        return -ERANGE;
    *ret = n;
    return 0;
}

int
tool_parse_secs(const char *text, uint64_t *ret_ns)
{
    if (strspn(text, "0123456789.") != strlen(text)) /* no "inf", no exponent, no hex */
        return -EINVAL;
    char *end = NULL;
    const double secs = strtod(text, &end);
    if (end == text || *end != '\0')
        return -EINVAL;
    if (!(secs > 0.0 && secs <= SECS_MAX))
        return -ERANGE;
    const uint64_t ns = (uint64_t)(secs * (double)TOOL_NS_PER_S);
    *ret_ns = ns > 0 ? ns : 1;
    return 0;
}
