/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the cursor that move bytes; the numbers are inline in the header. */
#include "common/cursor.h"

bool
pmi_get_bytes(struct pmi_cur *c, void *dst, size_t n)
{
    pmi_assert(dst != NULL || n == 0);
    const uint8_t *p = pmi_take(c, n);
    if (p == NULL)
        return false;
    if (n > 0) /* memcpy takes no NULL, even for nothing */
        memcpy(dst, p, n);
    return true;
}

bool
pmi_get_sub(struct pmi_cur *c, size_t n, struct pmi_cur *ret)
{
    pmi_assert(c != ret);
    const uint8_t *p = pmi_take(c, n);
    if (p == NULL)
        return false;
    *ret = (struct pmi_cur){.at = p, .end = p + n};
    return true;
}

void
pmi_put_bytes(struct pmi_out *o, const void *src, size_t n)
{
    pmi_assert(src != NULL || n == 0);
    uint8_t *p = pmi_reserve(o, n);
    if (p != NULL && n > 0)
        memcpy(p, src, n);
}

void
pmi_put_zero(struct pmi_out *o, size_t n)
{
    uint8_t *p = pmi_reserve(o, n);
    if (p != NULL && n > 0)
        memset(p, 0, n);
}
