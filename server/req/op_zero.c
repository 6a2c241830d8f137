/* SPDX-License-Identifier: BSD-3-Clause */
/* ZERO: the extents become zero bytes, a bounded slice a turn. */
#include "server/req/ops.h"

#include <string.h>

static enum req_event
zero_work(struct req *r)
{
    uint64_t *budget = &r->env->turn_left;
    while (r->at<r->hdr.extent_count && * budget> 0) {
        const struct region_slice s = req_here(r, *budget);
        memset(s.data, 0, s.len);
        *budget -= s.len;
        req_advance(r, s.len);
    }
    return r->at < r->hdr.extent_count ? EV_MORE : EV_DONE;
}

const struct op op_zero = {
    .name = "zero",
    .takes_locks = true,
    .mode = LOCK_EXCLUSIVE,
    .work = zero_work,
    .persists = true,
};
