/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs' descriptors, one file each. */
#ifndef SERVER_REQ_OPS_H
#define SERVER_REQ_OPS_H

#include "server/req/req.h"

extern const struct op op_read, op_write, op_zero, op_flush;

/* Where a request that walks its extents stands: the contiguous piece at r->at, r->at_off. */
struct region_slice req_here(const struct req *r, uint64_t max);

/* Step over `len` bytes of the current extent (len stays inside it). */
void req_advance(struct req *r, uint64_t len);

/* Bytes left in the checksum piece the request stands in. */
uint64_t req_piece_left(const struct req *r);

#endif
