/* SPDX-License-Identifier: BSD-3-Clause */
/* Which medium a name means. */
#include "server/media/medium.h"

#include "server/media/mem.h"

#include <pmemd/errors.h>
#include <stdio.h>
#include <string.h>

#define MEDIUM_ALIGN_BYTES (2ull << 20)

typedef int medium_opener(const struct medium_config *cfg, struct medium **ret, char *why,
                          size_t why_len);

static const struct {
    const char *name;
    medium_opener *open; /* NULL: planned, refused by name */
} media[] = {
    {"mem", mem_open},
    {"disk", NULL},
    {"devdax", NULL},
    {"fsdax", NULL},
};

int
medium_open(const struct medium_config *cfg, struct medium **ret, char *why, size_t why_len)
{
    if (cfg->len == 0 || cfg->len % MEDIUM_ALIGN_BYTES != 0) {
        (void)snprintf(why, why_len, "a medium's size is a multiple of 2M, and not 0");
        return PMEMD_E_ARG;
    }
    for (size_t i = 0; i < sizeof media / sizeof media[0]; i++) {
        if (strcmp(cfg->medium, media[i].name) != 0)
            continue;
        if (media[i].open != NULL)
            return media[i].open(cfg, ret, why, why_len);
        (void)snprintf(why, why_len, "medium '%s' is not built into this version; use 'mem'",
                       cfg->medium);
        return PMEMD_E_UNSUPPORTED;
    }
    (void)snprintf(why, why_len, "there is no medium '%s': mem, disk, devdax, fsdax",
                   cfg->medium);
    return PMEMD_E_ARG;
}
