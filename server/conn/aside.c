/* SPDX-License-Identifier: BSD-3-Clause */
/* Payload copied aside: the one place of the data path that allocates, bounded and counted. */
#include "server/conn/aside.h"

#include "common/assert.h"
#include "server/store/region.h"

#include <stdlib.h>
#include <string.h>

static bool
begin(struct env *env, struct outmsg *m)
{
    const uint64_t from = outmsg_payload_sent(m);
    const uint64_t len = m->payload_len - from;
    if (len > env->limits->aside_max - env->aside_bytes)
        return false;
    m->aside = malloc(len);
    if (m->aside == NULL)
        return false;
    m->aside_from = from;
    m->aside_len = 0;
    env->aside_bytes += len;
    return true;
}

enum aside_result
aside_copy(struct env *env, struct outmsg *m, uint64_t *budget)
{
    pmi_assert(!m->submitted);
    if (outmsg_payload_sent(m) == m->payload_len)
        return ASIDE_DONE;
    if (m->aside == NULL && !begin(env, m))
        return ASIDE_NO_ROOM;
    while (aside_is_midway(m) && *budget > 0) {
        const struct pmemd_extent e = outmsg_range_at(m, m->aside_from + m->aside_len);
        const struct region_slice s =
            region_slice(m->rg, e.off, e.len < *budget ? e.len : *budget);
        memcpy(m->aside + m->aside_len, s.data, s.len);
        m->aside_len += s.len;
        *budget -= s.len;
        stat_add(&env->stats.bytes_aside, s.len);
        stat_add(&m->rg->paths.staged, s.len);
    }
    return aside_is_midway(m) ? ASIDE_MORE : ASIDE_DONE;
}

void
aside_free(struct env *env, struct outmsg *m)
{
    if (m->aside == NULL)
        return;
    env->aside_bytes -= m->payload_len - m->aside_from;
    free(m->aside);
    m->aside = NULL;
}
