/* SPDX-License-Identifier: BSD-3-Clause */
/* The deadlines of a flow: a binary heap of the requests that have one, earliest first. */
#ifndef PMI_CLIENT_HEAP_H
#define PMI_CLIENT_HEAP_H

#include "client/flow.h"

/* Room is flow_init()'s: one place per request. */
void heap_add(struct flow *f, struct request *r);

/* Harmless on a request that is not in it. */
void heap_del(struct flow *f, struct request *r);

#endif
