/* SPDX-License-Identifier: BSD-3-Clause */
/* From the queues of a flow onto its wire: who is next, how much of it, and its header. */
#ifndef PMI_CLIENT_ENCODE_H
#define PMI_CLIENT_ENCODE_H

#include "client/flow.h"

/*
 * Cut, credit and encode the next op, and put it on the wire.
 * Returns the op; NULL with *ret_again true if something else moved and another call may bring
 * one; NULL with false if nothing can go now.
 *
 * extents  scratch for WIRE_EXTENTS_MAX
 */
struct op *encode_next(struct flow *f, struct pmemd_extent *extents, uint64_t now_ns,
                       bool *ret_again);

#endif
