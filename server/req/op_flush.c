/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FLUSH: everything acked on any connection before it arrived becomes durable. Acked bytes are
 * in the region's memory, so asking the medium for the whole region covers them.
 */
#include "server/req/ops.h"

static enum req_event
flush_work(struct req *r)
{
    r->hdr.level = PMEMD_LEVEL_DURABLE;
    return EV_DONE;
}

const struct op op_flush = {
    .name = "flush",
    .takes_locks = false,
    .work = flush_work,
    .persists = true,
};
