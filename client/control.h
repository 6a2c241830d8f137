/* SPDX-License-Identifier: BSD-3-Clause */
/* STAT and LIST: their messages, and the records their callers get. */
#ifndef PMI_CLIENT_CONTROL_H
#define PMI_CLIENT_CONTROL_H

#include "client/flow.h"

#define CONTROL_PAGE_REGIONS 64u /* asked for per LIST message */
#define CONTROL_COUNTERS_MAX 1024u

/* Scratch memory for decoding; one per client. */
struct control {
    void *arena;                  /* borrowed: MSG_ARENA_BYTES */
    struct msg_region *regions;   /* owned: CONTROL_PAGE_REGIONS */
    struct msg_counter *counters; /* owned: CONTROL_COUNTERS_MAX */
};

/* 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int control_init(struct control *k, void *arena);
void control_fini(struct control *k);

/* Put the message into out[cap], which is large enough (asserted); returns its bytes. */
__attribute__((warn_unused_result)) uint32_t control_encode(const struct request *r, void *out,
                                                            size_t cap);

/*
 * Take a reply's header into the request's memory.
 * Returns 1 if another LIST message must follow, 0 if that was all, or PMEMD_E_PROTO.
 * *ret is what it means for the request; ret->err may be what the server refused with.
 */
__attribute__((warn_unused_result)) int control_decode(struct control *k, struct flow *f,
                                                       struct request *r, const void *header,
                                                       size_t len, struct flow_result *ret);

/* A region as the caller knows it. */
void control_info(const struct msg_region *m, const struct flow *f, struct pmemd_info *ret);

#endif
