// SPDX-License-Identifier: BSD-3-Clause
/* Requests in flight: see inflight.h. */
#include "tools/pmemd-bench/inflight.h"

#include <errno.h>
#include <stdlib.h>

int
inflight_init(struct inflight *f, unsigned count)
{
    *f = (struct inflight){
        .count = count,
        .masks = calloc(count, sizeof *f->masks),
        .writes = calloc(count, sizeof *f->writes),
    };
    if (f->masks != NULL && f->writes != NULL)
        return 0;
    inflight_fini(f);
    return -ENOMEM;
}

void
inflight_fini(struct inflight *f)
{
    free(f->masks);
    free(f->writes);
    *f = (struct inflight){0};
}

unsigned
inflight_enter(struct inflight *f, unsigned place, uint64_t mask, bool write)
{
    unsigned overlaps = 0;
    for (unsigned i = 0; i < f->count; i++)
        overlaps += (f->masks[i] & mask) != 0 && (write || f->writes[i]) ? 1u : 0u;
    f->masks[place] = mask;
    f->writes[place] = write;
    return overlaps;
}

void
inflight_leave(struct inflight *f, unsigned place)
{
    f->masks[place] = 0;
}
