/* SPDX-License-Identifier: BSD-3-Clause */
/* What belongs to the library as a whole. */
#include "common/err.h"
#include "common/log.h"

#include <pmemd/pmemd.h>

const char *
pmemd_version(void)
{
    return PMI_VERSION;
}

const char *
pmemd_strerror(int err)
{
    return pmi_err_text(err);
}

void
pmemd_set_log(void (*fn)(void *arg, int level, const char *line), void *arg)
{
    pmi_log_set_sink(fn, arg);
}
